package provider

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	acquirer "example.com/ringback/switch"

	"example.com/ringback/spec/cups"
)

// office notes what it is told, and says what it is set to.
type office struct {
	mu      sync.Mutex
	cutOffs []string
	payouts []acquirer.Payout
	code    acquirer.ResponseCode
	err     error
}

func (o *office) CutOff(_ context.Context, date acquirer.Date, phase acquirer.CutOffPhase) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.cutOffs = append(o.cutOffs, fmt.Sprint(date, " ", phase))
	return o.err
}

func (o *office) PaidOut(_ context.Context, p acquirer.Payout) (acquirer.ResponseCode, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.payouts = append(o.payouts, p)
	return o.code, o.err
}

func withOffice(o *office) func(*Config) { return func(c *Config) { c.Settlement = o } }

var settled = acquirer.SettlementTotals{
	Debits: acquirer.Sum{Count: 3, Fen: 700}, DebitReversals: acquirer.Sum{Count: 1, Fen: 400},
}

// answerWith is a host that answers a 0520 with what change makes of the answer in balance.
func answerWith(change func(draft) draft) func(*hostLink, *cups.Message) {
	return func(l *hostLink, m *cups.Message) {
		d := answerTo(m, "0530", 7, 11, 15, 50).set(66, "1")
		encodeTotals(settled).Set(d.Message)
		l.send(l.host.sign(change(d)))
	}
}

func TestReconcile(t *testing.T) {
	for name, v := range map[string]struct {
		change func(draft) draft
		want   acquirer.Reconciliation
		err    error
	}{
		"in balance": {func(d draft) draft { return d }, acquirer.Reconciliation{Balance: acquirer.InBalance, Totals: &settled}, nil},
		"without totals": {func(d draft) draft { return unset(d, 74, 75, 76, 77, 78, 79, 80, 81, 82, 84, 86, 87, 88, 89, 97) },
			acquirer.Reconciliation{Balance: acquirer.InBalance}, nil},
		"counted as transfers": {func(d draft) draft {
			return d.set(76, "0000000000").set(77, "0000000000").set(78, "0000000003").set(79, "0000000001")
		}, acquirer.Reconciliation{Balance: acquirer.InBalance, Totals: &settled}, nil},
		"out of balance": {func(d draft) draft { return d.set(66, "2").set(88, "0000000000000800").set(97, "D0000000000000400") },
			acquirer.Reconciliation{Balance: acquirer.OutOfBalance, Totals: &acquirer.SettlementTotals{
				Debits: acquirer.Sum{Count: 3, Fen: 800}, DebitReversals: acquirer.Sum{Count: 1, Fen: 400}}}, nil},
		"refused": {func(d draft) draft { return unset(d, 74, 97).set(66, "3").set(39, "30") },
			acquirer.Reconciliation{Balance: acquirer.NoBalance, Code: "30"}, nil},
		"in balance with others": {func(d draft) draft { return d.set(88, "0000000000000701").set(97, "D0000000000000301") }, acquirer.Reconciliation{}, acquirer.ErrDisbelieved},
		"net is wrong":           {func(d draft) draft { return d.set(97, "D0000000000000301") }, acquirer.Reconciliation{}, acquirer.ErrDisbelieved},
		"no word":                {func(d draft) draft { return unset(d, 66) }, acquirer.Reconciliation{}, acquirer.ErrDisbelieved},
		"a strange word":         {func(d draft) draft { return d.set(66, "4") }, acquirer.Reconciliation{}, acquirer.ErrDisbelieved},
		"another date":           {func(d draft) draft { return d.set(15, "1123") }, acquirer.Reconciliation{}, acquirer.ErrDisbelieved},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, 1, func(t *testing.T, w *world) {
				w.host.verifications(answerWith(v.change))
				got, err := w.Reconcile(t.Context(), 20261124, settled, true)
				require.ErrorIs(t, err, v.err)
				require.Equal(t, v.want, got)
			})
		})
	}
}

func unset(d draft, ids ...int) draft {
	for _, id := range ids {
		d.Unset(id)
	}
	return d
}

// The 0520 itself, an answer under a wrong MAC, and none at all.
func TestReconcileOnTheWire(t *testing.T) {
	bubble(t, 1, func(t *testing.T, w *world) {
		w.host.verifications(func(l *hostLink, m *cups.Message) {
			l.send(answerTo(m, "0530", 7, 11, 15).set(66, "1").set(128, "00000000"))
		})
		_, err := w.Reconcile(t.Context(), 20261124, settled, true)
		require.ErrorIs(t, err, acquirer.ErrDisbelieved)
		m := w.host.received("0520")[0]
		require.Equal(t, []int{7, 11, 15, 32, 33, 50, 66, 74, 75, 76, 77, 78, 79, 80, 81, 82, 84, 86, 87, 88, 89, 97, 99, 128}, m.Fields())
		require.Equal(t, []string{"1124", institution, "0000000003", "0000000000000700", "D0000000000000300"},
			[]string{m.Get(15), m.Get(33), m.Get(76), m.Get(88), m.Get(97)})
		require.Equal(t, m.Get(128), w.host.sign(draft{m}).Get(128))

		w.host.verifications(silent)
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		_, err = w.Reconcile(ctx, 20261124, settled, true)
		require.ErrorIs(t, err, acquirer.ErrUnknown)
		require.NotErrorIs(t, err, acquirer.ErrDisbelieved)
	})
}

func TestRequestCutOff(t *testing.T) {
	bubble(t, 1, func(t *testing.T, w *world) {
		require.NoError(t, w.RequestCutOff(t.Context()))
		all := w.host.received("0820")
		require.Equal(t, "201", all[len(all)-1].Get(70))
		w.host.network(func(l *hostLink, m *cups.Message) bool {
			l.send(answerTo(m, "0830", 7, 11, 33, 70).set(39, "40"))
			return true
		})
		require.Equal(t, acquirer.CodeNotSupported, acquirer.CodeOf(w.RequestCutOff(t.Context())))
	})
	require.ErrorIs(t, newWorld(t, 1).RequestCutOff(t.Context()), acquirer.ErrNotSent)
}

// tell sends an 0820 of the host and returns the F39 of its answer.
func (w *world) tell(function, f15 string) string {
	d := draft{cups.New("0820")}
	d.SetHeader(cups.NewHeader(institution, centre))
	w.host.link(0).send(d.set(7, "1124150500").set(11, "000077").set(15, f15).set(70, function).set(100, institution))
	synctest.Wait()
	all := w.host.received("0830")
	return all[len(all)-1].Get(39)
}

func TestCutOffIsPassedOn(t *testing.T) {
	o := &office{}
	bubble(t, 1, func(t *testing.T, w *world) { // the bubble begins on 2000-01-01
		require.Equal(t, "00", w.tell("201", "0102"))
		require.Equal(t, "00", w.tell("202", "1231"))
		require.Equal(t, "30", w.tell("202", "0230"))
		o.mu.Lock()
		o.err = errors.New("no")
		o.mu.Unlock()
		require.Equal(t, "96", w.tell("202", "0103"))
		require.Equal(t, []string{"20000102 begins", "19991231 ends", "20000103 ends"}, o.cutOffs)
	}, withOffice(o))
}

func newPayout() draft {
	d := draft{cups.New("0220")}
	d.SetHeader(cups.NewHeader(institution, centre))
	return d.set(3, "290000").set(4, "000000001234").set(7, "0102120000").set(11, "000005").set(15, "0101").set(32, institution).
		set(33, institution).set(37, "000100000001").set(90, cups.Original90("0200", "000001", "0101090807", institution, institution)).
		set(100, institution).set(103, payeeCard)
}

func TestPayoutIsPassedOn(t *testing.T) {
	for name, v := range map[string]struct {
		change func(draft) draft
		code   acquirer.ResponseCode // of the office
		want   string                // F39 of the 0230; "": none
		said   acquirer.ResponseCode // what the office heard; "": nothing
	}{
		"credited":         {nil, "00", "00", "00"},
		"not credited":     {func(d draft) draft { return d.set(39, "42") }, "00", "00", "42"},
		"office says 96":   {nil, "96", "96", "00"},
		"office fails":     {nil, "", "", "00"},
		"other processing": {func(d draft) draft { return d.set(3, "470000") }, "00", "40", ""},
		"no debit":         {func(d draft) draft { return unset(d, 90) }, "00", "30", ""},
		"of no debit":      {func(d draft) draft { return d.set(90, "0420"+d.Get(90)[4:]) }, "00", "30", ""},
		"no date":          {func(d draft) draft { return d.set(15, "0230") }, "00", "30", ""},
		"no card":          {func(d draft) draft { return unset(d, 103) }, "00", "30", ""},
		"no amount":        {func(d draft) draft { return unset(d, 4) }, "00", "30", ""},
		"no RRN":           {func(d draft) draft { return d.set(37, "00010000000A") }, "00", "30", ""},
	} {
		t.Run(name, func(t *testing.T) {
			o := &office{code: v.code}
			if v.code == "" {
				o.err = errors.New("no")
			}
			bubble(t, 1, func(t *testing.T, w *world) {
				d := newPayout()
				if v.change != nil {
					d = v.change(d)
				}
				w.host.link(0).send(w.host.sign(d))
				synctest.Wait()
				answers := w.host.received("0230")
				if v.want == "" {
					require.Empty(t, answers)
				} else {
					a := answers[0]
					require.Equal(t, []string{v.want, d.Get(7), d.Get(11), d.Get(90)}, []string{a.Get(39), a.Get(7), a.Get(11), a.Get(90)})
					require.Equal(t, a.Get(128), w.host.sign(draft{a}).Get(128))
				}
				if v.said == "" {
					require.Empty(t, o.payouts)
					return
				}
				p := o.payouts[0]
				require.Equal(t, payeeCard, p.Card.Reveal())
				p.Card, p.Arrived = acquirer.PAN{}, time.Time{}
				require.Equal(t, acquirer.Payout{
					Host: acquirer.HostKey{Time: "0102120000", STAN: 5}, Date: 20000101, RRN: "000100000001",
					Debit: acquirer.HostKey{Time: "0101090807", STAN: 1}, Amount: 1234, Code: v.said,
				}, p)
			}, withOffice(o))
		})
	}
}

// One that is not the host's is answered A0 and heard by nobody; without an office none is answered at all.
func TestPayoutNotTaken(t *testing.T) {
	o := &office{code: "00"}
	bubble(t, 1, func(t *testing.T, w *world) {
		w.host.link(0).send(newPayout().set(128, "00000000"))
		synctest.Wait()
		require.Equal(t, "A0", w.host.received("0230")[0].Get(39))
		require.Empty(t, o.payouts)
	}, withOffice(o))
	bubble(t, 1, func(t *testing.T, w *world) {
		w.host.link(0).send(w.host.sign(newPayout()))
		synctest.Wait()
		require.Empty(t, w.host.received("0230"))
		require.Equal(t, uint64(1), w.Stats().Stray)
	})
}
