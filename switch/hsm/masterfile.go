package hsm

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// The files beside that of a master key while it is replaced.
const (
	nextKey = ".next" // what takes its place
	oldKey  = ".old"  // what it was: a backup from before needs it
)

// NextMasterKey returns the master key that is to take the place of the one in path: of a replacement that was
// interrupted, or a fresh one, in a file beside it. It refuses while the key of an earlier replacement lies there, which
// nothing may overwrite.
func NextMasterKey(path string) (*MasterKey, error) {
	if err := checkOldKey(path); err != nil {
		return nil, err
	}
	next, err := LoadMasterKey(path + nextKey)
	if errors.Is(err, fs.ErrNotExist) {
		return CreateMasterKey(path + nextKey)
	}
	return next, err
}

// ReplaceMasterKey puts the key that NextMasterKey returned into path, and keeps what was there beside it, with the
// ending .old. There is a key in path at any moment. When it returns nil this survives a power cut.
func ReplaceMasterKey(path string) error {
	if err := checkOldKey(path); err != nil {
		return err
	}
	err := os.Link(path, path+oldKey)
	if err != nil && !errors.Is(err, fs.ErrExist) { // there: of a replacement that was interrupted
		return fmt.Errorf("master key: %w", err)
	}
	if err := os.Rename(path+nextKey, path); err != nil {
		return fmt.Errorf("master key: %w", err)
	}
	if err := syncFolder(filepath.Dir(path)); err != nil {
		return fmt.Errorf("master key: %w", err)
	}
	return nil
}

// checkOldKey accepts no old key, or one that is still in path.
func checkOldKey(path string) error {
	old, err := os.Lstat(path + oldKey)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("master key: %w", err)
	}
	now, err := os.Lstat(path)
	if err != nil {
		return fmt.Errorf("master key: %w", err)
	}
	if !os.SameFile(old, now) {
		return fmt.Errorf("master key %s%s of an earlier change is still there: put it away with the backups it opens, or destroy it",
			path, oldKey)
	}
	return nil
}
