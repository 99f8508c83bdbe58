package store

import (
	"bytes"
	"context"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	acquirer "example.com/ringback/switch"
)

// testRotation goes from one vault to another; before is called at each key block.
type testRotation struct {
	from, to testVault
	before   func() error
}

func (r testRotation) KeyBlock(b acquirer.KeyBlock) (acquirer.KeyBlock, error) {
	if err := r.before(); err != nil {
		return acquirer.KeyBlock{}, err
	}
	return r.to.RewrapKey(b)
}

func (r testRotation) DataKey(wrapped []byte) ([]byte, error) {
	key, err := r.from.OpenDataKey(wrapped)
	if err != nil {
		return nil, err
	}
	return r.to.aead().Seal(nil, nil, key.Reveal(), nil), nil
}

func (r testRotation) IndexSecret(wrapped []byte) ([]byte, error) {
	secret, err := r.from.aead().Open(nil, nil, wrapped, []byte("index"))
	if err != nil {
		return nil, acquirer.ErrKey
	}
	return r.to.aead().Seal(nil, nil, secret, []byte("index")), nil
}

// keyed is a store with a key in every place that may hold one.
func keyed(t *testing.T, path string) *DB {
	t.Helper()
	db := openAt(t, path)
	for _, term := range []acquirer.Terminal{
		{ID: "10000001", Merchant: "898110000000001", TMK: key(acquirer.UsageTMK, "a"), Session: acquirer.Session{Batch: 3,
			PIK: key(acquirer.UsagePIK, "b"), MAK: key(acquirer.UsageMAK, "c"), TDK: key(acquirer.UsageTDK, "d"), OldMAK: key(acquirer.UsageMAK, "e")}},
		{ID: "10000002", Merchant: "898110000000001", TMK: key(acquirer.UsageTMK, "f")},
	} {
		require.NoError(t, db.AddTerminal(t.Context(), term))
	}
	require.NoError(t, db.SaveZoneKey(t.Context(), key(acquirer.UsageZPK, "g")))
	require.NoError(t, db.SaveZoneKey(t.Context(), key(acquirer.UsageZAK, "h")))
	return db
}

// blobs are all key blocks of a file, one beside the other.
func blobs(t *testing.T, db *DB) string {
	t.Helper()
	all, err := db.Terminals(t.Context())
	require.NoError(t, err)
	var out []string
	for _, term := range all {
		for _, k := range []acquirer.KeyBlock{term.TMK, term.Session.PIK, term.Session.MAK, term.Session.TDK, term.Session.OldMAK} {
			out = append(out, k.Blob)
		}
	}
	for _, u := range []acquirer.KeyUsage{acquirer.UsageZPK, acquirer.UsageZAK} {
		k, err := db.ZoneKey(t.Context(), u)
		require.NoError(t, err)
		out = append(out, k.Blob)
	}
	return strings.Join(out, ",")
}

// A file from before wraps its key blocks anew when it is opened, each once, and keeps its index secret.
func TestKeyBlocksOfAnOldFile(t *testing.T) {
	path := newPath(t)
	db := keyed(t, path)
	stories(t, db, 20)
	require.Equal(t, "a,b,c,d,e,f,,,,,g,h", blobs(t, db))
	want := db.Fingerprint(1, msisdn(t, "13800138001"), msisdn(t, "13900139001"), pan(t, "6225880000000000019"))
	require.NoError(t, db.Close())

	old := beforeTheChain(t, path)
	_, err := Open(t.Context(), Config{Path: old, Vault: testVault{master: [32]byte{1}}})
	require.ErrorIs(t, err, acquirer.ErrKey)
	for range 2 {
		db = openAt(t, old)
		require.Equal(t, "a anew,b anew,c anew,d anew,e anew,f anew,,,,,g anew,h anew", blobs(t, db))
		require.Equal(t, want, db.Fingerprint(1, msisdn(t, "13800138001"), msisdn(t, "13900139001"), pan(t, "6225880000000000019")))
		require.NoError(t, db.Close())
		sound(t, old)
	}
	term, err := openAt(t, old).Terminal(t.Context(), "10000001")
	require.NoError(t, err)
	require.False(t, term.Profile.SM4)
}

// A block that does not open ends the migration with nothing done.
func TestAlteredBlockOfAnOldFile(t *testing.T) {
	path := newPath(t)
	db := keyed(t, path)
	require.NoError(t, db.SaveZoneKey(t.Context(), key(acquirer.UsageZAK, "altered")))
	require.NoError(t, db.Close())
	old := beforeTheChain(t, path)
	_, err := Open(t.Context(), Config{Path: old, Vault: testVault{}})
	require.ErrorIs(t, err, acquirer.ErrKey)
	require.ErrorContains(t, err, "zone key 109")
	left := pool(old, readerOptions(), 1)
	defer func() { require.NoError(t, left.Close()) }()
	var version int
	require.NoError(t, left.QueryRow(reads[readSchema]).Scan(&version))
	require.Equal(t, 1, version)
}

// After a rotation the new master key opens the file and the old one does not; everything sealed and every hash is as it
// was, the chain too. An image of the files taken at any moment of it, which is what a kill leaves, opens with the old key.
func TestRotate(t *testing.T) {
	path, next := newPath(t), testVault{master: [32]byte{7}}
	db := keyed(t, path)
	stories(t, db, 20)
	tx, err := db.Get(t.Context(), opened(t, db, noon).ID)
	require.NoError(t, err)
	print := db.Fingerprint(1, msisdn(t, "13800138001"), msisdn(t, "13900139001"), pan(t, "6225880000000000019"))
	require.NoError(t, db.Close())
	want := sound(t, path)

	var images []string
	during := func() error { images = append(images, copyFiles(t, path)); return nil }
	require.NoError(t, Rotate(t.Context(), Config{Path: path, Vault: testVault{}}, testRotation{to: next, before: during}))

	_, err = Open(t.Context(), Config{Path: path, Vault: testVault{}})
	require.ErrorIs(t, err, acquirer.ErrKey)
	db, err = Open(t.Context(), Config{Path: path, Vault: next})
	require.NoError(t, err)
	require.Equal(t, "a anew,b anew,c anew,d anew,e anew,f anew,,,,,g anew,h anew", blobs(t, db))
	got, err := db.Get(t.Context(), tx.ID)
	require.NoError(t, err)
	require.Equal(t, tx, got)
	require.Equal(t, print, db.Fingerprint(1, msisdn(t, "13800138001"), msisdn(t, "13900139001"), pan(t, "6225880000000000019")))
	opened(t, db, noon) // life goes on
	require.NoError(t, db.Close())
	report, err := Audit(t.Context(), AuditConfig{Config: Config{Path: path, Vault: next},
		Running: func() (bool, error) { return true, nil }})
	require.NoError(t, err)
	require.Empty(t, report.Breaks)
	require.Equal(t, want.Rows+1, report.Rows)

	require.Len(t, images, 8)
	for _, image := range images {
		db := openAt(t, image)
		require.Equal(t, "a,b,c,d,e,f,,,,,g,h", blobs(t, db))
		require.NoError(t, db.Close())
		require.Equal(t, want.Head, sound(t, image).Head)
	}
}

// What goes wrong on the way leaves the file as it was.
func TestRotateRefusals(t *testing.T) {
	path, next := newPath(t), testVault{master: [32]byte{7}}
	require.NoError(t, keyed(t, path).Close())
	untouched := func() {
		t.Helper()
		db := openAt(t, path)
		require.Equal(t, "a,b,c,d,e,f,,,,,g,h", blobs(t, db))
		require.NoError(t, db.Close())
	}
	none := func() error { return nil }
	calls := 0
	late := func() error {
		if calls++; calls == 8 {
			return errors.New("the last one")
		}
		return nil
	}
	c := Config{Path: path, Vault: testVault{}}
	require.ErrorContains(t, Rotate(t.Context(), c, testRotation{to: next, before: late}), "the last one")
	untouched()
	require.ErrorIs(t, Rotate(t.Context(), Config{Path: path, Vault: next}, testRotation{to: next, before: none}), acquirer.ErrKey)
	untouched()
	err := Rotate(t.Context(), c, testRotation{from: testVault{master: [32]byte{9}}, to: next, before: none})
	require.ErrorIs(t, err, acquirer.ErrKey, "the old key of the rotation is another")
	untouched()
	over, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, Rotate(over, c, testRotation{to: next, before: none}), context.Canceled)
	untouched()
}

// Nothing that the old key wrapped stays in the files.
func TestRotateLeavesNothingBehind(t *testing.T) {
	path, next := newPath(t), testVault{master: [32]byte{7}}
	db := openAt(t, path)
	term := acquirer.Terminal{ID: "10000001", Merchant: "898110000000001", TMK: key(acquirer.UsageTMK, "the-old-block")}
	require.NoError(t, db.AddTerminal(t.Context(), term))
	require.NoError(t, db.Close())
	r := testRotation{to: next, before: func() error { return nil }}
	replace := rotationOf{r, func(acquirer.KeyBlock) acquirer.KeyBlock { return key(acquirer.UsageTMK, "quite another") }}
	require.NoError(t, Rotate(t.Context(), Config{Path: path, Vault: testVault{}}, replace))
	for _, name := range []string{path, path + "-wal"} {
		b, err := os.ReadFile(name)
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		require.NoError(t, err)
		require.False(t, bytes.Contains(b, []byte("the-old-block")), name)
	}
}

// rotationOf gives key blocks of its own.
type rotationOf struct {
	testRotation
	block func(acquirer.KeyBlock) acquirer.KeyBlock
}

func (r rotationOf) KeyBlock(b acquirer.KeyBlock) (acquirer.KeyBlock, error) { return r.block(b), nil }
