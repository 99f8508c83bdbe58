package acquirer

import (
	"context"
	"fmt"
	"maps"
	"sync"
	"time"
)

// Witness is what counts as a terminal's word for a debit. A terminal sends an undo that it owes before its next payment:
// so its batch says most, a later signed message less, and time the least. Each stronger one counts, too.
type Witness string

// The witnesses, the strongest first.
const (
	WitnessBatch   Witness = "batch"   // its batch: totals that agreed, or an upload that lists the debit
	WitnessMessage Witness = "message" // or a later signed message of it, which is what PROTOCOL 3 says; the default
	WitnessHold    Witness = "hold"    // or nothing at all for HoldTime
)

// ParseWitness reads a witness; empty is the default. ok is false for any other word.
func ParseWitness(s string) (Witness, bool) {
	switch w := Witness(s); w {
	case "":
		return WitnessMessage, true
	case WitnessBatch, WitnessMessage, WitnessHold:
		return w, true
	}
	return "", false
}

// Wait says what a debit waits for before its terminal has spoken for it.
type Wait string

// What may be waited for.
const (
	WaitNothing Wait = ""
	WaitPerson  Wait = "person"  // it is on the worklist
	WaitState   Wait = "state"   // it does not stand: it is not approved yet, or it is undone
	WaitBatch   Wait = "batch"   // the terminal's batch settlement
	WaitMessage Wait = "message" // that, or any signed message of the terminal
	WaitHold    Wait = "hold"    // that, or Until
)

// Word is what a terminal has said of a debit, as far as it counts.
type Word struct {
	By    Witness   // empty: nothing that counts; of a debit that is Confirmed WitnessBatch, whatever it was confirmed by
	Waits Wait      // with an empty By
	Until time.Time // with WaitHold
}

// Of decides whether a debit is confirmed by its terminal now, by what, or what it waits for. heard is when the terminal's
// last signed message was received, zero if none is known. It asks nobody and writes nothing.
func (w Witness) Of(t *Transaction, heard, now time.Time) Word {
	switch {
	case t.Exception != "":
		return Word{Waits: WaitPerson}
	case t.State == Settled || t.State == Paying || t.State == Paid:
		return Word{By: WitnessBatch}
	case t.State != Approved:
		return Word{Waits: WaitState}
	case t.Confirmed:
		return Word{By: WitnessBatch}
	case w == WitnessBatch:
		return Word{Waits: WaitBatch}
	case heard.After(t.Answered):
		return Word{By: WitnessMessage}
	case w == WitnessMessage:
		return Word{Waits: WaitMessage}
	}
	until := t.Answered.Add(HoldTime)
	if now.Before(until) {
		return Word{Waits: WaitHold, Until: until}
	}
	return Word{By: WitnessHold}
}

// TerminalWord says for people what a debit waits for from its terminal under [Limits.Witness]; empty: nothing, the terminal's word
// is there.
func (s *Switch) TerminalWord(ctx context.Context, t *Transaction) (string, error) {
	heard, err := s.LastHeard(ctx, t.Key.Terminal)
	if err != nil {
		return "", err
	}
	w := s.Limits.Witness.Of(t, heard, time.Now())
	if w.Waits == WaitHold {
		return waitTexts[w.Waits] + w.Until.In(Beijing).Format(" 2006-01-02 15:04:05"), nil
	}
	return waitTexts[w.Waits], nil
}

var waitTexts = map[Wait]string{
	WaitPerson:  "somebody to look at it",
	WaitState:   "its approval",
	WaitBatch:   "the terminal's batch settlement",
	WaitMessage: "the terminal's batch settlement, or another message of it",
	WaitHold:    "the terminal's batch settlement, or another message of it, or",
}

// Witnesses keeps when terminals were heard last.
type Witnesses interface {
	// SaveHeard makes times durable. [ErrStore] as in [Journal].
	SaveHeard(ctx context.Context, at map[TerminalID]time.Time) error
	// Heard returns when a terminal was heard last, zero for never.
	Heard(ctx context.Context, id TerminalID) (time.Time, error)
}

// heard is when terminals were heard: that is said in every payment, and must not cost a write each.
type heard struct {
	woken chan struct{}
	mu    sync.Mutex
	at    map[TerminalID]time.Time // by terminals that have shown their keys: no more than are registered
	fresh map[TerminalID]time.Time // not durable yet
}

func (h *heard) init() {
	h.woken = make(chan struct{}, 1)
	h.at, h.fresh = make(map[TerminalID]time.Time), make(map[TerminalID]time.Time)
}

// hear notes that an authentic message of a terminal, which is no repeat, was received. The newest word holds even when the
// clock has been set back: a time ahead would speak for debits that come later.
func (s *Switch) hear(id TerminalID, received time.Time) {
	if s.Witnesses == nil || received.IsZero() {
		return
	}
	h := &s.heard
	h.mu.Lock()
	h.at[id], h.fresh[id] = received, received
	h.mu.Unlock()
	select {
	case h.woken <- struct{}{}:
	default: // it will look anyway
	}
}

// LastHeard returns when the last signed message of a terminal was received, zero if none is known. After a crash the
// last second of it is missing; the terminal will be heard again.
func (s *Switch) LastHeard(ctx context.Context, id TerminalID) (time.Time, error) {
	s.heard.mu.Lock()
	at, known := s.heard.at[id]
	s.heard.mu.Unlock()
	if known || s.Witnesses == nil {
		return at, nil
	}
	at, err := s.Witnesses.Heard(ctx, id)
	if err != nil {
		return at, fmt.Errorf("reading when a terminal was heard: %w", err)
	}
	return at, nil
}

// runHeard makes durable what was heard, once in heardEvery for all terminals together, until ctx ends, and then the rest.
func (s *Switch) runHeard(ctx context.Context) error {
	for ctx.Err() == nil {
		select {
		case <-s.heard.woken:
			_ = sleep(ctx, heardEvery) // cut short: the rest is written now
		case <-ctx.Done():
		}
		if err := s.flushHeard(context.WithoutCancel(ctx)); err != nil {
			return err
		}
	}
	return nil
}

func (s *Switch) flushHeard(ctx context.Context) error {
	h := &s.heard
	h.mu.Lock()
	fresh := maps.Clone(h.fresh)
	clear(h.fresh)
	h.mu.Unlock()
	if len(fresh) == 0 {
		return nil
	}
	if err := s.Witnesses.SaveHeard(ctx, fresh); err != nil {
		return fmt.Errorf("writing when terminals were heard: %w", err)
	}
	return nil
}
