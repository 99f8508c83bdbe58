package store

import (
	"context"
	"crypto/hmac"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	acquirer "example.com/ringback/switch"
)

var (
	_ acquirer.Journal   = (*DB)(nil)
	_ acquirer.Directory = (*DB)(nil)
	_ acquirer.Batches   = (*DB)(nil)
	_ acquirer.Witnesses = (*DB)(nil)
)

// Config says which file to open and with whose keys.
type Config struct {
	Path  string         // of the database; made, readable for its owner only, when it is not there
	Vault acquirer.Vault // of the local master key that the file was made with
}

// DB is the store on one SQLite file. All methods are safe for concurrent use. Several processes may have the same file
// open, but only one of them may take ids: [DB.NewID] counts in memory.
//
// A read that fails returns an error that is neither [acquirer.ErrNotFound] nor [acquirer.ErrStore]; it touched
// nothing. A context that has ended before a write is queued makes the write not happen and its error the result;
// later it changes nothing any more.
type DB struct {
	write   *sql.DB
	conn    *sql.Conn // the writer's, out of write
	writer  *writer
	read    *sql.DB
	queries []*sql.Stmt // of read, by query

	commits    *committer
	keys       *keyring
	sums       *keyedHash // chain
	prints     *keyedHash // fingerprints
	numbers    *keyedHash // look-ups by mobile number
	subjects   *keyedHash // messages, senders, limits, lanes
	codes      acquirer.Key
	ids        *sequences
	payees     *payeeIDs
	enrolments *sequences

	closing sync.Once
	closed  error
}

// Open opens the file, brings its schema up to date and starts the writer, which [DB.Close] ends. It refuses a
// database whose settings would lose acknowledged writes, with [acquirer.ErrKey] one that was made with another master
// key, and with [ErrChain] one whose history does not end where it was left: [Audit] reads such a file all the same.
// ctx bounds the opening only.
func Open(ctx context.Context, c Config) (*DB, error) {
	return open(ctx, c, writerOptions("FULL"))
}

func open(ctx context.Context, c Config, options string) (*DB, error) {
	if err := create(c.Path); err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	db := newDB(c)
	db.write = pool(c.Path, options, 1)
	if err := db.start(ctx, c.Vault); err != nil {
		return nil, errors.Join(fmt.Errorf("store: opening %s: %w", c.Path, err), db.Close())
	}
	return db, nil
}

// newDB returns a store that reads only and has prepared nothing.
func newDB(c Config) *DB {
	return &DB{read: pool(c.Path, readerOptions(), maxReaders), ids: newSequences(), payees: &payeeIDs{},
		enrolments: newSequences()}
}

// create makes the file, so that SQLite does not make it readable for everybody. One that is there is left alone: to
// open and close it would take away the locks that SQLite has on it in this process.
func create(path string) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if errors.Is(err, os.ErrExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return f.Close()
}

// start does what can fail. What it has made by then is Close's to end.
func (db *DB) start(ctx context.Context, vault acquirer.Vault) (err error) {
	if db.conn, err = db.write.Conn(ctx); err != nil {
		return err
	}
	if err = verify(ctx, db.conn); err != nil {
		return err
	}
	if err = migrate(ctx, db.conn, vault); err != nil {
		return fmt.Errorf("migrating: %w", err)
	}
	if err = db.unlock(ctx, vault); err != nil {
		return err
	}
	// A process before this one may have ended at a flush that failed. The kernel shows the pages of it as written but
	// writes them no more, and what is appended behind them would go with them when the power does.
	if err = errors.Join(checkpoint(db.conn), setBusyTimeout(ctx, db.conn, busyTimeout)); err != nil {
		return fmt.Errorf("emptying the WAL: %w", err)
	}
	if db.writer, err = newWriter(ctx, db.conn, db.sums); err != nil {
		return err
	}
	if err := db.prepare(ctx, vault); err != nil {
		return err
	}
	db.commits = newCommitter(db.writer)
	go db.commits.run()
	if err := errors.Join(db.checkEnds(ctx), db.checkOperationEnd(ctx)); err != nil {
		return err
	}
	return db.addNobody(ctx)
}

// prepare makes ready to read.
func (db *DB) prepare(ctx context.Context, vault acquirer.Vault) (err error) {
	db.keys = newKeyring(vault, db)
	db.queries = make([]*sql.Stmt, len(reads))
	for i, text := range reads {
		if db.queries[i], err = db.read.PrepareContext(ctx, text); err != nil {
			return fmt.Errorf("preparing %q: %w", text, err)
		}
	}
	return nil
}

// checkEnds compares the end of each chain with its last step: a history whose tail was cut must not be gone on with.
func (db *DB) checkEnds(ctx context.Context) error {
	chains := 0
	err := db.many(ctx, func(row scanner) error {
		chains++
		return scanEnd(row, db.sums)
	}, readEnds)
	if err == nil && chains == 0 {
		err = errNoEnd
	}
	return err
}

// scanEnd reads the columns of readEnds, which must agree.
func scanEnd(row scanner, sums *keyedHash) error {
	var h head
	var chain, seq sql.NullInt64
	var hash []byte
	if err := h.scan(row, sums, &chain, &seq, &hash); err != nil {
		return err
	}
	if h.seq > 0 && (!seq.Valid || seq.Int64 != h.seq || chain.Int64 != h.chain || !hmac.Equal(hash, h.hash[:])) {
		return fmt.Errorf("its last step, %d of %s, was altered or is missing: %w", h.version, acquirer.ID(h.txn).RRN(), ErrChain)
	}
	return nil
}

// Failed is closed when a write has failed: its outcome is unknown, every later write fails with [acquirer.ErrStore],
// and the process must end.
func (db *DB) Failed() <-chan struct{} { return db.commits.failed }

// Close writes what is queued, ends the writer, moves the WAL into the file and closes it. Writes that come later fail
// with [acquirer.ErrStore] and are not carried out. A second call returns what the first returned.
func (db *DB) Close() error {
	db.closing.Do(func() { db.closed = db.release() })
	return db.closed
}

func (db *DB) release() error {
	if db.commits != nil {
		db.commits.stop()
	}
	errs := []error{db.read.Close()}
	if db.writer != nil {
		errs = append(errs, db.writer.close())
	}
	if db.commits != nil {
		errs = append(errs, checkpoint(db.conn))
	}
	if db.conn != nil {
		errs = append(errs, db.conn.Close())
	}
	if db.write != nil {
		errs = append(errs, db.write.Close())
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("store: closing: %w", err)
	}
	return nil
}

// checkpoint empties the WAL, so that nothing deleted stays in it. That another process reads or writes, and keeps it
// from being emptied, is no error: the last to close does it.
func checkpoint(conn *sql.Conn) error {
	ctx := context.Background()
	if err := setBusyTimeout(ctx, conn, closeTimeout); err != nil {
		return err
	}
	var busy, frames, moved int
	return conn.QueryRowContext(ctx, "PRAGMA wal_checkpoint(TRUNCATE)").Scan(&busy, &frames, &moved)
}

func setBusyTimeout(ctx context.Context, conn *sql.Conn, d time.Duration) error {
	_, err := conn.ExecContext(ctx, fmt.Sprintf("PRAGMA busy_timeout = %d", d.Milliseconds()))
	return err
}

// one starts a read of one row. It does not end with ctx, once begun: it takes microseconds, and watching a context
// would take longer.
func (db *DB) one(ctx context.Context, q query, args ...any) *sql.Row {
	return db.queries[q].QueryRowContext(context.WithoutCancel(ctx), args...)
}

// many reads rows; scan is called for each and must not read itself: the connections are few.
func (db *DB) many(ctx context.Context, scan func(scanner) error, q query, args ...any) (err error) {
	rows, err := db.queries[q].QueryContext(ctx, args...)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		if err := scan(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

// absent turns the driver's word for no row into ours.
func absent(err error) error {
	if errors.Is(err, sql.ErrNoRows) {
		return acquirer.ErrNotFound
	}
	return err
}
