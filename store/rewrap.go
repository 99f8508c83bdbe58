package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	acquirer "example.com/ringback/switch"
)

// The columns that hold key blocks, with the key of their rows in front, and what writes them back.
var blockTexts = [...]struct{ what, read, write string }{
	{"terminal", `SELECT id, tmk, pik, mak, tdk, old_mak FROM terminal ORDER BY id`,
		`UPDATE terminal SET tmk = $1, pik = $2, mak = $3, tdk = $4, old_mak = $5 WHERE id = $6`},
	{"zone key", `SELECT usage, block FROM zone_key ORDER BY usage`, `UPDATE zone_key SET block = $1 WHERE usage = $2`},
}

// rewrapBlocks puts every key block of the file into the form that wrap returns.
func rewrapBlocks(ctx context.Context, tx *sql.Tx, wrap func(acquirer.KeyBlock) (acquirer.KeyBlock, error)) error {
	anew := func(cell []byte) (any, error) {
		block := blockOf(cell)
		if block.Zero() {
			return nil, nil
		}
		block, err := wrap(block)
		return column(block), err
	}
	for _, t := range blockTexts {
		if err := rewrapRows(ctx, tx, t.what, t.read, t.write, anew); err != nil {
			return err
		}
	}
	return nil
}

// rewrapRows applies anew to every cell but the first of each row that read returns, and writes them back, the first last. All rows are read before the first
// is written: a transaction has one connection.
func rewrapRows(ctx context.Context, tx *sql.Tx, what, read, write string, anew func([]byte) (any, error)) error {
	rows, err := allRows(ctx, tx, read)
	if err != nil {
		return err
	}
	for _, row := range rows {
		id, cells := row[0], row[1:]
		for i := range cells {
			old, _ := cells[i].([]byte) // null is no key
			if cells[i], err = anew(old); err != nil {
				return fmt.Errorf("%s %v: %w", what, id, err)
			}
		}
		result, err := tx.ExecContext(ctx, write, append(cells, id)...)
		if err != nil {
			return err
		}
		if n, err := result.RowsAffected(); err != nil || n != 1 {
			return errors.Join(err, fmt.Errorf("%s %v: %d rows written", what, id, n))
		}
	}
	return nil
}

// allRows reads the cells of every row.
func allRows(ctx context.Context, tx *sql.Tx, text string) (all [][]any, err error) {
	rows, err := tx.QueryContext(ctx, text)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	names, err := rows.Columns()
	if err != nil {
		return nil, err
	}
	for rows.Next() {
		cells, into := make([]any, len(names)), make([]any, len(names))
		for i := range cells {
			into[i] = &cells[i]
		}
		if err := rows.Scan(into...); err != nil {
			return nil, err
		}
		all = append(all, cells)
	}
	return all, rows.Err()
}

// keyBlocks brings a file from before key blocks were TR-31 and before the index secret stood in it up to date. It
// refuses another master key than the file's with [acquirer.ErrKey].
func keyBlocks(ctx context.Context, tx *sql.Tx, vault acquirer.Vault) error {
	if err := rewrapBlocks(ctx, tx, vault.RewrapKey); err != nil {
		return err
	}
	secret := vault.NewIndexSecret()
	err := checkOldProof(ctx, tx, vault, secret)
	if errors.Is(err, sql.ErrNoRows) {
		return nil // a new file: unlock makes the row
	}
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, "UPDATE vault SET secret = $1 WHERE id = 1", secret)
	return err
}

// checkOldProof compares the proof of a file without a secret with the one that the master key's own secret makes:
// [sql.ErrNoRows], there is none yet.
func checkOldProof(ctx context.Context, tx *sql.Tx, vault acquirer.Vault, secret []byte) error {
	var proof []byte
	if err := tx.QueryRowContext(ctx, "SELECT proof FROM vault WHERE id = 1").Scan(&proof); err != nil {
		return err
	}
	return checkProof(vault, secret, proof)
}
