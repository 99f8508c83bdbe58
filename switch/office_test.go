package acquirer

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// office is enrolments and outbox over doubles: a bank, and a device that keeps what it was given.
type office struct {
	*desk
	*Enrolments
	notifier *Notifier
	bank     *bank
	sms      *pigeon
	ids      int
}

const (
	strangerNumber = "13800138009" // registered by nobody
	payeeCard      = "6217000000000000012"
	otherCard      = "6228480000000000018"
	strangerCard   = "6227000000000000011"
)

func newOffice(t testing.TB, options ...func(*EnrolmentLimits)) *office {
	t.Helper()
	numbers, err := LoadNumberingPlan()
	require.NoError(t, err)
	issuers, err := LoadIssuerTable()
	require.NoError(t, err)
	templates, err := LoadTemplates("")
	require.NoError(t, err)
	o := &office{desk: newDesk(), bank: &bank{}, sms: &pigeon{kind: DeviceSMS}}
	var limits EnrolmentLimits
	for _, option := range options {
		option(&limits)
	}
	key := NewKey([]byte("0123456789abcdef0123456789abcdef"))
	reference := func(time.Time) RRN { return "632890000001" }
	o.notifier = NewNotifier(NotifierConfig{Outbox: o.desk, Journal: o.desk, Registry: o.desk, Templates: templates, Codes: key,
		NumberDevices: []DeviceKind{DeviceSMS, DeviceSpool}, Limits: limits})
	o.notifier.Use(o.sms)
	o.Enrolments = NewEnrolments(EnrolmentsConfig{Registry: o.desk, Numbers: numbers, Issuers: issuers, Templates: templates,
		Steps: []Verifier{NewRuleCheck(numbers, issuers), NewBankCheck(o.bank, reference)}, Codes: key, Random: rand.Reader, Limits: limits, Noticed: o.notifier.Wake})
	require.NoError(t, o.ChangePayee(t.Context(), Effect{Payee: Payee{Ref: PayeeRef{0, 1}, Number: mustMSISDN(t, payeeNumber), Name: "王小明",
		Card: mustPAN(t, payeeCard), Status: PayeeActive, Alive: time.Now()}}))
	return o
}

// open runs a test in virtual time with the workers at work.
func open(t *testing.T, f func(t *testing.T, o *office), options ...func(*EnrolmentLimits)) {
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t, options...)
		end := o.begin(t)
		f(t, o)
		end()
	})
}

// begin starts the workers. From here on what they look at is changed under its lock alone.
func (o *office) begin(t *testing.T) (end func()) {
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 2)
	go func() { ended <- o.Enrolments.Run(ctx) }()
	go func() { ended <- o.notifier.Run(ctx) }()
	return func() {
		cancel()
		require.NoError(t, errors.Join(<-ended, <-ended))
	}
}

// say hands in a text by SMS and waits until everything has come to rest.
func (o *office) say(t testing.TB, from, text string) Reply {
	t.Helper()
	return o.hand(t, Inbound{Channel: ChannelSMS, Sender: from, Text: text})
}

func (o *office) hand(t testing.TB, m Inbound) Reply {
	t.Helper()
	if m.MessageID == "" {
		o.ids++
		m.MessageID = fmt.Sprint("m", o.ids)
	}
	r, err := o.Receive(t.Context(), m)
	require.NoError(t, err)
	o.rest()
	return r
}

// rest lets the workers finish what is due now.
func (o *office) rest() {
	synctest.Wait()
	time.Sleep(outboxPoll + enrolmentPoll)
	synctest.Wait()
}

// code reads the six digits out of the newest message to a number.
func (o *office) code(t testing.TB, number string) string {
	t.Helper()
	text := o.sms.to(number)
	require.NotEmpty(t, text, "nothing was sent to %s", number)
	found := regexp.MustCompile(`\b[0-9]{6}\b`).FindAllString(text[len(text)-1], -1)
	require.NotEmpty(t, found, text[len(text)-1])
	return found[len(found)-1]
}

// cardOf makes a card of a kind that the issuer table has, with a right check digit.
func cardOf(t testing.TB, issuers *IssuerTable, kind CardKind) string {
	t.Helper()
	for key, i := range issuers.rows {
		if i.Kind != kind {
			continue
		}
		for digit := range 10 {
			s := string(key.iin) + strings.Repeat("0", key.length-len(key.iin)-1) + fmt.Sprint(digit)
			if p := mustPAN(t, s); p.Luhn() {
				if found, ok := issuers.Lookup(p); ok && found.Kind == kind {
					return s
				}
			}
		}
	}
	require.Fail(t, "no such card", kind)
	return ""
}

// bank answers by its functions; without one it says yes.
type bank struct {
	mu    sync.Mutex
	code  ResponseCode
	err   error
	asked []AccountCheck
}

func (b *bank) VerifyAccount(_ context.Context, c AccountCheck) (ResponseCode, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.asked = append(b.asked, c)
	if b.code == "" && b.err == nil {
		return CodeApproved, nil
	}
	return b.code, b.err
}

func (b *bank) says(code ResponseCode, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.code, b.err = code, err
}

// pigeon is a device that keeps messages, or fails as it is told.
type pigeon struct {
	kind DeviceKind
	mu   sync.Mutex
	got  []Message
	fail func(Message) (Handed, error)
}

func (p *pigeon) Kind() DeviceKind { return p.kind }

func (p *pigeon) Send(_ context.Context, m Message) (Handed, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.fail != nil {
		h, err := p.fail(m)
		if err == nil {
			p.got = append(p.got, m)
		}
		return h, err
	}
	p.got = append(p.got, m)
	return Handed{Reference: m.ID}, nil
}

// fails lets the device fail, or not: nil.
func (p *pigeon) fails(f func(Message) (Handed, error)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.fail = f
}

// to returns the texts sent to an address, the oldest first.
func (p *pigeon) to(address string) (texts []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, m := range p.got {
		if m.To.Reveal() == address {
			texts = append(texts, m.Text)
		}
	}
	return texts
}

// kinds returns what was sent to an address, by kind.
func (p *pigeon) kinds(address string) (out []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, m := range p.got {
		if m.To.Reveal() == address {
			out = append(out, m.Kind.String())
		}
	}
	return out
}

// forgiveAll forgets what was counted.
func (o *office) forgiveAll() {
	o.desk.mu.Lock()
	defer o.desk.mu.Unlock()
	clear(o.uses)
}

// wishes sets how the first payee is told.
func (o *office) wishes(c Contact) {
	o.desk.mu.Lock()
	defer o.desk.mu.Unlock()
	o.desk.contact[1] = c
}

func (o *office) payee(t testing.TB, number string) *Payee {
	t.Helper()
	p, err := o.desk.PayeeByNumber(t.Context(), mustMSISDN(t, number))
	require.NoError(t, err)
	return p
}
