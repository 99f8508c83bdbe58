package sms

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	acquirer "example.com/ringback/switch"
	"golang.org/x/text/encoding/simplifiedchinese"
)

// ErrText is the error of a text that is not what its coding says, or of a coding that is none for people. Nothing is
// guessed and nothing mended: what is not whole in the named alphabet is ErrText, for a number or a name read wrong would be
// somebody else's. Signs outside the basic plane, look-alikes and control characters reach the core as they came.
var ErrText = errors.New("text cannot be read")

// What a short message holds, whole and as a part behind the 6 bytes of a concatenation header (3GPP TS 23.040,
// section 9.2.3.24.1): septets of GSM 7-bit, which the centre packs, or octets.
const (
	SeptetsWhole, SeptetsPart = 160, 153
	OctetsWhole, OctetsPart   = 140, 134
)

// Encoded is a text in the coding that it goes out in. Width says how many bytes at the front of what is left belong
// together; a message holds Whole bytes, a part Each.
type Encoded struct {
	Coding      byte
	Bytes       []byte
	Width       func([]byte) int
	Whole, Each int
}

// Parts cuts a text into parts that share ref and no character of which is cut in two. More than most are ErrUndeliverable.
func (e Encoded) Parts(ref byte, most int) ([]Part, error) {
	chunks := e.cut()
	if len(chunks) > most {
		return nil, fmt.Errorf("text makes %d parts, %d are allowed: %w", len(chunks), most, acquirer.ErrUndeliverable)
	}
	if len(chunks) == 1 {
		return []Part{{Coding: e.Coding, Total: 1, Seq: 1, Text: chunks[0]}}, nil
	}
	var parts []Part
	for i, chunk := range chunks {
		total, seq := byte(len(chunks)), byte(i+1)
		head := []byte{5, 0, 3, ref, total, seq}
		parts = append(parts, Part{e.Coding, true, total, seq, append(head, chunk...)})
	}
	return parts, nil
}

// cut divides the text into chunks of at most Each bytes, or leaves it whole.
func (e Encoded) cut() (chunks [][]byte) {
	b := e.Bytes
	if len(b) <= e.Whole {
		return [][]byte{b}
	}
	start := 0
	for i := 0; i < len(b); {
		w := min(e.Width(b[i:]), len(b)-i)
		if i+w-start > e.Each {
			chunks = append(chunks, b[start:i])
			start = i
		}
		i += w
	}
	return append(chunks, b[start:])
}

// UCS2 writes a text as UTF-16 in network order, under the coding that means that.
func UCS2(text string, coding byte) Encoded {
	e := Encoded{Coding: coding, Width: widthUCS2, Whole: OctetsWhole, Each: OctetsPart}
	for _, u := range utf16.Encode([]rune(text)) {
		e.Bytes = binary.BigEndian.AppendUint16(e.Bytes, u)
	}
	return e
}

// widthUCS2 keeps a surrogate pair together.
func widthUCS2(b []byte) int {
	if b[0]&0xFC == 0xD8 {
		return 4
	}
	return 2
}

// DecodeUCS2 reads UTF-16 in network order; half a unit and half a pair are ErrText. A byte order mark, which some
// handsets put in front, is no character.
func DecodeUCS2(b []byte) (string, error) {
	if len(b)%2 != 0 {
		return "", ErrText
	}
	b = bytes.TrimPrefix(b, []byte{0xFE, 0xFF})
	var s strings.Builder
	for i := 0; i < len(b); i += 2 {
		r := rune(binary.BigEndian.Uint16(b[i:]))
		switch {
		case r&^0x3FF == 0xDC00, r&^0x3FF == 0xD800 && i+4 > len(b):
			return "", ErrText
		case r&^0x3FF == 0xD800:
			low := rune(binary.BigEndian.Uint16(b[i+2:]))
			if low&^0x3FF != 0xDC00 {
				return "", ErrText
			}
			r = 0x10000 + (r&0x3FF)<<10 + low&0x3FF
			i += 2
		}
		s.WriteRune(r)
	}
	return s.String(), nil
}

// DecodeASCII reads 7 bits an octet.
func DecodeASCII(b []byte) (string, error) {
	return valid(string(b), bytes.ContainsFunc(b, func(r rune) bool { return r >= utf8.RuneSelf }))
}

// DecodeUTF8 reads octets as UTF-8.
func DecodeUTF8(b []byte) (string, error) { return valid(string(b), !utf8.Valid(b)) }

// DecodeGB18030 reads GB18030, of which GBK and GB 2312 are parts.
func DecodeGB18030(b []byte) (string, error) {
	s, err := simplifiedchinese.GB18030.NewDecoder().String(string(b))
	return valid(s, err != nil || strings.ContainsRune(s, utf8.RuneError))
}

// DecodeGBK reads GBK.
func DecodeGBK(b []byte) (string, error) {
	s, err := simplifiedchinese.GBK.NewDecoder().String(string(b))
	return valid(s, err != nil || strings.ContainsRune(s, utf8.RuneError))
}

func valid(s string, bad bool) (string, error) {
	if bad {
		return "", ErrText
	}
	return s, nil
}
