package hsm

import (
	"encoding/hex"
	"fmt"
	"math/bits"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	acquirer "example.com/ringback/switch"
)

// Work keys and key resets as published: terminal dialect page, sections 6.1 and 7; host dialect page, section 4.3.
func TestImportKnownAnswers(t *testing.T) {
	const easyTMK, code456TMK = "258FB0AB70D025CDB99DF2C4D302D646", "CA5D92598DCA48CE8A4C76361A9269E9"
	const ajsgnTMK = "4DDB4BCC88C66F47D21D4E096F12F6A0"
	m := newModule(t)
	for _, v := range []struct {
		name                         string
		carrier, usage               acquirer.KeyUsage
		under, enciphered, cv, clear string
	}{
		{"code456 PIK", acquirer.UsageTMK, acquirer.UsagePIK, code456TMK, "6701EAD6A9AD51E51AA406E2C27FCFA9", "8D0A74B8", "807A23AD32B36D457AE91FDF927570EA"},
		{"code456 MAK", acquirer.UsageTMK, acquirer.UsageMAK, code456TMK, "B651F9E9BACE9AE1", "AB7153CA", "5BB5C72CD00B7338"},
		{"easy8583 PIK", acquirer.UsageTMK, acquirer.UsagePIK, easyTMK, "46F161A743497B32EAC760DF5EA57DF5", "900ECCE3", "D931648F3DE313A4A22C15DCA4F4299E"},
		{"easy8583 MAK", acquirer.UsageTMK, acquirer.UsageMAK, easyTMK, "977731A7EA402DDF", "CFF1592A", "AB7C577CC7A18045"},
		{"Ajsgn PIK", acquirer.UsageTMK, acquirer.UsagePIK, ajsgnTMK, "B31C3B99B94E0543B5C13084D47580B7", "CF9C35EA", "6BABB0BFD9544AF7D50DEAEA7A23E38F"},
		{"M1 MAK", acquirer.UsageTMK, acquirer.UsageMAK, "70F2A84CCBC2AE8625CBB0F2C22AB923", "96D605EA176B7E9E", "", "C24A8FB57AA20123"},
		{"M4 MAK", acquirer.UsageTMK, acquirer.UsageMAK, ajsgnTMK, "AC61F7F11833AEAD03503D29085C0470", "", "73FE29329283FDF12540B6F80437C107"},
		{"host MAC key", acquirer.UsageZMK, acquirer.UsageZAK, zoneKey, "0FE5B03EC604CB6B", "8945EAB7", "51490E75F192EF91"},
		{"host PIN key", acquirer.UsageZMK, acquirer.UsageZPK, zoneKey, "4393590FF157B782DDBE18332531120C", "70AF4B76", "BF94BF2304D59E9E1C45640131320BE6"},
	} {
		t.Run(v.name, func(t *testing.T) {
			under := wrapHex(t, m, v.carrier, v.under)
			check := checkOf(t, v.clear)
			if v.cv != "" {
				require.Equal(t, unhex(t, v.cv), check[:])
			}
			wire := acquirer.WrappedKey{Enciphered: unhex(t, v.enciphered), Check: check}
			block, err := m.ImportKey(v.usage, under, wire)
			require.NoError(t, err)
			require.Equal(t, v.usage, block.Usage)
			clear, _, err := m.unwrap(block)
			require.NoError(t, err)
			require.Equal(t, v.clear, strings.ToUpper(hex.EncodeToString(clear)))

			back, err := m.ExportKey(block, under)
			if v.carrier == acquirer.UsageTMK {
				require.NoError(t, err)
				require.Equal(t, wire, back)
			} else {
				require.ErrorIs(t, err, acquirer.ErrKey, "a zone's keys stay")
			}
			require.Equal(t, unhex(t, v.enciphered), wire.Enciphered, "the caller's bytes are not touched")

			wire.Check[3] ^= 1
			_, err = m.ImportKey(v.usage, under, wire)
			require.ErrorIs(t, err, acquirer.ErrCheckValue)
		})
	}
}

// The simulators of the field use keys of one repeated byte. They are deciphered like any other, and then refused.
func TestImportRefusesWeakKeyOnlyBehindItsCheckValue(t *testing.T) {
	m := newModule(t)
	under := wrapHex(t, m, acquirer.UsageTMK, demoTMK)
	weak := strings.Repeat("32", 8)
	wire := acquirer.WrappedKey{Enciphered: encipher(t, demoTMK, unhex(t, weak)), Check: checkOf(t, weak)}
	_, err := m.ImportKey(acquirer.UsageMAK, under, wire)
	require.ErrorIs(t, err, acquirer.ErrKey)
	wire.Check[0] ^= 0x80
	_, err = m.ImportKey(acquirer.UsageMAK, under, wire)
	require.ErrorIs(t, err, acquirer.ErrCheckValue)
}

func TestWrapKeyRefusals(t *testing.T) {
	m := newModule(t)
	for _, v := range []struct {
		usages, key string
		ok          bool
	}{
		{"TPMDZpm", "0123456789ABCDEFFEDCBA9876543210", true},
		{"TPMDZpm", "FEDCBA98765432100123456789ABCDEF", true},
		{"TPMDZpm", "00112233445566778899AABBCCDDEEFF", true},
		{"TPMDZpm", "89ABCDEF0123456776543210FEDCBA98", true},
		{"PMDm", "0123456789ABCDEF", true},
		{"TZp", "0123456789ABCDEF", false},
		{"TPMDZpm", "", false},
		{"TPMDZpm", "0123456789ABCD", false},
		{"TPMDZpm", "0123456789ABCDEFFEDCBA98765432", false},
		{"TPMDZpm", "0123456789ABCDEFFEDCBA987654321011", false},
		{"TPMDZpm", "0123456789ABCDEFFEDCBA98765432100011223344556677", false},
		{"TPMDZpm", "44444444444444444444444444444444", false},
		{"TPMDZpm", "45444445444544444544444444444445", false}, // equal but for parity
		{"TPMDZpm", "0123456789ABCDEF0123456789ABCDEF", false},
		{"TPMDZpm", "0123456789ABCDEF0022446688AACCEE", false}, // equal halves but for parity
		{"PMDm", "3232323232323232", false},
		{"PMDm", "0101010100000000", false},
		{"PMDm", "E0E0E0E0F1F1F1F1", false}, // weak
		{"PMDm", "1E1E1E1E0F0F0F0F", false},
		{"PMDm", "01FE01FE01FE01FE", false}, // semi-weak
		{"PMDm", "FEE0FEE0FEF1FEF1", false},
		{"TPMDZpm", "0123456789ABCDEF1FE01FE00EF10EF1", false},
		{"TPMDZpm", "FE1FFE1FFE0EFE0E0123456789ABCDEF", false},
		{"PMDm", "E0E0E0E0F1F1F1F3", true},
		{"x\x00", "0123456789ABCDEFFEDCBA9876543210", false},
	} {
		for _, usage := range []byte(v.usages) {
			key := unhex(t, v.key)
			block, err := m.WrapKey(acquirer.KeyUsage(usage), desOf(len(key)), acquirer.NewKey(key))
			if v.ok {
				require.NoError(t, err, "%c %s", usage, v.key)
				continue
			}
			require.ErrorIs(t, err, acquirer.ErrKey, "%c %s", usage, v.key)
			require.True(t, block.Zero())
		}
	}
}

func TestGeneratedKeysHaveOddParity(t *testing.T) {
	m := newModule(t)
	for _, usage := range []byte("TPMDZpm") {
		block, err := m.GenerateKey(acquirer.KeyUsage(usage), acquirer.CipherTDES)
		require.NoError(t, err)
		requireOddParity(t, m, block)
		other, err := m.GenerateKey(acquirer.KeyUsage(usage), acquirer.CipherTDES)
		require.NoError(t, err)
		require.NotEqual(t, block, other)
	}
	short, err := m.GenerateKey(acquirer.UsageMAK, acquirer.CipherDES)
	require.NoError(t, err)
	requireOddParity(t, m, short)
	_, err = m.GenerateKey(acquirer.UsageMAK, "aes")
	require.ErrorIs(t, err, acquirer.ErrKey)
	_, err = m.GenerateKey(acquirer.UsageZPK, acquirer.CipherDES)
	require.ErrorIs(t, err, acquirer.ErrKey)
}

// A key that was made elsewhere keeps the parity it came with.
func TestParityOfOthersIsKept(t *testing.T) {
	m := newModule(t)
	const even = "0022446688AACCEE7755331199BBDDFF"
	key, _, err := m.unwrap(wrapHex(t, m, acquirer.UsageTMK, even))
	require.NoError(t, err)
	require.Equal(t, unhex(t, even), key)
}

func requireOddParity(t *testing.T, m *Module, block acquirer.KeyBlock) {
	t.Helper()
	key, _, err := m.unwrap(block)
	require.NoError(t, err)
	for _, b := range key {
		require.Equal(t, 1, bits.OnesCount8(b)%2)
	}
}

func TestNewTMK(t *testing.T) {
	m := newModule(t)
	key, block, err := m.NewTMK(acquirer.CipherTDES)
	require.NoError(t, err)
	require.Equal(t, acquirer.UsageTMK, block.Usage)
	require.Len(t, key.Reveal(), 16)
	check, err := m.CheckValue(block)
	require.NoError(t, err)
	require.Equal(t, checkOf(t, hex.EncodeToString(key.Reveal())), check)
}

// A terminal's keys travel under its TMK, a zone's arrive under its ZMK and do not leave, master keys do not travel.
func TestKeysTravelUnderTheirOwnMasterKey(t *testing.T) {
	m := newModule(t)
	wire := acquirer.WrappedKey{Enciphered: encipher(t, demoTMK, unhex(t, demoPIK)), Check: checkOf(t, demoPIK)}
	masters := map[acquirer.KeyUsage]acquirer.KeyBlock{}
	for _, u := range []byte("TPMDZpm") {
		masters[acquirer.KeyUsage(u)] = wrapHex(t, m, acquirer.KeyUsage(u), demoTMK)
	}
	permitted := map[string]bool{"PT": true, "MT": true, "DT": true, "pZ": true, "mZ": true}
	for _, u := range []byte("TPMDZpm") {
		for carrier, under := range masters {
			usage := acquirer.KeyUsage(u)
			block, err := m.ImportKey(usage, under, wire)
			_, exportErr := m.ExportKey(wrapHex(t, m, usage, demoPIK), under)
			way := string([]byte{u, byte(carrier)})
			if permitted[way] {
				require.NoError(t, err)
			} else {
				require.ErrorIs(t, err, acquirer.ErrKey, way)
				require.True(t, block.Zero())
			}
			if permitted[way] && carrier == acquirer.UsageTMK {
				require.NoError(t, exportErr)
			} else {
				require.ErrorIs(t, exportErr, acquirer.ErrKey, way)
			}
		}
	}
	for _, n := range []int{0, 7, 12, 15, 24} {
		_, err := m.ImportKey(acquirer.UsagePIK, masters['T'], acquirer.WrappedKey{Enciphered: make([]byte, n)})
		require.ErrorIs(t, err, acquirer.ErrKey, "%d bytes", n)
	}
}

// One altered bit, another usage, a cut, a longer block, another master key: none opens, also not from the cache.
func TestAlteredBlocksAreRefused(t *testing.T) {
	m, other := newModule(t), moduleOf(t, 0x11)
	block := wrapHex(t, m, acquirer.UsageMAK, demoMAK)
	_, err := m.CheckValue(block)
	require.NoError(t, err)
	_, err = other.CheckValue(block)
	require.ErrorIs(t, err, acquirer.ErrKey)

	for i := range len(block.Blob) {
		for bit := range 8 {
			b := []byte(block.Blob)
			b[i] ^= 1 << bit
			_, err := m.CheckValue(acquirer.KeyBlock{Usage: block.Usage, Blob: string(b)})
			require.ErrorIs(t, err, acquirer.ErrKey, "byte %d bit %d", i, bit)
		}
	}
	for usage := range 256 {
		if u := acquirer.KeyUsage(usage); u != acquirer.UsageMAK {
			_, err := m.CheckValue(acquirer.KeyBlock{Usage: u, Blob: block.Blob})
			require.ErrorIs(t, err, acquirer.ErrKey, "usage %d", usage)
		}
	}
	for n := range len(block.Blob) {
		_, err := m.CheckValue(acquirer.KeyBlock{Usage: block.Usage, Blob: block.Blob[:n]})
		require.ErrorIs(t, err, acquirer.ErrKey, "%d bytes", n)
	}
	_, err = m.CheckValue(acquirer.KeyBlock{Usage: block.Usage, Blob: block.Blob + "\x00"})
	require.ErrorIs(t, err, acquirer.ErrKey)
	_, err = m.CheckValue(acquirer.KeyBlock{})
	require.ErrorIs(t, err, acquirer.ErrKey)
}

// What the module's own values show when somebody prints them.
func TestNothingPrintsAKey(t *testing.T) {
	m := newModule(t)
	master, err := NewMasterKey(unhex(t, "0123456789ABCDEFFEDCBA98765432100123456789ABCDEFFEDCBA9876543210"))
	require.NoError(t, err)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%d"} {
		require.Empty(t, fmt.Sprintf(verb, m))
		require.Empty(t, fmt.Sprintf(verb, master))
		require.Empty(t, fmt.Sprintf(verb, *master))
	}
}
