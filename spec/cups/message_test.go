package cups

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"

	"example.com/ringback/spec"
)

// debit is the phone-pay debit as the switch sends it.
func debit() *Message {
	m := New(MTIDebit)
	m.SetHeader(NewHeader("00010000", "48540000"))
	for id, value := range map[int]string{
		2: "6222020000000000018", 3: ProcTransfer, 4: "000000001234", 7: "1124151500", 11: "000123",
		12: "151500", 13: "1124", 18: "4829", 22: "021", 25: CondNormal, 26: "06", 32: "48540000",
		33: "48540000", 35: "6222020000000000018=30121010000000000", 37: "112400000123", 41: "10000001",
		42: "898110000000001", 43: string(spec.EncodeGBK("测试商户")) + strings.Repeat(" ", 32),
		48: UsageAssoc + TagBusiness + "00207", 49: "156", 53: "2600000000000000",
		60: "000005000100000000000001000000", 102: "6222020000000000018", 103: "6217000000000000012",
		104: "PE01113800138001PR01113900139001",
	} {
		m.Set(id, value)
	}
	m.SetBytes(52, []byte{1, 2, 3, 4, 5, 6, 7, 8})
	m.SetBytes(128, make([]byte, 8))
	return m
}

func pack(t testing.TB, m *Message) []byte {
	frame, err := m.Pack()
	require.NoError(t, err)
	return frame
}

func TestEveryFieldRoundTrips(t *testing.T) {
	letters := map[spec.Code]string{
		spec.ASCIIDigits: "1234567890", spec.ASCII: "Az 09=", spec.Plain: "\x00\xFF\x7Fa",
	}
	for id := 2; id <= spec.MaxField; id++ {
		f, ok := Table().Format(id)
		if !ok {
			continue
		}
		lengths := []int{0, 1, 2, f.Max - 1, f.Max}
		if f.Prefix == spec.Fixed {
			lengths = lengths[4:]
		}
		for _, n := range lengths {
			value := strings.Repeat(letters[f.Code], n/4+1)[:n]
			m := New(MTIDebit)
			m.SetHeader(NewHeader("1", "2"))
			m.Set(id, value)
			frame := pack(t, m)
			back, err := Unpack(frame)
			require.NoError(t, err, "field %d, %d characters", id, n)
			require.Equal(t, []int{id}, back.Fields())
			require.Equal(t, value, back.Get(id))
			require.Equal(t, value, string(back.Bytes(id)))
			require.Equal(t, frame, pack(t, back))
			require.Equal(t, fmt.Sprintf("%04d", len(frame)), string(frame[2:6]))
		}
		m := New(MTIDebit)
		m.SetHeader(NewHeader("1", "2"))
		m.Set(id, strings.Repeat("1", f.Max+1))
		_, err := m.Pack()
		require.Error(t, err, "field %d", id)
	}
}

func TestMessage(t *testing.T) {
	frame := pack(t, debit())
	m, err := Unpack(frame)
	require.NoError(t, err)
	require.Equal(t, MTIDebit, m.MTI())
	require.Equal(t, len(frame), m.Header().Total)
	require.Equal(t, "48540000", m.Header().Answer().Dest)
	require.Equal(t, "00010000", m.Header().Answer().Source)
	require.False(t, m.Header().Test())
	require.True(t, m.Has(104))
	require.False(t, m.Has(38))
	require.Empty(t, m.Get(38))
	require.Nil(t, m.Bytes(38))
	m.Unset(35)
	require.False(t, m.Has(35))
	m.SetHeader(m.Header().Answer())
	require.Equal(t, "48540000", m.Header().Dest)
	require.Equal(t, m.ISO().GetSpec(), host.moov)
	require.Equal(t, Header{}, New(MTIDebit).Header())
}

func TestPackErrors(t *testing.T) {
	_, err := New(MTIDebit).Pack()
	require.ErrorIs(t, err, ErrNoHeader)

	m := debit()
	m.Set(8, "00000000")
	_, err = m.Pack()
	require.ErrorContains(t, err, "set field 8")

	m = debit()
	m.SetHeader(NewHeader("000100000000", "1"))
	_, err = m.Pack()
	require.ErrorContains(t, err, "does not fit")

	m = debit()
	for _, id := range []int{122, 123} {
		m.Set(id, strings.Repeat("x", 999))
	}
	_, err = m.Pack()
	require.ErrorIs(t, err, ErrTooLong)

	_, err = Header{Info: "00000000", Reject: RejectNone, Total: 10000}.Append(nil)
	require.Error(t, err)
}

func TestUnpackRefuses(t *testing.T) {
	good := pack(t, debit())
	patch := func(off int, b ...byte) []byte {
		f := slices.Clone(good)
		copy(f[off:], b)
		return f
	}
	tests := []struct {
		name  string
		frame []byte
		want  error
	}{
		{"empty", nil, spec.Fault{Kind: spec.FaultEnvelope}},
		{"header alone", good[:46], spec.Fault{Kind: spec.FaultEnvelope}},
		{"header length", patch(0, 0x2D), spec.Fault{Kind: spec.FaultEnvelope}},
		{"rejected", patch(offReject, '0', '0', '0', '3', '5'), ErrRejected},
		{"type", patch(46, 'X'), spec.Fault{Kind: spec.FaultDigit}},
		{"ends in the second bitmap", good[:60], spec.Fault{Field: 1, Kind: spec.FaultShort}},
		{"undefined field 8", patch(50, good[50]|1), spec.Fault{Field: 8, Kind: spec.FaultUnknown}},
		{"undefined field 65", patch(58, good[58]|0x80), spec.Fault{Field: 65, Kind: spec.FaultUnknown}},
		{"blank in F2's length", patch(66, ' '), spec.Fault{Field: 2, Kind: spec.FaultPrefix}},
		{"letter in F2", patch(68, 'A'), spec.Fault{Field: 2, Kind: spec.FaultDigit}},
		{"cut", good[:len(good)-1], spec.Fault{Field: 128, Kind: spec.FaultShort}},
		{"a byte behind", append(slices.Clone(good), '0'), spec.Fault{Field: 128, Kind: spec.FaultTrailing}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Unpack(tt.frame)
			require.Equal(t, tt.want, err)
		})
	}
	for cut := range len(good) {
		_, err := Unpack(good[:cut])
		require.Error(t, err)
		require.NotContains(t, fmt.Sprintf("%+v", err), "622202")
	}
}

func TestFrames(t *testing.T) {
	frame := pack(t, debit())
	stream := append(AppendFrame(nil, frame), KeepAlive...)
	stream = AppendFrame(stream, frame)
	r, buf := iotest.OneByteReader(bytes.NewReader(stream)), make([]byte, MaxMessage)
	for _, want := range [][]byte{frame, {}, frame} {
		got, err := ReadFrame(r, buf)
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
	_, err := ReadFrame(r, nil)
	require.Equal(t, io.EOF, err)
	require.Equal(t, KeepAlive, string(AppendFrame(nil, nil)))
}

func TestReadFrameErrors(t *testing.T) {
	tests := []struct {
		name   string
		stream string
		want   error
	}{
		{"empty", "", io.EOF},
		{"half a length", "00", io.ErrUnexpectedEOF},
		{"cut off", "0046.", io.ErrUnexpectedEOF},
		{"length alone", "0046", io.ErrUnexpectedEOF},
		{"negative", "-001", ErrFrameLength},
		{"blank", "  46", ErrFrameLength},
		{"under a header", "0045", ErrFrameLength},
		{"over the limit", "1939", ErrFrameLength},
		{"letters", "HTTP", ErrFrameLength},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := ReadFrame(strings.NewReader(tt.stream), nil)
			require.ErrorIs(t, err, tt.want)
		})
	}
	broken := errors.New("reset")
	_, err := ReadFrame(io.MultiReader(strings.NewReader("0100"), iotest.ErrReader(broken)), nil)
	require.ErrorIs(t, err, broken)
}

func TestDescribeKeepsSecrets(t *testing.T) {
	m := debit()
	m.Set(61, "01110101199001011237    "+string(spec.EncodeGBK("王小明")))
	m.Set(122, "6222020000000000018")
	var out strings.Builder
	require.NoError(t, spec.Describe(&out, m))
	for _, secret := range []string{"6222020000000000018", "0000000000018", "13800138001", "13900139001", "19900101", "王小明", "3012"} {
		require.NotContains(t, out.String(), secret)
	}
	require.Contains(t, out.String(), "PE=138****8001")
	require.Contains(t, out.String(), "621700*********0012")
	require.Contains(t, out.String(), "ASAO00207")
	require.Equal(t, "(18 hidden)", MaskField(48, "NK0123456789ABCDEF"))
}

func TestDecodeSpecialFrames(t *testing.T) {
	frame := pack(t, debit())
	require.Equal(t, "keep-alive, no message", Decode("30303030", false).Error)
	require.Equal(t, "line is not hex", Decode("3", false).Error)
	require.NotEmpty(t, Decode("31323334", false).Error)

	rejected, err := Header{Dest: "48540000", Source: "00010000", Info: "00000000", Reject: RejectLength}.Append(nil)
	require.NoError(t, err)
	d := Decode(spec.Hex(AppendFrame(nil, append(rejected, frame...))), true)
	require.Equal(t, "rejected by the centre: 00035", d.Error)
	require.Equal(t, MTIDebit, d.MTI)
	require.Len(t, d.Fields, 27)

	masked := Decode(spec.Hex(frame), false)
	require.Empty(t, masked.Error)
	require.NotContains(t, masked.Repacked, spec.Hex([]byte("62220200")))
	require.Equal(t, "gbk:测试商户", strings.TrimRight(masked.Fields["43"], " "))
}
