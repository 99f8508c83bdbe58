package main

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"example.com/ringback/store"
	acquirer "example.com/ringback/switch"
	"example.com/ringback/switch/hsm"
)

// keyWorld is a stopped installation with a terminal and a payee.
func keyWorld(t *testing.T) Config {
	t.Helper()
	dir := t.TempDir()
	c := Config{Store: StoreConfig{Path: filepath.Join(dir, "switch.db")}, Keys: KeysConfig{MasterFile: filepath.Join(dir, "master.key")}}
	master, err := hsm.CreateMasterKey(c.Keys.MasterFile)
	require.NoError(t, err)
	module := hsm.New(master)
	db, err := store.Open(t.Context(), store.Config{Path: c.Store.Path, Vault: module})
	require.NoError(t, err)
	require.NoError(t, enterDemoWorld(t.Context(), db, module))
	require.NoError(t, db.Close())
	return c
}

// openedWith opens the store with the key of a file and looks at what hangs from it: every terminal's master key, a
// payee found by its number, with its card.
func openedWith(t *testing.T, c Config, keyFile string) error {
	t.Helper()
	master, err := hsm.LoadMasterKey(keyFile)
	if err != nil {
		return err
	}
	module := hsm.New(master)
	db, err := store.Open(t.Context(), store.Config{Path: c.Store.Path, Vault: module})
	if err != nil {
		return err
	}
	defer func() { require.NoError(t, db.Close()) }()
	require.ErrorContains(t, refuseDemoKeys(t.Context(), db, module), "public test key", "the terminals' keys open")
	number, err := acquirer.ParseMSISDN(demoPayees[0].number)
	require.NoError(t, err)
	payee, err := db.PayeeByNumber(t.Context(), number)
	require.NoError(t, err)
	require.Equal(t, demoPayees[0].card, payee.Card.Reveal())
	return nil
}

func TestKeyRotate(t *testing.T) {
	c := keyWorld(t)
	master := c.Keys.MasterFile
	require.NoError(t, rotateKeys(t.Context(), c))
	require.NoError(t, openedWith(t, c, master))
	require.ErrorIs(t, openedWith(t, c, master+".old"), acquirer.ErrKey)
	require.NoFileExists(t, master+".next")

	require.ErrorContains(t, rotateKeys(t.Context(), c), "still there", "the old key is not overwritten")
	require.NoError(t, os.Remove(master+".old"))
	require.NoError(t, rotateKeys(t.Context(), c))
	require.NoError(t, openedWith(t, c, master))
}

// Ended behind each of its steps, and before any write of the transaction is durable (which is the store's to show):
// one of the two files opens the store, and the next run finishes.
func TestKeyRotateInterrupted(t *testing.T) {
	next := func(t *testing.T, c Config) {
		t.Helper()
		_, err := hsm.NextMasterKey(c.Keys.MasterFile)
		require.NoError(t, err)
	}
	wrapped := func(t *testing.T, c Config) {
		t.Helper()
		next(t, c)
		from, err := hsm.LoadMasterKey(c.Keys.MasterFile)
		require.NoError(t, err)
		to, err := hsm.LoadMasterKey(c.Keys.MasterFile + ".next")
		require.NoError(t, err)
		old := hsm.New(from)
		require.NoError(t, store.Rotate(t.Context(), store.Config{Path: c.Store.Path, Vault: old}, hsm.Rotation{From: old, To: hsm.New(to)}))
	}
	for _, v := range []struct {
		name, opens string
		steps       func(*testing.T, Config)
	}{
		{"new key made", "", next},
		{"store wrapped", ".next", wrapped},
		{"old key kept", ".next", func(t *testing.T, c Config) {
			wrapped(t, c)
			require.NoError(t, os.Link(c.Keys.MasterFile, c.Keys.MasterFile+".old"))
		}},
	} {
		t.Run(v.name, func(t *testing.T) {
			c := keyWorld(t)
			v.steps(t, c)
			before, err := os.ReadFile(c.Keys.MasterFile)
			require.NoError(t, err)
			require.NoError(t, openedWith(t, c, c.Keys.MasterFile+v.opens))
			require.NoError(t, rotateKeys(t.Context(), c))
			require.NoError(t, openedWith(t, c, c.Keys.MasterFile))
			kept, err := os.ReadFile(c.Keys.MasterFile + ".old")
			require.NoError(t, err)
			require.True(t, string(before) == string(kept), "the key from before is kept")
		})
	}
}

// A rotation between two lives of the switch: keys of the session and of the zone are the same after it, so that the
// terminal pays without a new sign-on; while the switch runs there is none.
func TestPaymentAcrossRotation(t *testing.T) {
	w := newWorld(t, 5*time.Second)
	verb := &keyRotateCmd{configFlag: configFlag{Config: w.config()}}
	rotate := act{name: "key rotate", verb: verbs["key rotate"], me: thisCaller()}
	term := w.terminal("10000001")
	_, err := term.Pay(t.Context(), payment(1234), holder{[]string{"123456"}})
	require.NoError(t, err)
	require.ErrorContains(t, verb.Run(t.Context(), rotate), "another switch runs")
	batch, addr := term.Status().Batch, w.app.listeners[0].Addr().String()

	w.stopSwitch()
	require.NoError(t, verb.Run(t.Context(), rotate))
	t.Setenv("RINGBACK_TERMINAL_ADDR", addr)
	w.startSwitch()
	_, err = term.Pay(t.Context(), payment(1234), holder{[]string{"123456"}})
	require.NoError(t, err)
	require.Equal(t, batch, term.Status().Batch, "no new sign-on")
	require.Len(t, w.rows(), 2)
}

// A rotation that was killed when the store was under the new key already is finished by the verb, and written down.
func TestKeyRotateTakenUpAgain(t *testing.T) {
	config := newInstallation(t, "")
	c, err := loadConfig(config)
	require.NoError(t, err)
	next, err := hsm.NextMasterKey(c.Keys.MasterFile)
	require.NoError(t, err)
	old, err := hsm.LoadMasterKey(c.Keys.MasterFile)
	require.NoError(t, err)
	from := hsm.New(old)
	require.NoError(t, store.Rotate(t.Context(), store.Config{Path: c.Store.Path, Vault: from}, hsm.Rotation{From: from, To: hsm.New(next)}))
	_, err = openInstallation(t.Context(), config)
	require.ErrorIs(t, err, acquirer.ErrKey, "nothing works until it is finished")

	unlock, err := lockStore(c.Store.Path)
	require.NoError(t, err)
	require.ErrorContains(t, runAs(t.Context(), t, caller{uid: stranger}, config, "key", "rotate"), "another switch runs")
	require.NoError(t, unlock())

	require.NoError(t, runAs(t.Context(), t, caller{uid: stranger}, config, "key", "rotate"))
	lines := journal(t, config)
	require.Len(t, lines, 1)
	require.Equal(t, store.OutcomeDone, lines[0].Outcome)
	require.Equal(t, "local master key, taken up again", lines[0].Object)
	require.NoFileExists(t, c.Keys.MasterFile+".next")
	require.FileExists(t, c.Keys.MasterFile+".old")
}

// A store that a running switch or another verb has open is not rotated.
func TestKeyRotateOfAnOpenStore(t *testing.T) {
	c := keyWorld(t)
	master, err := hsm.LoadMasterKey(c.Keys.MasterFile)
	require.NoError(t, err)
	db, err := store.Open(t.Context(), store.Config{Path: c.Store.Path, Vault: hsm.New(master)})
	require.NoError(t, err)
	require.ErrorContains(t, rotateKeys(context.Background(), c), "no other process")
	require.NoError(t, db.Close())
	require.NoError(t, openedWith(t, c, c.Keys.MasterFile), "as it was")
	require.NoError(t, rotateKeys(t.Context(), c))
}

// Neither file's key is the store's: nothing is replaced.
func TestKeyRotateOfAnotherStore(t *testing.T) {
	c := keyWorld(t)
	other := keyWorld(t)
	other.Store = c.Store
	require.ErrorIs(t, rotateKeys(t.Context(), other), acquirer.ErrKey)
	require.NoFileExists(t, other.Keys.MasterFile+".old")
	require.NoError(t, openedWith(t, c, c.Keys.MasterFile))
}
