package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/mattn/go-sqlite3"
)

// connector opens connections without the driver registry of database/sql.
type connector struct {
	driver *sqlite3.SQLiteDriver
	dsn    string
}

// Connect opens a connection. While another process makes the file, or closes it as the last one, SQLite refuses at
// once, whatever its busy timeout: then it is tried again, as long as that lasts.
func (c connector) Connect(ctx context.Context) (driver.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, busyTimeout)
	defer cancel()
	again := time.NewTicker(connectPause)
	defer again.Stop()
	for {
		conn, err := c.driver.Open(c.dsn)
		var refused sqlite3.Error
		if !errors.As(err, &refused) || refused.Code != sqlite3.ErrBusy {
			return conn, err
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			return nil, err
		}
	}
}

func (c connector) Driver() driver.Driver { return c.driver }

// pool opens a pool on the file at path; options is the query of the driver's data source name.
func pool(path, options string, connections int) *sql.DB {
	db := sql.OpenDB(connector{dsn: "file:" + escapePath(path) + "?" + options,
		driver: &sqlite3.SQLiteDriver{ConnectHook: tune}})
	db.SetMaxOpenConns(connections)
	db.SetMaxIdleConns(connections)
	return db
}

// escapePath writes a file name as the path of an SQLite URI.
func escapePath(path string) string {
	return strings.NewReplacer("%", "%25", "?", "%3f", "#", "%23").Replace(path)
}

// tune sets what the data source name has no word for. Sorting must never leave clear text in a temporary file.
func tune(c *sqlite3.SQLiteConn) error {
	_, err := c.Exec(fmt.Sprintf("PRAGMA temp_store = MEMORY; PRAGMA wal_autocheckpoint = %d", checkpointPages), nil)
	return err
}

// writerOptions are those of the one connection that writes. synchronous is said aloud because the driver's own value
// in WAL mode is NORMAL.
func writerOptions(synchronous string) string {
	return fmt.Sprintf("_journal_mode=WAL&_synchronous=%s&_secure_delete=on&_txlock=immediate&_busy_timeout=%d&_cache_size=-%d",
		synchronous, busyTimeout.Milliseconds(), writerCache)
}

// readerOptions are those of connections that read. They make no file that is not there.
func readerOptions() string {
	return fmt.Sprintf("mode=rw&_query_only=true&_synchronous=FULL&_secure_delete=on&_busy_timeout=%d&_cache_size=-%d",
		busyTimeout.Milliseconds(), readerCache)
}

// verify reads back what durability and secrecy hang on and refuses less.
func verify(ctx context.Context, conn *sql.Conn) error {
	var synchronous, secureDelete int
	var journal string
	err := errors.Join(
		conn.QueryRowContext(ctx, "PRAGMA synchronous").Scan(&synchronous),
		conn.QueryRowContext(ctx, "PRAGMA secure_delete").Scan(&secureDelete),
		conn.QueryRowContext(ctx, "PRAGMA journal_mode").Scan(&journal))
	switch {
	case err != nil:
		return fmt.Errorf("reading settings back: %w", err)
	case synchronous < minSynchronous:
		return fmt.Errorf("synchronous is %d, not FULL: a power cut would take acknowledged payments", synchronous)
	case journal != "wal":
		return fmt.Errorf("journal mode is %q, not wal", journal)
	case secureDelete != 1:
		return fmt.Errorf("secure_delete is %d, not on: deleted secrets would stay in the file", secureDelete)
	}
	return nil
}
