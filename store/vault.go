package store

import (
	"context"
	"crypto/hmac"
	"database/sql"
	"errors"
	"fmt"

	acquirer "example.com/ringback/switch"
)

// unlock reads the file's index secret, which only the master key of the file opens, and makes the keyed hashes from it.
// A file that has none gets one; another process may be first.
func (db *DB) unlock(ctx context.Context, vault acquirer.Vault) error {
	secret, err := secretOf(ctx, db.conn, vault)
	if err != nil {
		return err
	}
	return db.useSecret(vault, secret)
}

// querier is a connection or a transaction.
type querier interface {
	ExecContext(ctx context.Context, text string, args ...any) (sql.Result, error)
	QueryRowContext(ctx context.Context, text string, args ...any) *sql.Row
}

// secretOf reads the index secret, after it has written one where there is none.
func secretOf(ctx context.Context, conn querier, vault acquirer.Vault) ([]byte, error) {
	secret, err := readSecret(conn.QueryRowContext(ctx, reads[readProof]), vault)
	if !errors.Is(err, sql.ErrNoRows) {
		return secret, err
	}
	if err := addSecret(ctx, conn, vault); err != nil {
		return nil, err
	}
	return readSecret(conn.QueryRowContext(ctx, reads[readProof]), vault)
}

// addSecret writes the one row of a new file that says to which master key it belongs.
func addSecret(ctx context.Context, conn querier, vault acquirer.Vault) error {
	secret := vault.NewIndexSecret()
	proof, err := proofOf(vault, secret)
	if err != nil {
		return err
	}
	_, err = conn.ExecContext(ctx, writes[writeProof], proof[:], secret)
	return err
}

// useSecret makes the keyed hashes.
func (db *DB) useSecret(vault acquirer.Vault, secret []byte) (err error) {
	for _, h := range []struct {
		label string
		hash  **keyedHash
	}{{"chain", &db.sums}, {"fingerprint", &db.prints}, {"msisdn", &db.numbers}, {"subject", &db.subjects}} {
		if *h.hash, err = keyedHashOf(vault, secret, h.label); err != nil {
			return err
		}
	}
	db.codes, err = vault.IndexKey(secret, "code")
	return err
}

// CodeKey returns the key of the codes that payees are sent: one that the file does not hold in clear, and that a new
// master key does not change.
func (db *DB) CodeKey() acquirer.Key { return db.codes }

// keyedHashOf is the keyed hash of a label.
func keyedHashOf(vault acquirer.Vault, secret []byte, label string) (*keyedHash, error) {
	key, err := vault.IndexKey(secret, label)
	if err != nil {
		return nil, fmt.Errorf("the file's index secret: %w", err)
	}
	return newKeyedHash(key), nil
}

// proofOf is what tells one index secret from another.
func proofOf(vault acquirer.Vault, secret []byte) (sum, error) {
	h, err := keyedHashOf(vault, secret, "proof")
	if err != nil {
		return sum{}, err
	}
	return h.sum([]byte("ringback")), nil
}

// readSecret reads the columns of readProof and tells whether they belong together and to the vault: [sql.ErrNoRows],
// there are none yet; [acquirer.ErrKey], they are another master key's. Without it a wrong master key would show only when
// something sealed is read, and new rows would be sealed under it before that.
func readSecret(row scanner, vault acquirer.Vault) (secret []byte, err error) {
	var proof []byte
	if err := row.Scan(&proof, &secret); err != nil {
		return nil, err
	}
	return secret, checkProof(vault, secret, proof)
}

func checkProof(vault acquirer.Vault, secret, proof []byte) error {
	own, err := proofOf(vault, secret)
	if err != nil && !errors.Is(err, acquirer.ErrKey) {
		return err
	}
	if err != nil || !hmac.Equal(proof, own[:]) {
		return fmt.Errorf("the file was made with another master key: %w", acquirer.ErrKey)
	}
	return nil
}
