package hsm

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	acquirer "example.com/ringback/switch"
)

// oldBlock makes a block of the form before TR-31.
func oldBlock(t testing.TB, m *Module, usage acquirer.KeyUsage, key string) acquirer.KeyBlock {
	t.Helper()
	blob := m.oldBlocks.Seal([]byte{oldVersion}, nil, unhex(t, key), []byte{byte(usage), oldVersion})
	return acquirer.KeyBlock{Usage: usage, Blob: string(blob)}
}

// A block of the old form serves no verb; rewrapped it is the same key, and of today's form it is one again.
func TestRewrapOldBlocks(t *testing.T) {
	m := newModule(t)
	for _, usage := range []byte("TPMDZpm") {
		for _, key := range []string{demoTMK, demoMAK} {
			if len(key) == 16 && strings.ContainsRune("TZp", rune(usage)) {
				continue
			}
			old := oldBlock(t, m, acquirer.KeyUsage(usage), key)
			_, err := m.CheckValue(old)
			require.ErrorIs(t, err, acquirer.ErrKey)
			block, err := m.RewrapKey(old)
			require.NoError(t, err)
			check, err := m.CheckValue(block)
			require.NoError(t, err)
			require.Equal(t, checkOf(t, key), check)
			again, err := m.RewrapKey(block)
			require.NoError(t, err)
			require.NotEqual(t, block, again)
			opened, _, err := m.unwrap(again)
			require.NoError(t, err)
			require.Equal(t, unhex(t, key), opened)
		}
	}
	old := oldBlock(t, m, acquirer.UsageMAK, demoMAK)
	_, err := moduleOf(t, 0x11).RewrapKey(old)
	require.ErrorIs(t, err, acquirer.ErrKey)
	old.Usage = acquirer.UsagePIK
	_, err = m.RewrapKey(old)
	require.ErrorIs(t, err, acquirer.ErrKey, "declared as another usage")
	_, err = m.RewrapKey(acquirer.KeyBlock{Usage: acquirer.UsageMAK})
	require.ErrorIs(t, err, acquirer.ErrKey)
}

// After a rotation the new module has the same keys, and the old one none.
func TestRotation(t *testing.T) {
	from, to := newModule(t), moduleOf(t, 0x11)
	r := Rotation{From: from, To: to}
	for _, block := range []acquirer.KeyBlock{wrapHex(t, from, acquirer.UsageTMK, demoTMK), wrapHex(t, from, acquirer.UsageZAK, demoMAK),
		wrapAs(t, from, acquirer.UsagePIK, acquirer.CipherSM4, demoPIK), oldBlock(t, from, acquirer.UsageMAK, demoMAK)} {
		moved, err := r.KeyBlock(block)
		require.NoError(t, err)
		_, err = from.CheckValue(moved)
		require.ErrorIs(t, err, acquirer.ErrKey)
		key, cipher, err := from.unwrapAny(block)
		require.NoError(t, err)
		got, same, err := to.unwrap(moved)
		require.NoError(t, err)
		require.Equal(t, key, got)
		require.Equal(t, cipher, same)
		_, err = r.KeyBlock(moved)
		require.ErrorIs(t, err, acquirer.ErrKey, "it is not From's")
	}

	clear, wrapped, err := from.NewDataKey()
	require.NoError(t, err)
	moved, err := r.DataKey(wrapped)
	require.NoError(t, err)
	opened, err := to.OpenDataKey(moved)
	require.NoError(t, err)
	require.Equal(t, clear, opened)
	_, err = r.DataKey(moved)
	require.ErrorIs(t, err, acquirer.ErrKey)
	_, err = r.IndexSecret(wrapped)
	require.ErrorIs(t, err, acquirer.ErrKey, "a data key is no index secret")

	secret := from.NewIndexSecret()
	before, err := from.IndexKey(secret, "payee")
	require.NoError(t, err)
	secret, err = r.IndexSecret(secret)
	require.NoError(t, err)
	after, err := to.IndexKey(secret, "payee")
	require.NoError(t, err)
	require.Equal(t, before, after, "no hash changes")
}

// A ZPK computes the MAC of its own delivery and no other, and a terminal's keys none of this kind.
func TestKeyResetMAC(t *testing.T) {
	m := newModule(t)
	const pinReset, macReset = "0800 0517094653 000522 1600000000000000 101 0844190440", "0800 0517160726 000535 2000000000000000 101 0844190440"
	zpk, zak := wrapHex(t, m, acquirer.UsageZPK, demoZPK), wrapHex(t, m, acquirer.UsageZAK, "51490E75F192EF91")
	mac, err := m.KeyResetMAC(zpk, []byte(pinReset))
	require.NoError(t, err)
	require.Equal(t, unhex(t, "ED5F4AE9F793F2D9"), mac[:])
	mac, err = m.KeyResetMAC(zak, []byte(macReset))
	require.NoError(t, err)
	require.Equal(t, unhex(t, "FFAB6DBF1136E560"), mac[:])
	answer, err := m.KeyResetMAC(zpk, []byte("0810"+pinReset[4:]))
	require.NoError(t, err)
	require.NotEqual(t, mac, answer)

	for _, text := range []string{"", "0800", "0200 and so on", "0820 0517094653 000522", " 0800 0517094653", strings.Repeat("0", 32)} {
		_, err := m.KeyResetMAC(zpk, []byte(text))
		require.ErrorContains(t, err, "not that of a key reset", text)
	}
	for _, usage := range []byte("TPMDZ") {
		_, err := m.KeyResetMAC(wrapHex(t, m, acquirer.KeyUsage(usage), demoTMK), []byte(pinReset))
		require.ErrorIs(t, err, acquirer.ErrKey, "%c", usage)
	}
	_, err = m.ZoneMAC(zpk, []byte(pinReset))
	require.ErrorIs(t, err, acquirer.ErrKey)
}
