package spec

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/moov-io/iso8583"
	"github.com/moov-io/iso8583/field"
	"github.com/stretchr/testify/require"
)

// tiny is a dialect with one field of every kind.
func tiny() *Table {
	return NewTable("tiny", []Format{
		NewFormat(2, "card", BCDLL, PackRight, 19, MaskPAN),
		NewFormat(3, "odd on the left", Fixed, PackLeft, 3, MaskNone),
		NewFormat(35, "track", BCDLL, PackTrack, 37, MaskHidden),
		NewFormat(41, "text", Fixed, ASCII, 4, MaskNone),
		NewFormat(62, "bytes", BCDLLL, Plain, 99, MaskShort),
		NewFormat(70, "second bitmap", Fixed, ASCIIDigits, 3, MaskNone),
	}, []Format{NewFormat(4, "", Fixed, PackLeft, 12, MaskNone)})
}

func TestTextRemembersPad(t *testing.T) {
	tests := []struct {
		name   string
		format Format
		wire   string
		value  string
	}{
		{"right, F", NewFormat(2, "", BCDLL, PackRight, 19, MaskNone), "03123F", "123"},
		{"right, 0", NewFormat(2, "", BCDLL, PackRight, 19, MaskNone), "031230", "123"},
		{"left, F", NewFormat(3, "", Fixed, PackLeft, 3, MaskNone), "F123", "123"},
		{"left, 0", NewFormat(3, "", Fixed, PackLeft, 3, MaskNone), "0123", "123"},
		{"track, F", NewFormat(35, "", BCDLL, PackTrack, 37, MaskNone), "0312DF", "12="},
		{"even", NewFormat(2, "", BCDLL, PackRight, 19, MaskNone), "041234", "1234"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := NewField(tt.format).(*Text).NewInstance().(*Text)
			wire := unhex(t, tt.wire)
			n, err := f.Unpack(append(wire, 0x99))
			require.NoError(t, err)
			require.Equal(t, len(wire), n)
			require.Equal(t, tt.value, f.Value())
			back, err := f.Pack()
			require.NoError(t, err)
			require.Equal(t, tt.wire, Hex(back))

			require.NoError(t, f.SetBytes([]byte(tt.value)))
			fresh, err := f.Pack()
			require.NoError(t, err)
			require.NoError(t, f.Marshal(tt.value))
			again, err := f.Pack()
			require.NoError(t, err)
			require.Equal(t, fresh, again)
			require.NotContains(t, Hex(fresh), "F")
		})
	}
}

func TestTextLong(t *testing.T) {
	f := NewField(NewFormat(48, "", BCDLLL, PackRight, 322, MaskNone))
	require.NoError(t, f.SetBytes(bytes.Repeat([]byte("7"), 321)))
	wire, err := f.Pack()
	require.NoError(t, err)
	back := NewField(NewFormat(48, "", BCDLLL, PackRight, 322, MaskNone))
	_, err = back.Unpack(wire)
	require.NoError(t, err)
	value, err := back.Bytes()
	require.NoError(t, err)
	require.Len(t, value, 321)
}

func TestStringForms(t *testing.T) {
	kinds := map[string]bool{}
	for kind := FaultNone; kind <= FaultEnvelope; kind++ {
		kinds[kind.String()] = true
		require.NotContains(t, kind.String(), "fault 1")
	}
	require.Len(t, kinds, int(FaultEnvelope)) // the two undefined ones read alike
	require.Equal(t, "fault 99", FaultKind(99).String())
	require.Equal(t, "field 4: not a decimal digit", Fault{Field: 4, Kind: FaultDigit}.Error())
}

func TestTable(t *testing.T) {
	table := tiny()
	require.Equal(t, "tiny", table.Name())
	require.Equal(t, "card", table.FieldName(2))
	require.Empty(t, table.FieldName(4))
	require.Empty(t, table.FieldName(-1))
	require.Empty(t, table.FieldName(129))
	require.True(t, table.Defined(70))
	require.False(t, table.Defined(4))
	require.False(t, table.Defined(0))
	m := table.MessageSpec(NewText(&field.Spec{Length: 4, Enc: PackLeft, Pref: Fixed}), &field.Spec{Length: 8, Enc: Plain, Pref: Fixed})
	require.NoError(t, m.Validate())
	require.Len(t, m.Fields, 8)
	require.Panics(t, func() { iso8583.NewMessage(&iso8583.MessageSpec{}) })
}

func TestWalk(t *testing.T) {
	tests := []struct {
		name string
		wire string // bitmaps and fields
		wide bool
		want Fault
		ids  []int
	}{
		{"nothing", "0000000000000000", false, Fault{}, nil},
		{"all", "E000000020800004 0400000000000000 03123F 0123 0312DF 41424344 0001FF 313031", true, Fault{}, []int{2, 3, 35, 41, 62, 70}},
		{"bad digit goes on", "2000000000800000 0A23 41424344", false, Fault{3, FaultDigit}, []int{3, 41}},
		{"foreign field goes on", "1000000000800000 000000000001 41424344", false, Fault{4, FaultUndefined}, []int{4, 41}},
		{"unknown field ends it", "0800000000800000 00 41424344", false, Fault{5, FaultUnknown}, nil},
		{"short after a bad digit", "2000000000800000 0A23 414243", false, Fault{41, FaultShort}, []int{3}},
		{"second bitmap", "8000000000000000 0400000000000000 31303A", true, Fault{70, FaultDigit}, []int{70}},
		{"trailing", "0000000000800000 41424344 00", false, Fault{128, FaultTrailing}, []int{41}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			src := unhex(t, tt.wire)
			maps, ok := ReadBitmaps(src, 0, tt.wide)
			require.True(t, ok)
			var ids []int
			fault := tiny().Walk(src, maps, func(v Value) { ids = append(ids, v.ID) })
			require.Equal(t, tt.want, fault)
			require.Equal(t, tt.ids, ids)
		})
	}
	_, ok := ReadBitmaps(make([]byte, 7), 0, false)
	require.False(t, ok)
	_, ok = ReadBitmaps(append([]byte{0x80}, make([]byte, 9)...), 0, true)
	require.False(t, ok)
}

func TestBodyDecode(t *testing.T) {
	show := func(id int, value string) string { return fmt.Sprintf("%d:%s", id, value) }
	body := NewBody(tiny(), PackLeft, true, show)
	wire := unhex(t, "0200 E000000020800004 0400000000000000 13 4000000000002F 0123 0312DF 41424344 0001FF 313031")
	open, fit := body.Decode(wire, true)
	require.Empty(t, open.Error)
	require.Equal(t, MaxField+6, fit)
	require.Equal(t, "0200", open.MTI)
	require.Equal(t, "2:4000000000002", open.Fields["2"])
	require.Equal(t, Hex(wire), open.Repacked)

	masked, _ := body.Decode(wire, false)
	require.Equal(t, "400000***0002", masked.Fields["2"])
	require.Equal(t, "(3 hidden)", masked.Fields["35"])
	require.Equal(t, "41:ABCD", masked.Fields["41"])
	require.Contains(t, masked.Repacked, "13**************012303****41424344")

	for _, bad := range []string{"", "0200", "020A0000000000000000", "9200" + "0000000000000000", "0200" + "8000000000000000"} {
		d, _ := body.Decode(unhex(t, bad), true)
		require.NotEmpty(t, d.Error, bad)
	}
	one := NewBody(tiny(), PackLeft, false, show)
	d, _ := one.Decode(unhex(t, "0200 8000000000000000"), true)
	require.Equal(t, "field 1: field 1 is set", d.Error)
	_, err := ParseHex("0G")
	require.ErrorIs(t, err, ErrHex)
}

// FuzzField holds for every kind of field: refused, or packed to the same bytes.
func FuzzField(f *testing.F) {
	for _, seed := range []string{"031234", "0123", "0312D0", "41424344", "0001FF", "313031"} {
		wire, err := ParseHex(seed)
		require.NoError(f, err)
		f.Add(wire, 0)
	}
	formats := []Format{}
	for _, id := range []int{2, 3, 35, 41, 62, 70} {
		format, _ := tiny().Format(id)
		formats = append(formats, format)
	}
	f.Fuzz(func(t *testing.T, wire []byte, which int) {
		format := formats[uint(which)%uint(len(formats))]
		value := NewField(format)
		n, err := value.Unpack(wire)
		if err != nil {
			return
		}
		back, err := value.Pack()
		require.NoError(t, err)
		require.Equal(t, wire[:n], back)
	})
}
