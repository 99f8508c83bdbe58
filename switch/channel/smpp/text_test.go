package smpp

import (
	"encoding/binary"
	"strings"
	"testing"
	"time"
	"unicode/utf16"

	acquirer "example.com/ringback/switch"
	"example.com/ringback/switch/channel/sms"
	"github.com/stretchr/testify/require"
)

func TestSplitAtEveryBorder(t *testing.T) {
	for _, c := range []struct {
		name, text string
		alphabet   Alphabet
		coding     byte
		sizes      []int // of the texts, without header
	}{
		{"empty", "", GSM7, 0, []int{0}},
		{"septets, whole", strings.Repeat("a", 160), GSM7, 0, []int{160}},
		{"septets, two", strings.Repeat("a", 161), GSM7, 0, []int{153, 8}},
		{"septets, two full", strings.Repeat("a", 306), GSM7, 0, []int{153, 153}},
		{"septets, three", strings.Repeat("a", 307), GSM7, 0, []int{153, 153, 1}},
		{"escape counts twice", strings.Repeat("a", 158) + "€", GSM7, 0, []int{160}},
		{"escape at the border", strings.Repeat("a", 152) + "€" + strings.Repeat("b", 10), GSM7, 0, []int{152, 12}},
		{"yen is in the alphabet", "¥12.34", GSM7, 0, []int{6}},
		{"capital C with cedilla is, small is not", "ç", GSM7, 8, []int{2}},
		{"octets, whole", strings.Repeat("ç", 140), Latin1, 3, []int{140}},
		{"octets, two", strings.Repeat("ç", 141), Latin1, 3, []int{134, 7}},
		{"not in Latin-1", "€", Latin1, 8, []int{2}},
		{"Chinese, whole", strings.Repeat("王", 70), GSM7, 8, []int{140}},
		{"Chinese, two", strings.Repeat("王", 71), GSM7, 8, []int{134, 8}},
		{"Chinese, two full", strings.Repeat("王", 134), GSM7, 8, []int{134, 134}},
		{"pair at the border", strings.Repeat("王", 66) + "𬇕" + strings.Repeat("王", 10), GSM7, 8, []int{132, 24}},
		{"nothing but pairs", strings.Repeat("𬇕", 36), GSM7, 8, []int{132, 12}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := encode(c.text, c.alphabet).Parts(9, sms.MaxParts)
			require.NoError(t, err)
			var sizes []int
			var whole []byte
			for i, p := range got {
				require.Equal(t, c.coding, p.Coding)
				require.Equal(t, len(got) > 1, p.Header)
				b := p.Text
				if p.Header {
					require.Equal(t, []byte{5, 0, 3, 9, byte(len(got)), byte(i + 1)}, b[:6])
					b = b[6:]
				}
				sizes = append(sizes, len(b))
				whole = append(whole, b...)
			}
			require.Equal(t, c.sizes, sizes)
			back, err := decodeText(c.coding, whole, c.alphabet)
			require.NoError(t, err)
			require.Equal(t, c.text, back)
		})
	}
}

func TestSplitHasALimit(t *testing.T) {
	got, err := encode(strings.Repeat("王", 67*sms.MaxParts), GSM7).Parts(1, sms.MaxParts)
	require.NoError(t, err)
	require.Len(t, got, sms.MaxParts)
	_, err = encode(strings.Repeat("王", 67*sms.MaxParts+1), GSM7).Parts(1, sms.MaxParts)
	require.ErrorIs(t, err, acquirer.ErrUndeliverable)
	got, err = encode(strings.Repeat("𬇕", 250), GSM7).Parts(1, sms.MaxParts) // 500 units, the longest notice of such signs
	require.NoError(t, err)
	require.Len(t, got, 8)
}

func TestDecodeTextIsStrict(t *testing.T) {
	for _, c := range []struct {
		name     string
		coding   byte
		in       string
		alphabet Alphabet
		want     string
		bad      bool
	}{
		{"default is GSM 7-bit", 0, "\x00A\x1b\x65", GSM7, "@A€", false},
		{"default with the eighth bit", 0, "A\x80", GSM7, "", true},
		{"default, escape at the end", 0, "A\x1b", GSM7, "", true},
		{"default as Latin-1", 0, "\xe9", Latin1, "é", false},
		{"ASCII", 1, "A\x7f", GSM7, "A\x7f", false},
		{"ASCII with the eighth bit", 1, "A\x80", GSM7, "", true},
		{"octets are UTF-8", 4, "王", GSM7, "王", false},
		{"octets are UTF-8, other code", 2, "王", GSM7, "王", false},
		{"octets that are not", 4, "\xcd\xf5", GSM7, "", true},
		{"Latin-1", 3, "\xe9", GSM7, "é", false},
		{"UCS-2", 8, "\x73\x8b", GSM7, "王", false},
		{"UCS-2 with a byte order mark", 8, "\xfe\xff\x73\x8b", GSM7, "王", false},
		{"UCS-2 and half a unit", 8, "\x73\x8b\x00", GSM7, "", true},
		{"emoji", 8, "\xd8\x3d\xde\x00", GSM7, "😀", false},
		{"first half alone", 8, "\xd8\x3d", GSM7, "", true},
		{"first half and a letter", 8, "\xd8\x3d\x00\x41", GSM7, "", true},
		{"second half alone", 8, "\xde\x00", GSM7, "", true},
		{"look-alike stays what it is", 8, "\x04\x10\xff\x11", GSM7, "А１", false},
		{"GBK", 15, "\xcd\xf5", GSM7, "王", false},
		{"half of GBK", 15, "\xcd", GSM7, "", true},
		{"class, 7-bit", 0xF1, "A", GSM7, "A", false},
		{"class, octets", 0xF5, "é", GSM7, "é", false},
		{"class, reserved bit", 0xF8, "A", GSM7, "", true},
		{"Cyrillic", 6, "A", GSM7, "", true},
		{"Hebrew", 7, "A", GSM7, "", true},
		{"GSM coding group", 0x18, "\x73\x8b", GSM7, "", true},
		{"nothing", 8, "", GSM7, "", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := decodeText(c.coding, []byte(c.in), c.alphabet)
			if c.bad {
				require.ErrorIs(t, err, sms.ErrText)
				return
			}
			require.NoError(t, err)
			require.Equal(t, c.want, got)
		})
	}
}

func TestPartOf(t *testing.T) {
	sar := func(ref uint16, total, seq byte) map[uint16][]byte {
		return map[uint16][]byte{tagSarRef: binary.BigEndian.AppendUint16(nil, ref), tagSarTotal: {total}, tagSarSeq: {seq}}
	}
	for _, c := range []struct {
		name  string
		class byte
		text  string
		tlv   map[uint16][]byte
		want  sms.Concat
		rest  string
		bad   bool
	}{
		{"whole", 0, "abc", nil, sms.Concat{}, "abc", false},
		{"8 bits", 0x40, "\x05\x00\x03\x07\x03\x02abc", nil, sms.Concat{Ref: 7, Wide: false, Total: 3, Seq: 2}, "abc", false},
		{"16 bits", 0x40, "\x06\x08\x04\x01\x07\x03\x02abc", nil, sms.Concat{Ref: 0x107, Wide: true, Total: 3, Seq: 2}, "abc", false},
		{"another element first", 0x40, "\x08\x70\x01\xff\x00\x03\x07\x03\x02abc", nil, sms.Concat{Ref: 7, Wide: false, Total: 3, Seq: 2}, "abc", false},
		{"header without parts", 0x40, "\x03\x70\x01\xffabc", nil, sms.Concat{}, "abc", false},
		{"parameters", 0, "abc", sar(0x1234, 2, 1), sms.Concat{Ref: 0x1234, Wide: true, Total: 2, Seq: 1}, "abc", false},
		{"one of one", 0x40, "\x05\x00\x03\x07\x01\x01abc", nil, sms.Concat{}, "abc", false},
		{"as many as go", 0x40, "\x05\x00\x03\x07\x0a\x0aabc", nil, sms.Concat{Ref: 7, Wide: false, Total: 10, Seq: 10}, "abc", false},
		{"more", 0x40, "\x05\x00\x03\x07\x0b\x01abc", nil, sms.Concat{}, "", true},
		{"part 0", 0x40, "\x05\x00\x03\x07\x03\x00abc", nil, sms.Concat{}, "", true},
		{"part behind the last", 0x40, "\x05\x00\x03\x07\x03\x04abc", nil, sms.Concat{}, "", true},
		{"of none", 0x40, "\x05\x00\x03\x07\x00\x01abc", nil, sms.Concat{}, "", true},
		{"no header", 0x40, "", nil, sms.Concat{}, "", true},
		{"header overruns", 0x40, "\x05\x00\x03\x07\x03", nil, sms.Concat{}, "", true},
		{"header of 255", 0x40, "\xff" + strings.Repeat("\x70\x00", 130), nil, sms.Concat{}, "", true},
		{"element overruns", 0x40, "\x05\x00\x04\x07\x03\x02abc", nil, sms.Concat{}, "", true},
		{"element cut", 0x40, "\x01\x00abc", nil, sms.Concat{}, "", true},
		{"twice", 0x40, "\x0a\x00\x03\x07\x03\x02\x00\x03\x07\x03\x02abc", nil, sms.Concat{}, "", true},
		{"ports", 0x40, "\x06\x05\x04\x0b\x84\x23\xf0abc", nil, sms.Concat{}, "", true},
		{"language table", 0x40, "\x03\x24\x01\x01abc", nil, sms.Concat{}, "", true},
		{"header and parameters", 0x40, "\x05\x00\x03\x07\x03\x02abc", sar(1, 2, 1), sms.Concat{}, "", true},
		{"parameter missing", 0, "abc", map[uint16][]byte{tagSarRef: {0, 1}}, sms.Concat{}, "", true},
		{"parameter short", 0, "abc", map[uint16][]byte{tagSarRef: {1}, tagSarTotal: {2}, tagSarSeq: {1}}, sms.Concat{}, "", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, rest, err := partOf(deliver{class: c.class, text: []byte(c.text), tlv: c.tlv})
			if c.bad {
				require.ErrorIs(t, err, errPDU)
				return
			}
			require.NoError(t, err)
			require.Equal(t, c.want, got)
			require.Equal(t, c.rest, string(rest))
		})
	}
}

func TestDecodeReceipt(t *testing.T) {
	const text = "id:0123 sub:001 dlvrd:001 submit date:2611241200 done date:2611241201 stat:DELIVRD err:000 text:id:999 stat:UNDELIV"
	for _, c := range []struct {
		name             string
		text             string
		tlv              map[uint16][]byte
		id, detail       string
		ended, delivered bool
	}{
		{"text", text, nil, "0123", "DELIVRD err:000", true, true},
		{"other case", strings.Replace(strings.Replace(text, "id:", "ID:", 1), "stat:DELIVRD", "Stat:delivrd", 1), nil, "0123", "DELIVRD err:000", true, true},
		{"undelivered", strings.Replace(text, "DELIVRD", "UNDELIV", 1), nil, "0123", "UNDELIV err:000", true, false},
		{"expired", strings.Replace(text, "DELIVRD", "EXPIRED", 1), nil, "0123", "EXPIRED err:000", true, false},
		{"deleted", strings.Replace(text, "DELIVRD", "DELETED", 1), nil, "0123", "DELETED err:000", true, false},
		{"rejected", strings.Replace(text, "DELIVRD", "REJECTD", 1), nil, "0123", "REJECTD err:000", true, false},
		{"accepted is not yet", strings.Replace(text, "DELIVRD", "ACCEPTD", 1), nil, "0123", "ACCEPTD err:000", false, false},
		{"on the way", strings.Replace(text, "DELIVRD", "ENROUTE", 1), nil, "0123", "ENROUTE err:000", false, false},
		{"a word of its own", strings.Replace(text, "DELIVRD", "SNAFU", 1), nil, "0123", " err:000", false, false},
		{"parameters only", "", map[uint16][]byte{tagReceiptedID: []byte("77\x00"), tagMessageState: {5}}, "77", "UNDELIV", true, false},
		{"parameters go first", text, map[uint16][]byte{tagReceiptedID: []byte("77\x00"), tagMessageState: {3}}, "77", "EXPIRED err:000", true, false},
		{"state that is none", "", map[uint16][]byte{tagReceiptedID: []byte("77\x00"), tagMessageState: {9}}, "77", "", false, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, err := decodeReceipt(deliver{text: []byte(c.text), tlv: c.tlv})
			require.NoError(t, err)
			ended, delivered := r.final()
			require.Equal(t, []any{c.id, c.detail, c.ended, c.delivered}, []any{r.id, r.detail(), ended, delivered})
		})
	}
	wide := deliver{coding: 8}
	for _, u := range utf16.Encode([]rune(text)) {
		wide.text = binary.BigEndian.AppendUint16(wide.text, u)
	}
	r, err := decodeReceipt(wide)
	require.NoError(t, err)
	require.Equal(t, "0123", r.id)
	for _, bad := range []string{"", "stat:DELIVRD", "id: stat:DELIVRD", "id:" + strings.Repeat("1", sms.MaxReference+1)} {
		_, err := decodeReceipt(deliver{text: []byte(bad)})
		require.ErrorIs(t, err, errPDU, bad)
	}
}

func TestReceiptIDs(t *testing.T) {
	for _, c := range []struct {
		ids      ReceiptIDs
		in, want string
	}{{SameIDs, "1A", "1A"}, {HexIDs, "1A", "26"}, {HexIDs, "ffffffffffffffffff", "4722366482869645213695"}, {HexIDs, "x-1", "x-1"}} {
		require.Equal(t, c.want, newProtocol(Config{ReceiptIDs: c.ids}).receiptID(c.in))
	}
}

func TestValidity(t *testing.T) {
	now := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		in   time.Duration
		want string
	}{{10 * time.Minute, "000000001000000R"}, {26*time.Hour + 61*time.Second, "000001020101000R"}, {time.Millisecond, "000000000001000R"},
		{90 * 24 * time.Hour, "000030000000000R"}} {
		require.Equal(t, c.want, validity(now, now.Add(c.in)))
		require.Len(t, c.want, 16)
	}
	require.Empty(t, validity(now, time.Time{}))
}

// FuzzDeliver: no bytes that a centre may send break what reads them, and what is read stays within its bounds.
func FuzzDeliver(f *testing.F) {
	f.Add(mo{from: "8613800138001", coding: 8, text: []byte("\x73\x8b")}.body())
	f.Add(parts("8613800138001", strings.Repeat("王", 100), 3, 67)[1].body())
	f.Add(mo{from: "8613800138001", class: 4, text: []byte("id:1 stat:DELIVRD")}.body())
	f.Add(mo{from: "8613800138001", class: 0x40, tlv: tlv(tagPayload, make([]byte, 300)...)}.body())
	f.Add(mo{from: "8613800138001", tlv: append(tlv(tagSarRef, 0, 1), append(tlv(tagSarTotal, 2), tlv(tagSarSeq, 1)...)...)}.body())
	f.Fuzz(func(t *testing.T, b []byte) {
		d, err := decodeDeliver(b)
		if err != nil {
			return
		}
		if d.class&classMask == classReceipt {
			if r, err := decodeReceipt(d); err == nil {
				require.NotEmpty(t, r.id)
				require.LessOrEqual(t, len(r.detail()), 200)
			}
			return
		}
		c, text, err := partOf(d)
		if err != nil {
			return
		}
		require.True(t, c.Total == 0 || c.Seq >= 1 && c.Seq <= c.Total && c.Total <= sms.MaxInParts)
		require.LessOrEqual(t, len(text), len(b))
		if s, err := decodeText(d.coding, text, GSM7); err == nil {
			require.True(t, len(s) <= 3*len(text))
		}
	})
}
