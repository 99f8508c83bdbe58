package pos

import (
	"bytes"
	"errors"
	"io"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"

	"example.com/ringback/spec"
)

func TestFrames(t *testing.T) {
	frame := inquiry(t)
	stream := AppendFrame(AppendFrame(nil, frame), frame)
	r := iotest.OneByteReader(bytes.NewReader(stream))
	buf := make([]byte, MaxFrame)
	for range 2 {
		got, err := ReadFrame(r, buf)
		require.NoError(t, err)
		require.Equal(t, frame, got)
		require.Same(t, &buf[0], &got[0])
	}
	_, err := ReadFrame(r, buf)
	require.Equal(t, io.EOF, err)

	got, err := ReadFrame(bytes.NewReader(stream), nil)
	require.NoError(t, err)
	require.Equal(t, frame, got)
}

func TestReadFrameErrors(t *testing.T) {
	tests := []struct {
		name   string
		stream string
		want   error
	}{
		{"empty", "", io.EOF},
		{"half a length", "00", io.ErrUnexpectedEOF},
		{"length alone", "0015", io.ErrUnexpectedEOF},
		{"cut off", "001560000300", io.ErrUnexpectedEOF},
		{"zero", "0000", ErrFrameLength},
		{"20", "0014", ErrFrameLength},
		{"2049", "0801", ErrFrameLength},
		{"65535", "FFFF", ErrFrameLength},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			stream, err := spec.ParseHex(tt.stream)
			require.NoError(t, err)
			_, err = ReadFrame(bytes.NewReader(stream), nil)
			require.ErrorIs(t, err, tt.want)
		})
	}
	broken := errors.New("reset")
	_, err := ReadFrame(io.MultiReader(bytes.NewReader([]byte{0, 21, 0x60}), iotest.ErrReader(broken)), nil)
	require.ErrorIs(t, err, broken)
}

func TestReadFrameDoesNotAllocateForBadLengths(t *testing.T) {
	r, buf := bytes.NewReader(nil), make([]byte, MinFrame)
	bytesPerRun := testing.AllocsPerRun(50, func() {
		r.Reset([]byte{0x07, 0xFF})
		_, _ = ReadFrame(r, buf)
	})
	require.LessOrEqual(t, bytesPerRun, 2.0) // the frame of a good length
	r.Reset([]byte{0xFF, 0xFF})
	_, err := ReadFrame(r, nil)
	require.ErrorIs(t, err, ErrFrameLength)
}

func TestEnvelope(t *testing.T) {
	e := Envelope{
		TPDU:   [5]byte{0x60, 0x01, 0x07, 0x03, 0x5E},
		LRI:    BuildLRI("0755-88318355", "60847260"),
		Header: [6]byte{0x60, 0x22, 0x00, 0x00, 0x00, 0x01},
	}
	require.Equal(t, "4C5249001C"+"0000075588318355"+"0000000060847260"+"580009"+"490006"+"000000000000", spec.Hex(e.LRI))
	ani, ok := e.ANI()
	require.True(t, ok)
	require.Equal(t, "0000075588318355", ani)
	dnis, ok := e.DNIS()
	require.True(t, ok)
	require.Equal(t, "0000000060847260", dnis)

	a := e.Answer(ProcessingSignOn)
	require.Equal(t, "60035E0107", spec.Hex(a.TPDU[:]))
	require.Equal(t, "602203000001", spec.Hex(a.Header[:]))
	require.Equal(t, ProcessingSignOn, a.Processing())
	require.Nil(t, a.LRI)
	require.Equal(t, ProcessingNone, a.Answer(ProcessingNone).Processing())
	_, ok = a.ANI()
	require.False(t, ok)
	e.LRI[5] = 0xF0
	_, ok = e.ANI()
	require.False(t, ok)
}

func TestEnvelopeOnTheWire(t *testing.T) {
	m := New(MTINetwork)
	e := m.Envelope()
	e.LRI = BuildLRI("01088886666", "95516")
	m.SetEnvelope(e)
	m.Set(41, "10000002")
	m.Set(60, "00000000301")
	frame, err := m.Pack()
	require.NoError(t, err)
	h, err := Peek(frame)
	require.NoError(t, err)
	require.Equal(t, 44, h.MTIOffset)
	back, err := Unpack(frame)
	require.NoError(t, err)
	require.Equal(t, e, back.Envelope())
	bare, ok := EnvelopeOf(frame)
	require.True(t, ok)
	require.Equal(t, e, bare)
	_, ok = EnvelopeOf(frame[:43])
	require.False(t, ok)
	ani, ok := back.Envelope().ANI()
	require.True(t, ok)
	require.True(t, LineMatches(ani, "01088886666"))
	for cut := range len(frame) {
		_, err := Unpack(frame[:cut])
		require.Error(t, err)
	}
}

func TestLineMatches(t *testing.T) {
	tests := []struct {
		ani        string
		registered string
		want       bool
	}{
		{"0000001088886666", "01088886666", true},
		{"0000001088886666", "010-8888 6666", true},
		{"0000001088886666", "1088886666", true},
		{"0000001088886666", "01088886667", false},
		{"0000000000000000", "", false},
		{"0000000000000000", "000", false},
		{"", "", false},
	}
	for _, tt := range tests {
		require.Equal(t, tt.want, LineMatches(tt.ani, tt.registered), "%s %s", tt.ani, tt.registered)
	}
	require.Equal(t, BuildLRI("12345678901234567890", ""), BuildLRI("5678901234567890", "0"))
}
