package dialogue_test

import (
	"context"
	"strings"
	"testing"

	acquirer "example.com/ringback/switch"
	"example.com/ringback/switch/channel/voice/dialogue"
	"github.com/stretchr/testify/require"
)

func TestOutgoing(t *testing.T) {
	paid := acquirer.Message{Kind: acquirer.NoticePaidOut, Text: "13900139001于11月24日23:48付给您的100.05元已到账。"}
	code := acquirer.Message{Kind: acquirer.NoticeCode, Text: "验证码123456,10分钟内有效。"}
	stop := acquirer.Message{Kind: acquirer.NoticeStaged, Language: acquirer.English, Text: `Not you? Answer "CANCEL 654321" at once.`}
	held := acquirer.Message{Kind: acquirer.NoticeHeld, Text: "姓名王*明。"}
	for _, v := range []struct {
		name    string
		m       acquirer.Message
		answers []string
		heard   bool
		plays   int // how often the text is played
	}{
		{"heard", paid, []string{"1"}, true, 1},
		{"heard again", paid, []string{"2", "2", "1"}, true, 3},
		{"heard too often", paid, []string{"2", "2", "2", "2", "2"}, false, 5},
		{"heard after silence", paid, []string{"", "1"}, true, 2},
		{"a machine", paid, []string{"", ""}, false, 2},
		{"another key", paid, []string{"7", "1"}, true, 2},
		{"sent away", paid, []string{"*"}, false, 1},
		{"code", code, []string{"1", "1"}, true, 1},
		{"code again", code, []string{"1", "2", "1"}, true, 2},
		{"code to a machine", code, []string{"", "", ""}, false, 0},
		{"code to who presses another key", code, []string{"2", "", "3"}, false, 0},
		{"code sent away", code, []string{"*"}, false, 0},
		{"code in the last try", code, []string{"2", "", "1", "1"}, true, 1},
		{"code that nobody confirms", code, []string{"1", "", ""}, false, 2},
		{"stop code", stop, []string{"1", "1"}, true, 1},
		{"stop code to a machine", stop, []string{"", "", ""}, false, 0},
		{"what is held", held, []string{"", "", ""}, false, 0},
	} {
		t.Run(v.name, func(t *testing.T) {
			p := phone(t, v.answers...)
			heard, err := dialogue.Outgoing(t.Context(), p, v.m)
			require.NoError(t, err)
			require.Equal(t, v.heard, heard)
			require.Empty(t, p.answers)
			require.Equal(t, v.plays, strings.Count(p.said(), dialogue.Spoken(v.m.Language, v.m.Text)))
			outgoingFails(t, v.m, v.answers, p.steps, v.heard)
		})
	}
}

// outgoingFails lets the call fail at every step: nothing is done behind it, and only the thanks may fail without harm.
func outgoingFails(t *testing.T, m acquirer.Message, answers []string, steps int, heard bool) {
	t.Helper()
	for _, failure := range []error{dialogue.ErrHungUp, context.Canceled} {
		for at := 1; at <= steps; at++ {
			p := phone(t, answers...)
			p.failAt, p.failure = at, failure
			got, err := dialogue.Outgoing(t.Context(), p, m)
			require.Equal(t, at, p.steps)
			require.Equal(t, heard && at == steps, got)
			if got && failure == dialogue.ErrHungUp {
				require.NoError(t, err)
			} else {
				require.ErrorIs(t, err, failure)
			}
		}
	}
}

// A code is not said before a key was pressed, whatever comes.
func TestOutgoingGuardsCodes(t *testing.T) {
	for _, kind := range []acquirer.NoticeKind{acquirer.NoticeCode, acquirer.NoticeStaged} {
		for _, answer := range []string{"", "0", "2", "3", "9", "#", "*"} {
			p := phone(t)
			p.rest = func() (string, error) { return answer, nil }
			heard, err := dialogue.Outgoing(t.Context(), p, acquirer.Message{Kind: kind, Text: "验证码246802。"})
			require.NoError(t, err)
			require.False(t, heard)
			require.NotContains(t, p.said(), dialogue.Digits(acquirer.Chinese, "246802"))
			require.NotContains(t, p.said(), "验证码")
		}
	}
}

func TestOutgoingLanguage(t *testing.T) {
	p := phone(t, "1")
	_, err := dialogue.Outgoing(t.Context(), p, acquirer.Message{Kind: acquirer.NoticeDebited, Language: acquirer.English, Text: "You paid 12.34 yuan at 24 Nov 23:08."})
	require.NoError(t, err)
	require.Equal(t, []string{"en: Hello, this is the mobile payment service, with a message for you.",
		"en: You paid twelve yuan and thirty four fen at November twenty four, twenty three zero eight.",
		"en: If you heard it, press one, to hear it again, press two.", "> 1", "en: Thank you. Goodbye."}, p.heard)
}
