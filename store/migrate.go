package store

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"

	acquirer "example.com/ringback/switch"
)

// programs are what belongs to a file and cannot be said in SQL, by the file's name without number and ending.
var programs = map[string]func(context.Context, *sql.Tx, acquirer.Vault) error{
	"chain":      chainHistory,
	"key_blocks": keyBlocks,
	"operation":  beginOperations,
}

// migrations are the files NNNN_name.sql in the order in which they are applied. A file that was released is never
// changed.
//
//go:embed migration/*.sql
var migrations embed.FS

// migrationFiles are the names of the files in their order.
func migrationFiles() ([]string, error) { return fs.Glob(migrations, "migration/*.sql") }

// migrate brings the schema up to date, all in one transaction that holds the write lock from its beginning, so that
// two starting processes cannot both do it. There is no way back.
func migrate(ctx context.Context, conn *sql.Conn, vault acquirer.Vault) (err error) {
	files, err := migrationFiles()
	if err != nil {
		return err
	}
	tx, err := conn.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("taking the write lock: %w", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, tx.Rollback())
		}
	}()
	done, err := schemaVersion(ctx, tx)
	if err != nil {
		return err
	}
	if done > len(files) {
		return fmt.Errorf("the file has schema %d, this program knows %d: it is older than the file", done, len(files))
	}
	for _, name := range files[done:] {
		if err := apply(ctx, tx, name, vault); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return tx.Commit()
}

// schemaVersion returns how many files have been applied.
func schemaVersion(ctx context.Context, tx *sql.Tx) (done int, err error) {
	_, err = tx.ExecContext(ctx, "CREATE TABLE IF NOT EXISTS schema_version (version INTEGER PRIMARY KEY)")
	if err != nil {
		return 0, fmt.Errorf("reading the schema's version: %w", err)
	}
	err = tx.QueryRowContext(ctx, reads[readSchema]).Scan(&done)
	return done, err
}

// apply runs one file and what belongs to it, and notes its number.
func apply(ctx context.Context, tx *sql.Tx, name string, vault acquirer.Vault) error {
	number, title, _ := strings.Cut(strings.TrimSuffix(strings.TrimPrefix(name, "migration/"), ".sql"), "_")
	version, err := strconv.Atoi(number)
	if err != nil {
		return err
	}
	text, err := migrations.ReadFile(name)
	if err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, string(text)); err != nil {
		return err
	}
	if program, ok := programs[title]; ok {
		if err := program(ctx, tx, vault); err != nil {
			return err
		}
	}
	_, err = tx.ExecContext(ctx, "INSERT INTO schema_version (version) VALUES ($1)", version)
	return err
}
