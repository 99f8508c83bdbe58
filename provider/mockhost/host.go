package mockhost

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"example.com/ringback/spec"
)

// ErrClosed is what Serve returns after Shutdown or Close.
var ErrClosed = errors.New("mock host is closed")

// Host is one UnionPay host. Its methods may be called by any goroutine.
type Host struct {
	cfg     Config
	journal *journal
	ledger  *ledger
	keys    *keyring
	chance  *chance
	trace   atomic.Uint32 // F11 of the host's own messages
	delayed chan struct{} // a token for each answer held back
	pokes   chan struct{} // a token: something is owed to a member
	telling sync.Once
	cutting atomic.Bool   // a member has asked for a cut-off, and it runs
	filing  chan struct{} // held, by a token, by whoever writes detail files

	stop    chan struct{} // closed when nothing new may begin
	running sync.WaitGroup

	mu        sync.Mutex
	stopped   bool
	err       error          // what broke the host, if anything did
	listeners []net.Listener // in the order in which they came, as links
	links     []*link
	notices   []*notice
}

// Open checks the configuration and replays the log in cfg.Dir. It starts
// nothing. The host holds the log, locked, until Shutdown or Close.
//
// The error is ErrConfig, ErrLog, or that of the file system.
func Open(cfg Config) (*Host, error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	h := &Host{
		cfg: cfg, ledger: newLedger(), keys: newKeyring(cfg.ZMK),
		chance:  newChance(cfg.Faults, cfg.Seed),
		delayed: make(chan struct{}, MaxDelayed),
		pokes:   make(chan struct{}, 1),
		filing:  make(chan struct{}, 1),
		stop:    make(chan struct{}),
	}
	book := opening{host: h, check: checkValue(cfg.ZMK)}
	file, err := openLog(cfg.Dir, book.apply)
	if err != nil {
		return nil, err
	}
	h.journal = newJournal(file)
	h.ledger.journal, h.keys.journal, h.chance.journal = h.journal, h.journal, h.journal
	if err := book.finish(cfg.Accounts); err != nil {
		return nil, errors.Join(err, h.journal.close())
	}
	h.misbehave()
	h.ledger.resume(time.Now())
	return h, nil
}

// misbehave gives the ledger its faults.
func (h *Host) misbehave() {
	_, h.ledger.wrongTotals = findFault(h.cfg.ClearingFaults, FileTotals)
	if h.cfg.PayoutsRefused > 0 {
		h.ledger.refusePayout = func(key string) bool {
			return fraction(fmt.Appendf(nil, "%d/payout/%s", h.cfg.Seed, key)) < h.cfg.PayoutsRefused
		}
	}
}

// startClock begins, once, what the host does by itself: to tell members what they are owed, and to end the day.
func (h *Host) startClock() {
	h.telling.Do(func() {
		h.goes(h.tell)
		if h.cfg.CutoffAt > 0 {
			h.goes(func() { h.runClock(h.cfg.CutoffAt) })
		}
	})
}

// opening is the state of a replay.
type opening struct {
	host  *Host
	check string // check value of the master key
	begun bool
}

func (o *opening) apply(r record) error {
	switch {
	case !o.begun:
		o.begun = true
		if r.Kind != kindOpen || r.Version != logVersion {
			return fmt.Errorf("%w: not a log of edition %d", ErrLog, logVersion)
		}
		if r.Check != o.check {
			return fmt.Errorf("%w: written under another zone master key", ErrLog)
		}
		return nil
	case r.Kind == kindOffer || r.Kind == kindKey:
		return o.host.keys.apply(r)
	case r.Kind == kindAttempt:
		return o.host.chance.apply(r)
	}
	return o.host.ledger.apply(r)
}

// finish makes an empty log a begun one and adds the accounts it lacks.
func (o *opening) finish(accounts []Account) error {
	j := o.host.journal
	if !o.begun {
		j.append(record{Kind: kindOpen, At: millis(time.Now()), Version: logVersion, Check: o.check})
	}
	if err := o.host.ledger.adopt(accounts); err != nil {
		return err
	}
	return j.wait(j.latest())
}

// checkValue is the check value of the master key, six hex digits.
func checkValue(zmk []byte) string {
	value := spec.CheckValue(zmk)
	return strings.ToUpper(hex.EncodeToString(value[:3]))
}

// Ledger returns what the ledger holds, once all of it is durable. The error is
// that of the log.
func (h *Host) Ledger() (Totals, error) {
	totals, b := h.ledger.totals()
	return totals, h.journal.wait(b)
}

// Serve accepts links until Shutdown or Close and then returns ErrClosed, or
// what broke the host. It may be called for several listeners; it closes l.
// Errors of accept are taken for passing ones unless l is closed.
func (h *Host) Serve(l net.Listener) error {
	if !h.addListener(l) {
		return errors.Join(ErrClosed, l.Close())
	}
	h.startClock()
	wait := minBackoff
	for {
		conn, err := l.Accept()
		switch {
		case err == nil:
			wait = minBackoff
			h.serveConn(conn)
		case h.isStopped():
			return h.cause()
		case errors.Is(err, net.ErrClosed):
			return fmt.Errorf("accept links: %w", err)
		default:
			h.cfg.Log.Warn().Err(err).Msg("accept failed")
			h.pause(wait)
			wait = min(2*wait, maxBackoff)
		}
	}
}

// Shutdown stops accepting and reading, lets the answers that are ready go out,
// drops those held back, and closes the log. When ctx ends first, it closes the
// links at once and returns the error of ctx.
func (h *Host) Shutdown(ctx context.Context) error {
	h.beginStop(nil)
	idle := make(chan struct{})
	go func() {
		h.running.Wait()
		close(idle)
	}()
	var err error
	select {
	case <-idle:
	case <-ctx.Done():
		err = ctx.Err()
		h.closeLinks()
		<-idle
	}
	return errors.Join(err, h.journal.close())
}

// Close is Shutdown without patience: answers on their way may be lost. Nothing
// that was answered is.
func (h *Host) Close() error {
	h.beginStop(nil)
	h.closeLinks()
	return h.Shutdown(context.Background())
}

// fail ends the host because it can keep no promise any more.
func (h *Host) fail(err error) {
	h.cfg.Log.Error().Err(err).Msg("host ends")
	h.beginStop(err)
	h.closeLinks()
}

func (h *Host) beginStop(cause error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.stopped {
		return
	}
	h.stopped, h.err = true, cause
	close(h.stop)
	for _, l := range h.listeners {
		if err := l.Close(); err != nil {
			h.cfg.Log.Debug().Err(err).Msg("close listener")
		}
	}
	for _, l := range h.links {
		l.stopReading()
	}
}

func (h *Host) closeLinks() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, l := range h.links {
		l.closeConn()
	}
}

func (h *Host) addListener(l net.Listener) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.stopped {
		h.listeners = append(h.listeners, l)
	}
	return !h.stopped
}

func (h *Host) isStopped() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.stopped
}

// cause is why Serve ends.
func (h *Host) cause() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.err != nil {
		return h.err
	}
	return ErrClosed
}

// pause waits, but not beyond the end of the host.
func (h *Host) pause(d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-h.stop:
		return false
	}
}

// goes runs f as a goroutine that Shutdown waits for; not if the host has stopped.
func (h *Host) goes(f func()) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.stopped {
		return false
	}
	h.running.Go(f)
	return true
}
