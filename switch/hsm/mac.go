package hsm

import (
	"bytes"
	"crypto/subtle"
	"encoding/binary"
	"errors"
	"fmt"

	acquirer "example.com/ringback/switch"
)

// MAC implements [acquirer.HSM]. Terminal dialect page, section 6: [acquirer.MACECB] gives eight upper-case
// hexadecimal characters, with single or triple DES as the key is long; [acquirer.MACX919] gives eight binary
// bytes, X9.19 under a key of 16 bytes and X9.9 under one of 8. Under an SM4 key the first has blocks of 16 bytes, and the
// second is CBC-MAC (ISO 9797-1 algorithm 1), the first eight bytes. Data of no bytes is refused.
func (m *Module) MAC(mak acquirer.KeyBlock, alg acquirer.MACAlgorithm, data []byte) ([8]byte, error) {
	key, err := m.open(mak, acquirer.UsageMAK)
	if err != nil {
		return [8]byte{}, err
	}
	switch alg {
	case acquirer.MACECB:
		return m.foldedMAC(key, data)
	case acquirer.MACX919:
		return m.chainedMAC(key, data)
	}
	return [8]byte{}, fmt.Errorf("MAC algorithm %q is unknown", alg)
}

// VerifyMAC implements [acquirer.HSM].
func (m *Module) VerifyMAC(mak acquirer.KeyBlock, alg acquirer.MACAlgorithm, data []byte, mac [8]byte) error {
	want, err := m.MAC(mak, alg, data)
	if err != nil {
		return err
	}
	if subtle.ConstantTimeCompare(want[:], mac[:]) != 1 {
		return acquirer.ErrMAC
	}
	return nil
}

// ZoneMAC implements [acquirer.HSM]. Host dialect page, section 4.2; F128 carries its first four bytes. A text of
// no bytes is refused.
func (m *Module) ZoneMAC(zak acquirer.KeyBlock, text []byte) ([8]byte, error) {
	key, err := m.open(zak, acquirer.UsageZAK)
	if err != nil {
		return [8]byte{}, err
	}
	return m.chainedMAC(key, text)
}

// errNoData: a chain over nothing is eight zero bytes whatever the key, which must not pass for a MAC.
var errNoData = errors.New("there is nothing to authenticate")

// resetText is how the MAB of a key reset and of its answer begin: the message types, which nothing else has.
var resetText = [...]string{"0800 ", "0810 "}

// KeyResetMAC implements [acquirer.HSM].
func (m *Module) KeyResetMAC(fresh acquirer.KeyBlock, text []byte) ([8]byte, error) {
	if fresh.Usage != acquirer.UsageZPK && fresh.Usage != acquirer.UsageZAK {
		return [8]byte{}, refused(fresh.Usage, "is not what a key reset brings")
	}
	if !bytes.HasPrefix(text, []byte(resetText[0])) && !bytes.HasPrefix(text, []byte(resetText[1])) {
		return [8]byte{}, errors.New("the text is not that of a key reset")
	}
	key, err := m.open(fresh, fresh.Usage)
	if err != nil {
		return [8]byte{}, err
	}
	return m.chainedMAC(key, text)
}

// foldedMAC is the CUP "ECB" MAC: the blocks of data xored into one, that written in hexadecimal, and the first
// half enciphered, xored with the second and enciphered again; what is written in hexadecimal of that is cut to eight
// characters.
func (m *Module) foldedMAC(key *schedule, data []byte) (mac [8]byte, err error) {
	if len(data) == 0 {
		return mac, errNoData
	}
	b := m.borrow()
	defer m.giveBack(b)
	if key.size == longBlock {
		foldLong(b[:longBlock], data)
	} else {
		binary.BigEndian.PutUint64(b[:], fold(data))
	}
	first, second := b[:key.size], b[key.size:2*key.size]
	upperHex(b[:2*key.size])
	key.encrypt(first)
	subtle.XORBytes(first, first, second)
	key.encrypt(first)
	upperHex(b[:8])
	return [8]byte(b[:8]), nil
}

// chainedMAC is ANSI X9.9 for a single-length key and X9.19 for a double-length one: CBC, under the left half if there are
// two, zero initial value, zero padding; see [schedule.finish]. For SM4 it is CBC-MAC.
func (m *Module) chainedMAC(key *schedule, data []byte) (mac [8]byte, err error) {
	if len(data) == 0 {
		return mac, errNoData
	}
	b := m.borrow()
	defer m.giveBack(b)
	block := b[:key.size]
	for len(data) > 0 {
		data = data[subtle.XORBytes(block, block, data):]
		key.left.Encrypt(block, block)
	}
	key.finish(block)
	return [8]byte(block), nil
}

// fold xors all blocks of eight bytes; zeros pad the last one.
func fold(data []byte) (sum uint64) {
	for ; len(data) >= 8; data = data[8:] {
		sum ^= binary.BigEndian.Uint64(data)
	}
	var last [8]byte
	copy(last[:], data)
	return sum ^ binary.BigEndian.Uint64(last[:])
}

// foldLong xors all blocks of data into sum, which is as long as one.
func foldLong(sum, data []byte) {
	for len(data) > 0 {
		data = data[subtle.XORBytes(sum, sum, data):]
	}
}

// upperHex writes the first half of b over all of b as upper-case hexadecimal characters.
func upperHex(b []byte) {
	for i := len(b)/2 - 1; i >= 0; i-- { // from the end: character 2i is behind byte i
		b[2*i], b[2*i+1] = hexDigits[b[i]>>4], hexDigits[b[i]&15]
	}
}
