package store

import (
	"fmt"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	acquirer "example.com/ringback/switch"
)

// cpu returns the processor time that the process has used.
func cpu(b *testing.B) time.Duration {
	var u syscall.Rusage
	require.NoError(b, syscall.Getrusage(syscall.RUSAGE_SELF, &u))
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkPayments measures a payment's two durable writes, Open and Move with a notice, at so many payers at once.
func BenchmarkPayments(b *testing.B) {
	for _, payers := range []int{1, 16, 64, 256} {
		b.Run(fmt.Sprint(payers), func(b *testing.B) {
			db := openNew(b)
			rows := make([]*acquirer.Transaction, b.N)
			for i := range rows {
				rows[i] = debit(b, db, noon)
			}
			var next atomic.Int64
			var group sync.WaitGroup
			b.ResetTimer()
			before := cpu(b)
			for range payers {
				group.Go(func() {
					for i := next.Add(1) - 1; i < int64(b.N); i = next.Add(1) - 1 {
						pay(b, db, rows[i])
					}
				})
			}
			group.Wait()
			b.ReportMetric(float64(cpu(b)-before)/float64(b.N)/1e3, "cpu-us/op")
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "payments/s")
			b.ReportMetric(size(b, db)/float64(b.N), "bytes/op")
		})
	}
}

// BenchmarkNoticeMoves measures what the notice of a payment costs beside it: chosen, tried, handed, delivered.
func BenchmarkNoticeMoves(b *testing.B) {
	db := openNew(b)
	address, err := acquirer.NewAddress(acquirer.DeviceSMS, "13900139001")
	require.NoError(b, err)
	rows := make([]acquirer.Notice, b.N)
	for i := range rows {
		tx := debit(b, db, noon)
		pay(b, db, tx)
		rows[i] = acquirer.Notice{Transaction: tx.ID, Kind: acquirer.NoticeDebited, Created: noon}
	}
	b.ResetTimer()
	before, clock := size(b, db), cpu(b)
	for _, n := range rows {
		for _, change := range []func(*acquirer.Notice){
			func(n *acquirer.Notice) { n.Device, n.Address, n.Due = acquirer.DeviceSMS, address, noon },
			func(n *acquirer.Notice) { n.Tries++ },
			func(n *acquirer.Notice) { n.State, n.Sent, n.Receipt = acquirer.NoticeHanded, noon, "0000000012AB34CD" },
			func(n *acquirer.Notice) { n.State, n.Detail = acquirer.NoticeDelivered, "DELIVRD" },
		} {
			next := n
			change(&next)
			require.NoError(b, db.MoveNotice(b.Context(), &n, &next))
			n = next
		}
	}
	b.ReportMetric(float64(cpu(b)-clock)/float64(b.N)/1e3, "cpu-us/op")
	b.ReportMetric((size(b, db)-before)/float64(b.N), "bytes/op")
}

// size is that of the file with what is still in the WAL.
func size(b *testing.B, db *DB) float64 {
	var pages int
	require.NoError(b, db.read.QueryRow("PRAGMA page_count").Scan(&pages))
	return float64(pages) * 4096
}

// pay writes one payment. It may run on any goroutine.
func pay(tb testing.TB, db *DB, tx *acquirer.Transaction) {
	if err := db.Open(tb.Context(), tx, acquirer.Change{At: noon, Event: acquirer.EventSend}); err != nil {
		tb.Error(err)
		return
	}
	next := *tx
	next.State, next.Code, next.Answered, next.AuthCode = acquirer.Approved, "00", noon, "A12345"
	c := acquirer.Change{At: noon, Event: acquirer.EventApprove,
		Notices: []acquirer.Notice{{Transaction: tx.ID, Kind: acquirer.NoticeDebited, Created: noon}}}
	if err := db.Move(tb.Context(), tx, &next, c); err != nil {
		tb.Error(err)
	}
}

func BenchmarkGet(b *testing.B) {
	db := openNew(b)
	tx := debit(b, db, noon)
	pay(b, db, tx)
	b.Run("Get", func(b *testing.B) {
		for b.Loop() {
			_, err := db.Get(b.Context(), tx.ID)
			require.NoError(b, err)
		}
	})
	b.Run("Find", func(b *testing.B) {
		for b.Loop() {
			_, err := db.Find(b.Context(), tx.Key)
			require.NoError(b, err)
		}
	})
}

func BenchmarkFingerprint(b *testing.B) {
	db := openNew(b)
	tx := debit(b, db, noon)
	b.ReportAllocs()
	for b.Loop() {
		db.Fingerprint(tx.Amount, tx.PayeeNumber, tx.Payer, tx.Card)
	}
}

// BenchmarkPayee looks up numbers among 100,000 payees: one that somebody has and one that nobody has.
func BenchmarkPayee(b *testing.B) {
	db := openNew(b)
	card := pan(b, "6217000000000000012")
	const payees = 100_000
	var group sync.WaitGroup
	for part := range maxBatch {
		group.Go(func() {
			for i := part; i < payees; i += maxBatch {
				p := acquirer.Payee{Number: msisdn(b, fmt.Sprintf("138%08d", i)), Name: "王小明", Card: card, Status: acquirer.PayeeActive}
				if _, err := db.AddPayee(b.Context(), p); err != nil {
					b.Error(err)
				}
			}
		})
	}
	group.Wait()
	for name, prefix := range map[string]string{"hit": "138", "miss": "139"} {
		b.Run(name, func(b *testing.B) {
			i := 0
			for b.Loop() {
				_, err := db.PayeeByNumber(b.Context(), msisdn(b, fmt.Sprintf("%s%08d", prefix, i%payees)))
				require.Equal(b, name == "hit", err == nil)
				i += 7919
			}
		})
	}
	b.Run("ref", func(b *testing.B) {
		i := 0
		for b.Loop() {
			_, err := db.PayeeByRef(b.Context(), acquirer.PayeeRef{ID: acquirer.PayeeID(i%payees + 1), CardVersion: 1})
			require.NoError(b, err)
			i += 7919
		}
	})
}
