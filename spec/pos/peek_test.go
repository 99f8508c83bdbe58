package pos

import (
	"bytes"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"example.com/ringback/spec"
)

// inquiry is a small request with everything that Head offers.
func inquiry(t testing.TB) []byte {
	m := New(MTIInquiry)
	for id, value := range map[int]string{
		3: ProcPhonePay, 4: "000000001234", 11: "000123", 22: "021", 25: CondPhonePay,
		41: "10000001", 42: "898110000000001", 49: "156", 60: "71000007000500", 62: "PE01113800138001",
	} {
		m.Set(id, value)
	}
	m.SetBytes(64, make([]byte, 8))
	frame, err := m.Pack()
	require.NoError(t, err)
	return frame
}

func TestPeek(t *testing.T) {
	frame := inquiry(t)
	h, err := Peek(frame)
	require.NoError(t, err)
	require.True(t, h.Readable)
	require.Equal(t, "0100", string(h.MTI[:]))
	require.Equal(t, "0110", h.ResponseMTI())
	require.Equal(t, "000123", string(h.STAN[:]))
	require.Equal(t, "10000001", h.TerminalID())
	require.Equal(t, "898110000000001", h.MerchantID())
	require.Equal(t, "71", string(h.Kind[:]))
	require.Equal(t, "000007", string(h.Batch[:]))
	require.Equal(t, "000", string(h.NetCode[:]))
	require.Equal(t, 11, h.MTIOffset)
	require.Equal(t, len(frame)-8, h.MACOffset)
	require.Equal(t, len(frame), h.End)
	require.True(t, h.Has(62))
	require.False(t, h.Has(2))
	require.False(t, h.Has(65))
	require.Equal(t, "PE01113800138001", string(h.Raw(frame, 62)))
	require.Equal(t, "156", string(h.Raw(frame, 49)))
	require.Len(t, h.Raw(frame, 64), 8)
	require.Nil(t, h.Raw(frame, 2))
	require.Nil(t, h.Raw(frame, 65))
	require.Zero(t, testing.AllocsPerRun(100, func() {
		if _, err := Peek(frame); err != nil {
			panic(err)
		}
	}))
}

// at finds the offset of a field in a frame.
func at(t *testing.T, frame []byte, id int) int {
	h, err := Peek(frame)
	require.NoError(t, err)
	return int(h.at[id%64])
}

func TestPeekFaults(t *testing.T) {
	good := inquiry(t)
	insert := func(off int, b ...byte) []byte { return slices.Insert(slices.Clone(good), off, b...) }
	patch := func(off int, b byte) []byte {
		f := slices.Clone(good)
		f[off] = b
		return f
	}
	withBit := func(frame []byte, id int) []byte {
		f := slices.Clone(frame)
		f[13+(id-1)/8] |= 0x80 >> ((id - 1) % 8)
		return f
	}
	f4, f60, f62 := at(t, good, 4), at(t, good, 60), at(t, good, 62)
	tests := []struct {
		name     string
		frame    []byte
		want     spec.Fault
		readable bool
	}{
		{"nothing", nil, spec.Fault{Field: 0, Kind: spec.FaultEnvelope}, false},
		{"ends in the bitmap", good[:20], spec.Fault{Field: 0, Kind: spec.FaultEnvelope}, false},
		{"too long", make([]byte, MaxFrame+1), spec.Fault{Field: 0, Kind: spec.FaultEnvelope}, false},
		{"letter in the type", patch(11, 0x0A), spec.Fault{Field: 0, Kind: spec.FaultDigit}, false},
		{"amount with F", patch(f4, 0xF0), spec.Fault{Field: 4, Kind: spec.FaultDigit}, true},
		{"trace number with A", patch(at(t, good, 11), 0xA0), spec.Fault{Field: 11, Kind: spec.FaultDigit}, false},
		{"pad nibble 7 in F22", patch(at(t, good, 22)+1, 0x17), spec.Fault{Field: 22, Kind: spec.FaultPad}, true},
		{"control in the terminal", patch(at(t, good, 41), 1), spec.Fault{Field: 41, Kind: spec.FaultText}, false},
		{"F60 with a bad prefix", patch(f60, 0x90), spec.Fault{Field: 60, Kind: spec.FaultPrefix}, true},
		{"F60 above its maximum", patch(f60+1, 0x18), spec.Fault{Field: 60, Kind: spec.FaultPrefix}, true},
		{"F62 past the end", patch(f62, 0x04), spec.Fault{Field: 62, Kind: spec.FaultShort}, true},
		{"cut in F64", good[:len(good)-1], spec.Fault{Field: 64, Kind: spec.FaultShort}, true},
		{"cut in F41", good[:at(t, good, 41)+3], spec.Fault{Field: 41, Kind: spec.FaultShort}, false},
		{"a byte behind", append(slices.Clone(good), 0), spec.Fault{Field: 64, Kind: spec.FaultTrailing}, true},
		{"field 1, one bitmap", withBit(good, 1), spec.Fault{Field: 1, Kind: spec.FaultBitOne}, true},
		{"field 1, two bitmaps", withBit(insert(21, make([]byte, 8)...), 1), spec.Fault{Field: 1, Kind: spec.FaultBitOne}, true},
		{"field 5", withBit(insert(f4+6, 0, 0, 0, 0, 0, 1), 5), spec.Fault{Field: 5, Kind: spec.FaultUndefined}, true},
		{"field 33", withBit(insert(at(t, good, 41), 0x08, 1, 2, 3, 4), 33), spec.Fault{Field: 33, Kind: spec.FaultUndefined}, true},
		{"field 8, nothing written", withBit(good, 8), spec.Fault{Field: 8, Kind: spec.FaultUndefined}, true},
		{"field 29, nothing written", withBit(good, 29), spec.Fault{Field: 29, Kind: spec.FaultUndefined}, true},
		{"field 8, of a form of its own", withBit(insert(f4+6, 1, 2), 8), spec.Fault{Field: 60, Kind: spec.FaultPrefix}, false},
		{"field 50", withBit(insert(f60, '1', '5', '6'), 50), spec.Fault{Field: 50, Kind: spec.FaultUndefined}, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h, err := Peek(tt.frame)
			require.Equal(t, tt.want, err)
			require.Equal(t, tt.want, h.Fault)
			require.Equal(t, tt.readable, h.Readable)
			if tt.readable {
				require.Equal(t, "000123", string(h.STAN[:]))
				require.Equal(t, "10000001", h.TerminalID())
			}
			_, err = Unpack(tt.frame)
			require.Equal(t, tt.want, err)
		})
	}
}

// TestPeekKeepsTheSender cuts and breaks a frame behind F41: whatever happens
// there, the sender is known.
func TestPeekKeepsTheSender(t *testing.T) {
	good := inquiry(t)
	for off := at(t, good, 42); off < len(good); off++ {
		h, _ := Peek(good[:off])
		require.True(t, h.Readable, "cut at %d", off)
		broken := bytes.Clone(good)
		broken[off] ^= 0xFF
		h, _ = Peek(broken)
		require.True(t, h.Readable, "broken at %d", off)
		require.Equal(t, "10000001", h.TerminalID())
	}
}

func TestPeekShortField60(t *testing.T) {
	for text, batch := range map[string]string{
		"2200070": "\x00\x00\x00\x00\x00\x00", "22000705": "000705", "220007051": "000705", "22000705003": "000705",
	} {
		m := New(MTIReversal)
		m.Set(60, text)
		frame, err := m.Pack()
		require.NoError(t, err)
		h, err := Peek(frame)
		require.NoError(t, err)
		require.Equal(t, batch, string(h.Batch[:]))
		require.False(t, h.Readable)
	}
}
