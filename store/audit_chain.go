package store

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"slices"
	"strings"

	acquirer "example.com/ringback/switch"
)

// everyLink is every step in the order of its chain, with how the step in front of it in its transaction left the row.
const everyLink = `SELECT ` + stepColumns + `, seq, chain, hash,
	(SELECT p.moved_sum FROM step p WHERE p.txn = step.txn AND p.version = step.version - 1)
	FROM step ORDER BY chain, seq`

// Where the cells of everyLink stand behind stepSeq.
const (
	linkChain = stepSeq + 1 + iota
	linkHash
	linkBefore
)

// everyEnd is every chain's end.
const everyEnd = `SELECT id, seq, txn, version, hash, mac FROM chain ORDER BY id`

// walk is one chain being followed.
type walk struct {
	last    head  // as the last step read says
	correct *head // what the last step should have said, when it does not
}

// chains follows every chain and compares it with its end.
func (a *auditor) chains(ctx context.Context) error {
	ends, err := a.ends(ctx)
	if err != nil {
		return err
	}
	c, err := openCursor(ctx, a.tx, everyLink)
	if err != nil {
		return err
	}
	for err == nil && c.cells != nil {
		w := walk{last: head{chain: number(c.cells[linkChain])}}
		for err == nil && c.cells != nil && number(c.cells[linkChain]) == w.last.chain {
			a.followOne(&w, c.cells)
			err = c.next()
		}
		i := slices.IndexFunc(ends, func(h head) bool { return h.chain == w.last.chain })
		if i < 0 {
			a.broken(acquirer.ID(w.last.txn), w.last.seq, "chain %d has no end", w.last.chain)
			continue
		}
		a.compareEnd(w.last, ends[i])
		ends = slices.Delete(ends, i, i+1)
	}
	for _, h := range ends {
		a.compareEnd(head{chain: h.chain}, h)
	}
	return errors.Join(err, c.rows.Close())
}

// ends reads the ends of the chains.
func (a *auditor) ends(ctx context.Context) (all []head, err error) {
	rows, err := a.tx.QueryContext(ctx, everyEnd)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	var shown []string
	for rows.Next() {
		var h head
		switch err := h.scan(rows, a.db.sums); {
		case errors.Is(err, ErrChain):
			a.broken(0, h.seq, "the end of chain %d was altered", h.chain)
		case err != nil:
			return nil, err
		}
		all = append(all, h)
		shown = append(shown, hex.EncodeToString(h.hash[:]))
	}
	if len(all) == 0 {
		a.broken(0, 0, "the end of the chain is missing")
	}
	a.report.Head = strings.Join(shown, "-")
	return all, rows.Err()
}

// followOne goes one step on. Behind a gap the first step cannot be checked: what it was written behind is missing.
func (a *auditor) followOne(w *walk, cells []any) {
	id, version := acquirer.ID(number(cells[stepTxn])), number(cells[stepVersion])
	stored := head{chain: w.last.chain, seq: number(cells[stepSeq]), txn: int64(id), version: version}
	copy(stored.hash[:], blob(cells[linkHash]))
	step := link{cells: cells[:stepSeq], before: blob(cells[linkBefore])}
	computed := a.db.sums.follow(w.last, step)
	var correct *head
	switch missing := stored.seq - w.last.seq - 1; {
	case missing < 0:
		a.broken(id, stored.seq, "step %d has the number of another step", version)
	case missing > 0:
		a.broken(id, w.last.seq+1, "%d steps are missing in the chain in front of step %d", missing, version)
	case !a.fits(w, step, computed.hash, blob(cells[linkHash])):
		a.broken(id, stored.seq, "step %d is not as it was written, or not where", version)
		correct = &computed
	}
	w.last, w.correct = stored, correct
}

// fits reports whether a step's hash is right, or would be if that of the step in front, which is known to be wrong,
// were.
func (a *auditor) fits(w *walk, step link, computed sum, stored []byte) bool {
	if bytes.Equal(stored, computed[:]) {
		return true
	}
	if w.correct == nil {
		return false
	}
	other := a.db.sums.follow(*w.correct, step)
	return bytes.Equal(stored, other.hash[:])
}

// compareEnd compares the last step of a chain with the end that the file names.
func (a *auditor) compareEnd(last, end head) {
	switch missing := end.seq - last.seq; {
	case missing > 0:
		a.broken(acquirer.ID(end.txn), last.seq+1, "%d steps are missing at the end of chain %d", missing, end.chain)
	case missing < 0:
		a.broken(acquirer.ID(last.txn), end.seq+1, "%d steps stand behind the end of chain %d", -missing, end.chain)
	case last != end:
		a.broken(acquirer.ID(last.txn), last.seq, "the last step is not the one at which chain %d ends", end.chain)
	}
}
