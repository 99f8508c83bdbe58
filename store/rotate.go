package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	acquirer "example.com/ringback/switch"
)

// Rotation wraps anew under a new master key what the old one wrapped. Implemented by hsm. [acquirer.ErrKey]: the old
// one did not wrap it.
type Rotation interface {
	KeyBlock(acquirer.KeyBlock) (acquirer.KeyBlock, error)
	DataKey(wrapped []byte) ([]byte, error)
	IndexSecret(wrapped []byte) ([]byte, error)
}

// The other cells that hang from the master key, as in blockTexts.
const (
	readDataKeys  = `SELECT id, wrapped FROM data_key ORDER BY id`
	writeDataKeys = `UPDATE data_key SET wrapped = $1 WHERE id = $2`
	readSecrets   = `SELECT id, secret FROM vault ORDER BY id`
	writeSecrets  = `UPDATE vault SET secret = $1 WHERE id = $2`
)

// Rotate wraps everything in the file that hangs from the master key of c anew, in one transaction: when it returns nil
// the file opens with the new master key and no more with the old one. With an error it is one or the other: the old one,
// unless the error is [acquirer.ErrStore]. Sealed records and keyed hashes stay as they are, for their keys do.
//
// It refuses a file that another process has open, which would go on under the old key, and what [Open] refuses.
func Rotate(ctx context.Context, c Config, r Rotation) error {
	db, err := Open(ctx, c) // brings it up to date and asks whose it is
	if err != nil {
		return err
	}
	if err := db.Close(); err != nil {
		return err
	}
	pool := pool(c.Path, writerOptions("FULL")+"&_locking_mode=EXCLUSIVE", 1)
	if err := errors.Join(rotateAlone(ctx, pool, r), pool.Close()); err != nil {
		return fmt.Errorf("store: rotating the keys of %s: %w", c.Path, err)
	}
	return nil
}

// rotateAlone does it on a pool of one connection that lets nobody else in. Then it empties the WAL, so that nothing
// that the old key wrapped stays behind.
func rotateAlone(ctx context.Context, pool *sql.DB, r Rotation) (err error) {
	conn, err := pool.Conn(ctx)
	if err != nil {
		return fmt.Errorf("no other process may have it open: %w", err)
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	if err := verify(ctx, conn); err != nil {
		return err
	}
	tx, err := conn.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("no other process may have it open: %w", err)
	}
	if err := rotate(ctx, tx, r); err != nil {
		return errors.Join(err, tx.Rollback())
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("%w: %w", acquirer.ErrStore, err)
	}
	return checkpoint(conn)
}

func rotate(ctx context.Context, tx *sql.Tx, r Rotation) error {
	if err := rewrapBlocks(ctx, tx, r.KeyBlock); err != nil {
		return err
	}
	dataKey := func(wrapped []byte) (any, error) { return r.DataKey(wrapped) }
	if err := rewrapRows(ctx, tx, "data key", readDataKeys, writeDataKeys, dataKey); err != nil {
		return err
	}
	secret := func(wrapped []byte) (any, error) { return r.IndexSecret(wrapped) }
	return rewrapRows(ctx, tx, "index secret", readSecrets, writeSecrets, secret)
}
