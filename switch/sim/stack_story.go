package sim

import (
	"bytes"
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"example.com/ringback/spec/cups"
	"example.com/ringback/spec/pos"
	acquirer "example.com/ringback/switch"
)

// story tells one payment: every step of its row and every message about it, in the order of time. It shows type,
// numbers and codes of a message, and nothing that is secret in it.
func (a *stackAudit) story(payment string) string {
	t := a.byKey[payment]
	var lines []stackEvent
	if t != nil {
		lines = a.stepLines(t)
	}
	for _, f := range a.world.log.frames {
		if text, ok := stackTell(f, payment, t); ok {
			lines = append(lines, stackEvent{f.at, text})
		}
	}
	lines = append(lines, a.deathLines()...)
	slices.SortStableFunc(lines, func(a, b stackEvent) int {
		return cmp.Or(a.at.Compare(b.at), cmp.Compare(a.text, b.text))
	})
	var out strings.Builder
	for _, l := range lines {
		fmt.Fprintf(&out, "%s %s\n", clockOf(l.at.Sub(a.world.start)), l.text)
	}
	return out.String()
}

// stepLines are the journal's lines of a row. The store keeps microseconds.
func (a *stackAudit) stepLines(t *acquirer.Transaction) (lines []stackEvent) {
	for _, s := range a.steps[t.ID] {
		text := fmt.Sprintf("journal  %s > %s by %s", s.From, s.To, s.Event)
		if s.From == 0 {
			text = fmt.Sprintf("journal  %s by %s, %d fen, reference %s", s.To, s.Event, t.Amount, t.RRN())
		}
		if s.Detail != "" {
			text += " (" + s.Detail + ")"
		}
		lines = append(lines, stackEvent{s.At, text})
	}
	return lines
}

// deathLines are the ends and beginnings of switch, host and faults, which explain much.
func (a *stackAudit) deathLines() (lines []stackEvent) {
	for _, e := range a.world.log.events {
		for _, word := range []string{" dies", " begins", "healed", "disk full", "told to end", "loses power"} {
			if strings.Contains(e.text, word) {
				lines = append(lines, stackEvent{e.at, "world    " + e.text})
				break
			}
		}
	}
	return lines
}

// stackTell describes a frame if it is about a payment.
func stackTell(f netFrame, payment string, t *acquirer.Transaction) (text string, ok bool) {
	text, ok = stackTellTerminal(f, payment)
	if f.pipe[0] != 't' {
		text, ok = stackTellHost(f, t)
	}
	if !ok {
		return "", false
	}
	if f.arrives.IsZero() {
		return fmt.Sprintf("%-8s %s: %s, never arrives whole", f.pipe, text, f.fault), true
	}
	if f.fault != "" {
		text += ", " + f.fault
	}
	return fmt.Sprintf("%-8s %s, arrives %v later", f.pipe, text, f.arrives.Sub(f.at).Round(time.Microsecond)), true
}

// stackTellTerminal describes a frame of the terminal line. A terminal's trace numbers do not repeat in a run, so that
// an answer without a batch number is known by its trace number.
func stackTellTerminal(f netFrame, payment string) (string, bool) {
	frame, err := pos.ReadFrame(bytes.NewReader(f.bytes), nil)
	if err != nil {
		return "", false
	}
	m, err := pos.Unpack(frame)
	if err != nil || m.Get(11) == "" {
		return "", false
	}
	terminal, number, ok := strings.Cut(payment, " ")
	if !ok || m.Get(41) != terminal || !strings.HasSuffix(number, "/"+m.Get(11)) {
		return "", false
	}
	return fmt.Sprintf("%s F11=%s", m.MTI(), m.Get(11)) + stackCodes(m.Get(4), m.Get(37), m.Get(39)), true
}

// stackTellHost describes a frame of the host line: debit and reversal carry the payment's reference.
func stackTellHost(f netFrame, t *acquirer.Transaction) (string, bool) {
	if t == nil {
		return "", false
	}
	frame, err := cups.ReadFrame(bytes.NewReader(f.bytes), make([]byte, cups.MaxMessage))
	if err != nil {
		return "", false
	}
	m, err := cups.Unpack(frame)
	if err != nil || m.Get(37) != string(t.RRN()) {
		return "", false
	}
	return fmt.Sprintf("%s F7=%s F11=%s", m.MTI(), m.Get(7), m.Get(11)) + stackCodes(m.Get(4), "", m.Get(39)), true
}

// stackCodes are the fields that a story shows of every message.
func stackCodes(fen, reference, code string) (text string) {
	for _, f := range []struct{ name, value string }{{"F4", fen}, {"F37", reference}, {"F39", code}} {
		if f.value != "" {
			text += fmt.Sprintf(" %s=%s", f.name, f.value)
		}
	}
	return text
}

// lastly is the virtual time of the last step of a payment, or of the end of the run.
func (a *stackAudit) lastly(payment string) string {
	at := time.Now()
	if t := a.byKey[payment]; t != nil && len(a.steps[t.ID]) > 0 {
		at = a.steps[t.ID][len(a.steps[t.ID])-1].At
	}
	return clockOf(at.Sub(a.world.start))
}

// stackSorted lists the keys of a map in order.
func stackSorted[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
