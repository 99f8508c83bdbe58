package sim

import (
	"context"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"sync"
	"time"

	"example.com/ringback/provider/mockhost"
)

// stackHost is the mock host of a run, one life after the other on the same ledger.
type stackHost struct {
	world *stack
	dir   string
	total int64 // fen, of all accounts

	mu    sync.Mutex
	host  *mockhost.Host // nil while it is down
	serve sync.WaitGroup
	lives int64
}

func newStackHost(s *stack) *stackHost {
	return &stackHost{world: s, dir: filepath.Join(s.dir, "host")}
}

// addrs are the host's addresses, one for each link.
func (h *stackHost) addrs() []string {
	return []string{"host0:8600", "host1:8600"}[:h.world.mood.links]
}

// open starts a life of the host.
func (h *stackHost) open() error {
	zmk, err := stackZMK()
	if err != nil {
		return err
	}
	config := mockhost.Config{Dir: h.dir, ZMK: zmk, Seed: h.world.seed, SignOnRequired: true, Echo: 45*time.Second + 1,
		ForgetUnknown: h.world.forgetful}
	config.Accounts, h.total = h.world.accounts()
	if !h.world.healed.Load() {
		config.Faults = h.world.mood.host
	}
	host, err := mockhost.Open(config)
	if err != nil {
		return err
	}
	for _, addr := range h.addrs() {
		l, err := h.world.net.listen(addr)
		if err != nil {
			return errors.Join(err, host.Close())
		}
		h.serve.Go(func() { h.run(host, l) })
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.host = host
	h.lives++
	h.world.log.note(fmt.Sprintf("host begins life %d", h.lives))
	return nil
}

func (h *stackHost) run(host *mockhost.Host, l net.Listener) {
	if err := host.Serve(l); !errors.Is(err, mockhost.ErrClosed) {
		h.world.fail(fmt.Errorf("host: %w", err))
	}
}

// crash ends a life of the host: what it had written to its lines may still arrive, the rest does not.
func (h *stackHost) crash() {
	h.mu.Lock()
	host := h.host
	h.host = nil
	h.mu.Unlock()
	h.world.log.note("host dies")
	h.world.net.cut("sw.", false)
	if err := host.Close(); err != nil {
		h.world.fail(fmt.Errorf("host: %w", err))
	}
	h.serve.Wait()
}

// restart is a crash and a new life some seconds later.
func (h *stackHost) restart() {
	h.crash()
	f := h.world.fate.of("host down", h.lives)
	pause := f.between(100*time.Millisecond, 5*time.Second)
	if f.of("long", 0).chance(0.3) {
		pause = f.between(5*time.Second, 2*time.Minute)
	}
	idle(pause)
	if err := h.open(); err != nil {
		h.world.fail(err)
	}
}

// suffer crashes the host and resets its keys from time to time until end is closed.
func (h *stackHost) suffer(end <-chan struct{}) {
	for n := int64(0); ; n++ {
		f := h.world.fate.of("host trouble", n)
		timer := time.NewTimer(f.between(10*time.Second, 3*time.Minute))
		select {
		case <-end:
			timer.Stop()
			return
		case <-timer.C:
		}
		switch {
		case h.world.mood.hostCrash && f.of("kind", 0).chance(0.6):
			h.world.count.hostCrashes.Add(1)
			h.restart()
		case h.world.mood.keyReset:
			h.reset(f)
		}
	}
}

// reset has the host send a new zone key; what becomes of it is the two sides' business.
func (h *stackHost) reset(f fate) {
	kind := []mockhost.KeyKind{mockhost.KeyPIN, mockhost.KeyMAC}[f.of("key", 0).below(2)]
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second+1)
	defer cancel()
	err := h.host.ResetKey(ctx, stackInstitution, kind)
	h.world.log.note(fmt.Sprintf("host resets key %s: %s", kind, stackWord(err)))
}

// close ends the last life and returns what the ledger held.
func (h *stackHost) close() (mockhost.Totals, error) {
	totals, err := h.host.Ledger()
	err = errors.Join(err, h.host.Close())
	h.serve.Wait()
	return totals, err
}
