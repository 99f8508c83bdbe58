package spec

import (
	"errors"
	"unicode/utf8"

	"golang.org/x/text/encoding/simplifiedchinese"
)

// Geta is what EncodeGBK writes for a character GBK lacks: U+3013, the mark
// that printers set for a missing character. It is one double-byte character,
// so a name keeps its number of characters.
const Geta = '〓'

// ErrGBK is the error of DecodeGBK.
var ErrGBK = errors.New("not GBK text")

// EncodeGBK writes s in GBK, the charset of every text on both wires. A
// character that GBK lacks, or an invalid byte of s, becomes Geta.
func EncodeGBK(s string) []byte {
	enc := simplifiedchinese.GBK.NewEncoder()
	if out, err := enc.Bytes([]byte(s)); err == nil && utf8.ValidString(s) {
		return out
	}
	out := make([]byte, 0, len(s))
	for _, r := range s {
		one, err := enc.Bytes([]byte(string(r)))
		if err != nil || r == utf8.RuneError {
			one = []byte{0xA1, 0xFE}
		}
		out = append(out, one...)
	}
	return out
}

// DecodeGBK reads GBK text. A byte sequence that is no character of GBK is
// refused with ErrGBK, never replaced.
func DecodeGBK(b []byte) (string, error) {
	out, err := simplifiedchinese.GBK.NewDecoder().Bytes(b)
	if err != nil {
		return "", ErrGBK
	}
	s := string(out)
	for _, r := range s {
		// GBK has no U+FFFD, so its presence is the decoder's complaint.
		if r == utf8.RuneError {
			return "", ErrGBK
		}
	}
	return s, nil
}
