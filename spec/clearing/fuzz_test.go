package clearing

import (
	"bytes"
	"errors"
	"io"
	"testing"

	"github.com/stretchr/testify/require"
)

// What a file says must not depend on how it is read, a line that is taken must come back as it was understood, and
// nothing is taken of a file that is not whole.
func FuzzVerify(f *testing.F) {
	short, long := line(f, Short, nil), line(f, Long, nil)
	f.Add(file("\n", short, short))
	f.Add(file("\r\n", long))
	f.Add(append(file("\n", short), long...))
	f.Add(put(short, 192, "C00000000001"))
	f.Add(put(long, 285, "\xB1\xB8\xD7\xA2"))
	f.Add([]byte("\xEF\xBB\xBF\n\r\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := Verify(bytes.NewReader(b), Rules{})
		again, errAgain := Verify(bytes.NewBuffer(bytes.Clone(b)), Rules{})
		require.Equal(t, s, again)
		require.Equal(t, err, errAgain)

		var used int64
		var totals Totals
		use := func(r *Record) error {
			used++
			totals.Add(r)
			out, err := r.Append(nil, s.Edition)
			require.NoError(t, err)
			back, _, err := Parse(out)
			require.NoError(t, err)
			require.Equal(t, *r, back)
			return nil
		}
		if err != nil {
			var bad *BadFile
			require.True(t, errors.As(err, &bad) || errors.Is(err, ErrNoLines))
			return
		}
		require.NoError(t, Records(bytes.NewReader(b), s, use))
		require.Equal(t, s.Lines, used)
		require.Equal(t, s.Totals, totals)
		require.Equal(t, int64(len(b)), s.Bytes)
	})
}

// A reader says io.EOF for ever and never more lines than there are line ends.
func FuzzReader(f *testing.F) {
	f.Add(file("\n", line(f, Short, nil)), uint16(7))
	f.Fuzz(func(t *testing.T, b []byte, size uint16) {
		r := NewReader(&slow{b, int(size) + 1})
		for range bytes.Count(b, []byte{'\n'}) + 1 {
			if _, err := r.Next(); errors.Is(err, io.EOF) {
				break
			}
		}
		_, err := r.Next()
		require.ErrorIs(t, err, io.EOF)
		require.Equal(t, int64(len(b)), r.Bytes())
	})
}

// slow gives at most n bytes at a time.
type slow struct {
	b []byte
	n int
}

func (s *slow) Read(p []byte) (int, error) {
	if len(s.b) == 0 {
		return 0, io.EOF
	}
	n := copy(p[:min(len(p), s.n)], s.b)
	s.b = s.b[n:]
	return n, nil
}
