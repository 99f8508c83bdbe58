package acquirer

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// fuse lets so many things happen and then ends the process: before the thing of number at is done, or right behind it.
type fuse struct {
	mu    sync.Mutex
	n, at int // at 0: never
	after bool
	dead  bool
}

var errDead = errors.New("the process is dead")

func (f *fuse) pass() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.dead {
		return errDead
	}
	f.n++
	if f.n != f.at {
		return nil
	}
	f.dead = true
	if f.after {
		return nil
	}
	return errDead
}

// clearinghouse is the host's side of settlement: its own list, its own totals, its own money.
type clearinghouse struct {
	fuse  *fuse
	mu    sync.Mutex
	lines map[Date][]ClearingLine
	spoil func([]ClearingLine) []ClearingLine // what the file has instead of the list; nil: the same
	paid  map[RRN]Payout                      // what was paid, or could not be
	times map[RRN]int                         // how often money went to the payee
	told  map[RRN]bool
	close map[PAN]ResponseCode // cards that cannot be credited

	cutOff     error
	late       bool // the list is not out yet
	silent     bool // never answers totals
	cuts       int
	reconciled []bool // whole of each
	orders     []PayoutOrder
}

func newClearinghouse() *clearinghouse {
	return &clearinghouse{fuse: &fuse{}, lines: map[Date][]ClearingLine{}, paid: map[RRN]Payout{},
		times: map[RRN]int{}, told: map[RRN]bool{}, close: map[PAN]ResponseCode{}}
}

func (h *clearinghouse) RequestCutOff(context.Context) error {
	h.cuts++
	return errors.Join(h.cutOff, h.fuse.pass())
}

func (h *clearinghouse) Reconcile(_ context.Context, date Date, totals SettlementTotals, whole bool) (Reconciliation, error) {
	if err := h.fuse.pass(); err != nil {
		return Reconciliation{}, err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.reconciled = append(h.reconciled, whole)
	if h.silent {
		return Reconciliation{}, ErrUnknown
	}
	own := totalsOf(h.lines[date])
	if own != totals {
		return Reconciliation{Balance: OutOfBalance, Totals: &own}, nil
	}
	if whole {
		for _, l := range h.lines[date] {
			undone := slices.ContainsFunc(h.lines[date], func(o ClearingLine) bool { return o.Reversal && o.Original == l.Host })
			if !l.Reversal && !undone {
				h.pay(RRN(l.RRN), l.Amount, l.Host, PAN{})
			}
		}
	}
	return Reconciliation{Balance: InBalance}, nil
}

// pay pays a debit once, whatever asks for it.
func (h *clearinghouse) pay(rrn RRN, amount Fen, original HostKey, card PAN) ResponseCode {
	if old, done := h.paid[rrn]; done && old.paid() {
		return CodeApproved
	}
	code := h.close[card]
	h.paid[rrn] = Payout{RRN: rrn, Amount: amount, Date: DateOf(time.Now()), Debit: original, Card: card, Code: code}
	if code == "" {
		h.times[rrn]++
		return CodeApproved
	}
	return code
}

func (h *clearinghouse) PayOut(_ context.Context, o PayoutOrder) (ResponseCode, error) {
	if err := h.fuse.pass(); err != nil {
		return "", err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.orders = append(h.orders, o)
	return h.pay(o.Transaction.RRN(), o.Transaction.Amount, o.Transaction.Host, o.Card), nil
}

func totalsOf(lines []ClearingLine) (t SettlementTotals) {
	for _, l := range lines {
		t.add(l.kind(), l.Amount)
	}
	return t
}

// list is the host's detail file of a date.
func (h *clearinghouse) list(d Date) ClearingFile {
	lines := slices.Clone(h.lines[d])
	if h.spoil != nil {
		lines = h.spoil(lines)
	}
	sum := sha256.New()
	for _, l := range lines {
		_, _ = sum.Write(fmt.Appendf(nil, "%v %s %d %v|", l.Host, l.Card.Reveal(), l.Amount, l.Reversal))
	}
	return ClearingFile{Name: "IND", Date: d, Hash: [32]byte(sum.Sum(nil)), Count: int64(len(lines)), Totals: totalsOf(lines),
		Lines: func(yield func(ClearingLine, error) bool) {
			for _, l := range lines {
				if !yield(l, nil) {
					return
				}
			}
		}}
}

// settleDay is a world with a clearinghouse that has debited what it was asked to.
type settleDay struct {
	*world
	house *clearinghouse
	date  Date
	steps []string
}

func newDay(t testing.TB) *settleDay {
	d := &settleDay{house: newClearinghouse(), date: DateOf(time.Now())}
	d.world = newWorld(t)
	d.net.authorize = func(_ context.Context, r AuthorizationRequest) (Authorization, error) {
		x := r.Transaction
		d.house.lines[d.date] = append(d.house.lines[d.date], ClearingLine{MTI: "0200", Processing: "400000", Code: CodeApproved, Host: x.Host, Card: x.Card, Amount: x.Amount,
			Terminal: x.Key.Terminal, RRN: string(x.RRN())})
		return Authorization{Code: "00", AuthCode: "A12345", SettleDate: d.date.F15(), At: time.Now()}, nil
	}
	d.net.reverse = func(_ context.Context, r Reversal, x *Transaction) (ResponseCode, error) {
		d.house.lines[d.date] = append(d.house.lines[d.date], ClearingLine{MTI: "0420", Reversal: true, Host: r.Host, Original: x.Host, Card: x.Card,
			Amount: x.Amount, Terminal: x.Key.Terminal, RRN: string(x.RRN())})
		return CodeApproved, nil
	}
	d.mem.before = func(string, State) {
		if d.house.fuse.pass() != nil {
			d.mem.mu.Lock()
			d.mem.broken = errDead
			d.mem.mu.Unlock()
		}
	}
	d.live()
	return d
}

// live begins a new life of the switch's process on the same journal.
func (d *settleDay) live() {
	d.mem.broken = nil
	c := d.Config
	c.Settlement = SettlementConfig{Ledger: d.mem, Centre: d.house, Orders: d.house,
		Progress: func(_ Date, s string) { d.steps = append(d.steps, s) }}
	d.Switch = New(c)
}

// pay makes a debit; confirmed: its terminal has spoken for it.
func (d *settleDay) pay(t testing.TB, stan STAN, amount Fen, confirmed bool) *Transaction {
	t.Helper()
	x, err := d.Debit(t.Context(), d.request(t, stan, amount), nothing)
	require.NoError(t, err)
	require.Equal(t, Approved, x.State)
	if confirmed {
		next := x.copied()
		next.Confirmed = true
		require.NoError(t, d.mem.Move(t.Context(), x, next, Change{At: time.Now()}))
		x = next
	}
	return x
}

// undo has a debit undone by its terminal and by the host.
func (d *settleDay) undo(t testing.TB, x *Transaction) {
	t.Helper()
	_, err := d.Undo(t.Context(), UndoRequest{Terminal: d.term, Batch: 7, STAN: x.Key.STAN, Amount: x.Amount, Reason: "98"})
	require.NoError(t, err)
	if d.now(t, x).State == Reversing {
		for _, r := range d.mem.queue {
			require.NoError(t, d.reverse(t.Context(), r))
		}
		require.Equal(t, Reversed, d.now(t, x).State)
	}
}

// run asks for a settlement and runs it.
func (d *settleDay) run(t testing.TB) *SettlementReport {
	t.Helper()
	require.NoError(t, d.try(t))
	rep, err := ReportSettlement(t.Context(), d.mem, d.date, d.mem, d.Limits.Witness)
	require.NoError(t, err)
	return rep
}

func (d *settleDay) try(t testing.TB) error {
	time.Sleep(time.Second)
	if len(d.house.lines[d.date]) > 0 && !d.house.late {
		if err := d.Clearing(t.Context(), d.house.list(d.date)); err != nil {
			return err
		}
	}
	st, err := AskSettlement(t.Context(), d.mem, d.date, time.Now())
	if err != nil {
		return err
	}
	return d.settle(t.Context(), st)
}

// tell has the host say what it paid, each twice.
func (d *settleDay) tell(t testing.TB) error {
	var rrns []RRN
	for rrn := range d.house.paid {
		rrns = append(rrns, rrn)
	}
	slices.SortFunc(rrns, func(a, b RRN) int { return strings.Compare(string(a), string(b)) })
	for _, rrn := range rrns {
		for range 2 {
			if code, err := d.PaidOut(t.Context(), d.house.paid[rrn]); err != nil || code != CodeApproved {
				return fmt.Errorf("answered %s: %w", code, err)
			}
		}
	}
	return nil
}

func (d *settleDay) now(t testing.TB, x *Transaction) *Transaction {
	t.Helper()
	n, err := d.mem.Get(t.Context(), x.ID)
	require.NoError(t, err)
	return n
}

func (d *settleDay) notices(x *Transaction, k NoticeKind) (n int) {
	for _, o := range d.mem.notices {
		if o.Transaction == x.ID && o.Kind == k {
			n++
		}
	}
	return n
}
