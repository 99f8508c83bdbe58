package speech

import (
	"encoding/binary"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// tone returns a sine of a frequency, half as loud as can be, at a rate.
func tone(hertz float64, rate, n int) []int16 {
	out := make([]int16, n)
	for i := range out {
		out[i] = int16(math.Round(16384 * math.Sin(2*math.Pi*hertz*float64(i)/float64(rate))))
	}
	return out
}

// linear makes a WAV file of linear samples whose fields can be spoilt.
func linear(rate int, sound []int16, spoil func(b []byte)) []byte {
	b := append([]byte("RIFF\x00\x00\x00\x00WAVEfmt \x10\x00\x00\x00\x01\x00\x01\x00"), 0, 0, 0, 0)
	binary.LittleEndian.PutUint32(b[24:], uint32(rate))
	b = append(b, 0, 0, 0, 0, 2, 0, 16, 0)
	b = binary.LittleEndian.AppendUint32(append(b, "data"...), uint32(2*len(sound)))
	for _, s := range sound {
		b = binary.LittleEndian.AppendUint16(b, uint16(s))
	}
	spoil(b)
	return b
}

func whole([]byte) {}

func TestReadWAV(t *testing.T) {
	sound := []int16{0, 1, -1, 32767, -32768, 1000, -1000}
	size := func(n uint32) func([]byte) { return func(b []byte) { binary.LittleEndian.PutUint32(b[40:], n) } }
	for _, v := range []struct {
		name string
		file []byte
		want []int16
	}{
		{"whole", linear(8000, sound, whole), sound},
		{"a stream, whose length is not known", linear(8000, sound, size(0x7FFFF000)), sound},
		{"longest length", linear(8000, sound, size(math.MaxUint32)), sound},
		{"shorter than the file", linear(8000, sound, size(4)), sound[:2]},
		{"half a sample at the end", linear(8000, sound, size(5)), sound[:2]},
		{"nothing in it", linear(8000, nil, whole), []int16{}},
		{"other parts around", append([]byte("RIFF\x00\x00\x00\x00WAVELIST\x03\x00\x00\x00abc\x00"), linear(8000, sound, whole)[12:]...), sound},
	} {
		got, err := ReadWAV(v.file)
		require.NoError(t, err, v.name)
		require.Equal(t, v.want, append([]int16{}, got...), v.name)
	}
}

func TestReadWAVRefuses(t *testing.T) {
	sound := make([]int16, 10)
	put := func(at int, v uint16) []byte {
		return linear(8000, sound, func(b []byte) { binary.LittleEndian.PutUint16(b[at:], v) })
	}
	for _, v := range []struct {
		file []byte
		want string
	}{
		{nil, "not a WAV file"},
		{[]byte("RIFF\x00\x00\x00\x00WAV"), "not a WAV file"},
		{[]byte("RIFX\x00\x00\x00\x00WAVE"), "not a WAV file"},
		{[]byte("RIFF\x00\x00\x00\x00WAVE"), "no sound"},
		{[]byte("RIFF\x00\x00\x00\x00WAVEfmt \xFF\xFF\xFF\xFF"), "form is 0 bytes"},
		{[]byte("RIFF\x00\x00\x00\x00WAVEdata\x00\x00\x00\x00"), "in front of its form"},
		{linear(8000, sound, whole)[:36], "no sound"},
		{put(22, 2), "2 channels"},
		{put(22, 0), "0 channels"},
		{put(34, 8), "8 bits"},
		{put(34, 24), "24 bits"},
		{put(20, wavMuLaw), "16 bits"},
		{put(20, 3), "16 bits"},
		{put(20, 0xFFFE), "16 bits"},
		{linear(7999, sound, whole), "7999 samples a second"},
		{linear(0, sound, whole), "0 samples a second"},
		{linear(96000, sound, whole), "96000 samples a second"},
	} {
		_, err := ReadWAV(v.file)
		require.ErrorContains(t, err, v.want)
	}
	b := put(20, 3)
	b[34] = 8
	_, err := ReadWAV(b)
	require.ErrorContains(t, err, "encoding 3")
}

func TestWriteWAV(t *testing.T) {
	for n := range 5 {
		sound := tone(1000, Rate, n)
		b := WriteWAV(sound)
		require.Zero(t, len(b)%2)
		require.Equal(t, uint32(len(b)-8), binary.LittleEndian.Uint32(b[4:]))
		got, err := ReadWAV(b)
		require.NoError(t, err)
		require.Len(t, got, n)
		for i := range sound {
			require.Equal(t, DecodeMuLaw(EncodeMuLaw(sound[i])), got[i])
		}
	}
}

// sox reads our files as we do, and we read its in every encoding and at every rate.
func TestWAVAgainstSox(t *testing.T) {
	sox, err := exec.LookPath("sox")
	if err != nil {
		t.Skip("sox is not installed")
	}
	dir := t.TempDir()
	ours := filepath.Join(dir, "ours.wav")
	sound := tone(440, Rate, 4000)
	require.NoError(t, os.WriteFile(ours, WriteWAV(sound), 0o600))
	for _, form := range [][]string{{"-e", "signed", "-b", "16"}, {"-e", "u-law", "-b", "8"}, {"-e", "a-law", "-b", "8"}, {"-e", "signed", "-b", "16", "-r", "44100"},
		{"-e", "signed", "-b", "16", "-r", "22050"}} {
		theirs := filepath.Join(dir, "theirs.wav")
		out, err := exec.Command(sox, append(append([]string{"-D", ours}, form...), theirs)...).CombinedOutput()
		require.NoError(t, err, "%s", out)
		b, err := os.ReadFile(theirs)
		require.NoError(t, err)
		got, err := ReadWAV(b)
		require.NoError(t, err)
		require.InDelta(t, len(sound), len(got), 2)
		require.Greater(t, likeness(sound[200:3800], got[200:3800]), 30.0, form) // the laws alone are 35 to 40 dB
	}
}

// likeness is how far the difference of two sounds lies below the first, in dB.
func likeness(a, b []int16) float64 {
	signal, noise := 0.0, 1e-9
	for i := range a {
		signal += float64(a[i]) * float64(a[i])
		d := float64(a[i]) - float64(b[i])
		noise += d * d
	}
	return 10 * math.Log10(signal/noise)
}

func TestResample(t *testing.T) {
	for _, rate := range wavRates {
		for _, hertz := range []float64{100, 300, 1000, 2000, 3000, 3400} {
			got := Resample(tone(hertz, rate, rate/5), rate)
			require.Len(t, got, Rate/5)
			want := tone(hertz, Rate, Rate/5)
			require.Greater(t, likeness(want[200:1400], got[200:1400]), 60.0, "%g Hz at %d", hertz, rate)
		}
		for _, hertz := range []float64{4300, 5000, 6000, 8000, 10000} {
			if 2*hertz > float64(rate) || rate == Rate {
				continue
			}
			got := Resample(tone(hertz, rate, rate/5), rate)
			require.Less(t, loudest(got[200:1400]), 16384/1000.0, "%g Hz at %d folds back", hertz, rate) // 60 dB down
		}
	}
}

func loudest(sound []int16) (most float64) {
	for _, s := range sound {
		most = max(most, math.Abs(float64(s)))
	}
	return most
}

func TestResampleEnds(t *testing.T) {
	for n := range 50 {
		for _, rate := range wavRates {
			require.Len(t, Resample(make([]int16, n), rate), n*Rate/rate)
		}
	}
	flat := make([]int16, 22050)
	for i := range flat {
		flat[i] = math.MaxInt16
	}
	got := Resample(flat, 22050) // overshoot at the edges must not wrap round
	for i, s := range got {
		require.Greater(t, s, int16(0), i)
	}
	require.Equal(t, int16(math.MaxInt16), got[4000])
}

func FuzzReadWAV(f *testing.F) {
	f.Add(linear(8000, tone(1000, 8000, 20), whole))
	f.Add(linear(22050, tone(1000, 22050, 50), whole))
	f.Add(WriteWAV(tone(1000, 8000, 21)))
	f.Fuzz(func(t *testing.T, file []byte) {
		sound, err := ReadWAV(file)
		if err != nil {
			require.Nil(t, sound)
			return
		}
		require.LessOrEqual(t, len(sound), len(file))
		again, err := ReadWAV(WriteWAV(sound))
		require.NoError(t, err)
		require.Len(t, again, len(sound))
	})
}
