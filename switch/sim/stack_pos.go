package sim

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"
	"time"

	"example.com/ringback/spec/pos"
	"example.com/ringback/terminal/emulator"
)

// stackPOS is one terminal with the person at it: payments one after the other, and power cuts in between. What it
// remembers is its state file, as it was at the instant of the cut.
type stackPOS struct {
	world              *stack
	n                  int
	fate               fate
	id, merchant, card string
	file               string

	device   *emulator.Terminal
	power    *atomic.Bool // false: the device that has it does nothing any more
	frames   atomic.Int64
	debiting chan struct{}      // takes a token when a debit is sent
	receipts []emulator.Receipt // at the end
	status   emulator.Status
	paid     int
}

func newStackPOS(s *stack, n int) *stackPOS {
	id := fmt.Sprintf("%08d", 10_000_001+n)
	return &stackPOS{world: s, n: n, fate: s.fate.of("terminal", int64(n)), id: id,
		merchant: fmt.Sprintf("898110%09d", n+1), card: stackCard("622202", n), file: filepath.Join(s.dir, "pos", id+".json"),
		debiting: make(chan struct{}, 1)}
}

// name is that of the terminal's connections.
func (p *stackPOS) name() string { return fmt.Sprintf("t%02d", p.n+1) }

func (p *stackPOS) note(format string, args ...any) {
	p.world.log.note(p.name() + " " + fmt.Sprintf(format, args...))
}

// on switches the device on.
func (p *stackPOS) on() bool {
	power := &atomic.Bool{}
	power.Store(true)
	mac := []emulator.MAC{emulator.MACECB, emulator.MACX919}[p.n%2]
	device, err := emulator.Open(emulator.Config{TerminalID: p.id, MerchantID: p.merchant, TMK: p.terminalKey(), MAC: mac,
		StateFile: p.file, Addr: stackSwitchAddr, CheckNumbers: true,
		Dial: func(ctx context.Context, addr string) (net.Conn, error) {
			if !power.Load() {
				return nil, os.ErrClosed
			}
			return p.world.net.dial(ctx, p.name(), addr)
		},
		Trace: func(d emulator.Direction, frame []byte) {
			if d == emulator.Sent && power.Load() {
				p.overheard(frame)
			}
		}})
	if err != nil {
		p.world.fail(fmt.Errorf("%s: %w", p.name(), err))
		return false
	}
	p.device, p.power = device, power
	return true
}

// work makes the terminal's payments.
func (p *stackPOS) work() {
	if !p.on() {
		return
	}
	for i := range int64(p.world.payments) {
		f := p.fate.of("payment", i)
		idle(f.of("think", 0).between(time.Second, 40*time.Second))
		p.paid++
		if !p.act(f, func(ctx context.Context) { p.pay(ctx, f) }) {
			return
		}
		if !f.of("void", 0).chance(p.world.mood.void) {
			continue
		}
		idle(f.of("regret", 0).between(time.Second, 30*time.Second))
		if !p.act(f.of("undo", 0), p.void) {
			return
		}
	}
}

// act does something at the terminal, and cuts its power in the middle when fate wants it. False: it does not start
// again.
func (p *stackPOS) act(f fate, do func(context.Context)) bool {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	done := make(chan struct{})
	go func() {
		defer close(done)
		do(ctx)
	}()
	if !f.of("power", 0).chance(p.world.mood.powerCut) || p.world.healed.Load() {
		<-done
		return true
	}
	if !p.untilCut(f.of("power at", 0), done) {
		return true
	}
	return p.lose(cancel, done) && p.reboot(f)
}

// untilCut waits for the moment of a power cut: some time from now, or, as that is the worst moment, from when the next
// debit is sent. False: the terminal was through before.
func (p *stackPOS) untilCut(f fate, done <-chan struct{}) bool {
	if f.of("debit", 0).chance(0.5) {
		select {
		case <-p.debiting: // of an earlier payment
		default:
		}
		select {
		case <-done:
			return false
		case <-p.debiting:
		}
	}
	timer := time.NewTimer(f.between(time.Millisecond, []time.Duration{time.Second, time.Minute}[f.of("soon", 0).below(2)]))
	defer timer.Stop()
	select {
	case <-done:
		return false
	case <-timer.C:
		return true
	}
}

// lose takes the power away: nothing that the device does from now on counts.
func (p *stackPOS) lose(cancel context.CancelFunc, done <-chan struct{}) bool {
	p.note("loses power")
	p.world.count.powerCuts.Add(1)
	state, err := os.ReadFile(p.file)
	if errors.Is(err, os.ErrNotExist) {
		state, err = nil, nil
	}
	p.power.Store(false)
	p.world.net.cut(p.name()+"#", true)
	cancel()
	<-done
	_ = p.device.Close() // it may say that its line is cut
	p.device = nil
	err = errors.Join(err, os.RemoveAll(p.file))
	if state != nil {
		err = errors.Join(err, os.WriteFile(p.file, state, 0o600))
	}
	if err != nil {
		p.world.fail(fmt.Errorf("%s: %w", p.name(), err))
	}
	return err == nil
}

// reboot gives the power back after a while. Most terminals undo what they owe at once, some with the next payment.
func (p *stackPOS) reboot(f fate) bool {
	dark := f.of("dark", 0)
	idle(dark.between(500*time.Millisecond, []time.Duration{5 * time.Second, time.Minute}[dark.of("long", 0).below(2)]))
	p.note("is on again")
	if !p.on() {
		return false
	}
	if p.device.Status().UndoOwed != "" && dark.of("undo", 0).chance(0.7) {
		err := p.device.Undo(context.Background(), emulator.UndoRequest{})
		p.note("undoes what it owed (%s)", stackPhase(err))
	}
	return true
}

// pay is one payment.
func (p *stackPOS) pay(ctx context.Context, f fate) {
	payee := stackPayeeNumber(int(f.of("payee", 0).below(stackPayees)))
	if f.of("nobody", 0).chance(0.03) {
		payee = stackPayeeNumber(stackPayees)
	}
	payment := emulator.Payment{Payee: payee, Payer: fmt.Sprintf("1390013%04d", p.n+1),
		AmountFen: 1 + f.of("amount", 0).below(stackMaxPayment), Memo: "房租", Card: emulator.SwipedCard(p.card, stackExpiry)}
	power := p.power
	r, err := p.device.Pay(ctx, payment, stackPayer{fate: f, wrong: p.world.mood.wrongPIN})
	if power.Load() {
		p.note("paid %s: %s code %q undone %t (%s)", r.STAN, r.Outcome, r.Code, r.Undone, stackPhase(err))
	}
}

// stackPhase says where a payment ended, without the words of the network.
func stackPhase(err error) string {
	var e *emulator.Error
	if errors.As(err, &e) {
		return string(e.Phase)
	}
	return "done"
}

// void undoes the newest receipt that stands.
func (p *stackPOS) void(ctx context.Context) {
	receipts := p.device.Receipts()
	slices.Reverse(receipts)
	at := slices.IndexFunc(receipts, func(r emulator.Receipt) bool { return !r.Undone })
	if at < 0 {
		return
	}
	r, power := receipts[at], p.power
	err := p.device.Undo(ctx, emulator.UndoRequest{STAN: r.STAN, Batch: r.Batch})
	if power.Load() {
		p.note("undid %s (%s)", r.STAN, stackPhase(err))
	}
}

// settle gets rid of an undo that is still owed, once the faults are over.
func (p *stackPOS) settle() {
	for i := range int64(stackPatient) {
		if p.device == nil || p.device.Status().UndoOwed == "" {
			return
		}
		err := p.device.Undo(context.Background(), emulator.UndoRequest{})
		p.note("settles (%s)", stackPhase(err))
		idle(p.fate.of("settle", i).between(10*time.Second, 30*time.Second))
	}
}

// retire switches the terminal off and keeps what it remembers.
func (p *stackPOS) retire() {
	if p.device == nil {
		return
	}
	p.receipts, p.status = p.device.Receipts(), p.device.Status()
	if err := p.device.Close(); err != nil {
		p.world.fail(fmt.Errorf("%s: %w", p.name(), err))
	}
}

// overheard sees every frame that the terminal sends. It plays a frame again, on a connection of its own, when fate wants it: a debit or an undo that some box on
// the way held back or doubled.
func (p *stackPOS) overheard(frame []byte) {
	n := p.frames.Add(1)
	f := p.fate.of("replay", n)
	head, err := pos.Peek(frame)
	mti := string(head.MTI[:])
	if mti == pos.MTIDebit {
		select {
		case p.debiting <- struct{}{}:
		default: // nobody took the last one
		}
	}
	if err != nil || mti != pos.MTIDebit && mti != pos.MTIReversal {
		return
	}
	if !f.chance(p.world.mood.replay) || p.world.healed.Load() {
		return
	}
	p.world.count.replays.Add(1)
	wire := pos.AppendFrame(nil, slices.Clone(frame))
	p.world.zombies.Go(func() {
		soon := f.of("soon", 0).below(3)
		idle(f.between(time.Millisecond, []time.Duration{time.Second, 40 * time.Second, 3 * time.Minute}[soon]))
		p.replay(wire)
	})
}

// replay sends bytes and reads what comes for as long as a terminal would.
func (p *stackPOS) replay(wire []byte) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	conn, err := p.world.net.dial(ctx, p.name()+"r", stackSwitchAddr)
	if err != nil {
		return
	}
	defer func() { _ = conn.Close() }() // nobody waits for it
	if _, err := conn.Write(wire); err != nil {
		return
	}
	if err := conn.SetReadDeadline(time.Now().Add(emulator.DefaultAnswerTimeout)); err != nil {
		return
	}
	_, _ = pos.ReadFrame(conn, nil) // whatever it says, it is not for us
}

// stackPayer is the person who pays: takes time, confirms the name, and sometimes keys a wrong PIN first.
type stackPayer struct {
	fate  fate
	wrong float64
}

// ConfirmName implements emulator.UI.
func (u stackPayer) ConfirmName(ctx context.Context, _ emulator.Inquiry) (bool, error) {
	rest(ctx, u.fate.of("reads", 0).between(500*time.Millisecond, 10*time.Second))
	return !u.fate.of("refuses", 0).chance(0.03), ctx.Err()
}

// PIN implements emulator.UI.
func (u stackPayer) PIN(ctx context.Context, try int) (string, error) {
	rest(ctx, u.fate.of("keys", int64(try)).between(time.Second, 8*time.Second))
	if try == 1 && u.fate.of("wrong PIN", 0).chance(u.wrong) {
		return "654321", ctx.Err()
	}
	return stackPIN, ctx.Err()
}

// Show implements emulator.UI.
func (stackPayer) Show(string, string) {}
