package hsm

import (
	"bytes"
	"encoding/hex"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	acquirer "example.com/ringback/switch"
)

var pinField = regexp.MustCompile(`^0([4-9a-c])([0-9a-f]{14})$`)

// oracle reads a clear format 0 block the slow way, as text.
func oracle(t testing.TB, clear []byte, card string) bool {
	t.Helper()
	account := unhex(t, "0000"+card[len(card)-13:len(card)-1])
	field := make([]byte, 8)
	for i := range field {
		field[i] = clear[i] ^ account[i]
	}
	parts := pinField.FindStringSubmatch(hex.EncodeToString(field))
	if parts == nil {
		return false
	}
	n, err := strconv.ParseInt(parts[1], 16, 0)
	require.NoError(t, err)
	return regexp.MustCompile(`^[0-9]{` + strconv.Itoa(int(n)) + `}f*$`).MatchString(parts[2])
}

// FuzzTranslatePIN feeds clear blocks and card numbers: what comes out is the same clear block under the other key,
// and only when the slow reading finds a PIN in it.
func FuzzTranslatePIN(f *testing.F) {
	m := newModule(f)
	pik, zpk := wrapHex(f, m, acquirer.UsagePIK, demoPIK), wrapHex(f, m, acquirer.UsageZPK, demoZPK)
	f.Add(unhex(f, "06122556FFFFFFFD"), "9001100000000027")
	f.Add(unhex(f, "0612713176FEDCBA"), "1234567890123456")
	f.Add(unhex(f, "061253DFFEDCBA98"), "123456789012345678")
	f.Add(unhex(f, "06123456FFFFFFFF"), "0000000000000")
	f.Add(unhex(f, "0C123456789012FF"), "0000000000000000000")
	f.Fuzz(func(t *testing.T, clear []byte, card string) {
		p, err := acquirer.ParsePAN(card)
		if err != nil || len(clear) != 8 {
			return
		}
		block, err := acquirer.NewPINBlock(encipher(t, demoPIK, clear))
		require.NoError(t, err)
		out, err := m.TranslatePIN(block, pik, zpk, p)
		if !oracle(t, clear, card) {
			require.ErrorIs(t, err, acquirer.ErrPINFormat)
			require.Zero(t, out)
			return
		}
		require.NoError(t, err)
		b := out.Reveal()
		require.Equal(t, clear, decipher(t, demoZPK, b))
	})
}

// FuzzKeyBlock feeds anything as a key block. Only blocks made under the master key open, and the seeds are the only
// such blocks: what opens holds their key. (Blocks are not compared, since each fuzzing process makes its own seeds.)
func FuzzKeyBlock(f *testing.F) {
	m := newModule(f)
	for _, usage := range []byte("TPMDZpm") {
		block := wrapHex(f, m, acquirer.KeyUsage(usage), demoTMK)
		f.Add(usage, []byte(block.Blob))
	}
	f.Add(byte('P'), []byte{oldVersion})
	f.Add(byte('P'), []byte(headers[acquirer.UsagePIK][acquirer.CipherTDES]))
	f.Fuzz(func(t *testing.T, usage byte, blob []byte) {
		block := acquirer.KeyBlock{Usage: acquirer.KeyUsage(usage), Blob: string(blob)}
		check, err := m.CheckValue(block)
		if err != nil {
			require.ErrorIs(t, err, acquirer.ErrKey)
			return
		}
		require.Contains(t, "TPMDZpm", string(rune(usage)))
		require.Equal(t, checkOf(t, demoTMK), check)
	})
}

// FuzzMasterKeyFile reads anything as a master key file. A key is read from 64 hexadecimal digits and a newline only, and
// what is refused is not shown.
func FuzzMasterKeyFile(f *testing.F) {
	key := strings.Repeat("0123456789abcDEF", 4)
	for _, text := range []string{key + "\n", key, key + "\r\n", key + "\n\n", " " + key, strings.Repeat("00", 32), key[:62] + "zz\n", ""} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		master, err := parseMasterKey("master.key", bytes.Clone(text))
		if !regexp.MustCompile(`^[0-9a-fA-F]{64}\n?$`).Match(text) {
			require.Error(t, err)
		}
		if err == nil {
			require.Equal(t, strings.ToLower(strings.TrimSuffix(string(text), "\n")), hex.EncodeToString(master.b[:]))
			return
		}
		if digits := regexp.MustCompile("^[0-9a-fA-F]{8}").Find(text); digits != nil {
			require.NotContains(t, err.Error(), string(digits))
		}
	})
}

// FuzzConfirmation opens anything as a confirmation, and anything as a data key: only what was sealed opens, for what it
// was sealed, within its hour and the next.
func FuzzConfirmation(f *testing.F) {
	m := newModule(f)
	at := time.Unix(1_795_000_000, 0)
	nonce, plain, bound := []byte("nonce of 12B"), []byte("payee and time"), []byte("terminal and amount")
	sealed, err := m.SealConfirmation(at, nonce, plain, bound)
	require.NoError(f, err)
	_, wrapped, err := m.NewDataKey()
	require.NoError(f, err)
	f.Add(nonce, sealed, bound, int64(0))
	f.Add(nonce, sealed, bound, int64(3600))
	f.Add(nonce, sealed, bound, int64(7200))
	f.Add(nonce, sealed[1:], bound, int64(-3600))
	f.Add(nonce, wrapped, []byte{}, int64(0))
	f.Add(nonce[:11], wrapped[:20], []byte{kindIndexSecret}, int64(0))
	f.Fuzz(func(t *testing.T, n, s, b []byte, later int64) {
		later %= 1 << 32
		out, err := m.OpenConfirmation(at.Add(time.Duration(later)*time.Second), n, s, b)
		if err != nil {
			require.ErrorIs(t, err, acquirer.ErrConfirmation)
		} else {
			require.Equal(t, plain, out)
			require.Equal(t, [][]byte{nonce, sealed, bound}, [][]byte{n, s, b})
			require.Contains(t, []int64{0, 1}, hourOf(at.Add(time.Duration(later)*time.Second))-hourOf(at))
		}
		if k, err := m.OpenDataKey(s); err != nil {
			require.ErrorIs(t, err, acquirer.ErrKey)
		} else {
			require.Len(t, k.Reveal(), vaultKeySize) // another key than this process has made: see FuzzKeyBlock
		}
	})
}
