package dialogue_test

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode"

	acquirer "example.com/ringback/switch"
	"example.com/ringback/switch/channel/voice/dialogue"
	"github.com/stretchr/testify/require"
)

// scripted is a phone with a script: answers has what each Keys returns, one after the other; behind the last the other side
// has hung up, or is silent or presses for ever what rest says.
type scripted struct {
	t       *testing.T
	answers []string
	rest    func() (string, error)

	failAt  int   // the step, counted from 1 over Say and Keys, that fails with failure; 0: none
	failure error // also of every step behind it

	steps int
	heard []string // everything that was said and keyed, as "zh: text" and "> keys"
}

func hangUp() (string, error) { return "", dialogue.ErrHungUp }

func phone(t *testing.T, answers ...string) *scripted {
	return &scripted{t: t, answers: answers, rest: hangUp}
}

func (p *scripted) step() error {
	p.steps++
	if p.failAt > 0 && p.steps >= p.failAt {
		return p.failure
	}
	return nil
}

// Say holds that a text is fit for the ear.
func (p *scripted) Say(_ context.Context, l acquirer.Language, text string) error {
	if err := p.step(); err != nil {
		return err
	}
	requireSpoken(p.t, l, text)
	p.heard = append(p.heard, string(l)+": "+text)
	return nil
}

func (p *scripted) Keys(_ context.Context, most int, first, between time.Duration) (string, error) {
	if err := p.step(); err != nil {
		return "", err
	}
	require.Positive(p.t, most)
	require.Positive(p.t, first)
	require.Positive(p.t, between)
	if len(p.answers) == 0 {
		return p.rest()
	}
	keys := p.answers[0]
	p.answers = p.answers[1:]
	require.LessOrEqual(p.t, len(keys), most)
	p.heard = append(p.heard, "> "+keys)
	return keys, nil
}

func (p *scripted) said() string { return strings.Join(p.heard, "\n") }

// judged has the texts that requireSpoken has found to be in order, for conversations say the same again and again.
var judged sync.Map

func requireSpoken(t *testing.T, l acquirer.Language, text string) {
	t.Helper()
	if _, known := judged.LoadOrStore(string(l)+text, true); known {
		return
	}
	require.NotEmpty(t, text)
	require.Equal(t, dialogue.Spoken(l, text), text)
	require.False(t, strings.ContainsFunc(text, func(r rune) bool { return unicode.IsDigit(r) || r == '*' || r == '%' || unicode.IsControl(r) }), text)
}

// inbox answers every request of a kind with an outcome of a row, the last one for ever.
type inbox struct {
	outcomes map[acquirer.RequestKind][]acquirer.Outcome // of a kind that is missing: taken, or confirmed of a confirmation
	err      error
	got      []acquirer.Inbound
}

func (b *inbox) Receive(_ context.Context, m acquirer.Inbound) (acquirer.Reply, error) {
	b.got = append(b.got, m)
	if b.err != nil {
		return acquirer.Reply{}, b.err
	}
	kind := m.Request.Kind
	outcome := acquirer.OutcomeTaken
	if kind == acquirer.RequestConfirm {
		outcome = acquirer.OutcomeConfirmed
	}
	if row := b.outcomes[kind]; len(row) > 0 {
		outcome = row[0]
		if len(row) > 1 {
			b.outcomes[kind] = row[1:]
		}
	}
	return acquirer.Reply{Outcome: outcome, Language: m.Language, Text: "答复" + string(outcome)}, nil
}
