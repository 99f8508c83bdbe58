package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"

	acquirer "example.com/ringback/switch"
)

// The rows of the journal as they are, table by table, in the order of their transactions.
const (
	everyTxn      = `SELECT ` + fixedColumns + `, ` + movedColumns + ` FROM txn ORDER BY id`
	everyStep     = `SELECT ` + stepColumns + `, seq FROM step ORDER BY txn, version`
	everyNotice   = selectNotice + `WHERE txn >= 190001010000000000 ORDER BY txn, kind`
	everyReversal = `SELECT txn, id, host_time, host_stan, reason, tries, due, host_code, mac FROM saf ORDER BY txn, id`
)

// fixedCount is how many columns fixedColumns are.
const fixedCount = 17

// Where cells that are asked for stand: of fixedColumns, of movedColumns, and of stepColumns.
const (
	rowAmount = 6
	rowKey    = 15
	rowSealed = 16

	movedVersion  = 0
	movedState    = 1
	movedDeadline = 2
)

// Where the cells of stepColumns stand.
const (
	stepTxn = iota
	stepVersion
	stepAt
	stepFrom
	stepTo
	stepEvent
	stepDetail
	stepMade
	stepFixed
	stepMoved
	stepSeq // of everyStep and everyLink
)

// dossier is all that the journal holds about one transaction, as cells: a column's value as the engine holds it.
type dossier struct {
	id        acquirer.ID
	row       []any   // fixedColumns, movedColumns; nil: there is no row
	steps     [][]any // of the columns of everyStep
	notices   [][]any // of everyNotice
	reversals [][]any // of everyReversal
}

func (d *dossier) fixed() []any { return d.row[:fixedCount] }
func (d *dossier) moved() []any { return d.row[fixedCount:] }

// state is the row's; 0 when there is no row.
func (d *dossier) state() acquirer.State {
	if d.row == nil {
		return 0
	}
	return acquirer.State(number(d.moved()[movedState]))
}

// cursor streams the rows of one text whose first column is a transaction's id.
type cursor struct {
	rows  *sql.Rows
	cells []any // of the row under it; nil behind the last
}

func openCursor(ctx context.Context, tx *sql.Tx, text string) (*cursor, error) {
	rows, err := tx.QueryContext(ctx, text)
	if err != nil {
		return nil, err
	}
	c := &cursor{rows: rows}
	return c, c.next()
}

// next goes on to the next row.
func (c *cursor) next() error {
	c.cells = nil
	if !c.rows.Next() {
		return c.rows.Err()
	}
	columns, err := c.rows.Columns()
	if err != nil {
		return err
	}
	c.cells = make([]any, len(columns))
	to := make([]any, len(columns))
	for i := range to {
		to[i] = &c.cells[i]
	}
	return c.rows.Scan(to...)
}

// id is the transaction of the row under it; behind the last it is greater than any.
func (c *cursor) id() int64 {
	if c.cells == nil {
		return math.MaxInt64
	}
	return number(c.cells[0])
}

// take returns the rows of a transaction, which are next.
func (c *cursor) take(id int64) (all [][]any, err error) {
	for c.cells != nil && c.id() == id {
		all = append(all, c.cells)
		if err := c.next(); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// eachDossier calls visit for every transaction that any of four texts names, in the order of their ids. It holds one
// dossier at a time.
func eachDossier(ctx context.Context, tx *sql.Tx, texts [4]string, visit func(*dossier) error) (err error) {
	var cursors [len(texts)]*cursor
	defer func() {
		for _, c := range cursors {
			if c != nil {
				err = errors.Join(err, c.rows.Close())
			}
		}
	}()
	for i, text := range texts {
		if cursors[i], err = openCursor(ctx, tx, text); err != nil {
			return fmt.Errorf("reading %q: %w", text, err)
		}
	}
	for {
		id := int64(math.MaxInt64)
		for _, c := range cursors {
			id = min(id, c.id())
		}
		if id == math.MaxInt64 {
			return nil
		}
		d, err := gather(id, cursors)
		if err != nil {
			return err
		}
		if err := visit(d); err != nil {
			return err
		}
	}
}

// gather takes what the cursors have about one transaction.
func gather(id int64, cursors [4]*cursor) (*dossier, error) {
	var parts [len(cursors)][][]any
	for i, c := range cursors {
		var err error
		if parts[i], err = c.take(id); err != nil {
			return nil, err
		}
	}
	d := &dossier{id: acquirer.ID(id), steps: parts[1], notices: parts[2], reversals: parts[3]}
	if len(parts[0]) > 0 {
		d.row = parts[0][0]
	}
	return d, nil
}

// number reads a cell of an INTEGER column; 0 when it is none.
func number(cell any) int64 {
	n, _ := cell.(int64)
	return n
}

// text reads a cell of a TEXT column; empty when it is none.
func text(cell any) string {
	s, _ := cell.(string)
	return s
}

// blob reads a cell of a BLOB column; nil when it is none.
func blob(cell any) []byte {
	b, _ := cell.([]byte)
	return b
}
