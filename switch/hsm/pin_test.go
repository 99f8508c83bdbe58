package hsm

import (
	"encoding/binary"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	acquirer "example.com/ringback/switch"
)

// sealed enciphers a clear block, written as 16 hexadecimal digits, under demoPIK.
func sealed(t testing.TB, clear string) acquirer.PINBlock {
	t.Helper()
	block, err := acquirer.NewPINBlock(encipher(t, demoPIK, unhex(t, clear)))
	require.NoError(t, err)
	return block
}

// The published clear blocks and the published F52 of the terminal dialect page, section 7.
func TestTranslatePINKnownAnswers(t *testing.T) {
	m := newModule(t)
	pik, zpk := wrapHex(t, m, acquirer.UsagePIK, demoPIK), wrapHex(t, m, acquirer.UsageZPK, demoZPK)
	f52, err := acquirer.NewPINBlock(unhex(t, "3D87C8B8FA17C67C"))
	require.NoError(t, err)
	require.Equal(t, f52, sealed(t, "06122556FFFFFFFD"))
	for card, clear := range map[string]string{
		"9001100000000027":   "06122556FFFFFFFD",
		"1234567890123456":   "0612713176FEDCBA",
		"123456789012345678": "061253DFFEDCBA98",
	} {
		out, err := m.TranslatePIN(sealed(t, clear), pik, zpk, pan(t, card))
		require.NoError(t, err, card)
		got := out.Reveal()
		require.Equal(t, unhex(t, clear), decipher(t, demoZPK, got))
	}
}

// A block for one card is refused for another, and a block that is bound to none is refused for every card.
func TestTranslatePINOfAnotherCard(t *testing.T) {
	m := newModule(t)
	pik, zpk := wrapHex(t, m, acquirer.UsagePIK, demoPIK), wrapHex(t, m, acquirer.UsageZPK, demoZPK)
	for clear, card := range map[string]string{
		"06122556FFFFFFFD": "6222020000000000018",
		"0612713176FEDCBA": "123456789012345678",
		"06123456FFFFFFFF": "9001100000000027",
	} {
		_, err := m.TranslatePIN(sealed(t, clear), pik, zpk, pan(t, card))
		require.ErrorIs(t, err, acquirer.ErrPINFormat, clear)
	}
	_, err := m.TranslatePIN(sealed(t, "06122556FFFFFFFD"), pik, zpk, acquirer.PAN{})
	require.ErrorIs(t, err, acquirer.ErrPINFormat)
	_, err = m.TranslatePIN(acquirer.PINBlock{}, pik, zpk, pan(t, "9001100000000027"))
	require.ErrorIs(t, err, acquirer.ErrPINFormat)
}

func TestWellFormed(t *testing.T) {
	for field, want := range map[string]bool{
		"03123FFFFFFFFFFF":      false,
		"041234FFFFFFFFFF":      true,
		"05" + "12345FFFFFFFFF": true,
		"0612345" + "6FFFFFFFF": true,
		"0C123456789012FF":      true,
		"0D1234567890123F":      false,
		"0E12345678901234":      false,
		"0F123456789012FF":      false,
		"00FFFFFFFFFFFFFF":      false,
		"141234FFFFFFFFFF":      false, // other control nibbles: formats 1, 2, 3
		"241234FFFFFFFFFF":      false,
		"341234FFFFFFFFFF":      false,
		"F41234FFFFFFFFFF":      false,
		"04123AFFFFFFFFFF":      false, // not a decimal digit
		"04F234FFFFFFFFFF":      false,
		"041234FFFFFFFFF0":      false, // fill
		"0412345FFFFFFFFF":      false,
		"041234EFFFFFFFFF":      false,
		"0C123456789012F0":      false,
		"0C12345678901AFF":      false,
	} {
		require.Equal(t, want, wellFormed(binary.BigEndian.Uint64(unhex(t, field))), field)
	}
}

func TestTranslatePINTakesAPIKAndAZPK(t *testing.T) {
	m := newModule(t)
	card, block := pan(t, "9001100000000027"), sealed(t, "06122556FFFFFFFD")
	for _, from := range []byte("TPMDZpm") {
		for _, to := range []byte("TPMDZpm") {
			source := wrapHex(t, m, acquirer.KeyUsage(from), demoPIK)
			target := wrapHex(t, m, acquirer.KeyUsage(to), demoZPK)
			out, err := m.TranslatePIN(block, source, target, card)
			if from == 'P' && to == 'p' {
				require.NoError(t, err)
				continue
			}
			require.ErrorIs(t, err, acquirer.ErrKey)
			require.Zero(t, out)

			source.Usage, target.Usage = acquirer.UsagePIK, acquirer.UsageZPK // declared so, bound otherwise
			_, err = m.TranslatePIN(block, source, target, card)
			require.ErrorIs(t, err, acquirer.ErrKey, "%c to %c", from, to)
		}
	}
}

// The buffer a clear block was in is wiped when it goes back.
func TestBufferIsWiped(t *testing.T) {
	m := newModule(t)
	b := m.borrow()
	copy(b[:], strings.Repeat("\x12", len(b)))
	m.giveBack(b)
	require.Zero(t, *b)
}
