package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"
)

// writer is the backend on SQLite: prepared statements on one connection that nobody else uses, and the end of the
// chain that it adds to.
type writer struct {
	conn     *sql.Conn
	sums     *keyedHash
	head     head // as this process left it
	emptied  time.Time
	all      []*sql.Stmt
	begin    *sql.Stmt
	end      *sql.Stmt
	abort    *sql.Stmt
	readHead *sql.Stmt
	readLast *sql.Stmt   // readOperationEnd
	prepared []*sql.Stmt // by statement
}

// newWriter prepares every statement on conn, which stays the caller's to close, after close. What it returns is to be
// closed also when there is an error.
func newWriter(ctx context.Context, conn *sql.Conn, sums *keyedHash) (*writer, error) {
	w := &writer{conn: conn, sums: sums, head: head{chain: theLane}, emptied: time.Now()}
	for _, text := range slices.Concat([]string{"BEGIN IMMEDIATE", "COMMIT", "ROLLBACK", reads[readHead], reads[readOperationEnd]}, writes[:]) {
		s, err := conn.PrepareContext(ctx, text)
		if err != nil {
			return w, fmt.Errorf("preparing %q: %w", text, err)
		}
		w.all = append(w.all, s)
	}
	w.begin, w.end, w.abort, w.readHead, w.readLast, w.prepared = w.all[0], w.all[1], w.all[2], w.all[3], w.all[4], w.all[5:]
	return w, nil
}

// close ends the statements. While one lives, SQLite keeps the connection and its files open.
func (w *writer) close() error {
	var errs []error
	for _, s := range w.all {
		errs = append(errs, s.Close())
	}
	return errors.Join(errs...)
}

// errBehind says that another process has added to the chain since this one did.
var errBehind = errors.New("the chain has gone on")

// commit implements backend.
func (w *writer) commit(batch []*op) error {
	ctx := context.Background() // no batch is ever cut short: its ops belong to many callers
	err := w.try(ctx, batch, false)
	if errors.Is(err, errBehind) {
		err = w.try(ctx, batch, true)
	}
	if err != nil {
		return err
	}
	return w.empty(ctx)
}

// try commits the batch or leaves nothing of it. behind: the chain's end is not the one that this process remembers.
func (w *writer) try(ctx context.Context, batch []*op, behind bool) (err error) {
	if _, err := w.begin.ExecContext(ctx); err != nil {
		return fmt.Errorf("beginning a transaction: %w", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, w.rollback(ctx))
		}
	}()
	first := w.head
	if behind {
		if first, err = w.lastHead(ctx); err != nil {
			return err
		}
	}
	last := first
	for _, o := range batch {
		if last, err = w.carryOut(ctx, o, last); err != nil {
			return err
		}
	}
	if last != first {
		if err := w.moveHead(ctx, first, last); err != nil {
			return err
		}
	}
	if _, err := w.end.ExecContext(ctx); err != nil {
		return fmt.Errorf("committing: %w", err)
	}
	w.head = last
	return nil
}

// lastHead reads the chain's end, which another process may have moved on, but never back.
func (w *writer) lastHead(ctx context.Context) (h head, err error) {
	err = h.scan(w.readHead.QueryRowContext(ctx, w.head.chain), w.sums)
	if errors.Is(err, sql.ErrNoRows) {
		err = errNoEnd
	}
	if err != nil {
		return h, fmt.Errorf("chain %d: %w", w.head.chain, err)
	}
	if h.seq < w.head.seq || h.seq == w.head.seq && h != w.head {
		return h, fmt.Errorf("chain %d ended at step %d and now does at %d: %w", h.chain, w.head.seq, h.seq, ErrChain)
	}
	return h, nil
}

// moveHead replaces the chain's end, from which the batch began.
func (w *writer) moveHead(ctx context.Context, first, last head) error {
	mac := w.sums.seal(last)
	rows, err := w.exec(ctx, call{writeHead, []any{last.seq, last.txn, last.version, last.hash[:], mac[:],
		last.chain, first.seq, first.hash[:]}})
	if err == nil && rows == 0 {
		return errBehind
	}
	return err
}

// carryOut writes one op and returns the chain's end behind it. A step that cannot be written, because a foreign row
// stands in its place, does not hold up the payment: it is missing in the history, and [Audit] says so.
func (w *writer) carryOut(ctx context.Context, o *op, h head) (head, error) {
	for i, c := range o.calls {
		rows, err := w.exec(ctx, c)
		if err != nil {
			return h, err
		}
		if i > 0 {
			continue
		}
		if o.rows = rows; rows == 0 {
			return h, nil
		}
		if o.step == nil {
			continue
		}
		next := w.sums.follow(h, *o.step)
		if rows, err = w.exec(ctx, call{writeStep, append(o.step.cells, next.chain, next.seq, next.hash[:])}); err != nil {
			return h, err
		}
		if rows == 1 {
			h = next
		}
	}
	for _, part := range o.parts {
		var err error
		if h, err = w.carryOut(ctx, part, h); err != nil {
			return h, err
		}
	}
	if o.line == nil {
		return h, nil
	}
	return h, w.note(ctx, o.line)
}

// exec runs one statement and returns the rows that it wrote.
func (w *writer) exec(ctx context.Context, c call) (int64, error) {
	result, err := w.prepared[c.text].ExecContext(ctx, c.args...)
	if err != nil {
		return 0, fmt.Errorf("statement %d: %w", c.text, err)
	}
	rows, err := result.RowsAffected()
	if err != nil {
		return 0, fmt.Errorf("rows of statement %d: %w", c.text, err)
	}
	return rows, nil
}

func (w *writer) rollback(ctx context.Context) error {
	if _, err := w.abort.ExecContext(ctx); err != nil {
		return fmt.Errorf("rolling back: %w", err)
	}
	return nil
}

// empty empties the WAL once in emptyEvery, so that nothing deleted stays in it while the process lives.
func (w *writer) empty(ctx context.Context) error {
	now := time.Now()
	if now.Sub(w.emptied) < emptyEvery {
		return nil
	}
	w.emptied = now
	return errors.Join(checkpoint(w.conn), setBusyTimeout(ctx, w.conn, busyTimeout))
}
