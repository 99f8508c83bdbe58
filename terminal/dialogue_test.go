package terminal

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"example.com/ringback/spec/pos"
	acquirer "example.com/ringback/switch"
)

// dialogue is two terminals that have the right keys and are otherwise led by a script of the fuzzer: what they send gets
// past the MAC and meets the flows.
type dialogue struct {
	*world
	t      *testing.T
	pipes  *pipes
	c      *client
	tills  [2]*till
	script []byte

	unanswered int // frames in a row
}

// till is one of them.
type till struct {
	*device
	tokens [5]string // the last of each amount
	last   []byte    // request
}

// fates are what the host does with a debit, by amount.
var fates = []struct {
	f4     string
	answer func() (acquirer.Authorization, error)
}{
	{"000000001000", func() (a acquirer.Authorization, err error) { a.Code = "00"; return }},
	{"000000001001", func() (a acquirer.Authorization, err error) { a.Code = "51"; return }},
	{"000000001002", func() (a acquirer.Authorization, err error) { a.Code = "96"; return }},
	{"000000001003", func() (a acquirer.Authorization, err error) { err = acquirer.ErrUnknown; return }},
	{"000000001004", func() (a acquirer.Authorization, err error) { err = acquirer.ErrNotSent; return }},
}

func answerByAmount(_ context.Context, r acquirer.AuthorizationRequest) (acquirer.Authorization, error) {
	for _, f := range fates {
		if f.f4 == r.Transaction.Amount.F4() {
			return f.answer()
		}
	}
	return acquirer.Authorization{Code: "00"}, nil
}

// FuzzDialogue plays scripts of sound, repeated, altered and senseless requests of two terminals against a live server
// over the real flows, in virtual time, and looks after each answer at what became of the money.
func FuzzDialogue(f *testing.F) {
	const signOn, inquire, debit, undo, again, set, flip, manage = 0, 1, 2, 3, 4, 5, 6, 7
	for _, script := range [][]byte{
		{inquire, 1, 0, debit, 2, 0, debit, 2, 0, undo, 2, 0, debit, 2, 0},
		{inquire, 1, 3, debit, 2, 3, undo, 2, 0, again, 0, 0},
		{inquire | 8, 1, 0, debit | 8, 2, 0, debit, 2, 0x80, signOn | 8, 0, 0, undo | 8, 2, 0},
		{undo, 3, 0, inquire, 1, 0, debit, 3, 0, debit, 4, 0, debit, 5, 0},
		{inquire, 1, 1, debit, 2, 1, debit, 3, 1, inquire, 4, 4, debit, 5, 4, again, 0, 0},
		{inquire, 1, 2, debit, 2, 0x42, manage, 0, 0, debit, 2, 2, signOn, 1, 0, signOn, 2, 0, manage, 1, 0},
		{inquire, 1, 0, set, 33, 5, 'P', 'E', '0', '1', '1', set, 60, 3, '7', '2', '0', flip, 40, 3, set, 62, 0},
	} {
		f.Add(script)
	}
	f.Fuzz(func(t *testing.T, script []byte) {
		if len(script) > 300 {
			return
		}
		synctest.Test(t, func(t *testing.T) {
			w, p, c, first := bubble(t)
			w.net.authorize = answerByAmount
			second := w.newDevice(t, "10000004")
			second.signOn(c, pos.NetSignOn)
			d := &dialogue{world: w, pipes: p, t: t, c: c, tills: [2]*till{{device: first}, {device: second}}, script: script}
			for len(d.script) > 0 {
				d.step()
			}
			d.requireSound()
		})
	})
}

// take reads n bytes of the script, zeros behind its end.
func (d *dialogue) take(n int) []byte {
	out := make([]byte, n)
	copy(out, d.script)
	d.script = d.script[min(n, len(d.script)):]
	return out
}

// step sends one request and judges what comes back.
func (d *dialogue) step() {
	b := d.take(3)
	till, other := d.tills[b[0]>>3&1], d.tills[1-b[0]>>3&1]
	stan, amount := 1+int(b[1]%6), int(b[2]%5)
	f4 := fields{4: fates[amount].f4}
	switch b[0] & 7 {
	case 0:
		d.exchange(till, till.manage(pos.MTISignOn, []string{pos.NetSignOn, pos.NetSignOnTrack, pos.NetSignOnDES}[b[1]%3], nil))
	case 1:
		d.exchange(till, till.inquiry(stan, f4))
	case 2:
		tokens := []string{till.tokens[amount], other.tokens[amount], "made up"}
		d.exchange(till, till.debit(stan, tokens[int(b[2]>>6)%3], f4))
	case 3:
		d.exchange(till, till.undo(stan, f4))
	case 4:
		d.exchange(till, till.last)
	case 5:
		d.exchange(till, till.altered(2+int(b[1]%63), d.take(int(b[2]%64))))
	case 6:
		frame := append([]byte(nil), till.last...)
		if len(frame) > 13 {
			frame[13+int(b[1])%(len(frame)-13)] ^= 1 << (b[2] % 8)
		}
		d.exchange(till, frame)
	case 7:
		d.exchange(till, till.manage(pos.MTINetwork, []string{pos.NetEcho, pos.NetSignOff}[b[1]%2], nil))
	}
}

// altered is the last request with another value in a field, signed again; the request as it is when it cannot be
// written.
func (d *till) altered(id int, value []byte) []byte {
	if d.last == nil {
		return nil
	}
	m, err := pos.Unpack(d.last)
	if err != nil {
		return d.last
	}
	m.SetBytes(id, value)
	if len(value) == 0 {
		m.Unset(id)
	}
	frame, err := m.Pack()
	if err != nil {
		return d.last
	}
	if m.Has(64) {
		require.NoError(d.t, pos.SignFrame(frame, func(b []byte) [8]byte { return macOf(d.mak, d.algorithm, b) }))
	}
	return frame
}

// exchange sends a request and takes what is answered until the line is quiet.
func (d *dialogue) exchange(from *till, frame []byte) {
	if frame == nil {
		return
	}
	from.last = frame
	d.c.send(frame)
	d.unanswered++
	for {
		err := d.c.nc.SetReadDeadline(time.Now().Add(time.Second))
		var answer []byte
		if err == nil {
			answer, err = pos.ReadFrame(d.c.nc, nil)
		}
		switch {
		case err == nil:
			d.unanswered = 0
			d.judge(answer)
		case errors.Is(err, os.ErrDeadlineExceeded):
			return
		default:
			d.again(err)
			return
		}
	}
}

// again connects anew when the switch has closed: for frames that it could not read, and for nothing else.
func (d *dialogue) again(err error) {
	require.True(d.t, errors.Is(err, io.EOF) || errors.Is(err, io.ErrClosedPipe), "%v", err)
	require.GreaterOrEqual(d.t, d.unanswered, 3)
	d.c, d.unanswered = d.pipes.dial(d.t), 0
}

// judge compares an answer with the journal, and has its terminal take over what it brings.
func (d *dialogue) judge(answer []byte) {
	m, err := pos.Unpack(answer)
	require.NoError(d.t, err)
	require.True(d.t, m.Has(39) && m.Has(41))
	for _, till := range d.tills {
		if till.id == m.Get(41) && m.Get(39) == "00" {
			d.believe(till, m, answer)
		}
	}
}

func (d *dialogue) believe(till *till, m *pos.Message, answer []byte) {
	switch m.MTI() {
	case pos.MTISignOnResponse:
		keys, err := pos.ParseWorkKeys(m.Bytes(62))
		require.NoError(d.t, err)
		till.pik, err = keys.PIK.Open(till.tmk)
		require.NoError(d.t, err)
		till.mak, err = keys.MAK.Open(till.tmk)
		require.NoError(d.t, err)
		till.batch = m.Get(60)[2:8]
	case pos.MTIInquiryResponse:
		till.requireSigned(answer)
		for i, f := range fates {
			if f.f4 == m.Get(4) {
				till.tokens[i] = till.element(m, pos.TagToken)
			}
		}
	case pos.MTIDebitResponse:
		till.requireSigned(answer)
		require.Equal(d.t, acquirer.Approved, d.row(m).State)
	case pos.MTIReversalResponse:
		till.requireSigned(answer)
		require.Contains(d.t, []acquirer.State{acquirer.Reversing, acquirer.Declined, acquirer.Tombstone}, d.row(m).State)
	}
}

// row is the journal's row that an answer is about.
func (d *dialogue) row(m *pos.Message) acquirer.Transaction {
	for _, r := range d.mem.all() {
		if string(r.Key.Terminal) == m.Get(41) && r.Key.STAN.String() == m.Get(11) && fmt.Sprintf("%06d", r.Key.Batch) == m.Get(60)[2:8] {
			return r
		}
	}
	d.t.Fatalf("%s: no row of %s", m.MTI(), m.Get(11))
	return acquirer.Transaction{}
}

// requireSound compares the journal with what the host was sent.
func (d *dialogue) requireSound() {
	require.Zero(d.t, d.Stats().Panics)
	sent := map[acquirer.ID]int{}
	for _, r := range d.net.sent() {
		sent[r.Transaction.ID]++
	}
	keys, tokens := map[acquirer.TerminalKey]bool{}, map[acquirer.TokenID]bool{}
	for _, r := range d.mem.all() {
		require.False(d.t, keys[r.Key], "two rows of one key")
		keys[r.Key] = true
		require.NotEqual(d.t, acquirer.Sent, r.State)
		require.LessOrEqual(d.t, sent[r.ID], 1, "debited twice")
		if r.State == acquirer.Approved {
			require.Equal(d.t, 1, sent[r.ID])
			require.Equal(d.t, acquirer.CodeApproved, r.HostCode)
		}
		if r.Token != (acquirer.TokenID{}) && r.State != acquirer.Declined {
			require.False(d.t, tokens[r.Token], "two debits of one confirmation")
			tokens[r.Token] = true
		}
		delete(sent, r.ID)
	}
	require.Empty(d.t, sent, "sent without a row")
}
