package acquirer

import (
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// told is the history of a notice, a text a step.
func (o *office) told(t testing.TB, n Notice) (out []string) {
	t.Helper()
	steps, err := o.NoticeSteps(t.Context(), n)
	require.NoError(t, err)
	for _, s := range steps {
		out = append(out, s.String())
	}
	return out
}

// mailTo is a place of a payee's list.
func mailTo(address string) Route {
	return Route{Kind: DeviceEmail, Address: Address{DeviceEmail, address}}
}

// A payee's devices are tried in their order, and the history says how each of them ended.
func TestOrderOfDevices(t *testing.T) {
	absent, busy := fmt.Errorf("550: %w", ErrUndeliverable), errors.New("queue full")
	first, second := mailTo("a@mail.test"), mailTo("b@mail.test")
	voice := Route{Kind: DeviceVoice}
	failing := []string{"email 1 queued queue full", "email 2 queued queue full", "email 3 queued queue full", "email 4 queued queue full",
		"email 5 queued queue full", "email 6 queued email: queue full"}
	for name, c := range map[string]struct {
		routes []Route
		fail   map[string]error // by address; the number's is by its kind
		want   []string
		took   time.Duration // at most
	}{
		"first will do": {[]Route{first, voice}, nil, []string{"email 0 queued ", "email 1 handed "}, 5 * time.Second},
		"never: the next at once": {[]Route{first, voice}, map[string]error{"a@mail.test": absent},
			[]string{"email 0 queued ", "email 1 queued email: 550: cannot be delivered there", "voice 0 queued ", "voice 1 handed "}, 5 * time.Second},
		"not now: the next after its tries": {[]Route{first, voice}, map[string]error{"a@mail.test": busy},
			append(append([]string{"email 0 queued "}, failing...), "voice 0 queued ", "voice 1 handed "), time.Hour},
		"one device at two addresses": {[]Route{first, second}, map[string]error{"a@mail.test": absent},
			[]string{"email 0 queued ", "email 1 queued email: 550: cannot be delivered there", "email 0 queued ", "email 1 handed "}, 5 * time.Second},
		"one that is not configured is passed over": {[]Route{{Kind: DeviceLetter, Address: Address{DeviceLetter, "x"}}, first}, nil,
			[]string{"email 0 queued ", "email 1 handed "}, 5 * time.Second},
		"all fail": {[]Route{first, second}, map[string]error{"a@mail.test": absent, "b@mail.test": absent},
			[]string{"email 0 queued ", "email 1 queued email: 550: cannot be delivered there", "email 0 queued ",
				"email 1 queued email: 550: cannot be delivered there", " 0 dead email: 550: cannot be delivered there"}, 5 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				o := newOffice(t)
				fail := func(m Message) (Handed, error) { return Handed{}, c.fail[m.To.Reveal()] }
				mail, call := &pigeon{kind: DeviceEmail, fail: fail}, &pigeon{kind: DeviceVoice}
				o.notifier.Use(mail)
				o.notifier.Use(call)
				o.wishes(Contact{Routes: c.routes})
				end := o.begin(t)
				n := o.paid(t, NoticePaidOut, Paid)
				time.Sleep(c.took)
				synctest.Wait()
				require.Equal(t, c.want, o.told(t, n))
				require.Empty(t, o.sms.got)
				for _, m := range call.got {
					require.Equal(t, payeeNumber, m.To.Reveal(), "a call goes to the payee's own number")
				}
				end()
			})
		})
	}
}

// A receipt that says no moves a notice on, though its device had handed it over; so an operator's word begins it anew.
func TestReceiptMovesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t)
		mail := &pigeon{kind: DeviceEmail, fail: func(Message) (Handed, error) { return Handed{}, ErrUndeliverable }}
		o.notifier.Use(mail)
		o.wishes(Contact{Routes: []Route{{Kind: DeviceSMS}, mailTo("a@mail.test")}})
		end := o.begin(t)
		n := o.paid(t, NoticePaidOut, Paid)
		o.rest()
		require.NoError(t, o.notifier.Receipt(t.Context(), Receipt{Device: DeviceSMS, Notice: n.ID(), Detail: "UNDELIV"}))
		o.rest()
		want := []string{"sms 0 queued ", "sms 1 handed ", "sms 1 queued sms: UNDELIV", "email 0 queued ",
			"email 1 queued email: cannot be delivered there", " 0 dead email: cannot be delivered there"}
		require.Equal(t, want, o.told(t, n))
		mail.fails(nil)
		o.wishes(Contact{Routes: []Route{mailTo("a@mail.test")}})
		require.NoError(t, o.notifier.Retry(t.Context(), n.ID()))
		o.rest()
		require.Equal(t, append(want, " 0 queued tried again at an operator's word", "email 0 queued ", "email 1 handed "), o.told(t, n))
		end()
	})
}

// fixed puts a notice into the outbox that may go to one page only.
func (o *office) fixed(t testing.TB) Notice {
	t.Helper()
	n := o.paid(t, NoticePaidOut, Paid)
	next := n
	next.Fixed, next.Device, next.Address = true, DevicePC, Address{DevicePC, "page"}
	require.NoError(t, o.MoveNotice(t.Context(), &n, &next))
	return n
}

// What may go to one page only waits while the page is closed, is told of once, and does not hold up what has another way.
// When it opens it is shown; when the notice's life ends, it is withdrawn.
func TestClosedPageIsAwaited(t *testing.T) {
	for name, c := range map[string]struct {
		opens time.Duration
		want  string
	}{"opens": {time.Hour, "pc 1 handed "}, "never": {2 * NoticeLife, "pc 0 withdrawn too old: no page: receiver is away"}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				o := newOffice(t)
				began := time.Now()
				page := &pigeon{kind: DevicePC}
				page.fail = func(Message) (Handed, error) {
					if time.Since(began) < c.opens {
						return Handed{}, fmt.Errorf("no page: %w", ErrAway)
					}
					return Handed{}, nil
				}
				o.notifier.Use(page)
				n := o.fixed(t)
				o.wishes(Contact{Routes: []Route{{Kind: DevicePC, Address: Address{DevicePC, "page"}}, {Kind: DeviceSMS}}})
				end := o.begin(t)
				other := o.paid(t, NoticePaidOut, Paid)
				time.Sleep(30 * time.Minute)
				synctest.Wait()
				require.Equal(t, NoticeQueued, o.notice(t, n).State)
				require.Zero(t, o.notice(t, n).Tries)
				require.Equal(t, DeviceSMS, o.notice(t, other).Device, "it did not wait")
				require.Equal(t, NoticeHanded, o.notice(t, other).State)
				time.Sleep(NoticeLife)
				synctest.Wait()
				require.Equal(t, []string{"pc 0 queued ", "pc 0 queued no page: receiver is away", c.want}, o.told(t, n))
				end()
			})
		})
	}
}

// A list may name what is configured only. Who writes his own number beside a device that reaches it means that; another's
// number is refused.
func TestChoiceOfDevices(t *testing.T) {
	for text, want := range map[string]Outcome{
		"通知 短信": OutcomeTaken, "通知 电话 短信": OutcomeTaken, "NOTIFY voice sms": OutcomeTaken,
		"通知 电话:" + payeeNumber: OutcomeTaken, "NOTIFY voice:+86" + payeeNumber: OutcomeTaken,
		"通知 电话:" + payerNumber: OutcomeRefused, "通知 邮件:a@mail.test": OutcomeRefused, "通知 短信 邮件:a@mail.test": OutcomeRefused,
		"通知 电话 电话:" + payeeNumber: OutcomeRefused,
	} {
		synctest.Test(t, func(t *testing.T) {
			o := newOffice(t)
			o.Offered = func(k DeviceKind) bool { return k == DeviceSMS || k == DeviceVoice }
			r, err := o.Receive(t.Context(), Inbound{Channel: ChannelSMS, MessageID: "m", Sender: payeeNumber, Text: text})
			require.NoError(t, err)
			require.Equal(t, want, r.Outcome, text)
			if want == OutcomeRefused {
				require.Equal(t, []Reason{ReasonDevices}, r.Reasons, text)
				return
			}
			for _, route := range o.last().Devices {
				require.Zero(t, route.Address, text)
			}
		})
	}
}
