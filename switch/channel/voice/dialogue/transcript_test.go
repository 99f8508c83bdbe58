package dialogue_test

import (
	"context"
	"os"
	"strings"
	"testing"

	acquirer "example.com/ringback/switch"
	"example.com/ringback/switch/channel/voice/dialogue"
	"github.com/stretchr/testify/require"
)

// page is where the calls below are printed.
const page = "../../../../docs/channels/voice-menu.md"

// written answers with the switch's own texts.
type written struct {
	templates *acquirer.Templates
	outcomes  []acquirer.Outcome
}

func (w *written) Receive(_ context.Context, m acquirer.Inbound) (acquirer.Reply, error) {
	r := acquirer.Reply{Outcome: w.outcomes[0], Language: m.Language}
	w.outcomes = w.outcomes[1:]
	var err error
	_, r.Text, err = w.templates.Write(m.Language, "reply-"+string(r.Outcome), acquirer.Words{Minutes: "10",
		Kind: acquirer.RequestText(m.Language, acquirer.RequestChangeCard), Effective: "11月25日23:48"})
	return r, err
}

// transcript prints a call as the page does.
func (p *scripted) transcript() string {
	var out strings.Builder
	for _, s := range p.heard {
		if keys, ok := strings.CutPrefix(s, "> "); ok {
			out.WriteString("              keys: " + keys + "\n")
			continue
		}
		_, text, _ := strings.Cut(s, ": ")
		out.WriteString(text + "\n")
	}
	return out.String()
}

// The page shows two calls; they are what is said.
func TestPageShowsWhatIsSaid(t *testing.T) {
	templates, err := acquirer.LoadTemplates("")
	require.NoError(t, err)
	b, err := os.ReadFile(page)
	require.NoError(t, err)

	in := phone(t, "1", "2", card, "1", "246802")
	desk := dialogue.Desk{Inbox: &written{templates, []acquirer.Outcome{acquirer.OutcomeTaken, acquirer.OutcomeConfirmed}}}
	require.ErrorIs(t, desk.Incoming(t.Context(), in, caller), dialogue.ErrHungUp)
	require.Contains(t, string(b), "\n```\n"+in.transcript()+"```\n", "the page must have\n%s", in.transcript())

	out := phone(t, "1", "2", "1")
	_, text, err := templates.Write(acquirer.Chinese, "code", acquirer.Words{Code: "246802", Minutes: "10",
		Kind: acquirer.RequestText(acquirer.Chinese, acquirer.RequestChangeCard), Card: "622202*********0026"})
	require.NoError(t, err)
	heard, err := dialogue.Outgoing(t.Context(), out, acquirer.Message{Kind: acquirer.NoticeCode, Text: text})
	require.NoError(t, err)
	require.True(t, heard)
	require.Contains(t, string(b), "\n```\n"+out.transcript()+"```\n", "the page must have\n%s", out.transcript())
}
