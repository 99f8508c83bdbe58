package spool

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	acquirer "example.com/ringback/switch"
)

// desk takes messages and receipts, and answers as it is told.
type desk struct {
	mu       sync.Mutex
	got      []acquirer.Inbound
	receipts []acquirer.Receipt
	reply    acquirer.Reply
	err      error
}

func (d *desk) Receive(_ context.Context, m acquirer.Inbound) (acquirer.Reply, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.got = append(d.got, m)
	return d.reply, d.err
}

func (d *desk) Receipt(_ context.Context, r acquirer.Receipt) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.receipts = append(d.receipts, r)
	return d.err
}

func newSpool(t *testing.T) (*Spool, *desk) {
	t.Helper()
	d := &desk{}
	s, err := New(Config{Dir: filepath.Join(t.TempDir(), "spool"), Inbox: d, Receipts: d, Log: zerolog.Nop()})
	require.NoError(t, err)
	return s, d
}

func (s *Spool) names(t *testing.T, folder string) (out []string) {
	t.Helper()
	files, err := os.ReadDir(filepath.Join(s.Dir, folder))
	require.NoError(t, err)
	for _, f := range files {
		out = append(out, f.Name())
	}
	return out
}

func (s *Spool) drop(t *testing.T, name, text string) {
	t.Helper()
	whole := filepath.Join(s.Dir, "in", name)
	require.NoError(t, os.WriteFile(filepath.Join(s.Dir, "in", "."+name), []byte(text), 0o600))
	require.NoError(t, os.Rename(filepath.Join(s.Dir, "in", "."+name), whole))
}

func message(t *testing.T) acquirer.Message {
	t.Helper()
	to, err := acquirer.NewAddress(acquirer.DeviceSpool, "13800138001")
	require.NoError(t, err)
	return acquirer.Message{ID: "632800000002-1", Kind: acquirer.NoticeDebited, To: to, Language: acquirer.Chinese, Subject: "付款通知", Text: "您付款<12.34>元"}
}

func TestSend(t *testing.T) {
	s, _ := newSpool(t)
	for range 2 { // a notice that is sent again is the same file
		h, err := s.Send(t.Context(), message(t))
		require.NoError(t, err)
		require.Equal(t, "632800000002-1", h.Reference)
	}
	require.Equal(t, []string{"632800000002-1.json"}, s.names(t, "out"))
	text, err := os.ReadFile(filepath.Join(s.Dir, "out", "632800000002-1.json"))
	require.NoError(t, err)
	var got Outgoing
	require.NoError(t, json.Unmarshal(text, &got))
	require.Equal(t, Outgoing{ID: "632800000002-1", Kind: "debited", To: "13800138001", Language: "zh", Subject: "付款通知", Text: "您付款<12.34>元"}, got)
	info, err := os.Stat(filepath.Join(s.Dir, "out", "632800000002-1.json"))
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())

	require.NoError(t, os.RemoveAll(filepath.Join(s.Dir, "out")))
	_, err = s.Send(t.Context(), message(t))
	require.ErrorIs(t, err, acquirer.ErrDeviceDown)
}

func TestSendIsBounded(t *testing.T) {
	s, _ := newSpool(t)
	for i := range maxOut {
		require.NoError(t, os.WriteFile(filepath.Join(s.Dir, "out", fmt.Sprint(i)), nil, 0o600))
	}
	_, err := s.Send(t.Context(), message(t))
	require.ErrorIs(t, err, acquirer.ErrDeviceDown)
}

func TestCommand(t *testing.T) {
	s, d := newSpool(t)
	d.reply = acquirer.Reply{Outcome: acquirer.OutcomeHelp, Language: acquirer.English, Text: "help"}
	s.drop(t, "b.json", `{"id":"x/../1","from":"13800138001","text":"注册","source":"modem 1","language":"en"}`)
	s.drop(t, "a.json", `{"from":"13800138002","text":"查询"}`)
	s.drop(t, ".c.json", `{`) // not whole yet
	s.drop(t, "note.txt", ``)
	require.NoError(t, s.pass(t.Context()))
	require.Equal(t, []acquirer.Inbound{
		{Channel: "spool", MessageID: "a", Sender: "13800138002", Text: "查询", Evidence: acquirer.Evidence{Checks: "none: a file was dropped"}},
		{Channel: "spool", MessageID: "x/../1", Sender: "13800138001", Text: "注册", Language: "en", Evidence: acquirer.Evidence{Source: "modem 1", Checks: "none: a file was dropped"}},
	}, d.got)
	require.Equal(t, []string{".c.json", "note.txt"}, s.names(t, "in"))
	require.Equal(t, []string{"reply-a.json", "reply-x_.._1.json"}, s.names(t, "out"))
}

// A file goes when what it says is durable, and not before.
func TestWhatBecomesOfFiles(t *testing.T) {
	for name, v := range map[string]struct {
		err       error
		stays     bool
		aside     bool
		returned  bool
		isReceipt bool
	}{
		"done":           {},
		"busy":           {err: acquirer.ErrBusy, stays: true},
		"malformed":      {err: acquirer.ErrInbound, aside: true},
		"store fails":    {err: acquirer.ErrStore, stays: true, returned: true},
		"receipt":        {isReceipt: true},
		"early receipt":  {err: acquirer.ErrNotFound, stays: true, isReceipt: true},
		"receipt, store": {err: acquirer.ErrStore, stays: true, returned: true, isReceipt: true},
	} {
		t.Run(name, func(t *testing.T) {
			s, d := newSpool(t)
			d.err = v.err
			text := `{"from":"13800138001","text":"查询"}`
			if v.isReceipt {
				text = `{"receipt":"632800000002-1","delivered":true,"detail":"shown"}`
			}
			s.drop(t, "1.json", text)
			err := s.pass(t.Context())
			require.Equal(t, v.returned, err != nil)
			require.Equal(t, v.stays, len(s.names(t, "in")) == 1)
			require.Equal(t, v.aside, len(s.names(t, "bad")) == 1)
			if v.isReceipt {
				require.Equal(t, acquirer.Receipt{Device: "spool", Notice: "632800000002-1", Delivered: true, Detail: "shown", At: d.receipts[0].At}, d.receipts[0])
			}
		})
	}
}

func TestUnreadable(t *testing.T) {
	s, d := newSpool(t)
	s.drop(t, "1.json", "no JSON 13800138001")
	s.drop(t, "2.json", `{"text":"`+strings.Repeat("x", maxFile)+`"}`)
	require.NoError(t, s.pass(t.Context()))
	require.Equal(t, []string{"1.json", "2.json"}, s.names(t, "bad"))
	require.Empty(t, d.got)
	s.Inbox, s.Receipts = nil, nil
	s.drop(t, "3.json", `{"text":"x"}`)
	s.drop(t, "4.json", `{"receipt":"x"}`)
	require.NoError(t, s.pass(t.Context()))
	require.Len(t, s.names(t, "bad"), 4)
}

func TestRun(t *testing.T) {
	s, d := newSpool(t)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	s.drop(t, "1.json", `{"from":"13800138001","text":"查询"}`)
	require.Eventually(t, func() bool { d.mu.Lock(); defer d.mu.Unlock(); return len(d.got) == 1 }, time.Minute, time.Millisecond)
	cancel()
	require.NoError(t, <-ended)
	d.err = errors.Join(acquirer.ErrStore)
	s.drop(t, "2.json", `{"from":"13800138001","text":"查询"}`)
	require.ErrorIs(t, s.Run(t.Context()), acquirer.ErrStore)
}
