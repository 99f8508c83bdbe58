package sim

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	acquirer "example.com/ringback/switch"
)

// stackBug is a safeguard switched off, and within how many seeds the full stack finds that it is missing.
type stackBug struct {
	name  string
	plant stackPlant
	world string // of stackWorlds; "": the ordinary one
	first uint64 // the seed that is tried before all others: the first that found it when this was written
	seeds uint64 // the bound
}

func stackBugs() []stackBug {
	ports := func(p func(l *stackLife, inner stackPorts) stackPorts) stackPlant { return stackPlant{ports: p} }
	line := func(p func(l *stackLife, inner acquirer.Network) acquirer.Network) stackPlant {
		return stackPlant{network: p}
	}
	return []stackBug{
		{"send to the host before the write", ports(stackBugSendFirst), "", 20, 200},
		{"answer the terminal before the write", ports(stackBugAnswerFirst), "", 111, 200},
		{"rows written last are lost with a crash", stackPlant{amnesia: true}, "", 3, 200},
		{"no duplicate detection", ports(stackBugNoDedupe), "", 6, 200},
		{"compare-and-set always wins", ports(stackBugBlindSwap), "", 2, 200},
		{"reversal not queued with the move", ports(stackBugNoReversal), "", 1, 200},
		{"reversal given up after three tries", ports(stackBugGiveUp), "", 12, 200},
		{"late approval taken for the end of the reversal", line(stackBugLateWins), "", 1, 200},
		{"any end of a reversal taken for 00", line(stackBugFireAndForget), "", 2, 200},
		{"undo forgotten that meets the debit at the host", ports(stackBugForgetsUndo), "", 2, 200},
		{"no mark for an undo before its debit", ports(stackBugNoTombstone), "", 69, 200},
		{"notice outside the transaction", ports(stackBugNoticeLater), "", 3, 200},
		{"notice of an undone debit left to be sent", ports(stackBugKeepsNotice), "", 1, 200},
		{"no answer taken for a refusal", line(stackBugSilenceRefuses), "", 2, 200},
		{"open debits not taken up after a restart", ports(stackBugNoRecovery), "", 3, 200},
		{"open debits declined after a restart", ports(stackBugRestartDeclines), "", 20, 200},
		{"store errors ignored", ports(stackBugIgnoresDisk), "", 50, 200},
		{"reversals wait for a clock that was set back", ports(stackBugOldClock), "clock set back", 9, 200},
		{"94 of the host taken for a refusal", line(stackBugRepeatRefuses), "doubled messages", 10, 200},
	}
}

// TestStackBugs plants each bug and looks for a seed that finds it.
func TestStackBugs(t *testing.T) {
	for _, b := range stackBugs() {
		t.Run(b.name, func(t *testing.T) {
			t.Parallel()
			seed, r := b.hunt(t)
			require.NotEmpty(t, r.broken, "not found within %d seeds", b.seeds)
			t.Logf("found by seed %d: %s", seed, r.broken[0].line)
		})
	}
}

// hunt returns the first seed that finds the bug.
func (b stackBug) hunt(t *testing.T) (seed uint64, r stackResult) {
	t.Helper()
	o := stackSeed(b.first)
	o.plant, o.test = b.plant, "TestStackBugs"
	if b.world != "" {
		stackWorlds()[b.world](&o)
	}
	if r = simulateStack(t, o); len(r.broken) > 0 {
		return b.first, r
	}
	for o.seed = 1; o.seed <= b.seeds; o.seed++ {
		if r = simulateStack(t, o); len(r.broken) > 0 {
			break
		}
	}
	return o.seed, r
}

// stackBehind writes some time after it said so.
type stackBehind struct {
	stackPorts
	life    *stackLife
	mu      sync.Mutex
	writing map[acquirer.ID]chan struct{}
}

func newStackBehind(l *stackLife, inner stackPorts) *stackBehind {
	return &stackBehind{stackPorts: inner, life: l, writing: make(map[acquirer.ID]chan struct{})}
}

// later carries out a write of a row after a while.
func (p *stackBehind) later(id acquirer.ID, write func()) {
	done := make(chan struct{})
	p.mu.Lock()
	p.writing[id] = done
	p.mu.Unlock()
	p.life.world.zombies.Go(func() {
		defer close(done)
		idle(300 * time.Millisecond)
		write()
	})
}

// after waits until what was promised about a row is written.
func (p *stackBehind) after(id acquirer.ID) {
	p.mu.Lock()
	done := p.writing[id]
	p.mu.Unlock()
	if done != nil {
		<-done
	}
}

func (p *stackBehind) Move(ctx context.Context, old, next *acquirer.Transaction, c acquirer.Change) error {
	p.after(old.ID)
	return p.stackPorts.Move(ctx, old, next, c)
}

type stackSendFirst struct{ *stackBehind }

func stackBugSendFirst(l *stackLife, inner stackPorts) stackPorts {
	return stackSendFirst{newStackBehind(l, inner)}
}

func (p stackSendFirst) Open(ctx context.Context, t *acquirer.Transaction, c acquirer.Change) error {
	if t.State != acquirer.Sent {
		return p.stackPorts.Open(ctx, t, c)
	}
	t.Version = 1
	row := *t
	p.later(t.ID, func() { _ = p.stackPorts.Open(ctx, &row, c) })
	return nil
}

type stackAnswerFirst struct{ *stackBehind }

func stackBugAnswerFirst(l *stackLife, inner stackPorts) stackPorts {
	return stackAnswerFirst{newStackBehind(l, inner)}
}

func (p stackAnswerFirst) Move(ctx context.Context, old, next *acquirer.Transaction, c acquirer.Change) error {
	if next.State != acquirer.Approved || old.State != acquirer.Sent {
		return p.stackBehind.Move(ctx, old, next, c)
	}
	from, to := *old, *next
	next.Version = old.Version + 1
	p.later(old.ID, func() { _ = p.stackPorts.Move(ctx, &from, &to, c) })
	return nil
}

type stackNoDedupe struct{ stackPorts }

func stackBugNoDedupe(_ *stackLife, inner stackPorts) stackPorts { return stackNoDedupe{inner} }

// Find finds nothing when a debit asks.
func (p stackNoDedupe) Find(ctx context.Context, k acquirer.TerminalKey) (*acquirer.Transaction, error) {
	if stackCalledBy("(*Switch).earlier") {
		return nil, acquirer.ErrNotFound
	}
	return p.stackPorts.Find(ctx, k)
}

// Open gives a repeat a key of its own, so that the unique indexes do not catch it.
func (p stackNoDedupe) Open(ctx context.Context, t *acquirer.Transaction, c acquirer.Change) error {
	err := p.stackPorts.Open(ctx, t, c)
	if !errors.Is(err, acquirer.ErrDuplicate) {
		return err
	}
	t.Key.STAN += 500_000
	t.Token = acquirer.TokenID{}
	return p.stackPorts.Open(ctx, t, c)
}

// stackCalledBy reports whether a function is among the callers.
func stackCalledBy(name string) bool {
	var pcs [8]uintptr
	frames := runtime.CallersFrames(pcs[:runtime.Callers(2, pcs[:])])
	for {
		f, more := frames.Next()
		if strings.HasSuffix(f.Function, name) {
			return true
		}
		if !more {
			return false
		}
	}
}

// stackOnMove changes what Move does.
type stackOnMove struct {
	stackPorts
	move func(ctx context.Context, old, next *acquirer.Transaction, c acquirer.Change) error
}

func (p stackOnMove) Move(ctx context.Context, old, next *acquirer.Transaction, c acquirer.Change) error {
	return p.move(ctx, old, next, c)
}

func stackBugBlindSwap(_ *stackLife, inner stackPorts) stackPorts {
	return stackOnMove{inner, func(ctx context.Context, old, next *acquirer.Transaction, c acquirer.Change) error {
		for {
			err := inner.Move(ctx, old, next, c)
			if !errors.Is(err, acquirer.ErrStale) {
				return err
			}
			if old, err = inner.Get(ctx, old.ID); err != nil {
				return err
			}
			if !acquirer.MayMove(old.State, next.State) {
				return acquirer.ErrStale
			}
		}
	}}
}

func stackBugNoReversal(_ *stackLife, inner stackPorts) stackPorts {
	return stackOnMove{inner, func(ctx context.Context, old, next *acquirer.Transaction, c acquirer.Change) error {
		c.Reversal = nil
		return inner.Move(ctx, old, next, c)
	}}
}

func stackBugForgetsUndo(_ *stackLife, inner stackPorts) stackPorts {
	return stackOnMove{inner, func(ctx context.Context, old, next *acquirer.Transaction, c acquirer.Change) error {
		if c.Event == acquirer.EventUndo && old.State == acquirer.Sent {
			next.Version = old.Version + 1
			return nil
		}
		return inner.Move(ctx, old, next, c)
	}}
}

func stackBugNoticeLater(l *stackLife, inner stackPorts) stackPorts {
	return stackOnMove{inner, func(ctx context.Context, old, next *acquirer.Transaction, c acquirer.Change) error {
		notices := c.Notices
		c.Notices = nil
		err := inner.Move(ctx, old, next, c)
		if err != nil || notices == nil {
			return err
		}
		l.world.zombies.Go(func() {
			idle(50 * time.Millisecond)
			if now, err := inner.Get(ctx, old.ID); err == nil {
				same := *now
				_ = inner.Move(ctx, now, &same, acquirer.Change{At: time.Now(), Event: "notice", Notices: notices})
			}
		})
		return nil
	}}
}

func stackBugKeepsNotice(_ *stackLife, inner stackPorts) stackPorts {
	return stackOnMove{inner, func(ctx context.Context, old, next *acquirer.Transaction, c acquirer.Change) error {
		c.Withdraw = 0
		return inner.Move(ctx, old, next, c)
	}}
}

func stackBugRestartDeclines(_ *stackLife, inner stackPorts) stackPorts {
	return stackOnMove{inner, func(ctx context.Context, old, next *acquirer.Transaction, c acquirer.Change) error {
		if c.Event == acquirer.EventRestart {
			next.State, c.Reversal = acquirer.Declined, nil
		}
		return inner.Move(ctx, old, next, c)
	}}
}

func stackBugIgnoresDisk(_ *stackLife, inner stackPorts) stackPorts {
	return stackOnMove{inner, func(ctx context.Context, old, next *acquirer.Transaction, c acquirer.Change) error {
		err := inner.Move(ctx, old, next, c)
		if errors.Is(err, acquirer.ErrStore) {
			next.Version = old.Version + 1
			return nil
		}
		return err
	}}
}

type stackGiveUp struct{ stackPorts }

func stackBugGiveUp(_ *stackLife, inner stackPorts) stackPorts { return stackGiveUp{inner} }

func (p stackGiveUp) Reschedule(ctx context.Context, r acquirer.Reversal) error {
	if r.Tries < 3 {
		return p.stackPorts.Reschedule(ctx, r)
	}
	t, err := p.Get(ctx, r.Transaction)
	if err != nil {
		return err
	}
	next := *t
	next.State = acquirer.Reversed
	return p.Move(ctx, t, &next, acquirer.Change{At: time.Now(), Event: acquirer.EventReversed, Finished: r.ID})
}

type stackNoTombstone struct{ stackPorts }

func stackBugNoTombstone(_ *stackLife, inner stackPorts) stackPorts { return stackNoTombstone{inner} }

func (p stackNoTombstone) Open(ctx context.Context, t *acquirer.Transaction, c acquirer.Change) error {
	if t.State == acquirer.Tombstone {
		t.Version = 1
		return nil
	}
	return p.stackPorts.Open(ctx, t, c)
}

type stackNoRecovery struct{ stackPorts }

func stackBugNoRecovery(_ *stackLife, inner stackPorts) stackPorts { return stackNoRecovery{inner} }

func (p stackNoRecovery) InState(ctx context.Context, s acquirer.State, after acquirer.ID, n int) ([]*acquirer.Transaction, error) {
	if s == acquirer.Sent {
		return nil, nil
	}
	return p.stackPorts.InState(ctx, s, after, n)
}

type stackLateWins struct{ acquirer.Network }

func stackBugLateWins(_ *stackLife, inner acquirer.Network) acquirer.Network {
	return stackLateWins{inner}
}

func (n stackLateWins) Reverse(ctx context.Context, r acquirer.Reversal, t *acquirer.Transaction) (acquirer.ResponseCode, error) {
	if t.HostCode == acquirer.CodeApproved && t.Code == acquirer.CodeNoAnswer {
		return acquirer.CodeApproved, nil
	}
	return n.Network.Reverse(ctx, r, t)
}

type stackFireAndForget struct{ acquirer.Network }

func stackBugFireAndForget(_ *stackLife, inner acquirer.Network) acquirer.Network {
	return stackFireAndForget{inner}
}

func (n stackFireAndForget) Reverse(ctx context.Context, r acquirer.Reversal, t *acquirer.Transaction) (acquirer.ResponseCode, error) {
	code, err := n.Network.Reverse(ctx, r, t)
	if errors.Is(err, acquirer.ErrUnknown) || err == nil && code != acquirer.CodeApproved {
		return acquirer.CodeApproved, nil
	}
	return code, err
}

type stackSilenceRefuses struct{ acquirer.Network }

func stackBugSilenceRefuses(_ *stackLife, inner acquirer.Network) acquirer.Network {
	return stackSilenceRefuses{inner}
}

func (n stackSilenceRefuses) Authorize(ctx context.Context, r acquirer.AuthorizationRequest) (acquirer.Authorization, error) {
	a, err := n.Network.Authorize(ctx, r)
	if errors.Is(err, acquirer.ErrUnknown) {
		return acquirer.Authorization{Code: "05", At: time.Now()}, nil
	}
	return a, err
}

type stackOldClock struct{ stackPorts }

func stackBugOldClock(_ *stackLife, inner stackPorts) stackPorts { return stackOldClock{inner} }

// Due shows nothing that is far away, and so does NextDue: nobody pulls it forward.
func (p stackOldClock) Due(ctx context.Context, now time.Time, n int) ([]acquirer.Reversal, error) {
	if time.Until(now) > time.Hour {
		return nil, nil
	}
	return p.stackPorts.Due(ctx, now, n)
}

func (p stackOldClock) NextDue(ctx context.Context) (time.Time, bool, error) {
	at, ok, err := p.stackPorts.NextDue(ctx)
	if soon := time.Now().Add(5 * time.Minute); at.After(soon) {
		at = soon
	}
	return at, ok, err
}

type stackRepeatRefuses struct{ acquirer.Network }

func stackBugRepeatRefuses(_ *stackLife, inner acquirer.Network) acquirer.Network {
	return stackRepeatRefuses{inner}
}

func (n stackRepeatRefuses) Authorize(ctx context.Context, r acquirer.AuthorizationRequest) (acquirer.Authorization, error) {
	a, err := n.Network.Authorize(ctx, r)
	if a.Code == acquirer.CodeDuplicate {
		a.Code = "05"
	}
	return a, err
}
