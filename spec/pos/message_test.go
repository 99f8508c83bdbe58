package pos

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/moov-io/iso8583"
	"github.com/stretchr/testify/require"

	"example.com/ringback/spec"
)

// sample is a value of n characters for a format.
func sample(f spec.Format, n int) string {
	letters := map[spec.Code]string{
		spec.PackLeft: "1234567890", spec.PackRight: "1234567890", spec.PackTrack: "12345=67890",
		spec.ASCIIDigits: "1234567890", spec.ASCII: "Az 09~", spec.Plain: "\x00\xFF\x7Fa",
	}
	return strings.Repeat(letters[f.Code], n/4+1)[:n]
}

// lengths are the ones worth trying: none, one, odd, even, the largest.
func lengths(f spec.Format) []int {
	if f.Prefix == spec.Fixed {
		return []int{f.Max}
	}
	return []int{0, 1, 2, f.Max - 1, f.Max}
}

func TestEveryFieldRoundTrips(t *testing.T) {
	for id := 2; id <= 64; id++ {
		f, ok := Table().Format(id)
		if !ok {
			continue
		}
		for _, n := range lengths(f) {
			m := New(MTIDebit)
			m.Set(id, sample(f, n))
			frame, err := m.Pack()
			require.NoError(t, err, "field %d, %d characters", id, n)
			back, err := Unpack(frame)
			require.NoError(t, err, "field %d, %d characters", id, n)
			require.Equal(t, []int{id}, back.Fields())
			require.Equal(t, sample(f, n), back.Get(id))
			require.Equal(t, sample(f, n), string(back.Bytes(id)))
			again, err := back.Pack()
			require.NoError(t, err)
			require.Equal(t, frame, again)
		}
	}
}

func TestTooLongIsRefused(t *testing.T) {
	for id := 2; id <= 64; id++ {
		f, ok := Table().Format(id)
		if !ok || f.Max == 999 {
			continue
		}
		m := New(MTIDebit)
		m.Set(id, sample(f, f.Max+1))
		_, err := m.Pack()
		require.Error(t, err, "field %d", id)
	}
}

func TestMessage(t *testing.T) {
	m := New(MTIInquiry)
	m.Set(3, ProcPhonePay)
	m.Set(22, "021")
	block := []byte{1, 2, 3, 4, 5, 6, 7, 8}
	m.SetBytes(52, block)
	block[0] = 99
	require.Equal(t, "0100", m.MTI())
	require.Equal(t, "0110", m.ResponseMTI())
	require.Equal(t, byte(1), m.Bytes(52)[0])
	require.True(t, m.Has(3))
	require.False(t, m.Has(4))
	require.False(t, m.Has(0))
	require.Empty(t, m.Get(4))
	require.Nil(t, m.Bytes(4))
	m.Unset(52)
	require.Equal(t, []int{3, 22}, m.Fields())

	frame, err := m.Pack()
	require.NoError(t, err)
	require.Equal(t, "6000030000"+"603100000000"+"0100"+"2000040000000000"+"480000"+"0210", spec.Hex(frame))
}

func TestMessageRemembersSetErrors(t *testing.T) {
	m := New(MTIDebit)
	m.Set(5, "000000000001")
	m.Set(3, "000000")
	_, err := m.Pack()
	require.ErrorContains(t, err, "set field 5")

	m = New(MTIDebit)
	m.SetEnvelope(Envelope{LRI: []byte("LRI")})
	_, err = m.Pack()
	require.ErrorIs(t, err, ErrNoEnvelope)

	m = New(MTIDebit)
	for id := range 4 {
		m.Set([]int{46, 47, 57, 59}[id], strings.Repeat("x", 900))
	}
	_, err = m.Pack()
	require.ErrorIs(t, err, ErrTooLong)

	bare := newMessage(terminal)
	bare.Set(0, "0200")
	_, err = bare.Pack()
	require.ErrorIs(t, err, ErrNoEnvelope)
	require.Equal(t, Envelope{}, newMessage(terminal).Envelope())
}

func TestErrorsCarryNoValues(t *testing.T) {
	frame, err := sale20().Pack()
	require.NoError(t, err)
	for cut := MinFrame; cut < len(frame); cut++ {
		_, err := Unpack(frame[:cut])
		var fault spec.Fault
		require.ErrorAs(t, err, &fault)
		require.NotContains(t, fmt.Sprintf("%v %+v %#v", err, err, err), "622202")
		var raw interface{ RawMessage() []byte }
		require.False(t, errors.As(err, &raw))
	}
	m := New(MTIDebit)
	m.Set(2, "6222020000000000018X")
	_, err = m.Pack()
	require.NotContains(t, fmt.Sprintf("%+v", err), "622202")
}

func TestMessageWithMoov(t *testing.T) {
	frame, err := sale20().Pack()
	require.NoError(t, err)
	m, err := Unpack(frame)
	require.NoError(t, err)
	clone, err := m.ISO().Clone()
	require.NoError(t, err)
	packed, err := clone.Pack()
	require.NoError(t, err)
	require.Equal(t, frame, packed)

	var sale struct {
		MTI    string `iso8583:"0"`
		Amount string `iso8583:"4"`
		PIN    []byte `iso8583:"52"`
	}
	require.NoError(t, m.ISO().Unmarshal(&sale))
	require.Equal(t, "000000001234", sale.Amount)
	require.Equal(t, m.Bytes(52), sale.PIN)
	text, err := json.Marshal(m.ISO())
	require.NoError(t, err)
	require.Contains(t, string(text), `"0":"0200"`)
	fresh := iso8583.NewMessage(terminal.moov)
	require.NoError(t, fresh.Marshal(&sale))
}

func TestMarshalForgetsPad(t *testing.T) {
	for _, c := range captures(t) {
		frame, ok := c.frame(t)
		if !ok || c.ID != "lkl-01" {
			continue
		}
		m, err := Unpack(frame)
		require.NoError(t, err)
		require.NoError(t, m.ISO().MarshalPath("60", "00000001003"))
		packed, err := m.Pack()
		require.NoError(t, err)
		require.False(t, bytes.Equal(frame, packed))
	}
}

func TestField60(t *testing.T) {
	tests := []struct {
		text string
		want Field60
	}{
		{"22000705", Field60{Kind: "22", Batch: "000705"}},
		{"00000001003", Field60{Kind: "00", Batch: "000001", NetMgmt: "003"}},
		{"72000001000600", Field60{Kind: "72", Batch: "000001", NetMgmt: "000", Rest: "600"}},
	}
	for _, tt := range tests {
		got, err := ParseField60(tt.text)
		require.NoError(t, err)
		require.Equal(t, tt.want, got)
		require.Equal(t, tt.text, got.String())
	}
	for _, bad := range []string{"", "2200070", "220007050", "2200070500", "220007050001234567", "2200070A"} {
		_, err := ParseField60(bad)
		require.Error(t, err, bad)
	}
}

func TestTexts(t *testing.T) {
	require.Equal(t, "收款人手机号有误,请重新输入", Text("P1"))
	require.Equal(t, "查询次数超限,请稍后再试", Text("65"))
	require.Equal(t, "付款卡所属银行未签约", Text("31"))
	require.Equal(t, "无效商户", Text("03"))
	require.Equal(t, "过期卡，请联系发卡行", Text("33"))
	require.Equal(t, unknownText, Text("ZZ"))
	require.Equal(t, unknownText, Text("0"))
	require.Equal(t, unknownText, Text("0\n"))
	require.Equal(t, ClassSuccess, Class("00"))
	require.Equal(t, ClassRetain, Class("41"))
	require.Equal(t, ClassRefuse, Class("P3"))
	require.Equal(t, ClassRefuse, Class("02"))
	rows := strings.Split(strings.TrimSpace(responses), "\n")
	require.Len(t, rows, 80)
	for _, row := range rows {
		code := row[:2]
		text, err := spec.DecodeGBK(spec.EncodeGBK(Text(code)))
		require.NoError(t, err)
		require.Equal(t, row[5:], text)
		require.LessOrEqual(t, len(spec.EncodeGBK(text)), MaxText, code)
		require.NotContains(t, text, "〓")
		require.Contains(t, "ABCDE", string(Class(code)))
	}
}
