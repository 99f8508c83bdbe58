package store

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"

	acquirer "example.com/ringback/switch"
)

// everyOperation is every line of the operators' journal in its order.
const everyOperation = `SELECT ` + operationColumns + `, hash FROM operation ORDER BY seq`

// operationHash is where the hash stands in everyOperation.
const operationHash = 10

// Requests that do not fit the lines which filed and approved them.
const (
	everyRequest = `SELECT r.id, r.closed, r.key_id, r.sealed, f.outcome, a.outcome, a.about FROM request r
		LEFT JOIN operation f ON f.seq = r.id LEFT JOIN operation a ON a.seq = r.closed ORDER BY r.id`
	filedAndGone = `SELECT o.seq FROM operation o LEFT JOIN request r ON r.id = o.seq
		WHERE o.outcome = 'filed' AND r.id IS NULL ORDER BY o.seq`
	approvedAndOpen = `SELECT o.seq FROM operation o LEFT JOIN request r ON r.id = o.about
		WHERE o.outcome = 'approved' AND r.closed IS DISTINCT FROM o.seq ORDER BY o.seq`
)

// operationWalk is the operators' journal being followed.
type operationWalk struct {
	last    operationEnd  // as the last line read says
	correct *operationEnd // what it should have said, when it does not
}

// operations follows the operators' journal, compares it with its end, and the requests with both.
func (a *auditor) operations(ctx context.Context) error {
	end, err := a.operationEnd(ctx)
	if err != nil {
		return err
	}
	var w operationWalk
	err = a.each(ctx, everyOperation, func(cells []any) error {
		a.report.Operations++
		a.followLine(&w, cells)
		return nil
	})
	if err != nil {
		return err
	}
	if end != nil {
		a.compareOperationEnd(w.last, *end)
	}
	return a.requests(ctx)
}

// each calls visit for every row of a text.
func (a *auditor) each(ctx context.Context, text string, visit func(cells []any) error) error {
	c, err := openCursor(ctx, a.tx, text)
	if err != nil {
		return err
	}
	for err == nil && c.cells != nil {
		if err = visit(c.cells); err == nil {
			err = c.next()
		}
	}
	return errors.Join(err, c.rows.Close())
}

// operationEnd reads the end of the operators' journal; nil: it is missing.
func (a *auditor) operationEnd(ctx context.Context) (*operationEnd, error) {
	var rows [][]any
	err := a.each(ctx, "SELECT seq, hash, mac, id FROM operation_end ORDER BY id", func(cells []any) error {
		rows = append(rows, cells)
		return nil
	})
	if err != nil {
		return nil, err
	}
	if len(rows) != 1 || number(rows[0][3]) != 1 {
		a.brokenLine(0, "the end of the operators' journal is missing, or is not one")
		return nil, nil
	}
	e := &operationEnd{seq: number(rows[0][0])}
	copy(e.hash[:], blob(rows[0][1]))
	if mac := a.db.sums.sealOperation(*e); len(blob(rows[0][1])) != len(e.hash) || !bytes.Equal(mac[:], blob(rows[0][2])) {
		a.brokenLine(e.seq, "the end of the operators' journal was altered")
	}
	a.report.OperationHead = hex.EncodeToString(e.hash[:])
	return e, nil
}

// followLine goes one line on. Behind a gap the first line cannot be checked: what it was written behind is missing.
func (a *auditor) followLine(w *operationWalk, cells []any) {
	stored := operationEnd{seq: number(cells[0])}
	copy(stored.hash[:], blob(cells[operationHash]))
	own := cells[:operationHash]
	computed := a.db.sums.followOperation(w.last, own)
	fits := bytes.Equal(computed.hash[:], blob(cells[operationHash]))
	if !fits && w.correct != nil {
		other := a.db.sums.followOperation(*w.correct, own)
		fits = bytes.Equal(other.hash[:], blob(cells[operationHash]))
	}
	var correct *operationEnd
	switch missing := stored.seq - w.last.seq - 1; {
	case missing < 0:
		a.brokenLine(stored.seq, "line %d of the operators' journal was put in", stored.seq)
	case missing > 0:
		a.brokenLine(w.last.seq+1, "%d lines of the operators' journal are missing in front of line %d", missing, stored.seq)
	case !fits:
		a.brokenLine(stored.seq, "line %d of the operators' journal is not as it was written, or not where", stored.seq)
		correct = &computed
	}
	w.last, w.correct = stored, correct
}

// compareOperationEnd compares the last line with the end that the file names.
func (a *auditor) compareOperationEnd(last, end operationEnd) {
	switch missing := end.seq - last.seq; {
	case missing > 0:
		a.brokenLine(last.seq+1, "%d lines are missing at the end of the operators' journal", missing)
	case missing < 0:
		a.brokenLine(end.seq+1, "%d lines stand behind the end of the operators' journal", -missing)
	case last != end:
		a.brokenLine(last.seq, "the last line is not the one at which the operators' journal ends")
	}
}

// requests proves that each request is as its lines say.
func (a *auditor) requests(ctx context.Context) error {
	return errors.Join(
		a.each(ctx, everyRequest, func(cells []any) error { return a.judgeRequest(ctx, cells) }),
		a.each(ctx, filedAndGone, func(cells []any) error {
			a.brokenLine(number(cells[0]), "request %d is missing", number(cells[0]))
			return nil
		}),
		a.each(ctx, approvedAndOpen, func(cells []any) error {
			a.brokenLine(number(cells[0]), "the request that line %d approved is not closed by it", number(cells[0]))
			return nil
		}))
}

// judgeRequest compares a row of everyRequest with its lines and opens what is sealed in it.
func (a *auditor) judgeRequest(ctx context.Context, cells []any) error {
	id, closed := number(cells[0]), number(cells[1])
	if text(cells[4]) != string(OutcomeFiled) {
		a.brokenLine(id, "request %d was put in", id)
		return nil
	}
	if closed != 0 && (text(cells[5]) != string(OutcomeApproved) || number(cells[6]) != id) {
		a.brokenLine(id, "request %d is closed by a line that did not approve it", id)
	}
	record, err := a.db.keys.unseal(ctx, acquirer.Date(number(cells[2])), "request", id, blob(cells[3]))
	if errors.Is(err, errShredded) && !errors.Is(err, acquirer.ErrKey) && closed != 0 {
		return nil // done long ago, and forgotten
	}
	var args string
	if err == nil {
		err = decodeRecord(record, &args)
	}
	if errors.Is(err, acquirer.ErrKey) || errors.Is(err, errRecord) || errors.Is(err, errShredded) {
		a.brokenLine(id, "what is sealed in request %d does not open", id)
		return nil
	}
	return err
}
