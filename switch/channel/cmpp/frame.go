package cmpp

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	cmpp "github.com/bigwhite/gocmpp"
)

// headerSize is the length of a header: Total_Length, Command_Id and Sequence_Id (CMPP 3.0, section 7.3).
const headerSize = 12

// errFrame is the error of a body that is not what its command says; the frame as such is whole.
var errFrame = errors.New("frame is malformed")

// frame is one message of the protocol as it came.
type frame struct {
	command cmpp.CommandId
	seq     uint32
	rest    []byte // from Sequence_Id on, as the library reads it
}

// body returns how many bytes follow the header.
func (f frame) body() int { return len(f.rest) - 4 }

// readFrame reads one frame. An error means that the stream cannot be read on.
func readFrame(r io.Reader) (frame, error) {
	var head [8]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return frame{}, err
	}
	n := binary.BigEndian.Uint32(head[:])
	if n < headerSize || n > maxFrame {
		return frame{}, fmt.Errorf("frame of %d bytes, %d to %d are allowed", n, headerSize, maxFrame)
	}
	f := frame{command: cmpp.CommandId(binary.BigEndian.Uint32(head[4:])), rest: make([]byte, n-8)}
	if _, err := io.ReadFull(r, f.rest); err != nil {
		return frame{}, fmt.Errorf("frame of %d bytes broke off: %w", n, err)
	}
	f.seq = binary.BigEndian.Uint32(f.rest)
	return f, nil
}

// unpack reads the body, which must have a length.
func (f frame) unpack(p cmpp.Packer, size int) error {
	if f.body() != size || p.Unpack(f.rest) != nil {
		return errFrame
	}
	return nil
}

// pack writes a frame. The library's error is not passed on: it holds a part of a field.
func pack(p cmpp.Packer, seq uint32) ([]byte, error) {
	b, err := p.Pack(seq)
	if err != nil {
		return nil, errors.New("a field is longer than its place in the frame")
	}
	return b, nil
}

// plain is pack for frames that have no field of any length.
func plain(p cmpp.Packer, seq uint32) []byte {
	b, err := pack(p, seq)
	if err != nil {
		return nil // cannot be: all is fixed
	}
	return b
}
