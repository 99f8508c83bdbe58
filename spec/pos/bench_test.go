package pos

import (
	"testing"

	"github.com/moov-io/iso8583"
	"github.com/moov-io/iso8583/encoding"
	"github.com/moov-io/iso8583/field"
	"github.com/moov-io/iso8583/prefix"
	"github.com/stretchr/testify/require"

	"example.com/ringback/spec"
)

// sale20 is a chip sale of 20 fields: 415 bytes from type to MAC, 426 with TPDU
// and header.
func sale20() *Message {
	m := New(MTIDebit)
	for id, value := range map[int]string{
		2: "6222020000000000018", 3: "000000", 4: "000000001234", 11: "000123", 14: "3012",
		22: "051", 23: "001", 25: "00", 26: "12", 35: "6222020000000000018=301210100000000000",
		41: "10000001", 42: "898110000000001", 48: "0", 49: "156", 53: "2600000000000000",
		60: "2200000100060",
	} {
		m.Set(id, value[:min(len(value), 37)])
	}
	for id, size := range map[int]int{52: 8, 55: 160, 59: 128, 64: 8} {
		value := make([]byte, size)
		for i := range value {
			value[i] = byte(i*7 + id)
		}
		m.SetBytes(id, value)
	}
	return m
}

// stockSpec is the same dialect with the encoders that moov-io/iso8583 brings,
// but for the track, which none of them can read.
func stockSpec() *iso8583.MessageSpec {
	d := newDialect(terminal.table)
	for id, f := range d.moov.Fields {
		s := *f.Spec()
		stockCode(&s)
		switch f.(type) {
		case *spec.Text:
			d.moov.Fields[id] = field.NewString(&s)
		case *field.Binary:
			d.moov.Fields[id] = field.NewBinary(&s)
		}
	}
	d.moov.Fields[0] = field.NewString(&field.Spec{Length: 4, Enc: encoding.BCD, Pref: prefix.BCD.Fixed})
	return d.moov
}

func stockCode(s *field.Spec) {
	s.Packer = nil
	switch s.Enc {
	case spec.PackLeft:
		s.Enc = encoding.BCD
	case spec.PackRight:
		s.Enc = encoding.LBCD
	case spec.ASCII:
		s.Enc = encoding.ASCII
	case spec.Plain:
		s.Enc = encoding.Binary
	}
	switch s.Pref {
	case spec.Fixed:
		s.Pref = prefix.BCD.Fixed
	case spec.BCDLL:
		s.Pref = prefix.BCD.LL
	case spec.BCDLLL:
		s.Pref = prefix.BCD.LLL
	}
}

func frame20(t testing.TB) []byte {
	frame, err := sale20().Pack()
	require.NoError(t, err)
	require.Len(t, frame, 426)
	require.Equal(t, "702406C020C19A31", spec.Hex(frame[13:21]))
	return frame
}

func BenchmarkPeek(b *testing.B) {
	frame := frame20(b)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Peek(frame); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkUnpack20(b *testing.B) {
	frame := frame20(b)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Unpack(frame); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkPack20(b *testing.B) {
	m, err := Unpack(frame20(b))
	require.NoError(b, err)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := m.Pack(); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkStockUnpack20(b *testing.B) {
	body, stock := frame20(b)[plainLen:], stockSpec()
	b.ReportAllocs()
	for b.Loop() {
		if err := iso8583.NewMessage(stock).Unpack(body); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkStockPack20(b *testing.B) {
	m := iso8583.NewMessage(stockSpec())
	require.NoError(b, m.Unpack(frame20(b)[plainLen:]))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := m.Pack(); err != nil {
			b.Fatal(err)
		}
	}
}
