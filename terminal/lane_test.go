package terminal

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"example.com/ringback/spec/pos"
	acquirer "example.com/ringback/switch"
)

// A thousand terminals on one connection, all at once: each answer has the TPDU, header, F11 and F41 of its request.
func TestThousandTerminals(t *testing.T) {
	w := newWorld(t)
	const n = 1000
	frames := make([][]byte, n)
	devices := make(map[string]*device, n)
	for i := range n {
		id := fmt.Sprintf("2000%04d", i)
		w.register(t, id, "898110000000001", demo[0].tmk, "", false, acquirer.Profile{MAC: acquirer.MACECB})
		term := w.mem.terminals[acquirer.TerminalID(id)]
		term.Session = acquirer.Session{Batch: 1, SignedOn: true, MAK: acquirer.KeyBlock{Usage: acquirer.UsageMAK, Blob: id + id}}
		w.mem.terminals[term.ID] = term
		d := w.newDevice(t, id)
		d.mak, d.batch = []byte(id+id), "000001"
		d.envelope.TPDU = [5]byte{0x60, byte(i >> 8), byte(i), byte(i), byte(i >> 8)}
		d.envelope.Header[5] = byte(i)
		devices[id], frames[i] = d, d.inquiry(i, nil)
	}
	c := dial(t, w.listen(t))
	var wg sync.WaitGroup
	defer wg.Wait()
	wg.Go(func() { c.send(frames...) })
	for range n {
		frame := c.read()
		m, err := pos.Unpack(frame)
		require.NoError(t, err)
		d := devices[m.Get(41)]
		require.NotNil(t, d, "an answer twice, or to nobody")
		delete(devices, m.Get(41))
		d.requireSigned(frame)
		require.Equal(t, "00", m.Get(39))
		require.Equal(t, d.envelope.Answer(0), m.Envelope())
		require.Equal(t, d.id[2:], m.Get(11))
	}
}

// Messages of one terminal are handled in the order they came, whatever connection they came on; others pass.
func TestOrderPerTerminal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, p, c, d := bubble(t)
		gate := make(chan struct{})
		var mu sync.Mutex
		var order []acquirer.TerminalID
		w.mem.lookUp = func(id acquirer.TerminalID) {
			if id == "10000001" {
				<-gate
			}
			mu.Lock()
			order = append(order, id)
			mu.Unlock()
		}
		second := p.dial(t)
		for i := range 10 { // by turns on two connections
			[]*client{c, second}[i%2].send(d.inquiry(i, nil))
			synctest.Wait()
		}
		other := w.newDevice(t, "10000004")
		require.Equal(t, "00", second.ask(other.manage(pos.MTISignOn, pos.NetSignOn, nil)).Get(39))
		close(gate)
		for i := range 10 {
			m := []*client{c, second}[i%2].receive()
			require.Equal(t, fmt.Sprintf("%06d", i), m.Get(11))
		}
		require.Equal(t, acquirer.TerminalID("10000004"), order[0])
		require.Len(t, order, 11)
		synctest.Wait()
		require.Empty(t, w.lanes.waiting, "an empty lane is gone")
	})
}

// An undo behind a debit that waits at the host is handled while it waits; the debit is then told 98.
func TestUndoOvertakes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, _, c, d := bubble(t)
		host := newHeld()
		w.net.authorize = host.answer
		token := d.token(c, 10)
		c.send(d.debit(11, token, nil), d.undo(11, nil))
		<-host.entered
		m := c.receive()
		require.Equal(t, []string{"0410", "00"}, []string{m.MTI(), m.Get(39)})
		require.True(t, w.mem.all()[0].UndoWanted)
		close(host.release)
		m = c.receive()
		require.Equal(t, []string{"0210", "98"}, []string{m.MTI(), m.Get(39)})
		require.Equal(t, acquirer.Reversing, w.mem.all()[0].State)
	})
}

// A repeat on another connection shares the answer of the debit in flight, and holds up nothing either.
func TestRepeatInFlight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, p, c, d := bubble(t)
		host := newHeld()
		w.net.authorize = host.answer
		second := p.dial(t)
		token := d.token(c, 10)
		c.send(d.debit(11, token, nil))
		<-host.entered
		d.envelope.TPDU = [5]byte{0x60, 1, 2, 3, 4}
		second.send(d.debit(11, token, nil))
		synctest.Wait()
		require.Equal(t, "00", c.ask(d.inquiry(12, nil)).Get(39), "the lane goes on")
		require.Equal(t, "94", c.ask(d.debit(11, token, fields{4: "000000000001"})).Get(39))
		close(host.release)
		one, two := c.read(), second.read()
		require.Equal(t, []byte{0x60, 3, 4, 1, 2}, two[:5])
		require.Equal(t, one[5:], two[5:])
		require.Len(t, w.net.sent(), 1)
	})
}

// No answer of the host in 30 s: 98.
func TestHostSilent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, _, c, d := bubble(t)
		w.net.authorize = newHeld().answer
		c.send(d.debit(11, d.token(c, 10), nil))
		begin := time.Now()
		require.Equal(t, "98", c.receive().Get(39))
		require.Equal(t, 30*time.Second, time.Since(begin))
	})
}

// One more than all terminals together may have waiting is refused with 96 at once, whatever terminal it is of.
func TestAllPlacesTaken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, p, c, d := bubble(t, func(w *world) { w.Limits.Requests = 3 })
		gate := make(chan struct{})
		w.mem.payeeOf = func() { <-gate }
		for i := range 3 {
			c.send(d.inquiry(i, nil))
			synctest.Wait()
		}
		require.Equal(t, "96", p.dial(t).ask(w.newDevice(t, "10000004").manage("0820", "301", nil)).Get(39))
		close(gate)
		for range 3 {
			require.Equal(t, "00", c.receive().Get(39))
		}
		require.Equal(t, "00", p.dial(t).ask(w.newDevice(t, "10000004").manage("0820", "301", nil)).Get(39), "there is room again")
	})
}

// One more than the queue takes is refused with 96 at once, and nothing is touched for it.
func TestFullQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, _, c, d := bubble(t, func(w *world) { w.Limits.Queue = 32 })
		gate, busy := make(chan struct{}), true
		w.mem.payeeOf = func() {
			if busy {
				busy = false
				<-gate
			}
		}
		for i := range 33 { // one is handled, 32 wait
			c.send(d.inquiry(i, nil))
			synctest.Wait()
		}
		c.send(d.undo(500, nil))
		frame := c.read()
		d.requireSigned(frame)
		m, err := pos.Unpack(frame)
		require.NoError(t, err)
		require.Equal(t, []string{"0410", "96", "000500"}, []string{m.MTI(), m.Get(39), m.Get(11)})
		require.Empty(t, w.mem.all())
		other := w.newDevice(t, "99999999")
		require.Equal(t, "97", c.ask(other.inquiry(1, nil)).Get(39), "other lanes have room")
		close(gate)
		for i := range 33 {
			require.Equal(t, fmt.Sprintf("%06d", i), c.receive().Get(11))
		}
	})
}

func TestPanic(t *testing.T) {
	w, c, d := start(t)
	token := d.token(c, 10)
	w.mem.payeeOf = func() { panic("about 6222020000000000018") }
	m := c.ask(d.inquiry(11, nil))
	require.Equal(t, []string{"0110", "96"}, []string{m.MTI(), m.Get(39)})
	require.True(t, m.Has(64))
	w.mem.payeeOf = nil
	w.net.mu.Lock()
	w.net.authorize = func(context.Context, acquirer.AuthorizationRequest) (acquirer.Authorization, error) {
		var none []acquirer.Authorization
		return none[len(w.net.sent())], nil
	}
	w.net.mu.Unlock()
	c.send(d.debit(12, token, nil)) // at the host already: silence, so that the terminal undoes it
	m = c.ask(d.undo(12, nil))
	require.Equal(t, []string{"0410", "00"}, []string{m.MTI(), m.Get(39)})
	w.mem.lookUp = func(acquirer.TerminalID) { panic("in front of everything") }
	m = c.ask(d.inquiry(13, nil))
	require.Equal(t, "96", m.Get(39))
	requireSoon(t, func() bool { return w.Stats().Panics == 3 && w.Stats().Unanswered == 1 })
	log := w.log.String()
	require.Equal(t, 3, strings.Count(log, `"message":"panic"`))
	require.Contains(t, log, "index out of range")
	require.Contains(t, log, "(*Switch).Debit")
}
