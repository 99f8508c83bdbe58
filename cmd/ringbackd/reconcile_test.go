package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"example.com/ringback/provider"
	"example.com/ringback/spec/clearing"
	"example.com/ringback/store"
	acquirer "example.com/ringback/switch"
	"example.com/ringback/switch/hsm"
)

// The reconciliation's benchmark has two processes, so that one is measured whose memory holds nothing but a settlement: the
// first makes a store with the debits of a date and the host's list, the second settles it and says what it took.

const (
	reconcileEnv       = "RINGBACK_RECONCILE" // the folder; set: this is the second process
	reconcileTerminals = 1_000
	reconcilePayers    = 256
	reconcileLive      = 50 * time.Millisecond // between two live payments meanwhile
)

// reconciled is what the second process says.
type reconciled struct {
	Wall, CPU, Staged, Compared time.Duration
	Peak                        int64 // bytes
	Live                        []time.Duration
	Note                        string
}

// BenchmarkReconcile settles a date whose payments all agree, one operation a payment: the host's file is verified, staged,
// compared and told to the host, and every payment is Settled and has its payout.
func BenchmarkReconcile(b *testing.B) {
	r := newReconciliation(b, b.TempDir(), b.N)
	b.ResetTimer()
	child := exec.Command(os.Args[0], "-test.run=^TestReconcileProcess$", "-test.v")
	if profile := os.Getenv("RINGBACK_PROFILE"); profile != "" {
		child.Args = append(child.Args, "-test.cpuprofile="+profile)
	}
	child.Env = append(os.Environ(), reconcileEnv+"="+r.dir)
	out, err := child.CombinedOutput()
	require.NoError(b, err, "%s", out)
	b.StopTimer()
	var took reconciled
	text, err := os.ReadFile(filepath.Join(r.dir, "took.json"))
	require.NoError(b, err)
	require.NoError(b, json.Unmarshal(text, &took))
	n := float64(b.N)
	b.ReportMetric(float64(took.CPU.Microseconds())/n, "cpu-us/op")
	b.ReportMetric(took.Staged.Seconds(), "staged-s")
	b.ReportMetric(took.Compared.Seconds(), "compared-s")
	b.ReportMetric(took.Wall.Seconds(), "wall-s")
	b.ReportMetric(took.CPU.Seconds(), "cpu-s")
	b.ReportMetric(float64(took.Peak)/(1<<20), "peak-MiB")
	slices.Sort(took.Live)
	b.ReportMetric(float64(took.Live[len(took.Live)/2].Microseconds())/1e3, "live-p50-ms")
	b.ReportMetric(float64(took.Live[len(took.Live)*99/100].Microseconds())/1e3, "live-p99-ms")
	b.ReportMetric(float64(took.Live[len(took.Live)-1].Microseconds())/1e3, "live-max-ms")
}

// reconciliation is a store, the host's list and the date.
type reconciliation struct {
	dir   string
	date  acquirer.Date
	begin time.Time
	db    *store.DB
	card  acquirer.PAN
}

func openReconciliation(tb testing.TB, dir string) *reconciliation {
	master, err := hsm.LoadMasterKey(filepath.Join(dir, "master.key"))
	require.NoError(tb, err)
	db, err := store.Open(tb.Context(), store.Config{Path: filepath.Join(dir, "switch.db"), Vault: hsm.New(master)})
	require.NoError(tb, err)
	date := acquirer.DateOf(time.Now()).Before()
	card, err := acquirer.ParsePAN("6225880000000000019")
	require.NoError(tb, err)
	return &reconciliation{dir: dir, date: date, begin: date.Time(), db: db, card: card}
}

func newReconciliation(tb testing.TB, dir string, n int) *reconciliation {
	_, err := initialise(dir, false)
	require.NoError(tb, err)
	r := openReconciliation(tb, dir)
	rows := make([]acquirer.HostKey, n+1)
	var next atomic.Int64
	var group sync.WaitGroup
	for range reconcilePayers {
		group.Go(func() {
			for i := next.Add(1) - 1; i < int64(n); i = next.Add(1) - 1 {
				if err := r.pay(tb.Context(), r.begin.Add(time.Duration(i)*80*time.Millisecond), rows); err != nil {
					tb.Error(err)
				}
			}
		})
	}
	group.Wait()
	heard := map[acquirer.TerminalID]time.Time{}
	for i := range reconcileTerminals {
		heard[terminalOf(int64(i))] = time.Now()
	}
	require.NoError(tb, r.db.SaveHeard(tb.Context(), heard))
	require.NoError(tb, r.db.Close())
	require.NoError(tb, r.list(rows[1:]))
	return r
}

func terminalOf(n int64) acquirer.TerminalID {
	return acquirer.TerminalID(strconv.FormatInt(10_000_000+n%reconcileTerminals, 10))
}

// fenOf is the amount of the n-th payment of the date.
func fenOf(n int64) acquirer.Fen { return acquirer.Fen(100 + n%9_900) }

// pay writes one approved payment in the two writes of its flow; in rows goes what the host's list says of it, by its number.
func (r *reconciliation) pay(ctx context.Context, at time.Time, rows []acquirer.HostKey) error {
	id, err := r.db.NewID(at)
	if err != nil {
		return err
	}
	payer, err := acquirer.ParseMSISDN("13900139001")
	if err != nil {
		return err
	}
	n := id.Sequence()
	t := &acquirer.Transaction{ID: id, State: acquirer.Sent, Key: acquirer.TerminalKey{Date: id.Date(), Merchant: "898110000000001",
		Terminal: terminalOf(n), Batch: int(id.Date() % 100_000), STAN: acquirer.STAN(1 + n/reconcileTerminals)},
		Amount: fenOf(n), Payer: payer, PayeeNumber: payer, Payee: acquirer.PayeeRef{ID: acquirer.PayeeID(1 + n%10_000), CardVersion: 1},
		PayeeName: "王*明", Card: r.card, Expiry: "3012", EntryMode: "021", Host: acquirer.HostKey{Time: acquirer.HostTime(at), STAN: id.STAN()},
		Deadline: at.Add(30 * time.Second), Opened: at}
	for i := range 8 {
		t.Token[i] = byte(id >> (8 * i))
	}
	if rows != nil {
		rows[n] = t.Host
	}
	if err := r.db.Open(ctx, t, acquirer.Change{At: at, Event: acquirer.EventSend}); err != nil {
		return err
	}
	next := *t
	next.State, next.Code, next.HostCode, next.Answered, next.AuthCode = acquirer.Approved, "00", "00", at.Add(time.Second), "A12345"
	next.SettleDate = r.date.F15()
	return r.db.Move(ctx, t, &next, acquirer.Change{At: at, Event: acquirer.EventApprove})
}

// list writes the host's detail file.
func (r *reconciliation) list(rows []acquirer.HostKey) (err error) {
	if err := os.MkdirAll(filepath.Join(r.dir, "clearing"), 0o700); err != nil {
		return err
	}
	file, err := os.Create(filepath.Join(r.dir, "clearing", clearing.Name{Date: r.date.Time(), Batch: "01"}.String()))
	if err != nil {
		return err
	}
	out := bufio.NewWriter(file)
	var line []byte
	for i, key := range rows {
		n := int64(i + 1)
		record := clearing.Record{Acquirer: "48021000", Forwarder: "48021000", Trace: fmt.Sprintf("%06d", int(key.STAN)), Time: key.Time,
			Card: clearing.NewPAN(r.card.Reveal()), Amount: int64(fenOf(n)), MTI: "0200", Processing: "400000", MerchantType: "5411",
			Terminal: string(terminalOf(n)), Merchant: "898110000000001", Reference: string(acquirer.NewID(r.date, n).RRN()),
			Condition: "00", AuthCode: "A12345", Receiver: "01020000", Response: "00", EntryMode: "021", Issuer: "01020000"}
		if line, err = record.Append(line[:0], clearing.Short); err != nil {
			return err
		}
		if _, err := out.Write(append(line, '\n')); err != nil {
			return err
		}
	}
	if err := out.Flush(); err != nil {
		return err
	}
	return file.Close()
}

// agreeing is a host that agrees.
type agreeing struct{}

func (agreeing) RequestCutOff(context.Context) error { return nil }
func (agreeing) Reconcile(context.Context, acquirer.Date, acquirer.SettlementTotals, bool) (acquirer.Reconciliation, error) {
	return acquirer.Reconciliation{Balance: acquirer.InBalance}, nil
}

// TestReconcileProcess is the second process of BenchmarkReconcile.
func TestReconcileProcess(t *testing.T) {
	dir := os.Getenv(reconcileEnv)
	if dir == "" {
		t.Skip("runs for BenchmarkReconcile only")
	}
	r := openReconciliation(t, dir)
	var took reconciled
	begun := time.Now()
	sw := acquirer.New(acquirer.Config{Journal: r.db, Directory: r.db, Witnesses: r.db,
		Settlement: acquirer.SettlementConfig{Ledger: r.db, Centre: agreeing{}, Progress: func(_ acquirer.Date, text string) {
			if strings.Contains(text, " lines of ") { // the last time counts
				took.Staged = time.Since(begun)
			}
			if strings.HasPrefix(text, "totals:") && took.Compared == 0 {
				took.Compared = time.Since(begun)
			}
		}}})
	_, err := acquirer.AskSettlement(t.Context(), r.db, r.date, begun)
	require.NoError(t, err)
	ctx, stop := context.WithCancel(t.Context())
	var group sync.WaitGroup
	for _, run := range []func(context.Context) error{sw.Run, (&provider.DropFolder{Dir: filepath.Join(dir, "clearing"), Books: sw,
		Log: zerolog.Nop(), Limits: provider.Limits{FilePoll: 100 * time.Millisecond, FileStill: 200 * time.Millisecond}}).Run,
		func(ctx context.Context) (err error) { took.Live, err = r.live(ctx); return err }} {
		group.Go(func() { require.NoError(t, run(ctx)) })
	}
	st := r.await(t)
	took.Wall, took.Note = time.Since(begun), st.Note
	stop()
	group.Wait()
	took.CPU, took.Peak = spent(t)
	r.check(t, st)
	require.NoError(t, r.db.Close())
	text, err := json.Marshal(took)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "took.json"), text, 0o600))
}

// await waits for the end of the run that has the host's list.
func (r *reconciliation) await(t *testing.T) *acquirer.SettlementDay {
	for tick := time.NewTicker(50 * time.Millisecond); ; <-tick.C {
		st, err := r.db.Settlement(t.Context(), r.date)
		require.NoError(t, err)
		if !st.Owed() && st.Note != acquirer.AwaitsFile {
			return st
		}
	}
}

// live makes payments on today's date until ctx ends and returns how long the writes of each took.
func (r *reconciliation) live(ctx context.Context) (took []time.Duration, err error) {
	for tick := time.NewTicker(reconcileLive); ; {
		begun := time.Now()
		today := *r
		today.date = acquirer.DateOf(begun)
		if err := today.pay(context.WithoutCancel(ctx), begun, nil); err != nil {
			return nil, err
		}
		took = append(took, time.Since(begun))
		select {
		case <-tick.C:
		case <-ctx.Done():
			return took, nil
		}
	}
}

// check proves that everything was settled, to the fen.
func (r *reconciliation) check(t *testing.T, st *acquirer.SettlementDay) {
	require.Equal(t, acquirer.InBalance, st.Balance, st.Note)
	require.True(t, st.Whole)
	require.Equal(t, st.Theirs, st.Ours)
	require.Equal(t, st.Lines, st.Ours.Debits.Count)
}

// spent returns the processor time and the greatest resident memory of this process.
func spent(t *testing.T) (cpu time.Duration, peak int64) {
	var u syscall.Rusage
	require.NoError(t, syscall.Getrusage(syscall.RUSAGE_SELF, &u))
	status, err := os.ReadFile("/proc/self/status")
	require.NoError(t, err)
	_, after, _ := strings.Cut(string(status), "VmHWM:")
	kib, err := strconv.ParseInt(strings.Fields(after)[0], 10, 64)
	require.NoError(t, err)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano()), kib << 10
}
