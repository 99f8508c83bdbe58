package acquirer

import (
	"errors"
	"fmt"
	"io"
	"strings"
)

// The types of this file hold what must never be printed. Each prints masked through every verb of fmt, through
// encoding/json and through a logger; Reveal is the one way to the value, so that it can be searched for.
// They are comparable and their zero value means absent.

// PAN is a card number of 13 to 19 digits (F2, F102, F103).
type PAN struct{ s string }

// ParsePAN accepts 13 to 19 ASCII digits. It does not check the Luhn digit: see [PAN.Luhn].
func ParsePAN(s string) (PAN, error) {
	if len(s) < 13 || len(s) > 19 || !digits(s) {
		return PAN{}, errors.New("card number is not 13 to 19 digits")
	}
	return PAN{s}, nil
}

// Reveal returns the digits.
func (p PAN) Reveal() string { return p.s }

// Masked shows the first six and the last four digits.
func (p PAN) Masked() string {
	if len(p.s) < 13 {
		return ""
	}
	return p.s[:6] + strings.Repeat("*", len(p.s)-10) + p.s[len(p.s)-4:]
}

// Luhn reports whether the last digit is the right check digit (ISO/IEC 7812-1, annex B).
func (p PAN) Luhn() bool {
	sum := 0
	for i := 0; i < len(p.s); i++ {
		d := int(p.s[len(p.s)-1-i] - '0')
		if i%2 == 1 {
			if d *= 2; d > 9 {
				d -= 9
			}
		}
		sum += d
	}
	return p.s != "" && sum%10 == 0
}

func (p PAN) String() string               { return p.Masked() }
func (p PAN) GoString() string             { return p.Masked() }
func (p PAN) MarshalText() ([]byte, error) { return []byte(p.Masked()), nil }

// Format keeps the digits out of every verb, also of a wrong one such as %d.
func (p PAN) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, p.Masked()) }

// MSISDN is a mainland mobile number: exactly 11 ASCII digits beginning with 1. Whether anybody can hold it is a
// question for [NumberingPlan].
type MSISDN struct{ s string }

// ParseMSISDN accepts 11 ASCII digits beginning with 1 and nothing else: no +86, no spaces, no full-width digits.
func ParseMSISDN(s string) (MSISDN, error) {
	if len(s) != 11 || !digits(s) || s[0] != '1' {
		return MSISDN{}, errors.New("mobile number is not 11 digits beginning with 1")
	}
	return MSISDN{s}, nil
}

// Reveal returns the digits.
func (m MSISDN) Reveal() string { return m.s }

// Masked shows the first three and the last four digits: 138****8001.
func (m MSISDN) Masked() string {
	if len(m.s) != 11 {
		return ""
	}
	return m.s[:3] + "****" + m.s[7:]
}

func (m MSISDN) String() string               { return m.Masked() }
func (m MSISDN) GoString() string             { return m.Masked() }
func (m MSISDN) MarshalText() ([]byte, error) { return []byte(m.Masked()), nil }

// Format keeps the digits out of every verb.
func (m MSISDN) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, m.Masked()) }

// Track is track 2 or 3 of a card (F35, F36), '=' as separator. It is held in memory for one request and stored
// nowhere.
type Track struct{ s string }

// ParseTrack2 accepts track 2 data of at most 37 characters: a card number, '=', and at least the expiry (YYMM).
func ParseTrack2(s string) (Track, error) {
	pan, rest, ok := strings.Cut(s, "=")
	if !ok || len(s) > 37 || len(rest) < 4 || !digits(rest[:4]) {
		return Track{}, errors.New("track 2 is malformed")
	}
	if _, err := ParsePAN(pan); err != nil {
		return Track{}, errors.New("track 2 holds no card number")
	}
	return Track{s}, nil
}

// ParseTrack3 accepts track 3 data of at most 104 characters of 0-9 and '='. Nothing is read from it.
func ParseTrack3(s string) (Track, error) {
	if s == "" || len(s) > 104 || strings.Trim(s, "0123456789=") != "" {
		return Track{}, errors.New("track 3 is malformed")
	}
	return Track{s}, nil
}

// Reveal returns the data with '=' as separator.
func (t Track) Reveal() string { return t.s }

// PAN returns the card number in front of the separator of track 2.
func (t Track) PAN() PAN { pan, _, _ := strings.Cut(t.s, "="); return PAN{pan} }

// Expiry returns the four digits YYMM behind the separator of track 2.
func (t Track) Expiry() string {
	if _, rest, ok := strings.Cut(t.s, "="); ok && len(rest) >= 4 {
		return rest[:4]
	}
	return ""
}

func (t Track) String() string               { return "" }
func (t Track) GoString() string             { return "" }
func (t Track) MarshalText() ([]byte, error) { return nil, nil }

// Format prints nothing: no part of a track may be shown.
func (t Track) Format(fmt.State, rune) {}

// The lengths of a PIN block in bytes: those of a cipher's block.
const (
	pinBlock     = 8  // ISO 9564 format 0, under DES
	longPINBlock = 16 // the same drawn out, under SM4
)

// PINBlock is an enciphered PIN block: ISO 9564 format 0 (F52), or its form of 16 bytes under an SM4 key. It is held for
// one request and stored nowhere. A clear block has no type: it never leaves the security module. The bytes are a string
// because a stack dump prints arrays that functions were called with, and of a string no more than its address.
type PINBlock struct{ s string }

// NewPINBlock accepts 8 or 16 bytes.
func NewPINBlock(b []byte) (PINBlock, error) {
	if len(b) != pinBlock && len(b) != longPINBlock {
		return PINBlock{}, errors.New("PIN block is not 8 or 16 bytes")
	}
	return PINBlock{string(b)}, nil
}

// Reveal returns a copy of the enciphered bytes, eight zeros of the zero value.
func (p PINBlock) Reveal() []byte {
	if p.s == "" {
		return make([]byte, pinBlock)
	}
	return []byte(p.s)
}

func (p PINBlock) String() string               { return "" }
func (p PINBlock) GoString() string             { return "" }
func (p PINBlock) MarshalText() ([]byte, error) { return nil, nil }

// Format prints nothing.
func (p PINBlock) Format(fmt.State, rune) {}

// Key is a clear key, in the hands of an operator only: it is what a terminal's master key is when it is shown the
// one time it is shown. Inside the switch keys exist as [KeyBlock].
type Key struct{ s string }

// NewKey copies the bytes of a clear key.
func NewKey(b []byte) Key { return Key{string(b)} }

// Reveal returns a copy of the key's bytes.
func (k Key) Reveal() []byte { return []byte(k.s) }

func (k Key) String() string               { return "" }
func (k Key) GoString() string             { return "" }
func (k Key) MarshalText() ([]byte, error) { return nil, nil }

// Format prints nothing.
func (k Key) Format(fmt.State, rune) {}
