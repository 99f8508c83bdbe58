package cups

import (
	"testing"

	"github.com/stretchr/testify/require"

	"example.com/ringback/spec"
)

// TestMABOfKeyReset recomputes F128 of the one capture whose key is published:
// four bytes of MAC under the new key, four of its check value.
func TestMABOfKeyReset(t *testing.T) {
	for _, c := range captures(t) {
		if c.ID != "mpay-0800pin" {
			continue
		}
		m, err := Unpack(c.frame(t))
		require.NoError(t, err)
		mab := MAB(m)
		require.Equal(t, "0800 0517094653 000522 1600000000000000 101 0844190440", string(mab))

		key, err := spec.DecryptECB(unhex(t, "1023457689BADCEF0132546798ABCDFE"), m.Bytes(48)[2:])
		require.NoError(t, err)
		f128 := KeyResetMAC(spec.HostMAC(key, mab), spec.CheckValue(key))
		require.Equal(t, m.Bytes(128), f128[:])
		return
	}
	require.Fail(t, "capture is missing")
}

func TestMAB(t *testing.T) {
	reversal := New(MTIReversal)
	for id, value := range map[int]string{
		2: "6013820000000000013", 3: "000000", 4: "000000000001", 7: "0807141201", 11: "428901", 18: "7333",
		25: "00", 32: "48361000", 33: "48360000", 37: "428898140958", 38: "ab c-d", 41: "term:1, ", 42: "836100073330009",
		90: "020042889808071409580004836100000048360000",
	} {
		reversal.Set(id, value)
	}
	reconcile := New(MTIReconcile)
	for id, value := range map[int]string{
		7: "1124233000", 11: "000900", 15: "1124", 66: "1", 70: "201", 74: "0000000000", 82: "000000000000",
		84: "000000000000", 86: "0000000000000000", 87: "0000000000000000", 88: "0000000000001234",
		89: "0000000000000000", 97: "D0000000000001234", 39: "00",
	} {
		reconcile.Set(id, value)
	}
	reset := New(MTIKeyResetResponse)
	for id, value := range map[int]string{7: "0517160726", 11: "000535", 39: "00", 53: "2000000000000000", 70: "101", 100: "44190440"} {
		reset.Set(id, value)
	}
	tests := []struct {
		name string
		m    *Message
		want string
	}{
		{
			"reversal", reversal,
			"0420 196013820000000000013 000000 000000000001 0807141201 428901 7333 00 0848361000 0848360000 " +
				"AB CD TERM1,  836100073330009 02004288980807140958",
		},
		{
			"reconciliation leaves F39 out", reconcile,
			"0520 1124233000 000900 1 000000000000 000000000000 0000000000000000 0000000000000000 " +
				"0000000000001234 0000000000000000 D0000000000001234",
		},
		{"key reset", reset, "0810 0517160726 000535 00 2000000000000000 101 0844190440"},
		{"nothing but the type", New(MTINetwork), "0820"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			require.Equal(t, tt.want, string(MAB(tt.m)))
		})
	}
}

func TestMACForms(t *testing.T) {
	normal := NormalMAC([8]byte{0x0D, 0x61, 0x20, 0x14, 1, 2, 3, 4})
	require.Equal(t, "0D612014", string(normal[:]))
	reset := KeyResetMAC([8]byte{0xFF, 0xAB, 0x6D, 0xBF, 0x11}, [8]byte{0x89, 0x45, 0xEA, 0xB7, 0x22})
	require.Equal(t, "FFAB6DBF8945EAB7", spec.Hex(reset[:]))
}

func TestOriginal90(t *testing.T) {
	require.Equal(t, "020042889808071409580004836100000048360000",
		Original90("0200", "428898", "0807140958", "48361000", "48360000"))
	require.Len(t, Original90("0200", "000001", "1124151500", "", "123456789012"), 43)
}
