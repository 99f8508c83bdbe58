package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"text/tabwriter"
	"time"

	acquirer "example.com/ringback/switch"
)

// noticeShowCmd shows one notice with its history.
type noticeShowCmd struct {
	configFlag
	jsonFlag
	ID string `arg:"" help:"The notice, as the list names it."`
}

func (n *noticeShowCmd) object() string { return "notice " + n.ID }

// noticeStepJSON is one step of a notice.
type noticeStepJSON struct {
	At        string `json:"at"`
	Device    string `json:"device,omitempty"`
	Try       int    `json:"try,omitempty"` // of the device
	State     string `json:"state"`         // of the notice from here on
	Detail    string `json:"detail,omitempty"`
	Reference string `json:"reference,omitempty"` // of the device's peer
}

// noticeFile is a notice with its history.
type noticeFile struct {
	noticeJSON
	Steps []noticeStepJSON `json:"steps"` // the oldest first
}

// Run prints the notice, masked, and every step.
func (n *noticeShowCmd) Run(ctx context.Context) error {
	return with(ctx, n.Config, func(i *installation) error {
		f, err := n.read(ctx, i)
		if errors.Is(err, acquirer.ErrNotFound) {
			return fmt.Errorf("no notice %s", n.ID)
		}
		if err != nil {
			return err
		}
		if n.JSON {
			return printJSON(f)
		}
		return f.print(os.Stdout)
	})
}

// read collects what the journal holds about the notice.
func (n *noticeShowCmd) read(ctx context.Context, i *installation) (f noticeFile, err error) {
	named, err := acquirer.ParseNoticeID(n.ID, time.Now())
	if err != nil {
		return f, acquirer.ErrNotFound
	}
	notice, err := i.db.NoticeOf(ctx, named)
	if err != nil {
		return f, err
	}
	notifier, err := newNotifier(i.config, i.db)
	if err != nil {
		return f, err
	}
	m, err := notifier.Show(ctx, notice)
	if err != nil {
		return f, fmt.Errorf("notice %s: %w", n.ID, err)
	}
	steps, err := i.db.NoticeSteps(ctx, notice)
	f = noticeFile{showNotice(notice, m), make([]noticeStepJSON, 0, len(steps))}
	for _, s := range steps {
		f.Steps = append(f.Steps, noticeStepJSON{clockText(s.At), string(s.Device), s.Try, s.State.String(), s.Detail, s.Reference})
	}
	return f, err
}

// print writes it for a person.
func (f noticeFile) print(to io.Writer) error {
	fmt.Fprintf(to, "notice %s (%s) to %s: %s\n%s\n\n", f.ID, f.Kind, f.To, f.how(), f.Text)
	w := tabwriter.NewWriter(to, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "%s\tput into the outbox\n", f.Created)
	for _, s := range f.Steps {
		fmt.Fprintf(w, "%s\t%s\n", s.At, s.told())
	}
	return w.Flush()
}

// told tells a step in words.
func (s noticeStepJSON) told() string {
	what := s.State
	switch {
	case s.State == "queued" && s.Device == "":
		what = "waits for a device"
	case s.State == "queued" && s.Try == 0:
		what = "waits for " + s.Device
	case s.State == "queued":
		what = fmt.Sprintf("try %d by %s failed", s.Try, s.Device)
	case s.Device != "" && s.Try > 0:
		what = fmt.Sprintf("%s by %s at try %d", s.State, s.Device, s.Try)
	}
	if s.Reference != "" {
		what += " as " + s.Reference
	}
	if s.Detail != "" {
		what += ": " + s.Detail
	}
	return what
}
