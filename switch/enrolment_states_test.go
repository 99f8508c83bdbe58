package acquirer

import (
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// enrolmentRow is one line of the table in docs/channels.md.
type enrolmentRow struct{ state, event, next, told string }

// enrolmentTable reads the rows; one of state ended stands for four.
func enrolmentTable(t *testing.T) (rows []enrolmentRow) {
	t.Helper()
	page, err := os.ReadFile("../docs/channels.md")
	require.NoError(t, err)
	_, table, _ := strings.Cut(string(page), "| state | event | next | told | why |")
	table, _, _ = strings.Cut(table, "\n\n")
	for line := range strings.Lines(table) {
		cells := strings.Split(line, "|")
		if len(cells) != 7 || strings.Contains(line, "---") {
			continue
		}
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		row := enrolmentRow{cells[1], cells[2], cells[3], cells[4]}
		if row.state != "ended" {
			rows = append(rows, row)
			continue
		}
		for _, state := range []string{"active", "refused", "expired", "cancelled"} {
			rows = append(rows, enrolmentRow{state, row.event, state, row.told})
		}
	}
	return rows
}

// enrolmentPairs can meet; the table must have each of them once, and no other.
func enrolmentPairs() map[string]bool {
	always := []string{"code", "wrong", "resend", "stop", "approve", "refuse"}
	more := map[string][]string{
		"received": {"fits", "against"}, "checked": {"yes", "no", "silent", "cannot", "expire"}, "code-sent": {"expire"},
		"confirmed": {"due", "overtaken", "expire"}, "active": nil, "refused": nil, "expired": nil, "cancelled": nil,
	}
	out := map[string]bool{"-/request": true}
	for state, events := range more {
		for _, e := range append(events, always...) {
			out[state+"/"+e] = true
		}
	}
	return out
}

func TestEnrolmentStates(t *testing.T) {
	wanted := enrolmentPairs()
	for _, row := range enrolmentTable(t) {
		pair := row.state + "/" + row.event
		require.True(t, wanted[pair], "%s is there twice, or cannot be", pair)
		delete(wanted, pair)
		t.Run(pair, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { meetEnrolment(t, row) })
		})
	}
	require.Empty(t, wanted, "pairs without a row")
}

// meetEnrolment puts a request into the state, lets the event happen and compares with the table. Its payee changes the
// card; where people decide after the code, the name; what the registry is against comes from a number that nobody has.
func meetEnrolment(t *testing.T, want enrolmentRow) {
	o := newOffice(t)
	o.notifier.posts = map[DeviceKind]*post{}
	e := &Enrolment{}
	if want.state != "-" {
		e = o.stateOf(t, want)
	}
	seen := len(o.outbox)
	o.happens(t, e, want.event)
	after := o.last()
	require.Equal(t, want.next, after.State.String())
	require.Equal(t, after.State.Ended(), after.Due.IsZero(), "what has ended is not due, all else is")
	told := "-"
	if len(o.outbox) > seen {
		told = o.outbox[seen].Kind.String()
		require.Len(t, o.outbox, seen+1)
	}
	require.Equal(t, want.told, told)
}

// stateOf opens an enrolment in a state.
func (o *office) stateOf(t *testing.T, want enrolmentRow) *Enrolment {
	t.Helper()
	now := time.Now()
	e := &Enrolment{Kind: RequestChangeCard, Channel: ChannelSMS, MessageID: "m", Sender: payeeNumber, Number: mustMSISDN(t, payeeNumber),
		Card: mustPAN(t, otherCard), Payee: PayeeRef{1, 1}, Name: "王小明", Opened: now, Changed: now, Due: now}
	state, _ := ParseEnrolmentState(want.state)
	e.State = state
	if want.event == "against" {
		e.Number = mustMSISDN(t, strangerNumber)
	}
	if state == EnrolmentConfirmed && (want.event == "approve" || want.event == "expire") {
		e.Kind, e.Card, e.Name = RequestChangeName, PAN{}, "王大明"
	}
	e.ByPeople = want.event == "approve" && (state == EnrolmentChecked || state == EnrolmentConfirmed) || e.Kind == RequestChangeName
	if state >= EnrolmentCodeSent {
		e.Codes[0] = Code{Nonce: [16]byte{1}, Serial: 1, Sent: now, Expires: now.Add(10 * time.Minute), Done: state > EnrolmentCodeSent}
	}
	if state == EnrolmentConfirmed && !e.ByPeople {
		e.Effective = now.Add(time.Hour)
		e.Due = e.Effective
	}
	if state.Ended() {
		e.Due = time.Time{}
	}
	require.NoError(t, o.OpenEnrolment(t.Context(), e, EnrolmentChange{At: now, Message: &Heard{Channel: ChannelSMS, MessageID: "m"}}))
	return e
}

// happens lets an event meet the enrolment.
func (o *office) happens(t *testing.T, e *Enrolment, event string) {
	t.Helper()
	ctx := t.Context()
	text := func(s string) {
		_, err := o.Receive(ctx, Inbound{Channel: ChannelSMS, MessageID: "x", Sender: payeeNumber, Text: s})
		require.NoError(t, err)
	}
	right := o.Enrolments.Codes
	switch event {
	case "request":
		text("改卡 " + otherCard)
	case "code":
		text("确认 " + coder{right}.digits(codeConfirm, e.ID, 0, e.Codes[0].Nonce))
	case "wrong":
		text("确认 " + other(coder{right}.digits(codeConfirm, e.ID, 0, e.Codes[0].Nonce)))
	case "stop":
		text("取消 " + coder{right}.digits(codeStop, e.ID, 0, e.Codes[0].Nonce))
	case "resend":
		text("重发")
	case "approve", "refuse":
		decide := o.Approve
		if event == "refuse" {
			decide = o.Refuse
		}
		if err := decide(ctx, e.ID, "clerk", ""); err != nil {
			require.ErrorIs(t, err, ErrNotWaiting)
		}
	case "expire":
		time.Sleep(31 * 24 * time.Hour)
		require.NoError(t, o.work(ctx, DueEnrolment{e.ID, e.Version}))
	case "overtaken":
		require.NoError(t, o.SetStatus(ctx, e.Number, PayeeDeleted))
		require.NoError(t, o.work(ctx, DueEnrolment{e.ID, e.Version}))
	default:
		answers := map[string]ResponseCode{"no": "05", "silent": "91", "cannot": "40"}
		o.bank.says(answers[event], nil)
		require.NoError(t, o.work(ctx, DueEnrolment{e.ID, e.Version}))
	}
}

func TestEnrolmentMovesAreAllUsed(t *testing.T) {
	used := map[[2]EnrolmentState]bool{}
	for _, row := range enrolmentTable(t) {
		from, _ := ParseEnrolmentState(row.state)
		to, _ := ParseEnrolmentState(row.next)
		used[[2]EnrolmentState{from, to}] = true
	}
	used[[2]EnrolmentState{EnrolmentReceived, EnrolmentCodeSent}] = true // a request that needs no bank: TestSuspendResumeDelete
	for from, all := range EnrolmentMoves {
		for _, to := range all {
			require.True(t, used[[2]EnrolmentState{from, to}], "%s to %s is permitted and never happens", from, to)
		}
	}
	for from := EnrolmentReceived; from <= EnrolmentCancelled; from++ {
		require.Equal(t, from.Ended(), len(EnrolmentMoves[from]) == 0, from)
	}
}
