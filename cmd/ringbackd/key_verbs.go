package main

import (
	"context"
	"errors"
	"fmt"

	"example.com/ringback/store"
	acquirer "example.com/ringback/switch"
	"example.com/ringback/switch/hsm"
)

// keyCmd groups the verbs on keys.
type keyCmd struct {
	Rotate keyRotateCmd `cmd:"" help:"Wrap everything under a new local master key; the switch must be stopped."`
}

// keyRotateCmd replaces the local master key.
type keyRotateCmd struct {
	configFlag
}

// Run rotates. Interrupted at any moment and run again, it goes on where it was.
func (k *keyRotateCmd) Run(ctx context.Context) error {
	c, err := loadConfig(k.Config)
	if err != nil {
		return err
	}
	unlock, err := lockStore(c.Store.Path)
	if err != nil {
		return err
	}
	if err := errors.Join(rotateKeys(ctx, c), unlock()); err != nil {
		return err
	}
	fmt.Printf("everything is wrapped under a new master key, in %s\n"+
		"the one before is in %s.old: backups from before need it; put it away with them, or destroy it\n",
		c.Keys.MasterFile, c.Keys.MasterFile)
	return nil
}

// rotateKeys makes the new key durable, wraps the store's content under it, and puts it into the old one's place, in this
// order: at any moment one of the two files opens the store.
func rotateKeys(ctx context.Context, c Config) error {
	path := c.Keys.MasterFile
	old, err := hsm.LoadMasterKey(path)
	if err != nil {
		return err
	}
	next, err := hsm.NextMasterKey(path)
	if err != nil {
		return err
	}
	from, to := hsm.New(old), hsm.New(next)
	err = store.Rotate(ctx, store.Config{Path: c.Store.Path, Vault: from}, hsm.Rotation{From: from, To: to})
	if errors.Is(err, acquirer.ErrKey) && opens(ctx, c.Store.Path, to) {
		err = nil // an earlier run got as far as this
	}
	if err != nil {
		return err
	}
	return hsm.ReplaceMasterKey(path)
}

// opens reports whether a store is one of a module's master key.
func opens(ctx context.Context, path string, module *hsm.Module) bool {
	db, err := store.Open(ctx, store.Config{Path: path, Vault: module})
	return err == nil && db.Close() == nil
}
