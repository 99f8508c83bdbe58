package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"syscall"

	"example.com/ringback/store"
	"example.com/ringback/switch/hsm"
)

// installation is an opened store with the security module that its keys belong to.
type installation struct {
	config Config
	module *hsm.Module
	db     *store.DB
	acting string // who a change is carried out for, for what it writes down
}

// openInstallation opens what a configuration names; the caller closes it.
func openInstallation(ctx context.Context, path string) (*installation, error) {
	c, err := loadConfig(path)
	if err != nil {
		return nil, err
	}
	i := &installation{config: c}
	return i, i.reopen(ctx)
}

// reopen opens the store with the module of the master key that is there now.
func (i *installation) reopen(ctx context.Context) error {
	master, err := hsm.LoadMasterKey(i.config.Keys.MasterFile)
	if err != nil {
		return err
	}
	module := hsm.New(master)
	db, err := store.Open(ctx, store.Config{Path: i.config.Store.Path, Vault: module})
	if err != nil {
		return fmt.Errorf("opening the store: %w", err)
	}
	i.module, i.db = module, db
	return nil
}

func (i *installation) close() error { return i.db.Close() }

// with runs a verb on an opened installation.
func with(ctx context.Context, path string, verb func(*installation) error) error {
	i, err := openInstallation(ctx, path)
	if err != nil {
		return err
	}
	return errors.Join(verb(i), i.close())
}

// lockStore keeps a second switch off the same store: two would give out the same ids. The lock ends with the
// process, whatever ends it.
func lockStore(path string) (unlock func() error, err error) {
	f, err := os.OpenFile(path+".lock", os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("locking the store: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return nil, errors.Join(fmt.Errorf("another switch runs on %s: %w", path, err), f.Close())
	}
	return f.Close, nil
}

// printJSON prints v as one JSON value on standard output.
func printJSON(v any) error {
	e := json.NewEncoder(os.Stdout)
	e.SetEscapeHTML(false)
	return e.Encode(v)
}
