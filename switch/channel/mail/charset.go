package mail

import (
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/simplifiedchinese"
	"golang.org/x/text/encoding/traditionalchinese"
)

// charsets are those that mail in Chinese and English comes in, beside UTF-8 and ASCII. GB 2312 and GBK are read as GB
// 18030, which holds both: mail programs name the smaller and write the larger.
var charsets = map[string]encoding.Encoding{
	"gb18030": simplifiedchinese.GB18030, "gb-18030": simplifiedchinese.GB18030, "gbk": simplifiedchinese.GB18030,
	"gb2312": simplifiedchinese.GB18030, "gb_2312-80": simplifiedchinese.GB18030, "x-gbk": simplifiedchinese.GB18030,
	"cp936": simplifiedchinese.GB18030, "hz-gb-2312": simplifiedchinese.HZGB2312,
	"big5": traditionalchinese.Big5, "big5-hkscs": traditionalchinese.Big5, "cp950": traditionalchinese.Big5,
	"iso-8859-1": charmap.Windows1252, "windows-1252": charmap.Windows1252,
}

// decodeText returns a text as UTF-8. A charset that is missing, unknown or not kept to is guessed: UTF-8, else GB 18030.
// What fits neither has U+FFFD where it cannot be read, and so has a control character that no text holds.
func decodeText(name string, b []byte) string {
	s, ok := "", false
	if e := charsets[strings.ToLower(strings.TrimSpace(name))]; e != nil {
		s, ok = decode(e, b)
	}
	if !ok && utf8.Valid(b) {
		s, ok = string(b), true
	}
	if !ok {
		if s, ok = decode(simplifiedchinese.GB18030, b); !ok {
			s = strings.ToValidUTF8(string(b), "\uFFFD")
		}
	}
	s = strings.TrimPrefix(s, "\uFEFF")
	return strings.Map(func(r rune) rune {
		if control(r) && r != '\n' && r != '\r' && r != '\t' {
			return '\uFFFD'
		}
		return r
	}, s)
}

// decode reports whether every byte was one of the charset.
func decode(e encoding.Encoding, b []byte) (string, bool) {
	out, err := e.NewDecoder().Bytes(b)
	return string(out), err == nil && !strings.ContainsRune(string(out), utf8.RuneError)
}
