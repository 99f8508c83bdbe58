package spool

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	acquirer "example.com/ringback/switch"
	"github.com/rs/zerolog"
)

// Config is what a [Spool] is made of. Dir must be set; Inbox and Receipts may be nil: then nothing is read.
type Config struct {
	Dir      string // made, for its owner only, when it is not there
	Inbox    acquirer.Inbox
	Receipts acquirer.Receipts
	Log      zerolog.Logger
}

// Spool is the folder. It implements [acquirer.Device] and [acquirer.Runner].
type Spool struct{ Config }

var (
	_ acquirer.Device = (*Spool)(nil)
	_ acquirer.Runner = (*Spool)(nil)
)

// New makes the folders.
func New(c Config) (*Spool, error) {
	for _, name := range []string{"out", "in", "bad"} {
		if err := os.MkdirAll(filepath.Join(c.Dir, name), 0o700); err != nil {
			return nil, fmt.Errorf("spool: %w", err)
		}
	}
	return &Spool{c}, nil
}

// Kind implements [acquirer.Device].
func (s *Spool) Kind() acquirer.DeviceKind { return acquirer.DeviceSpool }

// Outgoing is a file in out. It holds personal data: the folder is its owner's only, and who reads a file removes it.
type Outgoing struct {
	ID       string            `json:"id"` // the same when a notice is written again: one file
	Kind     string            `json:"kind"`
	To       string            `json:"to"`
	Language acquirer.Language `json:"language"`
	Subject  string            `json:"subject,omitempty"`
	Text     string            `json:"text"`
	Created  time.Time         `json:"created,omitzero"`
	Expires  time.Time         `json:"expires,omitzero"`
}

// Incoming is a file in in: a command, or a receipt for a notice.
type Incoming struct {
	ID       string            `json:"id,omitempty"` // of the message; empty: the file's name without .json
	From     string            `json:"from,omitempty"`
	Text     string            `json:"text,omitempty"`
	Language acquirer.Language `json:"language,omitempty"`
	Source   string            `json:"source,omitempty"`

	Receipt   string `json:"receipt,omitempty"` // ID of the notice that it is about
	Delivered bool   `json:"delivered,omitempty"`
	Detail    string `json:"detail,omitempty"`
}

// Send implements [acquirer.Device]. The file is durable before it returns.
func (s *Spool) Send(_ context.Context, m acquirer.Message) (acquirer.Handed, error) {
	waiting, err := os.ReadDir(filepath.Join(s.Dir, "out"))
	if err != nil {
		return acquirer.Handed{}, fmt.Errorf("%w: %w", acquirer.ErrDeviceDown, err)
	}
	if len(waiting) >= maxOut {
		return acquirer.Handed{}, fmt.Errorf("%w: %d files lie in out, and nobody fetches them", acquirer.ErrDeviceDown, len(waiting))
	}
	err = s.write(m.ID+".json", Outgoing{ID: m.ID, Kind: m.Kind.String(), To: m.To.Reveal(), Language: m.Language, Subject: m.Subject,
		Text: m.Text, Created: m.Created, Expires: m.Expires})
	return acquirer.Handed{Reference: m.ID}, err
}

// write makes a file of out, whole or not at all.
func (s *Spool) write(name string, v any) error {
	text, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	folder := filepath.Join(s.Dir, "out")
	f, err := os.CreateTemp(folder, ".*.tmp")
	if err != nil {
		return err
	}
	_, err = f.Write(append(text, '\n'))
	if err = errors.Join(err, f.Sync(), f.Close()); err == nil {
		err = os.Rename(f.Name(), filepath.Join(folder, name))
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}

// Run reads what is dropped until ctx ends. An error is of kind [acquirer.ErrStore], or the folder cannot be read.
func (s *Spool) Run(ctx context.Context) error {
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for {
		if err := s.pass(ctx); err != nil && ctx.Err() == nil {
			return fmt.Errorf("spool: %w", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// pass takes what lies in in, in the order of the names.
func (s *Spool) pass(ctx context.Context) error {
	files, err := os.ReadDir(filepath.Join(s.Dir, "in"))
	if err != nil {
		return err
	}
	files = slices.DeleteFunc(files, func(f os.DirEntry) bool {
		return strings.HasPrefix(f.Name(), ".") || filepath.Ext(f.Name()) != ".json"
	})
	for _, f := range files[:min(len(files), maxPass)] {
		if err := s.take(ctx, f.Name()); err != nil {
			return err
		}
	}
	return nil
}

// take handles one file: it is removed when what it says is durable, and left for later when that cannot be now.
func (s *Spool) take(ctx context.Context, name string) error {
	path := filepath.Join(s.Dir, "in", name)
	in, err := read(path)
	if err != nil {
		return s.setAside(name, err)
	}
	if in.ID == "" {
		in.ID = strings.TrimSuffix(name, ".json")
	}
	if in.Receipt != "" {
		err = s.receipt(ctx, in)
	} else {
		err = s.command(ctx, in)
	}
	switch {
	case err == nil:
		return os.Remove(path)
	case errors.Is(err, acquirer.ErrBusy), errors.Is(err, acquirer.ErrNotFound):
		return nil // the next look takes it
	case errors.Is(err, acquirer.ErrInbound):
		return s.setAside(name, err)
	}
	return err
}

// read reads one file of in.
func read(path string) (in Incoming, err error) {
	f, err := os.Open(path)
	if err != nil {
		return in, err
	}
	text, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err = errors.Join(err, f.Close()); err != nil {
		return in, err
	}
	if len(text) > maxFile {
		return in, fmt.Errorf("it has more than %d bytes", maxFile)
	}
	if err := json.Unmarshal(text, &in); err != nil {
		return in, errors.New("it is no JSON of the right form") // the cause would hold a part of it
	}
	return in, nil
}

// setAside moves what cannot be read out of the way.
func (s *Spool) setAside(name string, why error) error {
	s.Log.Warn().Str("file", name).Err(why).Msg("set aside")
	return os.Rename(filepath.Join(s.Dir, "in", name), filepath.Join(s.Dir, "bad", name))
}

// command hands a command to the inbox and writes the answer, when there is one.
func (s *Spool) command(ctx context.Context, in Incoming) error {
	if s.Inbox == nil {
		return fmt.Errorf("%w: nobody takes commands here", acquirer.ErrInbound)
	}
	reply, err := s.Inbox.Receive(ctx, acquirer.Inbound{Channel: acquirer.ChannelSpool, MessageID: in.ID, Sender: in.From, Text: in.Text,
		Language: in.Language, Evidence: acquirer.Evidence{Source: in.Source, Checks: "none: a file was dropped"}})
	if err != nil || reply.Text == "" {
		return err
	}
	return s.write("reply-"+safe(in.ID)+".json", Outgoing{ID: "reply-" + safe(in.ID), Kind: "reply-" + string(reply.Outcome), To: in.From,
		Language: reply.Language, Text: reply.Text})
}

// receipt moves a notice on.
func (s *Spool) receipt(ctx context.Context, in Incoming) error {
	if s.Receipts == nil {
		return fmt.Errorf("%w: nobody takes receipts here", acquirer.ErrInbound)
	}
	return s.Receipts.Receipt(ctx, acquirer.Receipt{Device: acquirer.DeviceSpool, Notice: in.Receipt, Delivered: in.Delivered,
		Detail: in.Detail, At: time.Now()})
}

// safe makes a file name of an id.
func safe(id string) string {
	return strings.Map(func(r rune) rune {
		if r == '-' || r == '_' || r == '.' || r >= '0' && r <= '9' || r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z' {
			return r
		}
		return '_'
	}, id)
}
