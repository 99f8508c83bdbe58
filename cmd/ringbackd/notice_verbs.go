package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"text/tabwriter"

	acquirer "example.com/ringback/switch"
)

// noticeCmd groups the verbs on the outbox.
type noticeCmd struct {
	List  noticeListCmd  `cmd:"" help:"List notices, as their receivers would read them, masked."`
	Show  noticeShowCmd  `cmd:"" help:"Show one notice and all that happened to it."`
	Retry noticeRetryCmd `cmd:"" help:"Try a dead notice again, from the receiver's first device on."`
}

// noticeListCmd lists the outbox.
type noticeListCmd struct {
	configFlag
	jsonFlag
	State string `default:"queued" help:"One of queued, handed, delivered, dead, withdrawn (${default})."`
	Limit int    `default:"1000" help:"At most so many (${default})."`
}

// noticeJSON is one notice.
type noticeJSON struct {
	ID      string `json:"id"` // stable, and the id of its message
	RRN     string `json:"rrn,omitempty"`
	Kind    string `json:"kind"`
	To      string `json:"to"` // masked
	Created string `json:"created"`
	Sent    string `json:"sent,omitempty"`
	Tries   int    `json:"tries"`
	Text    string `json:"text"`

	Withdrawn bool   `json:"withdrawn,omitempty"` // not to be sent any more
	State     string `json:"state"`
	Device    string `json:"device,omitempty"` // empty: none was chosen yet, or there is none
	Due       string `json:"due,omitempty"`
	Detail    string `json:"detail,omitempty"`
}

// showNotice writes a notice as its receiver would read it.
func showNotice(n acquirer.Notice, m acquirer.Message) noticeJSON {
	out := noticeJSON{ID: n.ID(), Kind: n.Kind.String(), To: m.To.Masked(), Created: clockText(n.Created), Sent: clockText(n.Sent),
		Tries: n.Tries, Text: m.Text, Withdrawn: n.State == acquirer.NoticeWithdrawn, State: n.State.String(), Device: string(n.Device),
		Due: clockText(n.Due), Detail: n.Detail}
	if n.Transaction != 0 {
		out.RRN = string(n.Transaction.RRN())
	}
	return out
}

// Run prints what would be sent, and to whom.
func (n *noticeListCmd) Run(ctx context.Context) error {
	state, ok := acquirer.ParseNoticeState(n.State)
	if !ok {
		return usage("no state %q", n.State)
	}
	return with(ctx, n.Config, func(i *installation) error {
		notifier, err := newNotifier(i.config, i.db)
		if err != nil {
			return err
		}
		notices, err := i.db.NoticesIn(ctx, state, n.Limit)
		if err != nil {
			return err
		}
		out := make([]noticeJSON, 0, len(notices))
		for _, o := range notices {
			m, err := notifier.Show(ctx, o)
			if err != nil {
				return fmt.Errorf("notice %s: %w", o.ID(), err)
			}
			out = append(out, showNotice(o, m))
		}
		if n.JSON {
			return printJSON(out)
		}
		w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
		for _, o := range out {
			fmt.Fprintf(w, "%s\tto %s\t%s\t%s\n", o.ID, o.To, o.how(), o.Text)
		}
		return w.Flush()
	})
}

// how tells how a notice stands, in a few words.
func (n noticeJSON) how() string {
	switch {
	case n.State == "queued" && n.Device == "":
		return "not sent: no device"
	case n.State == "queued":
		return fmt.Sprintf("waits for %s, %d tries", n.Device, n.Tries)
	case n.Detail != "":
		return n.State + ": " + n.Detail
	case n.Device != "":
		return n.State + " by " + n.Device
	}
	return n.State
}

// noticeRetryCmd tries a dead notice again.
type noticeRetryCmd struct {
	configFlag
	ID string `arg:"" help:"The notice, as the list names it."`
}

// Run puts it back into the queue.
func (n *noticeRetryCmd) Run(ctx context.Context, a act) error { return a.perform(ctx, n) }

func (n *noticeRetryCmd) object() string { return "notice " + n.ID }

func (n *noticeRetryCmd) carryOut(ctx context.Context, i *installation) (result, error) {
	notifier, err := newNotifier(i.config, i.db)
	if err != nil {
		return result{}, err
	}
	if err := notifier.Retry(ctx, n.ID); errors.Is(err, acquirer.ErrNotFound) {
		return result{}, fmt.Errorf("no notice %s", n.ID)
	} else if err != nil {
		return result{}, err
	}
	return result{text: fmt.Sprintf("notice %s is tried again\n", n.ID)}, nil
}
