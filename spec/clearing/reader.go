package clearing

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
)

// Reader reads the lines of a file one by one. It holds bufferSize bytes whatever the file's size.
type Reader struct {
	in      *bufio.Reader
	line    int64
	bytes   int64
	edition Edition
	record  Record
}

// NewReader reads from r.
func NewReader(r io.Reader) *Reader { return &Reader{in: bufio.NewReaderSize(r, bufferSize)} }

// Line is how many lines were read.
func (r *Reader) Line() int64 { return r.line }

// Bytes is how many bytes they had, line ends included.
func (r *Reader) Bytes() int64 { return r.bytes }

// Edition is that of the first good line; 0 before.
func (r *Reader) Edition() Edition { return r.edition }

// Next reads a line. The error is io.EOF behind the last one, a [BadLine] for a line that cannot be used, after which
// the next may be read, or that of the reader underneath. A line ends with LF or CR LF; the last one may lack both. The
// record is overwritten by the next call; a copy of it stays as it is.
func (r *Reader) Next() (*Record, error) {
	raw, whole, err := r.read()
	if err != nil {
		return nil, err
	}
	if r.line > MaxLines {
		return nil, r.bad("", ReasonLines)
	}
	if marked := r.line == 1 && bytes.HasPrefix(raw, []byte("\xEF\xBB\xBF")); marked {
		return nil, r.bad("", ReasonMark)
	}
	edition, err := r.record.parse(raw)
	var bad *BadLine
	if errors.As(err, &bad) {
		if !whole && bad.Reason == ReasonLength {
			bad.Reason = ReasonHalf
		}
		return nil, r.bad(bad.Column, bad.Reason)
	}
	if r.edition == 0 {
		r.edition = edition
	}
	if edition != r.edition {
		return nil, r.bad("", ReasonEdition)
	}
	return &r.record, nil
}

func (r *Reader) bad(column string, reason Reason) error {
	return &BadLine{Line: r.line, Column: column, Reason: reason}
}

// read returns the next line without its end, and whether it had one. Of a line that does not fit into the buffer it
// returns the beginning, which is too long all the same.
func (r *Reader) read() (raw []byte, whole bool, err error) {
	raw, err = r.in.ReadSlice('\n')
	r.bytes += int64(len(raw))
	if errors.Is(err, bufio.ErrBufferFull) {
		raw = bytes.Clone(raw[:Long+2])
		if err = r.skip(); err == nil || errors.Is(err, io.EOF) {
			r.line++
			return raw, true, nil
		}
	}
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, false, fmt.Errorf("line %d: %w", r.line+1, err)
	}
	if len(raw) == 0 {
		return nil, false, io.EOF
	}
	r.line++
	raw, whole = bytes.CutSuffix(raw, []byte{'\n'})
	if whole {
		raw = bytes.TrimSuffix(raw, []byte{'\r'})
	}
	return raw, whole, nil
}

// skip reads to the end of a line that is too long.
func (r *Reader) skip() error {
	for {
		raw, err := r.in.ReadSlice('\n')
		r.bytes += int64(len(raw))
		if !errors.Is(err, bufio.ErrBufferFull) {
			return err
		}
	}
}
