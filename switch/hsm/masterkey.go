package hsm

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// masterKeySize is the length of a local master key in bytes. Its file holds twice as many hexadecimal digits and
// a newline.
const masterKeySize = 32

// MasterKey is the local master key. It prints as nothing through every verb of fmt.
type MasterKey struct{ b [masterKeySize]byte }

// NewMasterKey copies 32 bytes. It refuses any other length and a key of one repeated byte.
func NewMasterKey(b []byte) (*MasterKey, error) {
	if len(b) != masterKeySize {
		return nil, fmt.Errorf("master key has %d bytes, not %d", len(b), masterKeySize)
	}
	if bytes.Count(b, b[:1]) == len(b) {
		return nil, errors.New("master key is one byte repeated")
	}
	return &MasterKey{[masterKeySize]byte(b)}, nil
}

// LoadMasterKey reads a master key file: 64 hexadecimal digits and a newline. The file must be a regular file, not
// a link, of mode 0600 or 0400. The error says what the operator is to do; it never shows content.
func LoadMasterKey(path string) (*MasterKey, error) {
	info, err := os.Lstat(path) // before Open, which would wait on a pipe
	if err != nil {
		return nil, fmt.Errorf("master key: %w", err)
	}
	if err := private(path, info); err != nil {
		return nil, err
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("master key: %w", err)
	}
	text, err := readPrivate(path, f)
	if err := errors.Join(err, f.Close()); err != nil {
		return nil, err
	}
	defer clear(text)
	return parseMasterKey(path, text)
}

// CreateMasterKey makes a master key from the system's random source and writes it to a new file of mode 0600. It
// never replaces a file: what is wrapped under a lost master key is lost too. When it returns nil the file
// survives a power cut.
func CreateMasterKey(path string) (*MasterKey, error) {
	var key [masterKeySize]byte
	if _, err := rand.Read(key[:]); err != nil {
		return nil, fmt.Errorf("master key: %w", err)
	}
	defer clear(key[:])
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, fmt.Errorf("master key: %w", err)
	}
	text := append(hex.AppendEncode(nil, key[:]), '\n')
	defer clear(text)
	_, err = f.Write(text)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return nil, fmt.Errorf("master key: %w", errors.Join(err, os.Remove(path)))
	}
	if err := syncFolder(filepath.Dir(path)); err != nil {
		return nil, fmt.Errorf("master key: %w", err)
	}
	return NewMasterKey(key[:])
}

// Format prints nothing.
func (MasterKey) Format(fmt.State, rune) {}

// private refuses what others could read or swap.
func private(path string, info fs.FileInfo) error {
	if !info.Mode().IsRegular() {
		return fmt.Errorf("master key %s is not a regular file: put the key itself there, not a link or a device", path)
	}
	if perm := info.Mode().Perm(); perm != 0o600 && perm != 0o400 {
		return fmt.Errorf("master key %s has mode %04o: run chmod 600 %s, and make a new key if others may have read it",
			path, perm, path)
	}
	return nil
}

// readPrivate checks the file that was opened, since the name may lead elsewhere by now, and reads it up to one
// byte more than a key file holds.
func readPrivate(path string, f *os.File) ([]byte, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("master key: %w", err)
	}
	if err := private(path, info); err != nil {
		return nil, err
	}
	text, err := io.ReadAll(io.LimitReader(f, 2*masterKeySize+2))
	if err != nil {
		return nil, fmt.Errorf("master key: %w", err)
	}
	return text, nil
}

func parseMasterKey(path string, text []byte) (*MasterKey, error) {
	var key [masterKeySize]byte
	defer clear(key[:])
	digits := bytes.TrimSuffix(text, []byte("\n"))
	if len(digits) != hex.EncodedLen(len(key)) {
		return nil, fmt.Errorf("master key %s does not hold 64 hexadecimal digits and a newline", path)
	}
	if _, err := hex.Decode(key[:], digits); err != nil { // the cause would show a digit of the key
		return nil, fmt.Errorf("master key %s holds something else than hexadecimal digits", path)
	}
	master, err := NewMasterKey(key[:])
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return master, nil
}

// syncFolder makes a new name in a folder durable.
func syncFolder(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
