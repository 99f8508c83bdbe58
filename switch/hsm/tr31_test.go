package hsm

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	acquirer "example.com/ringback/switch"
)

// Published blocks of version D: the examples of TR-31:2018, ANSI X9.143:2021 and ISO 20038:2017, and one of a payment
// security module with a key of 32 bytes.
func TestPublishedKeyBlocks(t *testing.T) {
	const ansi = "88E1AB2A2E3DD38C1FA039A536500CC8A87AB9D62DC92C01058FA79F44657DE6"
	for _, v := range []struct{ name, protection, header, key, filling, block string }{
		{"TR-31:2018 A.7.4", ansi, "D0112P0AE00E0000", "3F419E1CB7079442AA37474C2EFBF8B8", "1C2965473CE206BB855B01533782",
			"D0112P0AE00E0000B82679114F470F540165EDFBF7E250FCEA43F810D215F8D207E2E417C07156A27E8E31DA05F7425509593D03A457DC34"},
		{"X9.143:2021 8.1", ansi, "D0144P0AE00E0000", "3F419E1CB7079442AA37474C2EFBF8B8", "1A87BBFA2CFE78D383E5F4C6AA83473C1C2965473CE206BB855B01533782",
			"D0144P0AE00E00002C77FA3F4A553BED6E88AE5C172A4166E3D4ACA8E2AC71C158A476FAC12C13C3829DE55D3AB54C48F4C4FEF7AC75E90FC47F1B77E7B19A73ED46E64410082557"},
		{"ISO 20038:2017 B.3", "3235362D62697420414553207772617070696E67202849534F20323030333829", "D0112M3TV16N0000", "76736170706464203245455220" + "6B6479", "",
			"D0112M3TV16N000018462FA5903B8D2B82FEE26B29713C0BE7ED81601087F12252093D06FC0A012C1CF769AD0E3E9E4877166AB013FC22B4"},
		{"payment module", strings.Repeat("41", 32), "D0144D0AN00N0000", "BE19E6A07A760F10EF8E83A226B63AAD141F463FDDD4F47DB244B4023EC3CACC", "",
			"D0144D0AN00N0000127862F945C2DED04530FAF7CDBC8B0BA10C7AA79BD5E0C2C5D6AC173BF588E4B19ACF1357178D50EA0AB193228E13958304FC6149632DFDCADF3A5B3D57E814"},
	} {
		t.Run(v.name, func(t *testing.T) {
			k := newBlockKeys(unhex(t, v.protection))
			key, ok := k.open(v.header, v.block)
			require.True(t, ok)
			require.Equal(t, unhex(t, v.key), key)
			if v.filling != "" {
				require.Equal(t, v.block, k.sealFilled(v.header, unhex(t, v.key), unhex(t, v.filling)))
			}
		})
	}
}

// Every bit of every character, every length, another case, another header: nothing else opens.
func TestBlockHasOneForm(t *testing.T) {
	m := newModule(t)
	block := wrapHex(t, m, acquirer.UsageMAK, demoMAK).Blob
	header := headers[acquirer.UsageMAK][acquirer.CipherDES]
	require.Len(t, block, blockSize)
	key, ok := m.blocks.open(header, block)
	require.True(t, ok)
	require.Equal(t, unhex(t, demoMAK), key)
	for i := range len(block) {
		for bit := range 8 {
			b := []byte(block)
			b[i] ^= 1 << bit
			_, ok := m.blocks.open(string(b[:headerSize]), string(b))
			require.False(t, ok, "character %d bit %d", i, bit)
		}
	}
	for n := range len(block) {
		_, ok := m.blocks.open(header, block[:n])
		require.False(t, ok, "%d characters", n)
	}
	_, ok = m.blocks.open(header, block+strings.Repeat("0", 32))
	require.False(t, ok)
	_, ok = m.blocks.open(header, header+strings.ToLower(block[headerSize:]))
	require.False(t, ok)
}

// What the header of each key says. A MAC key of the terminal's line and SM4 have no code in the standard.
func TestHeaders(t *testing.T) {
	want := map[string]string{
		"T 3des": "D0128K0TB00N01001010RINGBACK-TMK", "T sm4": "D0128K04B00N01001010RINGBACK-TMK",
		"P des": "D0128P0DD00S01001010RINGBACK-PIK", "P 3des": "D0128P0TD00S01001010RINGBACK-PIK",
		"P sm4": "D0128P04D00S01001010RINGBACK-PIK",
		"M des": "D012810DC00S01001010RINGBACK-MAK", "M 3des": "D012810TC00S01001010RINGBACK-MAK",
		"M sm4": "D0128104C00S01001010RINGBACK-MAK",
		"D des": "D0128D0DD00S01001010RINGBACK-TDK", "D 3des": "D0128D0TD00S01001010RINGBACK-TDK",
		"D sm4":  "D0128D04D00S01001010RINGBACK-TDK",
		"Z 3des": "D0128K0TD00N01001010RINGBACK-ZMK", "p 3des": "D0128P0TE00N01001010RINGBACK-ZPK",
		"m des": "D0128M1DC00N01001010RINGBACK-ZAK", "m 3des": "D0128M3TC00N01001010RINGBACK-ZAK",
	}
	got, seen := map[string]string{}, map[string]bool{}
	for usage, byCipher := range headers {
		for cipher, header := range byCipher {
			got[string(usage)+" "+string(cipher)] = header
			seen[header] = true
			require.Len(t, header, headerSize)
		}
	}
	require.Equal(t, want, got)
	require.Len(t, seen, len(want), "no two keys have one header")
}

// A block declared as another usage does not open, not even as one that the standard takes for the same: a PIK for a
// ZPK, a TMK for a ZMK.
func TestBlockOfAnotherUsage(t *testing.T) {
	m := newModule(t)
	for _, from := range []byte("TPMDZpm") {
		block := wrapHex(t, m, acquirer.KeyUsage(from), demoTMK)
		for _, to := range []byte("TPMDZpm") {
			block.Usage = acquirer.KeyUsage(to)
			_, err := m.CheckValue(block)
			if from == to {
				require.NoError(t, err)
				continue
			}
			require.ErrorIs(t, err, acquirer.ErrKey, "%c as %c", from, to)
		}
	}
}

// The same key twice makes two blocks: the filling is random.
func TestBlocksDiffer(t *testing.T) {
	m := newModule(t)
	require.NotEqual(t, wrapHex(t, m, acquirer.UsageTMK, demoTMK), wrapHex(t, m, acquirer.UsageTMK, demoTMK))
}
