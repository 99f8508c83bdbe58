package mockhost

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
)

// logName is the file of the ledger log in Config.Dir.
const logName = "ledger.log"

// logFile is what the journal needs of a file.
type logFile interface {
	io.Writer
	Sync() error
	Close() error
}

// batch is the records that one flush makes durable together.
type batch struct {
	done chan struct{}
	err  error // valid after done
}

// journal appends records to the log and makes them durable in groups: whoever
// waits first writes and flushes for all that has gathered, while the next group
// gathers behind it. A flush costs the same for one record as for hundreds.
type journal struct {
	turn chan struct{} // held, by a token, by whoever flushes
	file logFile       // nil: memory only

	mu        sync.Mutex
	buf       []byte // lines that wait
	gathering *batch // theirs; nil if buf is empty
	last      *batch // the newest batch there ever was
	failed    error  // why nothing is written any more
}

func newJournal(file logFile) *journal {
	done := make(chan struct{})
	close(done)
	return &journal{turn: make(chan struct{}, 1), file: file, last: &batch{done: done}}
}

// append puts a record behind all others and returns its batch. The caller
// holds the lock under which it changed the state that the record tells of, so
// that records are in the order of the changes.
func (j *journal) append(r record) *batch {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.buf = appendRecord(j.buf, r)
	if j.gathering == nil {
		j.gathering = &batch{done: make(chan struct{})}
		j.last = j.gathering
	}
	return j.gathering
}

// latest is the batch that makes durable everything appended so far.
func (j *journal) latest() *batch {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.last
}

// wait returns when the batch is durable, or with the error that stopped the
// journal for good.
func (j *journal) wait(b *batch) error {
	select {
	case <-b.done:
		return b.err
	default:
	}
	select {
	case <-b.done:
	case j.turn <- struct{}{}:
		j.flush()
		<-j.turn
		<-b.done // by this flush or by the one before it
	}
	return b.err
}

// flush writes what has gathered. The caller has the turn.
func (j *journal) flush() {
	j.mu.Lock()
	lines, b, err := j.buf, j.gathering, j.failed
	j.buf, j.gathering = nil, nil
	j.mu.Unlock()
	if b == nil {
		return
	}
	if err == nil {
		err = j.write(lines)
	}
	if err != nil {
		j.fail(err)
	}
	b.err = err
	close(b.done)
}

func (j *journal) write(lines []byte) error {
	if j.file == nil {
		return nil
	}
	if _, err := j.file.Write(lines); err != nil {
		return fmt.Errorf("write the ledger log: %w", err)
	}
	if err := j.file.Sync(); err != nil {
		return fmt.Errorf("flush the ledger log: %w", err)
	}
	return nil
}

// fail stops the journal: after a failed write nobody knows what is on the disk.
func (j *journal) fail(err error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.failed == nil {
		j.failed = err
	}
}

// err is why the journal stopped; nil if it did not.
func (j *journal) err() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.failed
}

// close flushes what is left and closes the file. Nothing can be written later.
func (j *journal) close() error {
	err := j.wait(j.latest())
	if j.err() != nil && errors.Is(j.err(), ErrClosed) {
		return nil
	}
	j.fail(ErrClosed)
	if j.file == nil {
		return err
	}
	return errors.Join(err, j.file.Close())
}

// openLog opens the log in dir, gives its records to apply, cuts a torn end off
// and locks the file against a second host. With dir "" there is no file.
func openLog(dir string, apply func(record) error) (logFile, error) {
	if dir == "" {
		return nil, nil
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the ledger's folder: %w", err)
	}
	file, err := os.OpenFile(filepath.Join(dir, logName), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the ledger log: %w", err)
	}
	if err := prepareLog(file, dir, apply); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return file, nil
}

func prepareLog(file *os.File, dir string, apply func(record) error) error {
	if err := lockFile(file); err != nil {
		return fmt.Errorf("ledger log is in use by another host: %w", err)
	}
	size, err := replay(file, apply)
	if err != nil {
		return err
	}
	if err := file.Truncate(size); err != nil {
		return fmt.Errorf("cut the ledger log: %w", err)
	}
	if _, err := file.Seek(size, io.SeekStart); err != nil {
		return fmt.Errorf("go to the end of the ledger log: %w", err)
	}
	if err := file.Sync(); err != nil {
		return fmt.Errorf("flush the ledger log: %w", err)
	}
	return syncDir(dir)
}

// syncDir makes a new file's name durable.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("open the ledger's folder: %w", err)
	}
	return errors.Join(d.Sync(), d.Close())
}
