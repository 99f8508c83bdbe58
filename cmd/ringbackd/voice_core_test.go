package main

import (
	"context"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	acquirer "example.com/ringback/switch"
	"example.com/ringback/switch/channel/voice/dialogue"
	"github.com/stretchr/testify/require"
)

// The conversations of telephone calls with the real core and the real store behind them. In front of them are people:
// who calls presses keys, who is called presses 1 and remembers the code that was spoken.

const (
	voiceNumber = "13800138009"
	voiceCard   = "6217000000000000012"
	newCard     = "6217000000000000020"
)

// listener is a telephone in somebody's hand; presses says what is pressed behind what was heard last.
type listener struct {
	presses func(ctx context.Context, heard string) (string, error)
	heard   []string
}

func (p *listener) Say(_ context.Context, _ acquirer.Language, text string) error {
	p.heard = append(p.heard, text)
	return nil
}

func (p *listener) Keys(ctx context.Context, _ int, _, _ time.Duration) (string, error) {
	return p.presses(ctx, strings.Join(p.heard, "\n"))
}

// callDevice calls numbers: whoever answers listens, presses 1 and keeps the code.
type callDevice struct {
	mu     sync.Mutex
	spoken []string
	codes  chan string
}

func (*callDevice) Kind() acquirer.DeviceKind { return acquirer.DeviceVoice }

func (d *callDevice) Send(ctx context.Context, m acquirer.Message) (acquirer.Handed, error) {
	p := &listener{presses: func(context.Context, string) (string, error) { return "1", nil }}
	heard, err := dialogue.Outgoing(ctx, p, m)
	if err != nil || !heard {
		return acquirer.Handed{}, acquirer.ErrUndeliverable
	}
	d.mu.Lock()
	d.spoken = append(d.spoken, p.heard...)
	d.mu.Unlock()
	if m.Kind == acquirer.NoticeCode {
		d.codes <- digitsHeard(p.heard[2])
	}
	return acquirer.Handed{Delivered: true}, nil
}

// digitsHeard writes down the first six digits that were spoken.
func digitsHeard(text string) string {
	var out strings.Builder
	for _, r := range text {
		if i := strings.IndexRune("零幺二三四五六七八九", r); i >= 0 && out.Len() < 6 {
			out.WriteByte("0123456789"[i/len("零")])
		}
	}
	return out.String()
}

// script presses one after the other; "code" is the code that a call brings meanwhile. Then it hangs up.
func (d *callDevice) script(keys ...string) *listener {
	return &listener{presses: func(ctx context.Context, _ string) (string, error) {
		if len(keys) == 0 {
			return "", dialogue.ErrHungUp
		}
		next := keys[0]
		if keys = keys[1:]; next != "code" {
			return next, nil
		}
		select {
		case code := <-d.codes:
			return code, nil
		case <-ctx.Done():
			return "", ctx.Err()
		}
	}}
}

// Patent claim 1 by telephone alone: a payee registers by keys, hears the code in a call back, keys it, and is registered; then
// changes the card the same way, and another caller who knows no code changes nothing.
func TestVoiceRegistration(t *testing.T) {
	c := newCore(t, acquirer.EnrolmentLimits{Wait: -1, CodeGap: -1}, acquirer.DeviceVoice)
	calls := &callDevice{codes: make(chan string, 8)}
	c.notifier.Use(calls)
	c.run()
	desk := dialogue.Desk{Inbox: c.enrolments}
	ctx, cancel := context.WithTimeout(t.Context(), smsPatience)
	defer cancel()
	call := func(id, from string, p *listener) {
		t.Helper()
		require.ErrorIs(t, desk.Incoming(ctx, p, dialogue.Caller{Number: from, Source: "trunk-1", ID: id}), dialogue.ErrHungUp)
	}
	const wang = "458548013587" // 王小明
	p := calls.script("1", "1", wang, "1", voiceCard, "1", "code")
	call("call-1", voiceNumber, p)
	require.Contains(t, strings.Join(p.heard, "\n"), "\n已确认注册手机号收款。")
	payee := c.payeeOf(voiceNumber)
	require.NotNil(t, payee)
	require.Equal(t, []string{"王小明", voiceCard}, []string{payee.Name, payee.Card.Reveal()})
	require.Equal(t, acquirer.PayeeActive, payee.Status)

	call("call-2", "13900139001", calls.script("2", voiceNumber, "1", "2", newCard, "1", "000000", "111111"))
	require.Equal(t, voiceCard, c.payeeOf(voiceNumber).Card.Reveal())
	stolen := <-calls.codes // it went to the number, and not to who had called
	call("call-3", voiceNumber, calls.script("1", "3", stolen))
	require.Equal(t, newCard, c.payeeOf(voiceNumber).Card.Reveal())

	calls.mu.Lock()
	defer calls.mu.Unlock()
	for _, secret := range []string{voiceNumber, voiceCard, newCard, "王小明"} {
		require.NotContains(t, strings.Join(calls.spoken, "\n"), secret)
		for _, suffix := range []string{"", "-wal"} {
			b, err := os.ReadFile(c.path + suffix)
			require.NoError(t, err)
			require.NotContains(t, string(b), secret)
		}
	}
}
