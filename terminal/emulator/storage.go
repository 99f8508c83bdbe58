package emulator

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// ErrStateInUse is the error of Open when another process has the state file.
var ErrStateInUse = errors.New("terminal state is in use by another process")

// storage keeps the bytes of a state. What save wrote is durable when it returns without an error, and what was there
// before stays whole if it fails.
type storage interface {
	load() ([]byte, error)
	save(b []byte) error
	close() error
}

// memory is the storage of a terminal without a file.
type memory struct{ b []byte }

func (m *memory) load() ([]byte, error) { return m.b, nil }
func (m *memory) save(b []byte) error   { m.b = b; return nil }
func (m *memory) close() error          { return nil }

// stateFile is a file that is replaced whole at each save. A lock file beside it keeps a second process out: the state
// file itself changes its inode.
type stateFile struct {
	path string
	lock *os.File
}

func openStateFile(path string) (*stateFile, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, err
	}
	lock, err := os.OpenFile(path+".lock", os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := lockFile(lock); err != nil {
		return nil, errors.Join(fmt.Errorf("%w: %s", ErrStateInUse, path), lock.Close())
	}
	return &stateFile{path: path, lock: lock}, nil
}

// load returns nothing for a file that is not there yet.
func (f *stateFile) load() ([]byte, error) {
	file, err := os.Open(f.path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	} else if err != nil {
		return nil, err
	}
	b, err := io.ReadAll(io.LimitReader(file, maxStateFile+1))
	if err = errors.Join(err, file.Close()); err != nil {
		return nil, err
	}
	if len(b) == 0 || len(b) > maxStateFile {
		// An empty file is no new terminal: it is one that lost its memory.
		return nil, fmt.Errorf("%w: %s has %d bytes", ErrState, f.path, len(b))
	}
	return b, nil
}

// save writes beside the file, makes that durable, puts it in the file's place, and makes the place durable.
func (f *stateFile) save(b []byte) error {
	temp := f.path + ".tmp"
	if err := writeDurably(temp, b); err != nil {
		return err
	}
	if err := os.Rename(temp, f.path); err != nil {
		return err
	}
	dir, err := os.Open(filepath.Dir(f.path))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

func (f *stateFile) close() error { return f.lock.Close() }

func writeDurably(path string, b []byte) error {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = file.Write(b)
	if err == nil {
		err = file.Sync()
	}
	return errors.Join(err, file.Close())
}
