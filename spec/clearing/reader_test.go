package clearing

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"
)

func TestVerify(t *testing.T) {
	short, long := line(t, Short, nil), line(t, Long, nil)
	other := line(t, Short, func(r *Record) { r.Trace = "000002" })
	for _, v := range []struct {
		name  string
		file  []byte
		lines int64
		bad   []BadLine
	}{
		{"LF", file("\n", short, other), 2, nil},
		{"CR LF", file("\r\n", short, other), 2, nil},
		{"both ends", append(file("\r\n", short), file("\n", other)...), 2, nil},
		{"last line without end", append(file("\n", short), other...), 2, nil},
		{"one line without end", short, 1, nil},
		{"long", file("\n", long, long), 2, nil},
		{"half line at the end", append(file("\n", short), other[:150]...), 0, []BadLine{{2, "", ReasonHalf}}},
		{"one byte short at the end", append(file("\n", short), other[:298]...), 0, []BadLine{{2, "", ReasonHalf}}},
		{"long line cut where the short ends", append(file("\n", long), long[:299]...), 0, []BadLine{{2, "", ReasonEdition}}},
		{"half line in the middle", file("\n", short, other[:150], other), 0, []BadLine{{2, "", ReasonLength}}},
		{"CR and no LF at the end", append(file("\n", short), string(other)+"\r"...), 0, []BadLine{{2, "", ReasonHalf}}},
		{"CR only", file("\r", short, other), 0, []BadLine{{1, "", ReasonHalf}}},
		{"two CR", file("\r\r\n", short), 0, []BadLine{{1, "", ReasonLength}}},
		{"trailing blank", file("\n", append(bytes.Clone(short), ' ')), 0, []BadLine{{1, "", ReasonLength}}},
		{"trailing blanks cut off", file("\n", bytes.TrimRight(short, " ")), 0, []BadLine{{1, "", ReasonLength}}},
		{"byte order mark", append([]byte("\xEF\xBB\xBF"), file("\n", short)...), 0, []BadLine{{1, "", ReasonMark}}},
		{"mark of UTF-16", append([]byte("\xFF\xFE"), file("\n", short)...), 0, []BadLine{{1, "", ReasonLength}}},
		{"NUL in a line", file("\n", put(short, 290, "\x00")), 0, []BadLine{{1, "", ReasonNUL}}},
		{"NUL behind", append(file("\n", short), make([]byte, 512)...), 0, []BadLine{{2, "", ReasonNUL}}},
		{"empty line", file("\n", short, nil, other), 0, []BadLine{{2, "", ReasonEmpty}}},
		{"empty line at the end", append(file("\n", short), '\n'), 0, []BadLine{{2, "", ReasonEmpty}}},
		{"other edition in the middle", file("\n", short, long, other), 0, []BadLine{{2, "", ReasonEdition}}},
		{"other edition in front", file("\n", long, short), 0, []BadLine{{2, "", ReasonEdition}}},
		{"endless line", append(bytes.Repeat([]byte("1"), 3*bufferSize), '\n'), 0, []BadLine{{1, "", ReasonLength}}},
		{"endless last line", append(file("\n", short), bytes.Repeat([]byte("1"), 3*bufferSize)...), 0, []BadLine{{2, "", ReasonLength}}},
		{"two bad lines", file("\n", put(short, 24, "x"), other, put(short, 62, " ")), 0, []BadLine{{1, "trace", ReasonDigit}, {3, "amount", ReasonDigit}}},
	} {
		t.Run(v.name, func(t *testing.T) {
			for _, r := range []io.Reader{bytes.NewReader(v.file), lettered{strings.NewReader(string(v.file))}} {
				s, err := Verify(r, Rules{})
				if v.bad != nil {
					require.Equal(t, &BadFile{v.bad, int64(len(v.bad))}, err)
					continue
				}
				require.NoError(t, err)
				require.Equal(t, v.lines, s.Lines)
				require.Equal(t, int64(len(v.file)), s.Bytes)
				require.Equal(t, sha256.Sum256(v.file), s.SHA256)
				require.Equal(t, Totals{Debits: Sum{v.lines, v.lines * 1234}}, s.Totals)
			}
		})
	}
	_, err := Verify(strings.NewReader(""), Rules{})
	require.ErrorIs(t, err, ErrNoLines)
	_, err = Verify(io.MultiReader(bytes.NewReader(file("\n", short)), iotest.ErrReader(io.ErrNoProgress)), Rules{})
	require.ErrorIs(t, err, io.ErrNoProgress)
}

// What a file's lines must agree with: the day around the name's date, over the turn of the year, and the owner.
func TestVerifyRules(t *testing.T) {
	for _, v := range []struct {
		date, time, owner string
		want              Reason
	}{
		{"2018-06-25", "0625000000", member, 0},
		{"2018-06-25", "0626235959", member, 0},
		{"2018-06-25", "0627000000", member, ReasonDay},
		{"2018-06-25", "0618000000", member, 0},
		{"2018-06-25", "0617235959", member, ReasonDay},
		{"2018-01-01", "1231235959", member, 0},
		{"2018-12-31", "0101000000", member, 0},
		{"2018-03-01", "0229000000", member, ReasonDay}, // no day of that year
		{"2016-03-01", "0229000000", member, 0},
		{"2018-06-25", "0625000000", "48540001", ReasonOwner},
		{"", "0101000000", "", 0},
	} {
		rules := Rules{Institution: v.owner}
		if v.date != "" {
			rules.Date = date(t, v.date)
		}
		_, err := Verify(bytes.NewReader(line(t, Short, func(r *Record) { r.Time = v.time })), rules)
		if v.want == 0 {
			require.NoError(t, err, v)
			continue
		}
		var bad *BadFile
		require.ErrorAs(t, err, &bad, v)
		require.Equal(t, v.want, bad.Lines[0].Reason, v)
	}
}

func TestVerifyListsSoManyBadLines(t *testing.T) {
	bad := put(line(t, Short, nil), 0, " ")
	for _, n := range []int{MaxBad - 1, MaxBad, MaxBad + 1} {
		_, err := Verify(bytes.NewReader(bytes.Repeat(file("\n", bad), n)), Rules{})
		var got *BadFile
		require.ErrorAs(t, err, &got)
		require.Len(t, got.Lines, min(n, MaxBad))
		require.Equal(t, int64(n), got.Count)
		require.Equal(t, int64(min(n, MaxBad)), got.Lines[len(got.Lines)-1].Line)
	}
}

func TestProgress(t *testing.T) {
	short := file("\n", line(t, Short, nil))
	var seen []int64
	_, err := Verify(bytes.NewReader(bytes.Repeat(short, 2*progressEvery+1)), Rules{
		Progress: func(bytes, lines int64) {
			require.Equal(t, lines*int64(len(short)), bytes)
			seen = append(seen, lines)
		},
	})
	require.NoError(t, err)
	require.Equal(t, []int64{progressEvery, 2 * progressEvery, 2*progressEvery + 1}, seen)
}

func TestRecords(t *testing.T) {
	second := line(t, Short, func(r *Record) { r.Trace = "000002" })
	whole := file("\n", line(t, Short, nil), second)
	s, err := Verify(bytes.NewReader(whole), Rules{})
	require.NoError(t, err)
	read := func(b []byte, fail error) (traces []string, err error) {
		err = Records(bytes.NewReader(b), s, func(r *Record) error {
			traces = append(traces, r.Trace)
			return fail
		})
		return traces, err
	}
	traces, err := read(whole, nil)
	require.NoError(t, err)
	require.Equal(t, []string{"000001", "000002"}, traces)

	refused := errors.New("refused")
	traces, err = read(whole, refused)
	require.ErrorIs(t, err, refused)
	require.Len(t, traces, 1)
	for name, changed := range map[string][]byte{
		"grown": append(bytes.Clone(whole), file("\n", second)...), "cut": whole[:300], "bad": put(whole, 300, " "),
		"altered": put(whole, 73, "5"), "gone": nil,
	} {
		_, err = read(changed, nil)
		require.ErrorIs(t, err, ErrChanged, name)
	}
}

func TestErrorsShowNothing(t *testing.T) {
	_, err := Verify(bytes.NewReader(put(line(t, Short, nil), 24, "00000x")), Rules{})
	require.EqualError(t, err, "1 bad lines, the first: line 1: trace: not the digits that must be there")
	require.EqualError(t, &BadLine{Column: "card", Reason: ReasonWidth}, "card: too wide")
	for r := ReasonLength; r <= ReasonLines; r++ {
		require.NotContains(t, r.String(), "reason")
	}
	require.Equal(t, "reason 0", Reason(0).String())
	require.Equal(t, "reason 200", Reason(200).String())
}
