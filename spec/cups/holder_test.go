package cups

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestHolder(t *testing.T) {
	head := strings.Repeat(" ", 24) + "CUP     CUP"
	for _, v := range []struct {
		h    Holder
		want string
	}{
		{Holder{Name: []byte("LI MING"), Phone: "13800138001"}, head + "AM0000000110000000" + "007LI MING" + "01113800138001"},
		{Holder{Name: []byte("LI")}, head + "AM0000000100000000" + "002LI"},
		{Holder{Phone: "13800138001"}, head + "AM0000000010000000" + "01113800138001"},
		{Holder{}, head + "AM0000000000000000"},
	} {
		got := v.h.AppendAsk(nil)
		require.Equal(t, v.want, string(got))
		back, err := ParseAsk(got)
		require.NoError(t, err)
		require.Equal(t, v.h, back)
		_, err = ParseAnswer(got)
		require.ErrorIs(t, err, ErrHolder)
	}
	answer := Holder{Name: []byte("*MING")}.AppendAnswer([]byte("x"))
	require.Equal(t, "x"+head+"NM005*MING", string(answer))
	back, err := ParseAnswer(answer[1:])
	require.NoError(t, err)
	require.Equal(t, "*MING", string(back.Name))

	for _, bad := range []string{"", head, head + "AM", head + "AM000000010000000", head + "AM0000000100000000", head + "AM0000000100000000003LI",
		head + "AM0000000100000000002LIx", head + "AM0010000100000000002LI002xx", head + "AM0000000200000000002LI", head + "AM00000001000000000a2LI", head + "XX0000000000000000"} {
		_, err := ParseAsk([]byte(bad))
		require.ErrorIs(t, err, ErrHolder, bad)
		_, err = ParseAnswer([]byte(bad))
		require.ErrorIs(t, err, ErrHolder, bad)
	}
}

func FuzzHolder(f *testing.F) {
	f.Add(Holder{Name: []byte("LI"), Phone: "13800138001"}.AppendAsk(nil))
	f.Add(Holder{Name: []byte("*I")}.AppendAnswer(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		if h, err := ParseAsk(b); err == nil && len(h.Name) < 1000 && len(h.Phone) < 1000 {
			again, err := ParseAsk(h.AppendAsk(nil))
			if err != nil || string(again.Name) != string(h.Name) || again.Phone != h.Phone {
				t.Fatalf("%v: %v", h, err)
			}
		}
		if h, err := ParseAnswer(b); err == nil {
			again, err := ParseAnswer(h.AppendAnswer(nil))
			if err != nil || string(again.Name) != string(h.Name) {
				t.Fatalf("%v: %v", h, err)
			}
		}
	})
}
