package sim

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"example.com/ringback/provider"
	"example.com/ringback/provider/mockhost"
	"example.com/ringback/store"
	acquirer "example.com/ringback/switch"
	"example.com/ringback/terminal"
)

const (
	stackInstitution = "48020000"
	stackSwitchAddr  = "switch:8583"
	stackHostTimeout = 30*time.Second + 29   // of a debit: the product's default, and see stackLineLimits
	stackExit        = 50 * time.Millisecond // how long the end of a process takes at least
	stackDrain       = stackHostTimeout + 5*time.Second
)

// stackLife is one process of the switch, as its main wires it.
type stackLife struct {
	world *stack
	n     int64
	fate  fate
	jump  time.Duration // of the clock, against the one by which the disk was written first

	dying atomic.Bool
	dead  chan struct{} // closed: nothing of this life gets through any more
	full  atomic.Bool
	stop  context.CancelFunc

	db      *store.DB
	flows   *acquirer.Switch
	network *provider.Network
	server  *terminal.Server
	parts   sync.WaitGroup
	failed  chan error
	saved   stackSnapshot
}

func newStackLife(s *stack, n int64) *stackLife {
	l := &stackLife{world: s, n: n, fate: s.fate.of("life", n), dead: make(chan struct{}), failed: make(chan error, 3)}
	if f := l.fate.of("jump", 0); n > 1 && s.mood.jump > 0 {
		l.jump = f.between(-s.mood.jump, s.mood.jump)
	}
	if s.farBack && n > 1 {
		l.jump = -time.Duration(n) * time.Hour
	}
	return l
}

// name is that of the life's links to the host.
func (l *stackLife) name() string { return fmt.Sprintf("sw.%d/", l.n) }

// over reports whether the life is over.
func (l *stackLife) over() bool {
	select {
	case <-l.dead:
		return true
	default:
		return false
	}
}

// toDisk and fromDisk translate between this life's clock and the one of the disk.
func (l *stackLife) toDisk(t time.Time) time.Time   { return stackShift(t, l.jump) }
func (l *stackLife) fromDisk(t time.Time) time.Time { return stackShift(t, -l.jump) }

func stackShift(t time.Time, d time.Duration) time.Time {
	if t.IsZero() {
		return t
	}
	return t.Add(d)
}

// live is the life from its start to its end. When it returns, the database is closed.
func (l *stackLife) live() {
	var ctx context.Context
	ctx, l.stop = context.WithCancel(context.Background())
	defer l.stop()
	var err error
	if l.db, err = store.Open(ctx, store.Config{Path: l.world.database(), Vault: l.world.module}); err != nil {
		l.world.fail(fmt.Errorf("life %d: %w", l.n, err))
		return
	}
	l.world.log.note(fmt.Sprintf("life %d begins, clock %v off", l.n, l.jump))
	if err := l.begin(ctx); err == nil {
		l.last()
	} else if !l.dying.Load() {
		l.world.log.note(fmt.Sprintf("life %d ends at its start: %v", l.n, err))
	}
	if l.dying.Load() {
		<-l.dead
		idle(1) // whatever ran when the process died has run
	}
	l.world.zombies.Go(l.parts.Wait)
	if err := l.db.Close(); err != nil {
		l.world.fail(fmt.Errorf("life %d: %w", l.n, err))
	}
	l.saved.restore(l)
}

// begin wires the parts, takes up what the last life left, and lets terminals in.
func (l *stackLife) begin(ctx context.Context) error {
	if err := l.wire(); err != nil {
		l.world.fail(err)
		return err
	}
	if _, err := l.flows.Recover(ctx); err != nil {
		return err
	}
	listener, err := l.world.net.listen(stackSwitchAddr)
	if err != nil {
		l.world.fail(err)
		return err
	}
	l.part(func() error { return l.network.Run(ctx) })
	l.part(func() error { return l.flows.Run(ctx) })
	l.part(func() error { return l.server.Serve(listener) })
	return nil
}

// part runs a part of the switch; its failure ends the life.
func (l *stackLife) part(run func() error) {
	l.parts.Go(func() {
		if err := run(); err != nil {
			l.failed <- err
		}
	})
}

// wire makes the parts, as the program's main does.
func (l *stackLife) wire() error {
	numbers, err := acquirer.LoadNumberingPlan()
	if err != nil {
		return err
	}
	issuers, err := acquirer.LoadIssuerTable()
	if err != nil {
		return err
	}
	zmk, err := stackZMK()
	if err != nil {
		return err
	}
	block, err := l.world.module.WrapKey(acquirer.UsageZMK, acquirer.CipherTDES, acquirer.NewKey(zmk))
	if err != nil {
		return err
	}
	ports := l.ports()
	l.network = provider.New(provider.Config{Addrs: l.world.host.addrs(), Institution: stackInstitution, ZMK: block,
		HSM: l.world.module, Keys: ports, Dial: l.dial, Limits: stackLineLimits(),
		MerchantName: func(acquirer.MerchantID) string { return "SIMULATED MERCHANT" },
		Late: func(ctx context.Context, key acquirer.HostKey, a acquirer.Authorization) error {
			return l.flows.LateAnswer(ctx, key, a)
		}})
	l.flows = acquirer.New(acquirer.Config{Journal: ports, Directory: ports, HSM: l.world.module, Network: l.line(),
		Numbers: numbers, Issuers: issuers, Institution: stackInstitution, Random: rand.Reader,
		Limits: acquirer.Limits{HostTimeout: stackHostTimeout,
			Budget: acquirer.BudgetLimits{Capacity: 100, RefillPerHour: 100, Hit: 1, Miss: 4}}})
	l.server = &terminal.Server{Switch: l.flows, Institution: stackInstitution}
	return nil
}

// stackLineLimits are the product's defaults, each some nanoseconds off, so that of two timers that began together, one
// twice as long as the other, the ends do not fall into one instant.
func stackLineLimits() provider.Limits {
	return provider.Limits{Drain: stackDrain, SignOn: 15*time.Second + 3, Echo: 30*time.Second + 7, Silence: 75*time.Second + 11,
		Frame: 10*time.Second + 13, Write: 5*time.Second + 17, KeyWait: 15*time.Second + 19, OldKey: 60*time.Second + 23}
}

// ports are the gate, with a planted bug in front of it when there is one.
func (l *stackLife) ports() stackPorts {
	var ports stackPorts = &stackGate{DB: l.db, life: l}
	if l.world.plant.ports != nil {
		ports = l.world.plant.ports(l, ports)
	}
	return ports
}

// line is the network as the flows see it.
func (l *stackLife) line() acquirer.Network {
	var line acquirer.Network = &stackLine{Network: l.network, life: l}
	if l.world.plant.network != nil {
		line = l.world.plant.network(l, line)
	}
	return line
}

// stackLine keeps reversals that fall due together from leaving in the same instant, in whatever order: each takes its
// own time to be scheduled.
type stackLine struct {
	acquirer.Network
	life *stackLife
}

func (n *stackLine) Reverse(ctx context.Context, r acquirer.Reversal, t *acquirer.Transaction) (acquirer.ResponseCode, error) {
	idle(n.life.fate.of("reverse", int64(r.ID)).of("try", int64(r.Tries)).between(0, time.Millisecond))
	return n.Network.Reverse(ctx, r, t)
}

// dial opens a link to the host; a dead process opens none.
func (l *stackLife) dial(ctx context.Context, addr string) (net.Conn, error) {
	if l.over() {
		return nil, errStackDead
	}
	return l.world.net.dial(ctx, l.name()+addr, addr)
}

// last waits for the end of a life that has begun, whatever it is, and ends it.
func (l *stackLife) last() {
	var retire <-chan time.Time
	if f := l.fate.of("retire", 0); f.chance(l.world.mood.graceful) && !l.world.healed.Load() {
		timer := time.NewTimer(f.between(20*time.Second, 4*time.Minute))
		defer timer.Stop()
		retire = timer.C
	}
	select {
	case <-l.dead:
		return
	case err := <-l.failed:
		l.world.log.note(fmt.Sprintf("life %d fails: %v", l.n, err))
		if !errors.Is(err, acquirer.ErrStore) {
			l.world.fail(fmt.Errorf("life %d: %w", l.n, err))
		}
	case <-retire:
		l.world.log.note(fmt.Sprintf("life %d is told to end", l.n))
	case <-l.world.quit:
	}
	l.drain()
}

// drain ends a life as the program's main does on a signal: what was accepted is answered, the line to the host last.
func (l *stackLife) drain() {
	done := make(chan struct{})
	l.parts.Go(func() {
		defer close(done)
		wait, cancel := context.WithTimeout(context.Background(), stackDrain)
		defer cancel()
		_ = l.server.Shutdown(wait) // that it was cut short is what a deadline is for
		l.stop()
	})
	ended := make(chan struct{})
	l.world.zombies.Go(func() {
		<-done
		late := time.Now().Add(stackExit)
		l.parts.Wait()
		idle(time.Until(late)) // not in whatever instant the last part ends
		close(ended)
	})
	select {
	case <-ended:
	case <-l.dead:
	}
}

// die kills the process where it stands, an instant from now, so that all that runs now has run. It returns when the
// process is dead, with the error that nobody will see.
func (l *stackLife) die(where string) error {
	if !l.dying.Swap(true) {
		l.world.zombies.Go(func() {
			idle(1)
			l.bury(where)
		})
	}
	<-l.dead
	return errStackDead
}

// bury cuts all that the process had to do with the world.
func (l *stackLife) bury(where string) {
	l.world.count.crashes.Add(1)
	l.world.log.note(fmt.Sprintf("life %d dies %s", l.n, where))
	close(l.dead)
	l.world.net.shut(stackSwitchAddr)
	l.world.net.cut(l.name(), true)
	l.world.net.cut("t", false)
	l.stop()
	if l.server != nil {
		gone, cancel := context.WithCancel(context.Background())
		cancel()
		_ = l.server.Shutdown(gone) // it says that it was cut short
	}
}

// fill makes the disk full for the rest of the life.
func (l *stackLife) fill(where string) {
	l.world.count.full.Add(1)
	l.full.Store(true)
	l.world.log.note(fmt.Sprintf("life %d: disk full %s", l.n, where))
}

// stackZMK is the zone master key of the host's public test world.
func stackZMK() ([]byte, error) { return hex.DecodeString(mockhost.DemoZMK) }
