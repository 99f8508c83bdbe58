package speech

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
)

// The encodings of a WAV file that are read (RFC 2361).
const (
	wavLinear = 1
	wavALaw   = 6
	wavMuLaw  = 7
)

// wavRates are the sampling rates that are read.
var wavRates = []int{8000, 11025, 16000, 22050, 24000, 32000, 44100, 48000}

var errWAV = errors.New("not a WAV file")

// ReadWAV reads a WAV file of one channel: linear with 16 bits, μ-law or A-law, at one of the usual rates, and returns
// its samples at 8000 a second. The sizes that a program writes in front of a stream, before it knows its length, are
// forgiven: the sound then ends with the file.
func ReadWAV(file []byte) ([]int16, error) {
	if len(file) < 12 || string(file[:4]) != "RIFF" || string(file[8:12]) != "WAVE" {
		return nil, errWAV
	}
	var form wavForm
	for rest := file[12:]; len(rest) >= 8; {
		name, size := string(rest[:4]), int64(binary.LittleEndian.Uint32(rest[4:]))
		body := rest[8:]
		body = body[:min(size, int64(len(body)))]
		switch name {
		case "fmt ":
			var err error
			if form, err = readForm(body); err != nil {
				return nil, err
			}
		case "data":
			if form.rate == 0 {
				return nil, fmt.Errorf("%w: sound in front of its form", errWAV)
			}
			return Resample(form.samples(body), form.rate), nil
		}
		rest = rest[8:]
		rest = rest[min(size+size%2, int64(len(rest))):]
	}
	return nil, fmt.Errorf("%w: it has no sound", errWAV)
}

// wavForm is how a file's sound is written.
type wavForm struct{ encoding, rate int }

func readForm(b []byte) (wavForm, error) {
	if len(b) < 16 {
		return wavForm{}, fmt.Errorf("%w: its form is %d bytes", errWAV, len(b))
	}
	f := wavForm{encoding: int(binary.LittleEndian.Uint16(b)), rate: int(binary.LittleEndian.Uint32(b[4:]))}
	channels, depth := binary.LittleEndian.Uint16(b[2:]), binary.LittleEndian.Uint16(b[14:])
	switch {
	case channels != 1:
		return wavForm{}, fmt.Errorf("sound of %d channels: one is wanted", channels)
	case f.encoding == wavLinear && depth != 16, f.encoding != wavLinear && depth != 8:
		return wavForm{}, fmt.Errorf("sound of %d bits a sample: linear has 16, μ-law and A-law have 8", depth)
	case !slices.Contains([]int{wavLinear, wavALaw, wavMuLaw}, f.encoding):
		return wavForm{}, fmt.Errorf("sound of encoding %d: linear (1), A-law (6) or μ-law (7) is wanted", f.encoding)
	case !slices.Contains(wavRates, f.rate):
		return wavForm{}, fmt.Errorf("sound of %d samples a second: one of %v is wanted", f.rate, wavRates)
	}
	return f, nil
}

func (f wavForm) samples(b []byte) []int16 {
	if f.encoding == wavLinear {
		out := make([]int16, len(b)/2)
		for i := range out {
			out[i] = int16(binary.LittleEndian.Uint16(b[2*i:]))
		}
		return out
	}
	decode := DecodeMuLaw
	if f.encoding == wavALaw {
		decode = DecodeALaw
	}
	out := make([]int16, len(b))
	for i := range out {
		out[i] = decode(b[i])
	}
	return out
}

// WriteWAV writes samples, 8000 a second, as a μ-law WAV file.
func WriteWAV(sound []int16) []byte {
	size := len(sound) + len(sound)%2
	b := make([]byte, 0, 58+size)
	b = binary.LittleEndian.AppendUint32(append(b, "RIFF"...), uint32(50+size))
	b = binary.LittleEndian.AppendUint32(append(b, "WAVEfmt "...), 18)
	for _, v := range []uint16{wavMuLaw, 1, Rate, 0, Rate, 0, 1, 8, 0} { // the rates are 32 bits each
		b = binary.LittleEndian.AppendUint16(b, v)
	}
	b = binary.LittleEndian.AppendUint32(append(b, "fact"...), 4)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(sound)))
	b = binary.LittleEndian.AppendUint32(append(b, "data"...), uint32(len(sound)))
	for _, s := range sound {
		b = append(b, EncodeMuLaw(s))
	}
	return append(b, make([]byte, size-len(sound))...)
}
