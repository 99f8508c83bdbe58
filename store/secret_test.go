package store

import (
	"bytes"
	"encoding/hex"
	"os"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/stretchr/testify/require"

	acquirer "example.com/ringback/switch"
)

// canaries are what must not be found in a file, in every form in which it could be written.
func canaries() map[string][]byte {
	forms := map[string][]byte{
		"name in GBK":   {0xCD, 0xF5, 0xD0, 0xA1, 0xC3, 0xF7}, // 王小明
		"masked in GBK": {0xCD, 0xF5, 0x2A, 0xC3, 0xF7},
		"memo in GBK":   {0xB7, 0xBF, 0xD7, 0xE2}, // 房租
	}
	for _, s := range []string{"6225880000000000019", "6217000000000000012", "13900139001", "13800138001", "王小明", "王*明", "房租"} {
		forms[s+" as it is"] = []byte(s)
		forms[s+" in hex"] = []byte(hex.EncodeToString([]byte(s)))
		forms[s+" in upper hex"] = []byte(strings.ToUpper(hex.EncodeToString([]byte(s))))
		wide := []byte{}
		for _, u := range utf16.Encode([]rune(s)) {
			wide = append(wide, byte(u), byte(u>>8))
		}
		forms[s+" in UTF-16"] = wide
		if packed, err := hex.DecodeString(s[:len(s)&^1]); err == nil {
			forms[s+" packed"] = packed
			odd, _ := hex.DecodeString("0" + s) // an odd number of digits, packed from the right
			forms[s+" packed right"] = odd
		}
	}
	return forms
}

func find(t *testing.T, path string) (found []string) {
	t.Helper()
	for _, suffix := range []string{"", "-wal", "-shm"} {
		content, err := os.ReadFile(path + suffix)
		if os.IsNotExist(err) && suffix != "" {
			continue
		}
		require.NoError(t, err)
		for name, form := range canaries() {
			if len(form) > 0 && bytes.Contains(content, form) {
				found = append(found, name+" in the file"+suffix)
			}
		}
	}
	return found
}

func TestNothingSecretIsInTheFiles(t *testing.T) {
	path := newPath(t)
	db := openAt(t, path)
	_, err := db.AddPayee(t.Context(), wang(t))
	require.NoError(t, err)
	for range 50 {
		tx := opened(t, db, noon)
		moved(t, db, tx, acquirer.Reversing, withAll(tx.ID))
	}
	require.FileExists(t, path+"-wal")
	require.FileExists(t, path+"-shm")
	require.Empty(t, find(t, path))
	require.NoError(t, db.Close())
	require.Empty(t, find(t, path), "after the checkpoint")

	// The search itself finds what is there.
	for name, form := range canaries() {
		require.NoError(t, os.WriteFile(path, append(append([]byte("xx"), form...), 'x'), 0o600))
		require.Contains(t, find(t, path), name+" in the file")
	}
}

// A sealed record opens in its own row only.
func TestSealedRecordsCannotBeSwapped(t *testing.T) {
	db := openNew(t)
	a, b := opened(t, db, noon), opened(t, db, noon)
	other := opened(t, db, noon.Add(day))
	exec := func(text string, args ...any) {
		_, err := db.conn.ExecContext(t.Context(), text, args...)
		require.NoError(t, err)
	}
	refused := func(id acquirer.ID) {
		t.Helper()
		_, err := db.Get(t.Context(), id)
		require.ErrorIs(t, err, acquirer.ErrKey)
		require.NotErrorIs(t, err, acquirer.ErrNotFound)
	}
	exec("UPDATE txn SET sealed = (SELECT sealed FROM txn WHERE id = $1) WHERE id = $2", int64(a.ID), int64(b.ID))
	refused(b.ID)
	exec("UPDATE txn SET key_id = $1 WHERE id = $2", int64(other.ID.Date()), int64(a.ID))
	refused(a.ID)
	exec("UPDATE txn SET key_id = 1 WHERE id = $1", int64(other.ID))
	refused(other.ID)
	_, err := db.InState(t.Context(), acquirer.Sent, 0, 10)
	require.ErrorIs(t, err, acquirer.ErrKey)
}

// A data key of another master key does not open, even when the proof of the file and the ends of its
// chains are forged.
func TestReadsOfAnotherVaultFail(t *testing.T) {
	path := newPath(t)
	db := openAt(t, path)
	tx := opened(t, db, noon)
	wrong := testVault{master: [32]byte{9}}
	secret := wrong.NewIndexSecret()
	proof, err := proofOf(wrong, secret)
	require.NoError(t, err)
	_, err = db.conn.ExecContext(t.Context(), "UPDATE vault SET proof = $1", proof[:])
	require.NoError(t, err)
	_, err = Open(t.Context(), Config{Path: path, Vault: wrong})
	require.ErrorIs(t, err, acquirer.ErrKey, "the secret is not its")
	_, err = db.conn.ExecContext(t.Context(), "UPDATE vault SET secret = $1", secret)
	require.NoError(t, err)
	_, err = Open(t.Context(), Config{Path: path, Vault: wrong})
	require.ErrorIs(t, err, ErrChain)
	chain, err := keyedHashOf(wrong, secret, "chain")
	require.NoError(t, err)
	mac := chain.seal(db.writer.head)
	_, err = db.conn.ExecContext(t.Context(), "UPDATE chain SET mac = $1", mac[:])
	require.NoError(t, err)
	_, err = Open(t.Context(), Config{Path: path, Vault: wrong})
	require.ErrorIs(t, err, ErrChain)
	mac = chain.sealOperation(operationEnd{})
	_, err = db.conn.ExecContext(t.Context(), "UPDATE operation_end SET mac = $1", mac[:])
	require.NoError(t, err)
	forged, err := Open(t.Context(), Config{Path: path, Vault: wrong})
	require.NoError(t, err)
	defer func() { require.NoError(t, forged.Close()) }()
	_, err = forged.Get(t.Context(), tx.ID)
	require.ErrorIs(t, err, acquirer.ErrKey)
	require.ErrorIs(t, forged.Open(t.Context(), debit(t, forged, noon), change(acquirer.EventSend)), acquirer.ErrKey)
	_, err = forged.PayeeByNumber(t.Context(), msisdn(t, "13800138001"))
	require.ErrorIs(t, err, acquirer.ErrKey)
}

func TestFingerprint(t *testing.T) {
	db := openNew(t)
	a, b := msisdn(t, "13800138001"), msisdn(t, "13900139001")
	card, other := pan(t, "6225880000000000019"), pan(t, "6225880000000000")
	first := db.Fingerprint(1, a, b, card)
	require.Equal(t, first, db.Fingerprint(1, a, b, card))
	seen := map[acquirer.Fingerprint]bool{first: true}
	for _, f := range []acquirer.Fingerprint{db.Fingerprint(2, a, b, card), db.Fingerprint(1, b, a, card), db.Fingerprint(1, a, a, card),
		db.Fingerprint(1, a, b, other), db.Fingerprint(1, a, b, acquirer.PAN{}), db.Fingerprint(1, acquirer.MSISDN{}, b, card)} {
		require.False(t, seen[f])
		seen[f] = true
	}
	another, err := Open(t.Context(), Config{Path: newPath(t), Vault: testVault{master: [32]byte{1}}})
	require.NoError(t, err)
	require.NotEqual(t, first, another.Fingerprint(1, a, b, card), "keyed")
	require.NoError(t, another.Close())
	require.NotEqual(t, db.numbers.sum([]byte("x")), db.prints.sum([]byte("x")), "uses are apart")
}

func TestRecord(t *testing.T) {
	s := secrets{pan(t, "6225880000000000019"), "3012", msisdn(t, "13900139001"), msisdn(t, "13800138001"), "王*明", strings.Repeat("长", 1000)}
	for _, want := range []secrets{{}, s} {
		record, err := want.encode()
		require.NoError(t, err)
		got, err := decodeSecrets(record)
		require.NoError(t, err)
		require.Equal(t, want, got)
		for i := range record {
			_, err := decodeSecrets(record[:i])
			require.Error(t, err)
		}
		_, err = decodeSecrets(append(record, 0))
		require.Error(t, err)
	}
	_, err := encodeRecord(strings.Repeat("x", maxField))
	require.NoError(t, err)
	_, err = encodeRecord(strings.Repeat("x", maxField+1))
	require.Error(t, err)
}

// What decodes encodes to the same bytes; nothing panics.
func FuzzDecodeSecrets(f *testing.F) {
	card, err := acquirer.ParsePAN("6225880000000000019")
	require.NoError(f, err)
	for _, s := range []secrets{{}, {card: card, expiry: "3012", payeeName: "王*明", memo: "房租"}} {
		record, err := s.encode()
		require.NoError(f, err)
		f.Add(record)
	}
	f.Add([]byte{recordFormat, 0xFF, 0xFF})
	f.Fuzz(func(t *testing.T, record []byte) {
		s, err := decodeSecrets(record)
		if err != nil {
			require.Zero(t, s)
			return
		}
		again, err := s.encode()
		require.NoError(t, err)
		require.Equal(t, record, again)
	})
}

// What the columns of a payee decode to encodes to the same bytes; nothing panics.
func FuzzDecodePayee(f *testing.F) {
	person, err := encodeRecord("13800138001", "王小明")
	require.NoError(f, err)
	card, err := encodeRecord("6217000000000000012")
	require.NoError(f, err)
	f.Add(person, card)
	f.Add(card, person)
	f.Add([]byte{recordFormat, 0, 0, 0, 0}, []byte{recordFormat, 0, 0})
	f.Fuzz(func(t *testing.T, person, card []byte) {
		var p acquirer.Payee
		if err := decodePayee(person, card, &p); err != nil {
			require.ErrorIs(t, err, errRecord)
			return
		}
		again, err := encodeRecord(p.Number.Reveal(), p.Name)
		require.NoError(t, err)
		require.Equal(t, person, again)
		again, err = encodeRecord(p.Card.Reveal())
		require.NoError(t, err)
		require.Equal(t, card, again)
	})
}
