package letter

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	acquirer "example.com/ringback/switch"
)

// roomIn makes the folder when it is not there, and says whether it takes another letter.
func roomIn(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("%w: the folder cannot be made", acquirer.ErrDeviceDown)
	}
	waiting, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("%w: the folder cannot be read", acquirer.ErrDeviceDown)
	}
	if len(waiting) >= maxOut {
		return fmt.Errorf("%w: %d letters lie in the folder, and nobody fetches them", acquirer.ErrDeviceDown, len(waiting))
	}
	return nil
}

// drop leaves a letter in the folder, whole and durable or not at all, for its owner only. A letter that is left again
// replaces itself.
func drop(dir, name string, pdf []byte) error {
	if err := roomIn(dir); err != nil {
		return err
	}
	f, err := os.CreateTemp(dir, ".*.tmp") // mode 0600
	if err != nil {
		return err
	}
	_, err = f.Write(pdf)
	if err = errors.Join(err, f.Sync(), f.Close()); err == nil {
		err = os.Rename(f.Name(), filepath.Join(dir, name))
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return syncFolder(dir)
}

// syncFolder makes the renaming durable.
func syncFolder(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
