package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"example.com/ringback/terminal/emulator"
)

// Of a thousand payments, so many are of a kind.
const (
	loadHostFaults = 5  // an amount that the demo world's host does something wrong at
	loadStrangers  = 40 // for a number that cannot be paid
	loadPoor       = 60 // by a card without the money
	loadWrongPINs  = 80 // with a wrong PIN before the right one
	loadCancelled  = 20 // where the payer says no to the name
	loadUndone     = 40 // of the approved ones: undone by the clerk
)

// Figures of the load.
const (
	loadMaxFen     = 50_000
	loadPauseLeast = 2 * time.Millisecond
	loadPauseMost  = 32 * time.Millisecond
	// loadPatience is the pause after 91: who hears that the bank cannot be reached does not try again at once.
	loadPatience = 300 * time.Millisecond
	// loadPoorCard has 1.00 yuan and loadPoorFen more than it has.
	loadPoorCard = "6225880000000019"
	loadPoorFen  = 101
)

// slip is an approved receipt as the terminal keeps it.
type slip struct {
	Terminal  string `json:"terminal"`
	Batch     string `json:"batch"`
	STAN      string `json:"stan"`
	RRN       string `json:"rrn"`
	AmountFen int64  `json:"amount_fen"`
	Undone    bool   `json:"undone"` // the switch has taken over the undo
}

// tillTally is what a till saw. Attempts counts what its people began, by how it ended for them.
type tillTally struct {
	Approved int `json:"approved"`
	Refused  int `json:"refused"`
	Unknown  int `json:"unknown"`
	Undone   int `json:"undone"` // by the clerk, among the approved
	Cuts     int `json:"cuts"`   // of its power
	lineTally
}

// till is a terminal with the people at it. One goroutine at a time works there; cut may come from any other.
type till struct {
	config emulator.Config
	card   string
	chance *rand.Rand

	power    atomic.Pointer[power]
	terminal *emulator.Terminal
	last     []byte          // newest debit as it was sent
	slips    map[string]slip // every receipt the terminal ever kept, by batch and trace number
	away     bool            // the host, at the last payment
	owes     string          // why settle gave up; "": the terminal owes nothing
	tally    tillTally
}

// openTill takes a terminal up where its state file left it.
func openTill(ctx context.Context, c emulator.Config, card string, chance *rand.Rand) (*till, error) {
	t := &till{config: c, card: card, chance: chance, slips: make(map[string]slip)}
	t.config.Dial = t.dial
	return t, t.open(ctx)
}

// open may have to wait for the state file: a program that is being started has every open file for a moment.
func (t *till) open(ctx context.Context) (err error) {
	t.power.Store(newPower(ctx, t.config.StateFile))
	t.terminal, err = openTerminal(ctx, t.config)
	return err
}

func (t *till) dial(ctx context.Context, addr string) (net.Conn, error) {
	p := t.power.Load()
	if p.off.Load() {
		return nil, net.ErrClosed
	}
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, err
	}
	return &faultyLine{Conn: conn, power: p, chance: t.chance, last: &t.last, tally: &t.tally.lineTally}, nil
}

// cut takes the till's power away; false: it had none. The till comes back by itself.
func (t *till) cut() bool { return t.power.Load().cut() }

// close ends the till, when nobody works there any more. It may be called again.
func (t *till) close() error {
	if t.terminal == nil {
		return nil
	}
	t.power.Load().cancel()
	err := t.terminal.Close()
	t.terminal = nil
	return err
}

// work pays until stop is closed or ctx ends. The error is one that no terminal should ever meet.
func (t *till) work(ctx context.Context, stop <-chan struct{}) error {
	pause := time.NewTimer(0)
	defer pause.Stop()
	for {
		select {
		case <-stop:
			return nil
		case <-ctx.Done():
			return nil
		case <-pause.C:
		}
		if err := errors.Join(t.serve(), t.harvest(ctx)); err != nil {
			return fmt.Errorf("terminal %s: %w", t.config.TerminalID, err)
		}
		pause.Reset(t.pause())
	}
}

// pause is how long the next customer lets the till wait.
func (t *till) pause() time.Duration {
	most := loadPauseMost
	if t.away {
		most = loadPatience
	}
	return loadPauseLeast + time.Duration(t.chance.Int64N(int64(most-loadPauseLeast)))
}

// serve is one customer.
func (t *till) serve() error {
	ctx := t.power.Load().ctx
	payment, people := t.next()
	r, err := t.terminal.Pay(ctx, payment, people)
	var failed *emulator.Error
	if err != nil && !errors.As(err, &failed) {
		return err
	}
	t.away = r.Code == "91"
	switch r.Outcome {
	case emulator.Refused:
		t.tally.Refused++
	case emulator.Unknown:
		t.tally.Unknown++
	case emulator.Approved:
		t.tally.Approved++
		return t.regret(ctx, r)
	}
	return nil
}

// regret has the clerk undo some of what was approved.
func (t *till) regret(ctx context.Context, r emulator.Receipt) error {
	if t.chance.IntN(1000) >= loadUndone {
		return nil
	}
	t.tally.Undone++
	var failed *emulator.Error
	if err := t.terminal.Undo(ctx, emulator.UndoRequest{STAN: r.STAN, Batch: r.Batch}); err != nil && !errors.As(err, &failed) {
		return err
	}
	return nil // an undo that was not acknowledged is owed, and goes before the next payment
}

// next makes up a customer.
func (t *till) next() (emulator.Payment, *customer) {
	p := emulator.Payment{Payee: demoPayee, Payer: demoPayer, AmountFen: 1 + t.chance.Int64N(loadMaxFen), Card: emulator.SwipedCard(t.card, "3012")}
	if p.AmountFen > 9800 && p.AmountFen < 9809 { // the host's faults come by a share of their own
		p.AmountFen = demoFen
	}
	c := &customer{says: t.chance.IntN(1000) >= loadCancelled}
	if t.chance.IntN(1000) < loadWrongPINs {
		c.wrong = 1
	}
	switch n := t.chance.IntN(1000); {
	case n < loadHostFaults:
		faults := []int64{9801, 9803, 9804, 9805, 9806, 9807, 9808}
		p.AmountFen = faults[t.chance.IntN(len(faults))]
	case n < loadHostFaults+loadStrangers:
		p.Payee = demoStranger
	case n < loadHostFaults+loadStrangers+loadPoor:
		p.AmountFen += loadPoorFen
		p.Card = emulator.SwipedCard(loadPoorCard, "3012")
	}
	return p, c
}

// customer is the clerk and the holder under load.
type customer struct {
	says  bool // to the name
	wrong int  // how many PINs are wrong before the right one
}

// ConfirmName says what the customer says.
func (c *customer) ConfirmName(context.Context, emulator.Inquiry) (bool, error) { return c.says, nil }

// PIN is wrong as often as the customer is.
func (c *customer) PIN(_ context.Context, try int) (string, error) {
	if try <= c.wrong {
		return demoWrongPIN, nil
	}
	return demoPIN, nil
}

// Show displays nothing.
func (c *customer) Show(string, string) {}

// harvest notes the receipts before the terminal drops the oldest, and brings a terminal back that lost its power.
func (t *till) harvest(ctx context.Context) error {
	receipts, p := t.terminal.Receipts(), t.power.Load()
	if p.off.Load() { // what it holds in memory may not be what it will wake up with
		t.tally.Cuts++
		if err := errors.Join(t.terminal.Close(), p.restore(), t.open(ctx)); err != nil {
			return err
		}
		receipts = t.terminal.Receipts()
	}
	for _, r := range receipts {
		t.slips[r.Batch+r.STAN] = slip{Terminal: r.Terminal, Batch: r.Batch, STAN: r.STAN, RRN: r.RRN, AmountFen: r.AmountFen, Undone: r.Undone}
	}
	return nil
}

// settle sends the undo that the terminal owes until the switch has acknowledged it, or gives up when ctx ends: then
// owes says which, and why.
func (t *till) settle(ctx context.Context) error {
	again := time.NewTicker(100 * time.Millisecond)
	defer again.Stop()
	for {
		if err := t.harvest(ctx); err != nil || t.terminal.Status().UndoOwed == "" {
			t.owes = ""
			return err
		}
		err := t.terminal.Undo(ctx, emulator.UndoRequest{})
		if err == nil {
			continue
		}
		select {
		case <-ctx.Done():
			t.owes = fmt.Sprintf("the undo of %s: %v", t.terminal.Status().UndoOwed, err)
			return nil
		case <-again.C:
		}
	}
}

// load is all tills at work.
type load struct {
	tills  []*till
	stop   chan struct{}
	work   sync.WaitGroup
	failed chan error // has room for one of each till
}

// startLoad puts the tills to work.
func startLoad(ctx context.Context, tills []*till) *load {
	l := &load{tills: tills, stop: make(chan struct{}), failed: make(chan error, len(tills))}
	for _, t := range tills {
		l.work.Go(func() {
			if err := t.work(ctx, l.stop); err != nil {
				l.failed <- err
			}
		})
	}
	return l
}

// err is the first that a till met; nil while all work.
func (l *load) err() error {
	select {
	case err := <-l.failed:
		return err
	default:
		return nil
	}
}

// finish lets every till end the payment it is at.
func (l *load) finish() error {
	close(l.stop)
	l.work.Wait()
	return l.err()
}
