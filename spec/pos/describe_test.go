package pos

import (
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"example.com/ringback/spec"
)

// TestDescribeKeepsSecrets renders messages whose sensitive fields are malformed
// in the ways that make a filter give up, and looks for what must never show.
func TestDescribeKeepsSecrets(t *testing.T) {
	const pan, phone, name = "6222020000000000018", "13800138001", "王小明"
	secrets := map[int][]string{
		2:  {pan, pan[:12], pan[:13]},
		14: {"3012"},
		35: {pan + "=30121010000000000", pan, pan + "=", "=" + pan, pan[:18], "622202=0000000000018", pan + pan[:18]},
		36: {"99" + pan + "=1561560000000000000003000000114000012", strings.Repeat("1", 104)},
		45: {"B" + pan + "^WANG/XIAOMING^3012101"},
		48: {"26" + pan, pan + "0"},
		52: {"\x12\x34\x56\x78\x9A\xBC\xDE\xF0"},
		55: {"5A0A" + pan, "\x5A\x0A\x62\x22\x02\x00\x00\x00\x00\x00\x01\x8F"},
		59: {pan, "A3019" + pan},
		62: {
			"PE011" + phone, "PR011" + phone, "PE012" + phone + "0", "PE010" + phone, phone,
			"PE003" + phone, "pe011" + phone, "NM006" + string(spec.EncodeGBK(name)),
			"MO011" + phone, "TX011" + phone, "TX019" + pan, "TX025" + phone + "," + phone + " ",
			"CT019" + pan, "PE011" + phone + "PE011" + phone, strings.Repeat("\x62", 40),
		},
		63: {pan, "CUP" + phone},
	}
	run, mobile := regexp.MustCompile(`\d{13,}`), regexp.MustCompile(`1[3-9]\d{9}`)
	for id, values := range secrets {
		for _, value := range values {
			m := New(MTIDebit)
			m.Set(id, value)
			var out strings.Builder
			require.NoError(t, spec.Describe(&out, m))
			text := out.String() + MaskField(id, value)
			require.False(t, run.MatchString(text), text)
			require.False(t, mobile.MatchString(text), text)
			require.NotContains(t, text, name)
			require.NotContains(t, text, "WANG")
			require.NotContains(t, text, "0000000000018")
			require.NotContains(t, strings.ReplaceAll(text, " ", ""), pan[6:15])
			if id == 52 {
				require.NotContains(t, text, "1234")
			}
		}
	}
}

func TestDecodeMasksRepacked(t *testing.T) {
	frame, err := sale20().Pack()
	require.NoError(t, err)
	d := Decode(spec.Hex(frame), false)
	require.Empty(t, d.Error)
	require.Len(t, d.Repacked, 2*415)
	require.NotContains(t, d.Repacked, "622202")
	require.Contains(t, d.Repacked, "0200702406C020C19A3119****")
	require.Equal(t, "622202*********0018", d.Fields["2"])
	require.Equal(t, "898110000000001", d.Fields["42"])
	require.Equal(t, spec.Hex(frame[11:]), Decode(spec.Hex(AppendFrame(nil, frame)), true).Repacked)
}

func TestDecodeErrors(t *testing.T) {
	frame, err := sale20().Pack()
	require.NoError(t, err)
	tests := []struct {
		name   string
		line   string
		want   string
		fields int
	}{
		{"no hex", "xyz", "line is not hex", 0},
		{"empty", "", "field 0: broken frame header", 0},
		{"trailing byte", spec.Hex(append(frame[:len(frame):len(frame)], 0)), "bytes after the last field", 20},
		{"cut in F60", spec.Hex(frame[:len(frame)-10]), "field 60: message ends inside the field", 18},
		{"bad amount", strings.Replace(spec.Hex(frame), "000000001234", "00000000123A", 1), "field 4: not a decimal digit", 19},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d := Decode(tt.line, true)
			require.Contains(t, d.Error, tt.want)
			require.Len(t, d.Fields, tt.fields)
			require.Empty(t, d.Repacked)
		})
	}
}
