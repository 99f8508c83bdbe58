// Package smstest has what the tests of every protocol of package sms want: a core that keeps what it gets, a log that can
// be read while it is written, and messages.
package smstest

import (
	"bytes"
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	acquirer "example.com/ringback/switch"
)

// Core is the inbox and the receipts of a core. Its methods are safe for concurrent use.
type Core struct {
	mu       sync.Mutex
	got      []acquirer.Inbound
	told     []acquirer.Receipt
	answer   func(m acquirer.Inbound) (acquirer.Reply, error)
	onStored func(r acquirer.Receipt) error
}

// Answer sets what Receive returns; nil: silence.
func (c *Core) Answer(f func(m acquirer.Inbound) (acquirer.Reply, error)) *Core {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.answer = f
	return c
}

// OnStored sets what Receipt returns; what has an error is not kept.
func (c *Core) OnStored(f func(r acquirer.Receipt) error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.onStored = f
}

// Receive implements [acquirer.Inbox].
func (c *Core) Receive(_ context.Context, m acquirer.Inbound) (acquirer.Reply, error) {
	c.mu.Lock()
	c.got = append(c.got, m)
	answer := c.answer
	c.mu.Unlock()
	if answer == nil {
		return acquirer.Reply{}, nil
	}
	return answer(m)
}

// Receipt implements [acquirer.Receipts].
func (c *Core) Receipt(_ context.Context, r acquirer.Receipt) error {
	c.mu.Lock()
	onStored := c.onStored
	c.mu.Unlock()
	if onStored != nil {
		if err := onStored(r); err != nil {
			return err
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.told = append(c.told, r)
	return nil
}

// Received returns the messages so far.
func (c *Core) Received() []acquirer.Inbound {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.got)
}

// Receipts returns the outcomes so far.
func (c *Core) Receipts() []acquirer.Receipt {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.told)
}

// Buffer is a log.
type Buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *Buffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *Buffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// Key is a name key.
func Key() acquirer.Key { return acquirer.NewKey(bytes.Repeat([]byte{7}, 32)) }

// Number is the number that notices go to.
const Number = "13800138001"

// Notice is a notice to Number.
func Notice(t testing.TB, id, text string) acquirer.Message {
	t.Helper()
	to, err := acquirer.NewAddress(acquirer.DeviceSMS, Number)
	if err != nil {
		t.Fatal(err)
	}
	return acquirer.Message{ID: id, Kind: acquirer.NoticeDebited, To: to, Text: text, Created: time.Now(), Try: 1}
}

// Run runs r until stop, which waits for its end and returns what it returned. It may be called more than once.
func Run(t testing.TB, r acquirer.Runner) (stop func() error) {
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- r.Run(ctx) }()
	return sync.OnceValue(func() error { cancel(); return <-ended })
}

// Send sends as the core does: a device that is down is tried again.
func Send(t testing.TB, d acquirer.Device, m acquirer.Message, patience time.Duration) acquirer.Handed {
	t.Helper()
	end, again := time.After(patience), time.NewTicker(20*time.Millisecond)
	defer again.Stop()
	for {
		h, err := d.Send(t.Context(), m)
		if err == nil {
			return h
		}
		select {
		case <-again.C:
		case <-end:
			t.Fatal(err)
		}
	}
}
