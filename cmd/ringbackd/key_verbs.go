package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"

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
	configFlag `json:"-"`
	jsonFlag   `json:"-"`
}

func (k *keyRotateCmd) object() string { return "local master key" }

// Run rotates. Interrupted at any moment and run again, it goes on where it was: when the store is under the new key
// already, no second person is asked for what is left, which is to put the key's file into its place.
func (k *keyRotateCmd) Run(ctx context.Context, a act) error {
	c, err := loadConfig(k.Config)
	if err != nil {
		return err
	}
	rotated, err := wrappedUnderNext(ctx, c)
	if err != nil {
		return err
	}
	if !rotated {
		return a.perform(ctx, k)
	}
	if err := rotateStopped(ctx, c); err != nil {
		return err
	}
	return with(ctx, k.Config, func(i *installation) error {
		who, err := i.config.personOf(a.me)
		if err != nil {
			return err
		}
		line := who.operation(a.name, "local master key, taken up again", store.OutcomeDone, nil, 0)
		if _, err := i.db.Record(ctx, line); err != nil {
			return fmt.Errorf("the key is replaced, but not in the operators' journal: %w", err)
		}
		return rotation(c).print(os.Stdout, k.JSON)
	})
}

// wrappedUnderNext reports whether a rotation was interrupted when the store was under the new key already.
func wrappedUnderNext(ctx context.Context, c Config) (bool, error) {
	next, err := hsm.LoadMasterKey(c.Keys.MasterFile + ".next")
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return opens(ctx, c.Store.Path, hsm.New(next)), nil
}

// carryOut closes the store for the rotation, which wants it alone, and opens it again, so that the journal can have it.
func (k *keyRotateCmd) carryOut(ctx context.Context, i *installation) (result, error) {
	err := errors.Join(i.db.Close(), rotateStopped(ctx, i.config))
	if err := errors.Join(err, i.reopen(context.WithoutCancel(ctx))); err != nil {
		return result{}, err
	}
	return rotation(i.config), nil
}

// rotateStopped rotates while it keeps a switch from starting.
func rotateStopped(ctx context.Context, c Config) error {
	unlock, err := lockStore(c.Store.Path)
	if err != nil {
		return err
	}
	return errors.Join(rotateKeys(ctx, c), unlock())
}

// rotation is what there is to say about one.
func rotation(c Config) result {
	file := c.Keys.MasterFile
	return result{
		json: struct {
			Key string `json:"master_file"`
			Old string `json:"old_file"`
		}{file, file + ".old"},
		text: fmt.Sprintf("everything is wrapped under a new master key, in %s\n"+
			"the one before is in %s.old: backups from before need it; put it away with them, or destroy it\n", file, file),
	}
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
