package store

import (
	"crypto/hmac"
	"encoding/binary"
	"errors"
	"fmt"

	acquirer "example.com/ringback/switch"
)

// ErrChain says that the journal's history is not the one that was written: a step or the end of a chain was altered or
// is missing. [Audit] finds out what and where.
var ErrChain = errors.New("the journal's chain is broken")

var errNoEnd = fmt.Errorf("its end is missing: %w", ErrChain)

// theLane is the chain that SQLite's one writer adds to. An engine with several lanes gives each a chain of its own.
const theLane = 0

// sum is what is kept of HMAC-SHA-256.
type sum = [16]byte

// The labels that keep the uses of the chain's key apart: the same cells under another label have another sum.
const (
	labelStep     = "step"
	labelHead     = "head"
	labelFixed    = "fixed"
	labelMoved    = "moved"
	labelReversal = "reversal"

	labelOperation    = "operation"
	labelOperationEnd = "operation end"
	labelNotice       = "notice"

	labelSettlement  = "settlement"
	labelDiscrepancy = "discrepancy"
	labelResolution  = "resolution"
	labelPayout      = "payout"
)

// begin starts a keyed hash over cells: columns as the engine holds them. No two lists of cells are written the same way.
func (k *keyedHash) begin(label string) *hashState {
	s := k.states.Get().(*hashState)
	s.buf = append(append(s.buf[:0], label...), 0)
	return s
}

// end returns what begin began.
func (k *keyedHash) end(s *hashState) sum {
	defer k.states.Put(s)
	return s.sum(s.buf)
}

func (s *hashState) int(v int64) {
	s.buf = binary.BigEndian.AppendUint64(append(s.buf, 'i'), uint64(v))
}

func (s *hashState) text(v string) {
	s.buf = append(binary.BigEndian.AppendUint32(append(s.buf, 's'), uint32(len(v))), v...)
}

func (s *hashState) blob(v []byte) {
	if v == nil {
		s.buf = append(s.buf, 'n')
		return
	}
	s.buf = append(binary.BigEndian.AppendUint32(append(s.buf, 'b'), uint32(len(v))), v...)
}

// cells writes cells behind their kinds.
func (s *hashState) cells(cells []any) {
	for _, c := range cells {
		switch v := c.(type) {
		case nil:
			s.blob(nil)
		case int64:
			s.int(v)
		case string:
			s.text(v)
		case []byte:
			s.blob(v)
		default: // no column of ours holds it
			s.buf = append(s.buf, 'x')
			s.text(fmt.Sprint(v))
		}
	}
}

// fixedSum hashes what no move changes in a row of txn: the cells of fixedColumns.
func (k *keyedHash) fixedSum(fixed []any) sum {
	s := k.begin(labelFixed)
	s.cells(fixed)
	return k.end(s)
}

// movedSum hashes the rest of the row: the cells of movedColumns.
func (k *keyedHash) movedSum(id acquirer.ID, moved []any) sum {
	s := k.begin(labelMoved)
	s.int(int64(id))
	s.cells(moved)
	return k.end(s)
}

// reversalSum hashes what [DB.Reschedule] changes in a queued reversal.
func (k *keyedHash) reversalSum(id, tries, due int64, hostCode string) sum {
	s := k.begin(labelReversal)
	s.int(id)
	s.int(tries)
	s.int(due)
	s.text(hostCode)
	return k.end(s)
}

// noticeSum hashes a notice that has been worked on: the cells of noticeColumns but for the last.
func (k *keyedHash) noticeSum(cells []any) sum {
	s := k.begin(labelNotice)
	s.cells(cells)
	return k.end(s)
}

// cellsSum hashes a row under a label of its own.
func (k *keyedHash) cellsSum(label string, cells []any) sum {
	s := k.begin(label)
	s.cells(cells)
	return k.end(s)
}

// head is the end of a chain: a row of the table chain. The zero value but for its chain is one without a step.
type head struct {
	chain   int64
	seq     int64
	txn     int64
	version int64
	hash    sum
}

// seal is the keyed hash that goes with a head into its row.
func (k *keyedHash) seal(h head) sum {
	s := k.begin(labelHead)
	for _, v := range [...]int64{h.chain, h.seq, h.txn, h.version} {
		s.int(v)
	}
	s.blob(h.hash[:])
	return k.end(s)
}

// link is a step that is not in a chain yet.
type link struct {
	cells  []any  // of stepColumns
	before []byte // moved_sum of the row as the mover found it; nil for the first step
}

// follow returns the head after a step. Its hash covers the row as the mover found it too: what was altered in a row
// cannot pass into the history with the next move.
func (k *keyedHash) follow(h head, l link) head {
	next := head{chain: h.chain, seq: h.seq + 1, txn: number(l.cells[stepTxn]), version: number(l.cells[stepVersion])}
	s := k.begin(labelStep)
	s.blob(h.hash[:])
	s.int(next.chain)
	s.int(next.seq)
	s.blob(l.before)
	s.cells(l.cells)
	next.hash = k.end(s)
	return next
}

// scan reads the columns of readHead, whose seal must be good, and more behind them.
func (h *head) scan(row scanner, k *keyedHash, more ...any) error {
	var hash, mac []byte
	if err := row.Scan(append([]any{&h.chain, &h.seq, &h.txn, &h.version, &hash, &mac}, more...)...); err != nil {
		return err
	}
	if len(hash) != len(h.hash) {
		return fmt.Errorf("its end has no hash: %w", ErrChain)
	}
	h.hash = sum(hash)
	if want := k.seal(*h); !hmac.Equal(want[:], mac) {
		return fmt.Errorf("its end was altered: %w", ErrChain)
	}
	return nil
}
