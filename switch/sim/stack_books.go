package sim

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"example.com/ringback/provider/mockhost"
	"example.com/ringback/spec/cups"
	"example.com/ringback/spec/pos"
	"example.com/ringback/store"
	acquirer "example.com/ringback/switch"
)

// stackBooks are the four books of a run, read when all is over: the journal, the host's ledger, what the terminals
// hold, and what went over the lines.
type stackBooks struct {
	rows    []*acquirer.Transaction
	steps   map[acquirer.ID][]acquirer.Step
	notices map[acquirer.ID][]acquirer.Notice
	queue   []acquirer.Reversal
	totals  mockhost.Totals
	entries map[string]*stackEntry // by host key
}

// stackEntry is what the host's ledger says of one host key.
type stackEntry struct {
	Kind string `json:"t"` // as the ledger log has it: debit, refused, reversal, unknown
	Key  string `json:"key"`
	PAN  string `json:"pan"`
	Fen  int64  `json:"fen"`
	RRN  string `json:"rrn"`
}

// held reports whether the host holds the payer's money.
func (e *stackEntry) held() bool { return e != nil && e.Kind == "debit" }

// readBooks reads all books.
func (s *stack) readBooks() (*stackBooks, error) {
	b := &stackBooks{steps: make(map[acquirer.ID][]acquirer.Step), notices: make(map[acquirer.ID][]acquirer.Notice),
		entries: make(map[string]*stackEntry)}
	var err error
	if b.totals, err = s.host.close(); err != nil {
		return nil, err
	}
	db, err := store.Open(context.Background(), store.Config{Path: s.database(), Vault: s.module})
	if err != nil {
		return nil, err
	}
	if err := errors.Join(b.readJournal(db), db.Close()); err != nil {
		return nil, err
	}
	return b, b.readLedger(s.host.dir)
}

// stackAll is more rows than a run makes.
const stackAll = 1_000_000

func (b *stackBooks) readJournal(db *store.DB) (err error) {
	ctx := context.Background()
	if b.rows, err = db.List(ctx, store.Filter{Limit: stackAll}); err != nil {
		return err
	}
	for _, t := range b.rows {
		if b.steps[t.ID], err = db.Steps(ctx, t.ID); err != nil {
			return err
		}
		if b.notices[t.ID], err = db.Notices(ctx, t.ID); err != nil {
			return err
		}
	}
	b.queue, err = db.Reversals(ctx)
	return err
}

// readLedger reads the host's own log: one record a line, a checksum in front of it.
func (b *stackBooks) readLedger(dir string) error {
	text, err := os.ReadFile(filepath.Join(dir, "ledger.log"))
	if err != nil {
		return err
	}
	for line := range bytes.Lines(text) {
		_, record, _ := bytes.Cut(bytes.TrimSpace(line), []byte(" "))
		var e stackEntry
		if err := json.Unmarshal(record, &e); err != nil {
			return fmt.Errorf("ledger log: %w", err)
		}
		switch {
		case e.Kind == "reversal" && b.entries[e.Key] != nil:
			b.entries[e.Key].Kind = e.Kind
		case e.Kind == "debit" || e.Kind == "refused" || e.Kind == "unknown":
			b.entries[e.Key] = &e
		}
	}
	return nil
}

// entry is what the host says of a row; nil: it never saw it.
func (b *stackBooks) entry(t *acquirer.Transaction) *stackEntry {
	return b.entries[stackHostKey(t)]
}

// stackHostKey is a row's key as the host's ledger writes it; "" for a row that was never to be sent.
func stackHostKey(t *acquirer.Transaction) string {
	if t.Host == (acquirer.HostKey{}) {
		return ""
	}
	return cups.Original90("", t.Host.STAN.String(), t.Host.Time, stackInstitution, stackInstitution)
}

// stackKey names a payment as its terminal does.
func stackKey(terminal string, batch int, stan string) string {
	return fmt.Sprintf("%s %06d/%s", terminal, batch, stan)
}

func stackKeyOf(t *acquirer.Transaction) string {
	return stackKey(string(t.Key.Terminal), t.Key.Batch, t.Key.STAN.String())
}

// debits counts the different debits that left the terminals.
func (s *stack) debits() int {
	seen := make(map[string]bool)
	for _, f := range s.log.frames {
		if f.pipe[0] != 't' || len(f.bytes) < 2 {
			continue
		}
		head, err := pos.Peek(f.bytes[2:])
		if err == nil && string(head.MTI[:]) == pos.MTIDebit {
			seen[string(head.Terminal[:])+string(head.Batch[:])+string(head.STAN[:])] = true
		}
	}
	return len(seen)
}
