package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	acquirer "example.com/ringback/switch"
)

// AuditConfig says which file to audit.
type AuditConfig struct {
	Config
	// Running reports whether a switch works on the file. It is asked when a debit still waits for the host behind its
	// deadline: while a switch runs it is open, else it is a break, for nobody waits for the answer. Nil: none runs.
	Running func() (bool, error)
}

// Report is what an audit found. The journal is sound when Breaks is empty.
type Report struct {
	Rows  int                         // transactions
	Steps int                         // of their history
	Head  string                      // hash of the last step, in hex; with several chains theirs, joined by hyphens
	Sums  map[acquirer.State]Subtotal // states without a row have none
	Open  int                         // transactions that are Sent or Reversing

	Shredded int // transactions whose personal part nobody can open any more, by intent

	Operations    int    // lines of the operators' journal
	OperationHead string // hash of its last line, in hex

	Books []*acquirer.DayBooks // of each settlement date; none when there are breaks

	Breaks []Break // at most 1,000
	More   int     // breaks that Breaks has no room for
}

// Subtotal is what is in one state.
type Subtotal struct {
	Count int
	Sum   acquirer.Fen
}

// Break is one thing that is not as the switch wrote it, or that must not be.
type Break struct {
	RRN  acquirer.RRN // of the payment; empty: of none
	Seq  int64        // number of the step in its chain; 0: of no step
	Line int64        // of the operators' journal; 0: of none
	What string       // for people; holds no secret
}

// Audit reads the whole journal in one read transaction, also while a switch writes, and proves that
//
//   - every chain is the one that was written: no step altered, missing, put in or moved, up to the end that the file
//     names. An older copy of the whole file has a sound chain of its own: only a Head noted elsewhere tells it;
//   - every transaction is as its last step left it, its sealed record opens, unless the key of its date was destroyed by
//     [DB.Purge], and its steps are a way through
//     [acquirer.Moves] that ends at its state and version;
//   - terminal keys, tokens and host keys are used once, as far as [acquirer.Journal] promises it;
//   - the outbox and the reversal queue hold what the steps put there and nothing else: Reversing has one reversal in
//     the queue, every other state none; a debit that is Approved or beyond has its notice to the payer;
//   - what may have moved money has an amount, and none waits for the host without end;
//   - settlements, worklist and payouts are as they were written, and what is paid out has one payout of its amount;
//   - the books of each settlement date balance, and what stands otherwise in the host's list is on the worklist;
//   - the operators' journal is the one that was written, up to the end that the file names, and each request for a second
//     person is as its lines say. An older copy of the file is told by an OperationHead noted elsewhere only.
//
// It changes nothing, and its memory does not grow with the journal. It refuses a file of another schema, and with
// [acquirer.ErrKey] one of another master key.
func Audit(ctx context.Context, c AuditConfig) (report *Report, err error) {
	db := newDB(c.Config)
	defer func() { err = errors.Join(err, db.Close()) }()
	conn, err := db.read.Conn(ctx)
	if err != nil {
		return nil, fmt.Errorf("store: opening %s: %w", c.Path, err)
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	// What is sorted, the steps, holds no secret and may be more than the memory.
	if _, err := conn.ExecContext(ctx, "PRAGMA temp_store = FILE"); err != nil {
		return nil, err
	}
	tx, err := conn.BeginTx(ctx, nil)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, tx.Rollback()) }()
	a := &auditor{db: db, tx: tx, now: time.Now(), report: Report{Sums: map[acquirer.State]Subtotal{}}}
	if err := a.run(ctx, c); err != nil {
		return nil, fmt.Errorf("store: audit of %s: %w", c.Path, err)
	}
	return &a.report, nil
}

// auditor is an audit under way.
type auditor struct {
	db      *DB // reads only
	tx      *sql.Tx
	now     time.Time
	report  Report
	overdue []Break
	settled []acquirer.Date // that have a settlement
}

func (a *auditor) run(ctx context.Context, c AuditConfig) error {
	if err := a.admit(ctx, c.Vault); err != nil {
		return err
	}
	if err := a.db.prepare(ctx, c.Vault); err != nil {
		return err
	}
	if err := a.chains(ctx); err != nil {
		return fmt.Errorf("reading the chain: %w", err)
	}
	if err := a.operations(ctx); err != nil {
		return fmt.Errorf("reading the operators' journal: %w", err)
	}
	if err := a.settlements(ctx); err != nil {
		return fmt.Errorf("reading settlements: %w", err)
	}
	texts := [4]string{everyTxn, everyStep, everyNotice, everyReversal}
	if err := eachDossier(ctx, a.tx, texts, func(d *dossier) error { return a.judge(ctx, d) }); err != nil {
		return err
	}
	if err := a.keys(ctx); err != nil {
		return fmt.Errorf("reading the keys: %w", err)
	}
	if err := a.judgeOverdue(c.Running); err != nil {
		return err
	}
	if err := a.books(ctx); err != nil {
		return fmt.Errorf("deriving the books: %w", err)
	}
	return nil
}

// admit refuses a file that this program cannot judge.
func (a *auditor) admit(ctx context.Context, vault acquirer.Vault) error {
	known, err := migrationFiles()
	if err != nil {
		return err
	}
	var done int
	if err := a.tx.QueryRowContext(ctx, reads[readSchema]).Scan(&done); err != nil {
		return fmt.Errorf("reading the schema's version: %w", err)
	}
	if done != len(known) {
		return fmt.Errorf("the file has schema %d, this program audits %d: opening the store brings an older file up to date", done, len(known))
	}
	secret, err := readSecret(a.tx.QueryRowContext(ctx, reads[readProof]), vault)
	if errors.Is(err, sql.ErrNoRows) {
		return fmt.Errorf("nothing says to which master key the file belongs: %w", acquirer.ErrKey)
	}
	if err != nil {
		return err
	}
	return a.db.useSecret(vault, secret)
}

// broken notes a break of a transaction; id 0 is none, seq 0 no step.
func (a *auditor) broken(id acquirer.ID, seq int64, format string, args ...any) {
	a.note(newBreak(id, seq, fmt.Sprintf(format, args...)))
}

// brokenLine notes a break of a line of the operators' journal; 0 is none.
func (a *auditor) brokenLine(seq int64, format string, args ...any) {
	a.note(Break{Line: seq, What: fmt.Sprintf(format, args...)})
}

func (a *auditor) note(b Break) {
	if len(a.report.Breaks) >= auditBreaks {
		a.report.More++
		return
	}
	a.report.Breaks = append(a.report.Breaks, b)
}

func newBreak(id acquirer.ID, seq int64, what string) Break {
	b := Break{Seq: seq, What: what}
	if id != 0 {
		b.RRN = id.RRN()
	}
	return b
}

// judgeOverdue makes breaks of debits behind their deadline unless a switch runs.
func (a *auditor) judgeOverdue(running func() (bool, error)) error {
	if len(a.overdue) == 0 {
		return nil
	}
	if running != nil {
		if yes, err := running(); yes || err != nil {
			return err
		}
	}
	for _, b := range a.overdue {
		a.note(b)
	}
	return nil
}
