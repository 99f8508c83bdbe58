package pos

import (
	"crypto/subtle"
	"errors"
	"fmt"

	"example.com/ringback/spec"
)

// MACLen is the size of F64 in both algorithms: eight hex characters, or eight
// bytes.
const MACLen = 8

// MACInput returns what F64 of a received frame covers: the bytes from the
// message type up to F64, as they came (UnionPay POS dialect, section 6). The
// result aliases frame. The error is ErrNoMAC or a spec.Fault.
func MACInput(frame []byte) ([]byte, error) {
	head, err := Peek(frame)
	if err != nil {
		return nil, err
	}
	if head.MACOffset == 0 {
		return nil, ErrNoMAC
	}
	return frame[head.MTIOffset:head.MACOffset], nil
}

// SignFrame computes F64 of a packed frame and writes it over the placeholder
// that stands there. mac gets what MACInput returns and must not keep it.
func SignFrame(frame []byte, mac func([]byte) [8]byte) error {
	input, err := MACInput(frame)
	if err != nil {
		return err
	}
	code := mac(input)
	copy(frame[len(frame)-MACLen:], code[:])
	return nil
}

// Sealed is a key as it travels: encrypted under the terminal master key, with
// the first four bytes of its check value.
type Sealed struct {
	Key []byte  // 8 or 16 bytes; nil if the key is not there
	CV  [4]byte // of the clear key
}

// WorkKeys are the keys that F62 of a sign-on response carries (UnionPay POS
// dialect, section 3.3).
type WorkKeys struct {
	PIK Sealed // encrypts PIN blocks
	MAK Sealed // computes F64
	TDK Sealed // encrypts tracks; only after 60.3 = 004
}

// ParseWorkKeys reads a key block of 24, 40 or 60 bytes. In the 16-byte place of
// the MAK, eight zero bytes at the end mean a key of 8. The keys are copies. Any
// other length is an error; check values are the caller's to compare.
func ParseWorkKeys(f62 []byte) (WorkKeys, error) {
	var k WorkKeys
	switch len(f62) {
	case 24:
		k.PIK, k.MAK = readSealed(f62, 8), readSealed(f62[12:], 8)
		return k, nil
	case 60:
		k.TDK = readSealed(f62[40:], 16)
	case 40:
	default:
		return k, fmt.Errorf("key block of %d bytes", len(f62))
	}
	k.PIK, k.MAK = readSealed(f62, 16), readSealed(f62[20:], 16)
	if [8]byte(k.MAK.Key[8:]) == [8]byte{} {
		k.MAK.Key = k.MAK.Key[:8]
	}
	return k, nil
}

// BuildWorkKeys writes the key block that ParseWorkKeys reads: 24 bytes for a PIK
// of 8, 40 for one of 16, 60 if there is a TDK. A combination that has no layout
// is an error.
func BuildWorkKeys(k WorkKeys) ([]byte, error) {
	pik, mak, tdk := len(k.PIK.Key), len(k.MAK.Key), len(k.TDK.Key)
	single := pik == 8 && mak == 8 && tdk == 0
	double := pik == 16 && (mak == 8 || mak == 16) && (tdk == 0 || tdk == 16)
	if !single && !double {
		return nil, fmt.Errorf("no key block holds keys of %d, %d and %d bytes", pik, mak, tdk)
	}
	out := appendSealed(make([]byte, 0, 60), k.PIK, pik)
	out = appendSealed(out, k.MAK, pik)
	if tdk > 0 {
		out = appendSealed(out, k.TDK, tdk)
	}
	return out, nil
}

// Seal encrypts a work key of 8 or 16 bytes under a terminal master key.
func Seal(tmk, key []byte) Sealed {
	check := spec.CheckValue(key)
	return Sealed{Key: spec.EncryptECB(tmk, key), CV: [4]byte(check[:4])}
}

// Open decrypts a work key and compares its check value. A key that does not
// match is not returned.
func (s Sealed) Open(tmk []byte) ([]byte, error) {
	if len(s.Key) != 8 && len(s.Key) != 16 {
		return nil, fmt.Errorf("sealed key of %d bytes", len(s.Key))
	}
	key, err := spec.DecryptECB(tmk, s.Key)
	if err != nil {
		return nil, err
	}
	if check := spec.CheckValue(key); subtle.ConstantTimeCompare(check[:4], s.CV[:]) != 1 {
		return nil, fmt.Errorf("check value of a key of %d bytes does not match", len(key))
	}
	return key, nil
}

// SealSM4 is Seal with SM4, for keys of 16 bytes.
func SealSM4(tmk, key []byte) Sealed {
	check := spec.CheckValueSM4(key)
	return Sealed{Key: spec.EncryptSM4(tmk, key), CV: [4]byte(check[:4])}
}

// OpenSM4 is Open with SM4.
func (s Sealed) OpenSM4(tmk []byte) ([]byte, error) {
	if len(s.Key) != 16 {
		return nil, fmt.Errorf("sealed SM4 key of %d bytes", len(s.Key))
	}
	key, err := spec.DecryptSM4(tmk, s.Key)
	if err != nil {
		return nil, err
	}
	if check := spec.CheckValueSM4(key); subtle.ConstantTimeCompare(check[:4], s.CV[:]) != 1 {
		return nil, errors.New("check value of an SM4 key does not match")
	}
	return key, nil
}

func readSealed(b []byte, n int) Sealed {
	return Sealed{Key: append([]byte(nil), b[:n]...), CV: [4]byte(b[n : n+4])}
}

// appendSealed writes a key in a place of size bytes, filled with zeros.
func appendSealed(dst []byte, s Sealed, size int) []byte {
	dst = append(dst, s.Key...)
	dst = append(dst, make([]byte, size-len(s.Key))...)
	return append(dst, s.CV[:]...)
}
