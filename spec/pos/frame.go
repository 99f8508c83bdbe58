package pos

import (
	"errors"
	"fmt"
	"io"
)

// ErrFrameLength is the error of ReadFrame for a length prefix under MinFrame or
// over MaxFrame. The stream has no frame boundary to go on from: close it.
var ErrFrameLength = errors.New("frame length out of range")

// ReadFrame reads one frame: two bytes of big-endian length, then that many
// bytes. It returns them without the length, in buf if its capacity is enough,
// else in a new slice; nothing is allocated for a length out of range.
//
// The error is io.EOF if the stream ends before the first byte,
// io.ErrUnexpectedEOF if it ends inside, ErrFrameLength (wrapped), or the
// reader's own.
func ReadFrame(r io.Reader, buf []byte) ([]byte, error) {
	if cap(buf) < MinFrame {
		buf = make([]byte, MinFrame)
	}
	prefix := buf[:2]
	if _, err := io.ReadFull(r, prefix); err != nil {
		return nil, err
	}
	n := int(prefix[0])<<8 | int(prefix[1])
	if n < MinFrame || n > MaxFrame {
		return nil, fmt.Errorf("%w: %d", ErrFrameLength, n)
	}
	if cap(buf) < n {
		buf = make([]byte, n)
	}
	frame := buf[:n]
	_, err := io.ReadFull(r, frame)
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return nil, err
	}
	return frame, nil
}

// AppendFrame writes the two bytes of length and the frame behind dst, ready for
// one Write. The frame must not be longer than MaxFrame.
func AppendFrame(dst, frame []byte) []byte {
	dst = append(dst, byte(len(frame)>>8), byte(len(frame)))
	return append(dst, frame...)
}
