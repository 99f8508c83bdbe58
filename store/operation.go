package store

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	acquirer "example.com/ringback/switch"
)

// Outcome says what became of what an operator wanted.
type Outcome string

// The outcomes. What was begun or approved has a later line About it that says done or failed; without one the process
// that carried it out was ended meanwhile, and the act may have been done or not.
const (
	OutcomeBegun    Outcome = "begun"    // it is allowed and about to be carried out
	OutcomeDone     Outcome = "done"     // it was carried out
	OutcomeFailed   Outcome = "failed"   // it was not; Detail says why
	OutcomeDenied   Outcome = "denied"   // the operator must not; nothing was done
	OutcomeFiled    Outcome = "filed"    // it waits for a second person; Seq is the request's number
	OutcomeApproved Outcome = "approved" // the request About is about to be carried out
)

// Operation is one line of the operators' journal. No text in it may hold a key, a name or a number that is not masked.
// Texts are cut at 400 bytes.
type Operation struct {
	Seq      int64     // 1, 2, 3 ...; given by [DB.Record] and its like
	At       time.Time // also given by them
	Operator string    // name in the configuration; empty: it lists none, or not this one
	Account  string    // of the operating system; empty: it has no name there
	UID      int64     // of that account
	Verb     string    // such as "terminal add"
	Object   string    // what it was done to
	Outcome  Outcome
	Detail   string // why it failed or was denied
	About    int64  // Seq of the line that this one goes on from; 0: none
}

// line is an operation on its way into the journal.
type line struct {
	cells []any // of operationColumns; the first is set by who writes it
	seq   int64 // once it is written
}

// lineOf prepares a line that is written now.
func lineOf(o Operation) *line {
	o.At = time.Now()
	o.Operator, o.Account, o.Verb, o.Object, o.Detail = cut(o.Operator), cut(o.Account), cut(o.Verb), cut(o.Object), cut(o.Detail)
	return &line{cells: o.cells()}
}

// cells are those of operationColumns.
func (o Operation) cells() []any {
	return []any{o.Seq, micros(o.At), o.Operator, o.Account, o.UID, o.Verb, o.Object, string(o.Outcome), o.Detail, o.About}
}

// cut makes a text short enough to be kept, in whole characters.
func cut(s string) string {
	s = strings.ToValidUTF8(s, "?")
	for len(s) > maxOperationText {
		_, size := utf8.DecodeLastRuneInString(s)
		s = s[:len(s)-size]
	}
	return s
}

// scan reads operationColumns, and more behind them.
func (o *Operation) scan(row scanner, more ...any) error {
	var at int64
	err := row.Scan(append([]any{&o.Seq, &at, &o.Operator, &o.Account, &o.UID, &o.Verb, &o.Object, &o.Outcome, &o.Detail,
		&o.About}, more...)...)
	o.At = timeOf(at)
	return err
}

// Record writes a line, durably, and returns its number. o.Seq and o.At are not read.
func (db *DB) Record(ctx context.Context, o Operation) (seq int64, err error) {
	op := newOp()
	op.line = lineOf(o)
	if _, err := db.commits.submit(ctx, op); err != nil {
		return 0, err
	}
	return op.line.seq, nil
}

// Operations returns the last lines behind a number, at most limit (0: 1000), the oldest in front.
func (db *DB) Operations(ctx context.Context, after int64, limit int) (all []Operation, err error) {
	err = db.many(ctx, func(row scanner) error {
		var o Operation
		err := o.scan(row)
		all = append(all, o)
		return err
	}, readOperations, after, int64(math.MaxInt64), int64(cmp.Or(limit, listLimit)))
	slices.Reverse(all)
	return all, err
}

// Request is what waits for a second person.
type Request struct {
	Operation        // the line that filed it; its Seq is the request's number
	Args      string // as they were given to [DB.File]
	Closed    int64  // the line that approved it; 0: it waits
}

// Expires says until when it can be approved.
func (r Request) Expires() time.Time { return r.At.Add(RequestLife) }

// ErrManyRequests says that too many requests wait; they expire after [RequestLife].
var ErrManyRequests = fmt.Errorf("%d requests wait for a second person already", maxRequests)

// File writes a request and its line, durably, and returns the number of both. args are sealed.
func (db *DB) File(ctx context.Context, o Operation, args string) (id int64, err error) {
	waiting, err := db.Requests(ctx)
	if err != nil {
		return 0, err
	}
	if len(waiting) >= maxRequests {
		return 0, ErrManyRequests
	}
	record, err := encodeRecord(args)
	if err != nil {
		return 0, err
	}
	key := acquirer.DateOf(time.Now())
	for {
		var end operationEnd
		if err := end.scan(db.one(ctx, readOperationEnd), db.sums); err != nil {
			return 0, err
		}
		id := end.seq + 1
		sealed, err := db.keys.seal(ctx, key, "request", id, record)
		if err != nil {
			return 0, err
		}
		op := newOp(call{writeRequest, []any{id, int64(key), sealed}})
		op.line = lineOf(o)
		if rows, err := db.commits.submit(ctx, op); err != nil || rows == 1 {
			return op.line.seq, err
		}
		// Another line was first; whoever wrote it got on, and so will this.
	}
}

// Request returns a request, whether it waits, has expired or was approved. [acquirer.ErrNotFound]: there is none.
// [ErrChain]: the line that filed it was altered: who asked for what, and when, is not to be relied on.
func (db *DB) Request(ctx context.Context, id int64) (*Request, error) {
	var r Request
	var key acquirer.Date
	var hash, before, sealed []byte
	if err := r.scan(db.one(ctx, readRequest, id), &hash, &before, &r.Closed, &key, &sealed); err != nil {
		return nil, absent(err)
	}
	if !db.proves(r.Operation, hash, before) {
		return nil, errLines("line %d was altered", id)
	}
	record, err := db.keys.unseal(ctx, key, "request", id, sealed)
	if err == nil {
		err = decodeRecord(record, &r.Args)
	}
	if err != nil {
		return nil, fmt.Errorf("request %d: %w", id, err)
	}
	return &r, nil
}

// Requests returns what can be approved now, the oldest in front, without their Args.
func (db *DB) Requests(ctx context.Context) (all []Request, err error) {
	now := time.Now()
	err = db.many(ctx, func(row scanner) error {
		var r Request
		err := r.scan(row)
		if r.Expires().After(now) {
			all = append(all, r)
		}
		return err
	}, readRequests)
	return all, err
}

// Approve closes a request with the line o, whose About is the request's number, durably and once only, and returns the
// line's number. [acquirer.ErrNotFound]: no such request waits. Whether it has expired, and who may approve it, is the
// caller's to look at.
func (db *DB) Approve(ctx context.Context, o Operation) (seq int64, err error) {
	op := newOp(call{writeApproved, []any{o.About}})
	op.line = lineOf(o)
	rows, err := db.commits.submit(ctx, op)
	if err == nil && rows == 0 {
		err = acquirer.ErrNotFound
	}
	return op.line.seq, err
}

// beginOperations writes the end of a journal without a line, under the file's index secret, which a new file gets here.
// It refuses another master key than the file's.
func beginOperations(ctx context.Context, tx *sql.Tx, vault acquirer.Vault) error {
	secret, err := secretOf(ctx, tx, vault)
	if err != nil {
		return err
	}
	key, err := keyedHashOf(vault, secret, "chain")
	if err != nil {
		return err
	}
	var none operationEnd
	mac := key.sealOperation(none)
	_, err = tx.ExecContext(ctx, "INSERT INTO operation_end (id, seq, hash, mac) VALUES (1, $1, $2, $3)", none.seq, none.hash[:], mac[:])
	return err
}
