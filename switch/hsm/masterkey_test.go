package hsm

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	acquirer "example.com/ringback/switch"
)

const keyText = "000102030405060708090A0B0C0D0E0F101112131415161718191a1b1c1d1e1f"

func keyFile(t *testing.T, text string, mode os.FileMode) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "master.key")
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	require.NoError(t, os.Chmod(path, mode))
	return path
}

func TestCreateMasterKey(t *testing.T) {
	path := filepath.Join(t.TempDir(), "master.key")
	made, err := CreateMasterKey(path)
	require.NoError(t, err)
	loaded, err := LoadMasterKey(path)
	require.NoError(t, err)
	require.Equal(t, made.b, loaded.b)

	info, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode())
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Regexp(t, `^[0-9a-f]{64}\n$`, string(text))

	_, err = CreateMasterKey(path)
	require.ErrorIs(t, err, os.ErrExist)
	again, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, text, again, "a key is never replaced")

	_, err = CreateMasterKey(filepath.Join(t.TempDir(), "missing", "master.key"))
	require.ErrorIs(t, err, os.ErrNotExist)
}

func TestLoadMasterKeyMode(t *testing.T) {
	for mode, ok := range map[os.FileMode]bool{
		0o600: true, 0o400: true, 0o640: false, 0o604: false, 0o644: false, 0o660: false, 0o700: false, 0o440: false, 0o200: false,
	} {
		path := keyFile(t, keyText+"\n", mode)
		_, err := LoadMasterKey(path)
		if ok {
			require.NoError(t, err, "%o", mode)
			continue
		}
		require.ErrorContains(t, err, "chmod 600 "+path, "%o", mode)
	}
}

func TestLoadMasterKeyRefusesWhatIsNoFile(t *testing.T) {
	path := keyFile(t, keyText+"\n", 0o600)
	link := filepath.Join(t.TempDir(), "link")
	require.NoError(t, os.Symlink(path, link))
	for _, p := range []string{link, t.TempDir(), os.DevNull} {
		_, err := LoadMasterKey(p)
		require.ErrorContains(t, err, "not a regular file", p)
	}
	_, err := LoadMasterKey(path + ".missing")
	require.ErrorIs(t, err, os.ErrNotExist)
}

func TestLoadMasterKeyContent(t *testing.T) {
	for text, wrong := range map[string]string{
		keyText + "\n":                    "",
		keyText:                           "",
		keyText + "\n\n":                  "64 hexadecimal digits",
		keyText + "\r\n":                  "64 hexadecimal digits",
		keyText[:63] + "\n":               "64 hexadecimal digits",
		keyText + "0\n":                   "64 hexadecimal digits",
		" " + keyText + "\n":              "64 hexadecimal digits",
		"":                                "64 hexadecimal digits",
		strings.Repeat("x", 1<<16):        "64 hexadecimal digits",
		"g" + keyText[1:] + "\n":          "something else than hexadecimal digits",
		strings.Repeat("00", 32) + "\n":   "one byte repeated",
		strings.Repeat("5a", 32) + "\n":   "one byte repeated",
		strings.Repeat("5a", 31) + "5b\n": "",
	} {
		_, err := LoadMasterKey(keyFile(t, text, 0o600))
		if wrong == "" {
			require.NoError(t, err, "%.80q", text)
			continue
		}
		require.ErrorContains(t, err, wrong, "%.80q", text)
		if len(text) > 8 {
			require.NotContains(t, err.Error(), text[:8])
		}
	}
}

func TestNewMasterKey(t *testing.T) {
	for _, n := range []int{0, 16, 31, 33} {
		_, err := NewMasterKey(make([]byte, n))
		require.ErrorContains(t, err, "not 32")
	}
	b := unhex(t, keyText)
	key, err := NewMasterKey(b)
	require.NoError(t, err)
	clear(b)
	require.NotZero(t, key.b, "it is a copy")
}

func TestDataKeys(t *testing.T) {
	m := newModule(t)
	key, wrapped, err := m.NewDataKey()
	require.NoError(t, err)
	require.Len(t, key.Reveal(), 32)
	require.False(t, bytes.Contains(wrapped, key.Reveal()))
	opened, err := newModule(t).OpenDataKey(wrapped)
	require.NoError(t, err)
	require.Equal(t, key, opened)

	other, _, err := m.NewDataKey()
	require.NoError(t, err)
	require.NotEqual(t, key, other)

	_, err = moduleOf(t, 0x11).OpenDataKey(wrapped)
	require.ErrorIs(t, err, acquirer.ErrKey)
	for i := range wrapped {
		wrapped[i] ^= 1
		_, err := m.OpenDataKey(wrapped)
		require.ErrorIs(t, err, acquirer.ErrKey, "byte %d", i)
		wrapped[i] ^= 1
	}
	for n := range len(wrapped) {
		_, err := m.OpenDataKey(wrapped[:n])
		require.ErrorIs(t, err, acquirer.ErrKey, "%d bytes", n)
	}
	_, err = m.OpenDataKey([]byte(wrapHex(t, m, acquirer.UsageTMK, demoTMK).Blob))
	require.ErrorIs(t, err, acquirer.ErrKey)
}

func TestIndexKeys(t *testing.T) {
	m, other := newModule(t), moduleOf(t, 0x11)
	secret := m.NewIndexSecret()
	key := func(m *Module, secret []byte, label string) acquirer.Key {
		k, err := m.IndexKey(secret, label)
		require.NoError(t, err)
		require.Len(t, k.Reveal(), 32)
		return k
	}
	payee := key(m, secret, "payee")
	require.Equal(t, payee, key(newModule(t), secret, "payee"))
	require.Equal(t, payee, key(m, newModule(t).NewIndexSecret(), "payee"), "of one master key, however often it is wrapped")
	require.NotEqual(t, payee, key(m, secret, "payer"))
	require.NotEqual(t, payee, key(other, other.NewIndexSecret(), "payee"))

	_, err := other.IndexKey(secret, "payee")
	require.ErrorIs(t, err, acquirer.ErrKey)
	_, err = m.OpenDataKey(secret)
	require.ErrorIs(t, err, acquirer.ErrKey)
	_, wrapped, err := m.NewDataKey()
	require.NoError(t, err)
	_, err = m.IndexKey(wrapped, "payee")
	require.ErrorIs(t, err, acquirer.ErrKey)
	for i := range secret {
		secret[i] ^= 1
		_, err := m.IndexKey(secret, "payee")
		require.ErrorIs(t, err, acquirer.ErrKey, "byte %d", i)
		secret[i] ^= 1
	}
}
