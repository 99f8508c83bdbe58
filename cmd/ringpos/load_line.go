package main

import (
	"context"
	"errors"
	"io/fs"
	"math/rand/v2"
	"net"
	"os"
	"slices"
	"sync/atomic"

	"example.com/ringback/spec/pos"
)

// power is the supply of one terminal: cut ends the terminal as pulling its plug would, in the middle of whatever it
// does. What is on its disk at that moment is what it will wake up with.
//
// No lock is needed for this to be exact. A terminal makes durable what it is about to send, then sends. A frame that
// found the power on was therefore in the file before cut read it; one that did not find it on never left.
type power struct {
	ctx    context.Context // of everything the terminal does
	cancel context.CancelFunc
	file   string // the terminal's state
	off    atomic.Bool
	taken  chan struct{} // closed when state and err are set
	state  []byte        // nil: there was no file yet
	err    error
}

func newPower(ctx context.Context, file string) *power {
	p := &power{file: file, taken: make(chan struct{})}
	p.ctx, p.cancel = context.WithCancel(ctx)
	return p
}

// cut ends the terminal; false: it has no power already.
func (p *power) cut() bool {
	if !p.off.CompareAndSwap(false, true) {
		return false
	}
	p.state, p.err = os.ReadFile(p.file)
	if errors.Is(p.err, fs.ErrNotExist) {
		p.state, p.err = nil, nil
	}
	close(p.taken)
	p.cancel()
	return true
}

// restore puts the state back that was on the disk when the power went: what the terminal wrote later it never wrote.
func (p *power) restore() error {
	<-p.taken
	switch {
	case p.err != nil:
		return p.err
	case p.state == nil:
		return ignoreMissing(os.Remove(p.file))
	}
	return os.WriteFile(p.file, p.state, 0o600)
}

func ignoreMissing(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// Of a thousand debits, so many meet a fault of the line.
const (
	lineRepeats = 40 // sent twice in a row
	lineLosses  = 20 // sent, and the connection lost behind it
	lineReplays = 20 // sent again before a later message, whatever became of it
)

// lineTally counts the faults of a line.
type lineTally struct {
	Repeats int `json:"repeats"`
	Losses  int `json:"losses"`
	Replays int `json:"replays"`
}

// faultyLine is a terminal's connection. It repeats, loses and replays debits by chance, and is dead without power. Only
// the goroutine that works as the terminal may write.
type faultyLine struct {
	net.Conn
	power  *power
	chance *rand.Rand
	last   *[]byte // the terminal's newest debit, which outlives the connection
	tally  *lineTally
}

// Write sends one frame, and what the line makes of it.
func (l *faultyLine) Write(frame []byte) (int, error) {
	if l.power.off.Load() {
		return 0, net.ErrClosed
	}
	out := slices.Clone(frame)
	debit := isDebit(frame)
	switch {
	case debit && l.meets(lineRepeats):
		out = append(out, frame...)
		l.tally.Repeats++
	case !debit && *l.last != nil && l.meets(lineReplays):
		out = append(slices.Clone(*l.last), frame...)
		l.tally.Replays++
	}
	if _, err := l.Conn.Write(out); err != nil {
		return 0, err
	}
	if !debit {
		return len(frame), nil
	}
	*l.last = slices.Clone(frame)
	if l.meets(lineLosses) {
		l.tally.Losses++
		return len(frame), l.Close()
	}
	return len(frame), nil
}

// meets decides by chance, in a thousand.
func (l *faultyLine) meets(share int) bool { return l.chance.IntN(1000) < share }

// isDebit reports whether a frame, with its length, is a 0200.
func isDebit(frame []byte) bool {
	m, err := pos.Unpack(frame[2:])
	return err == nil && m.MTI() == pos.MTIDebit
}
