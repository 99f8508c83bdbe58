package acquirer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"
)

// Config is what a [Switch] is made of. All fields but Limits, Batches, Witnesses, OnAlarm and OnStuck must be set.
type Config struct {
	Journal     Journal
	Directory   Directory
	HSM         HSM
	Network     Network
	Numbers     *NumberingPlan
	Issuers     *IssuerTable
	Institution string // the switch's own institution code, 8 digits: F32 on both lines, F33 on the host's
	Limits      Limits
	Settlement  SettlementConfig // zero: nothing is ever settled
	Random      io.Reader        // nonces of confirmation tokens, read concurrently: crypto/rand.Reader but in a simulation

	Batches   Batches   // nil: no batch is ever closed, and CloseBatch, UploadBatch and EndBatch must not be called
	Witnesses Witnesses // nil: when a terminal was heard is forgotten

	OnAlarm func(Alarm) // told of each alarm once it is durable, on the goroutine of the flow; may be nil
	// OnStuck is told, at each try, of a reversal that cannot be sent for a reason of our own: its debit cannot be read, say.
	// No row can hold that. It is tried again, and holds up no other. May be nil; concurrent.
	OnStuck func(Reversal, error)
}

// Switch runs the flows of a phone-number payment. Its methods are safe for concurrent use; messages of one terminal
// must be handed over in the order they came (DESIGN section 4, rule 10).
type Switch struct {
	Config
	budgets budgets
	misses  misses
	alarms  alarms
	flights flights
	saf     saf
	heard   heard
	books   chan struct{} // holds one while a settlement is worked on: a file that comes meanwhile waits
	refs    atomic.Int64
	failed  chan error
	failing sync.Once
}

// New returns a switch that has started nothing. Call [Switch.Recover] before a listener opens and [Switch.Run] for
// the life of the process.
func New(c Config) *Switch {
	c.Limits = c.Limits.WithDefaults()
	s := &Switch{Config: c, failed: make(chan error, 1)}
	s.budgets.init(c.Limits)
	s.misses.init()
	s.alarms.init()
	s.flights.init(c.Limits.InFlight)
	s.saf.init()
	s.heard.init()
	s.books = make(chan struct{}, 1)
	return s
}

// Run sends owed reversals and takes up debits that nobody waits for any more, until ctx ends; then it waits for what
// is under way and returns nil. It returns an error of kind [ErrStore] as soon as any flow met one: the process must
// end, for it no longer knows what is written (DESIGN section 4, rule 1).
func (s *Switch) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	parts := []func(context.Context) error{s.runReversals, s.runOverdue, s.runHeard, s.runSettlements}
	done := make(chan error, len(parts))
	for _, part := range parts {
		go func() { done <- part(ctx) }()
	}
	var err error
	waiting := len(parts)
	select {
	case err = <-s.failed:
	case err = <-done:
		waiting--
	}
	cancel()
	for range waiting {
		err = errors.Join(err, <-done)
	}
	return err
}

// Reference makes an F37 for a message that is not journalled: the day, and a number above [MaxSequence].
func (s *Switch) Reference(now time.Time) RRN {
	n := MaxSequence + 1 + (now.UnixMilli()+s.refs.Add(1))%(99_999_999-MaxSequence)
	return NewID(DateOf(now), n).RRN()
}

// checked passes err on and, when it is of kind ErrStore, makes Run end.
func (s *Switch) checked(err error) error {
	if errors.Is(err, ErrStore) {
		s.failing.Do(func() { s.failed <- fmt.Errorf("the journal cannot be written: %w", err) })
	}
	return err
}

// refuse makes the error that carries an F39 to the edge.
func refuse(op string, code ResponseCode, err error) error {
	return &Error{Op: op, Code: code, Err: err}
}
