package clearing

import (
	"io"
	"testing"

	"github.com/stretchr/testify/require"
)

// copies is a file of n equal lines that stands nowhere.
type copies struct {
	line []byte
	n    int
	at   int
}

func (c *copies) Read(p []byte) (n int, err error) {
	for n < len(p) {
		if c.n == 0 {
			return n, io.EOF
		}
		k := copy(p[n:], c.line[c.at:])
		n, c.at = n+k, c.at+k
		if c.at == len(c.line) {
			c.at, c.n = 0, c.n-1
		}
	}
	return n, nil
}

// One operation is a line, read twice: verified, then used.
func BenchmarkFile(b *testing.B) {
	for name, e := range map[string]Edition{"short": Short, "long": Long} {
		b.Run(name, func(b *testing.B) {
			text := file("\n", line(b, e, nil))
			b.SetBytes(int64(2 * len(text)))
			b.ReportAllocs()
			s, err := Verify(&copies{text, b.N, 0}, Rules{Institution: member, Date: date(b, "2018-06-25")})
			require.NoError(b, err)
			require.NoError(b, Records(&copies{text, b.N, 0}, s, func(*Record) error { return nil }))
			require.Equal(b, int64(b.N), s.Lines)
		})
	}
}
