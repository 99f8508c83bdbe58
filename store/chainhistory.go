package store

import (
	"context"
	"database/sql"
	"errors"
	"slices"

	acquirer "example.com/ringback/switch"
)

// everyNoticeBefore is the outbox as it stood before there was a chain.
const everyNoticeBefore = `SELECT txn, kind, created, sent, tries FROM outbox ORDER BY txn, kind`

// everyStepBefore is the history as it stood before it was a chain, with the columns of stepColumns.
const everyStepBefore = `SELECT txn, version, at, from_state, to_state, event, detail, NULL, NULL, NULL
	FROM step_before ORDER BY txn, version`

// history makes a chain of steps that were written before there was one.
type history struct {
	tx   *sql.Tx
	sums *keyedHash
	step *sql.Stmt // writeStep
	head head
}

// chainHistory puts the steps of step_before into the chain, payment by payment, vouching for them as they stand now:
// what was altered before is not found, what is altered later is. How a row stood at a step that is not its last is not
// known any more; what was put into the outbox and the queue is ascribed to the step that must have done it. It
// refuses another master key than the file's with [acquirer.ErrKey].
func chainHistory(ctx context.Context, tx *sql.Tx, vault acquirer.Vault) (err error) {
	secret := vault.NewIndexSecret() // that of the file: it stands in none of this age
	err = checkOldProof(ctx, tx, vault, secret)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return err
	}
	h := &history{tx: tx, head: head{chain: theLane}}
	if h.sums, err = keyedHashOf(vault, secret, "chain"); err != nil {
		return err
	}
	if h.step, err = tx.PrepareContext(ctx, writes[writeStep]); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, h.step.Close()) }()
	texts := [4]string{everyTxn, everyStepBefore, everyNoticeBefore, everyReversal}
	if err := eachDossier(ctx, tx, texts, func(d *dossier) error { return h.add(ctx, d) }); err != nil {
		return err
	}
	e, mac := h.head, h.sums.seal(h.head)
	_, err = tx.ExecContext(ctx, "INSERT INTO chain (id, seq, txn, version, hash, mac) VALUES ($1, $2, $3, $4, $5, $6)",
		e.chain, e.seq, e.txn, e.version, e.hash[:], mac[:])
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, "DROP TABLE step_before")
	return err
}

// add chains the steps of one transaction.
func (h *history) add(ctx context.Context, d *dossier) error {
	if d.row != nil && len(d.steps) > 0 {
		first, last := d.steps[0], d.steps[len(d.steps)-1]
		fixed, moved := h.sums.fixedSum(d.fixed()), h.sums.movedSum(d.id, d.moved())
		first[stepFixed], last[stepMoved] = fixed[:], moved[:]
	}
	changes := ascribe(d)
	for i, cells := range d.steps {
		cells[stepMade] = encodeMade(changes[i])
		next := h.sums.follow(h.head, link{cells: cells})
		if _, err := h.step.ExecContext(ctx, append(cells, next.chain, next.seq, next.hash[:])...); err != nil {
			return err
		}
		h.head = next
	}
	for _, r := range d.reversals {
		mac := h.sums.reversalSum(number(r[1]), number(r[5]), number(r[6]), text(r[7]))
		if _, err := h.tx.ExecContext(ctx, "UPDATE saf SET mac = $1 WHERE id = $2", mac[:], r[1]); err != nil {
			return err
		}
	}
	return nil
}

// ascribe says what each step must have written beside the row: notices with the first approval, the reversal with the
// first move to Reversing, and either with the last step if there is none.
func ascribe(d *dossier) []acquirer.Change {
	changes := make([]acquirer.Change, len(d.steps))
	if len(changes) == 0 {
		return changes
	}
	for i, cells := range d.steps {
		changes[i].At = timeOf(number(cells[stepAt]))
	}
	first := func(s acquirer.State) *acquirer.Change {
		i := slices.IndexFunc(d.steps, func(cells []any) bool { return acquirer.State(number(cells[stepTo])) == s })
		if i < 0 {
			i = len(d.steps) - 1
		}
		return &changes[i]
	}
	for _, n := range d.notices {
		c := first(acquirer.Approved)
		c.Notices = append(c.Notices, acquirer.Notice{Kind: acquirer.NoticeKind(number(n[1])), Created: timeOf(number(n[2]))})
	}
	for _, r := range d.reversals {
		first(acquirer.Reversing).Reversal = &acquirer.Reversal{ID: acquirer.ID(number(r[1])),
			Host: acquirer.HostKey{Time: text(r[2]), STAN: acquirer.STAN(number(r[3]))}, Reason: acquirer.ResponseCode(text(r[4]))}
	}
	return changes
}
