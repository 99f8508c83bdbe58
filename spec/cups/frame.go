package cups

import (
	"errors"
	"fmt"
	"io"

	"example.com/ringback/spec"
)

// ErrFrameLength is the error of ReadFrame for a length prefix that is no number
// or out of range. The stream has no frame boundary to go on from: close it.
var ErrFrameLength = errors.New("frame length out of range")

// ReadFrame reads one frame: four ASCII digits of length, then that many bytes
// of header and body. It returns them without the digits, in buf if its capacity
// is enough, else in a new slice; nothing is allocated for a length out of range.
// A keep-alive gives an empty frame and no error.
//
// The error is io.EOF if the stream ends before the first byte,
// io.ErrUnexpectedEOF if it ends inside, ErrFrameLength (wrapped), or the
// reader's own.
func ReadFrame(r io.Reader, buf []byte) ([]byte, error) {
	if cap(buf) < HeaderLen {
		buf = make([]byte, HeaderLen)
	}
	prefix := buf[:4]
	if _, err := io.ReadFull(r, prefix); err != nil {
		return nil, err
	}
	n, err := frameLen(prefix)
	if err != nil || n == 0 {
		return buf[:0], err
	}
	if cap(buf) < n {
		buf = make([]byte, n)
	}
	frame := buf[:n]
	_, err = io.ReadFull(r, frame)
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return nil, err
	}
	return frame, nil
}

// AppendFrame writes the four digits of length and the frame behind dst, ready
// for one Write. The frame must not be longer than MaxMessage; an empty one is a
// keep-alive.
func AppendFrame(dst, frame []byte) []byte {
	n := len(frame)
	dst = append(dst, '0'+byte(n/1000%10), '0'+byte(n/100%10), '0'+byte(n/10%10), '0'+byte(n%10))
	return append(dst, frame...)
}

// frameLen is strict: a sign or a blank in the digits is no number here.
func frameLen(prefix []byte) (int, error) {
	n := 0
	for _, c := range prefix {
		if c < '0' || c > '9' {
			return 0, fmt.Errorf("%w: not a number", ErrFrameLength)
		}
		n = n*10 + int(c-'0')
	}
	if n != 0 && (n < HeaderLen || n > MaxMessage) {
		return 0, fmt.Errorf("%w: %d", ErrFrameLength, n)
	}
	return n, nil
}

// faultAt is a fault of the frame itself.
func faultAt(id int, kind spec.FaultKind) error { return spec.Fault{Field: id, Kind: kind} }
