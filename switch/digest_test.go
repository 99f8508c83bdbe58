package acquirer

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// postman is a device that goes once a day, at seven, and keeps what he was given, letter by letter.
type postman struct {
	pigeon
	letters [][]Message
	down    error
}

func (p *postman) Takes(k NoticeKind) bool { return k == NoticePaidOut || k == NoticeStaged }

func (p *postman) Next(t time.Time) time.Time {
	y, m, d := t.In(Beijing).Date()
	at := time.Date(y, m, d, 7, 0, 0, 0, Beijing)
	if at.Before(t) {
		at = at.AddDate(0, 0, 1)
	}
	return at
}

func (p *postman) Ready(context.Context) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.down
}

func (p *postman) SendAll(_ context.Context, all []Message) (Handed, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.fail != nil {
		if h, err := p.fail(all[0]); err != nil {
			return h, err
		}
	}
	p.letters = append(p.letters, all)
	return Handed{Reference: fmt.Sprint("job ", len(p.letters))}, nil
}

// bag returns the IDs of the letters that he was given.
func (p *postman) bag() (out [][]string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, letter := range p.letters {
		var ids []string
		for _, m := range letter {
			ids = append(ids, m.ID)
		}
		out = append(out, ids)
	}
	return out
}

func (p *postman) is(down error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.down = down
}

const homeAddress = "100031;北京市西城区复兴门内大街156号;3号楼2单元502室"

// posted opens an office, shortly before midnight of a day, whose payee wants letters and then SMS.
func posted(t *testing.T, f func(t *testing.T, o *office, p *postman)) {
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(time.Date(2026, 11, 24, 15, 0, 0, 0, Beijing)))
		o, p := newOffice(t), &postman{pigeon: pigeon{kind: DeviceLetter}}
		home, err := NewAddress(DeviceLetter, homeAddress)
		require.NoError(t, err)
		o.notifier.Use(p)
		o.wishes(Contact{Routes: []Route{{Kind: DeviceLetter, Address: home}, {Kind: DeviceSMS}}})
		end := o.begin(t)
		f(t, o, p)
		end()
	})
}

// sleepUntil lets time go by, and the workers do what is due at the end of it.
func sleepUntil(at time.Time) {
	time.Sleep(time.Until(at))
	synctest.Wait()
}

var seven = time.Date(2026, 11, 25, 7, 0, 0, 0, Beijing)

// What waits at seven goes in one letter; what comes behind it goes tomorrow.
func TestDigestGoesOnceADay(t *testing.T) {
	posted(t, func(t *testing.T, o *office, p *postman) {
		first := o.paid(t, NoticePaidOut, Paid)
		sleepUntil(seven.Add(-2 * outboxPoll))
		last := o.paid(t, NoticePaidOut, Paid)
		sleepUntil(seven.Add(-time.Nanosecond))
		require.Empty(t, p.bag(), "not before the hour")
		require.Equal(t, NoticeQueued, o.notice(t, first).State)
		require.True(t, seven.Equal(o.notice(t, first).Due))
		sleepUntil(seven.Add(2 * outboxPoll))
		require.Equal(t, [][]string{{first.ID(), last.ID()}}, p.bag())
		for _, n := range []Notice{first, last} {
			got := o.notice(t, n)
			require.Equal(t, NoticeHanded, got.State)
			require.Equal(t, "job 1", got.Receipt)
			require.Equal(t, 1, got.Tries)
		}
		m := p.letters[0][0]
		require.Equal(t, "王小明", m.Name)
		require.Equal(t, first.Transaction.RRN(), m.RRN)
		require.Equal(t, "房租", m.Memo)
		require.Equal(t, homeAddress, m.To.Reveal())
		require.Equal(t, NotifierStats{Handed: 2}, o.notifier.Stats())

		late := o.paid(t, NoticePaidOut, Paid)
		sleepUntil(seven.Add(time.Hour))
		require.Len(t, p.bag(), 1)
		require.True(t, seven.Add(24*time.Hour).Equal(o.notice(t, late).Due))
		sleepUntil(seven.Add(24*time.Hour + 2*outboxPoll))
		require.Equal(t, []string{late.ID()}, p.bag()[1])
		require.Empty(t, o.sms.to(payeeNumber))
	})
}

// A notice that came with its address was given no time by the router, and waits all the same.
func TestFixedNoticeWaitsForTheDigest(t *testing.T) {
	posted(t, func(t *testing.T, o *office, p *postman) {
		o.say(t, payeeNumber, "改卡 "+otherCard)
		o.say(t, payeeNumber, "确认 "+o.code(t, payeeNumber))
		money := o.paid(t, NoticePaidOut, Paid)
		sleepUntil(seven.Add(-time.Nanosecond))
		require.Empty(t, p.bag())
		sleepUntil(seven.Add(2 * outboxPoll))
		require.Len(t, p.bag(), 1, "one letter for both")
		require.Len(t, p.bag()[0], 2)
		require.Contains(t, p.bag()[0], money.ID())
		staged := p.letters[0][slices.IndexFunc(p.letters[0], func(m Message) bool { return m.Kind == NoticeStaged })]
		require.Equal(t, "王小明", staged.Name, "the envelope needs one")
		require.NotZero(t, o.sms.kinds(payeeNumber), "and the number was told at once")
	})
}

// What is not for the device goes by the next one, at once.
func TestDigestTakesWhatItIsFor(t *testing.T) {
	posted(t, func(t *testing.T, o *office, p *postman) {
		require.NoError(t, o.Remind(t.Context(), Notice{Payee: 1, Kind: NoticeDormant, Copy: int(DateOf(o.payee(t, payeeNumber).Alive)), Created: time.Now()}))
		o.rest()
		require.Equal(t, []string{"dormant"}, o.sms.kinds(payeeNumber))
		require.Empty(t, p.bag())
	})
}

// A process that dies between print and commit leaves tries that were counted: the next one prints again, and never nothing.
func TestDigestBehindACrash(t *testing.T) {
	posted(t, func(t *testing.T, o *office, p *postman) {
		first, second := o.paid(t, NoticePaidOut, Paid), o.paid(t, NoticePaidOut, Paid)
		crash := errors.New("the process died")
		p.fails(func(Message) (Handed, error) { // printed, and then nobody there to note it
			p.letters = append(p.letters, nil)
			return Handed{}, crash
		})
		sleepUntil(seven.Add(2 * outboxPoll))
		require.Len(t, p.bag(), 1)
		require.Equal(t, NoticeQueued, o.notice(t, first).State)
		require.Equal(t, 1, o.notice(t, second).Tries)
		p.fails(nil)
		sleepUntil(seven.Add(time.Minute))
		require.Equal(t, [][]string{nil, {first.ID(), second.ID()}}, p.bag(), "the same two, under the same IDs")
		require.Equal(t, NoticeHanded, o.notice(t, second).State)
		sleepUntil(seven.Add(time.Hour))
		require.Len(t, p.bag(), 2)
	})
}

// The context of a process that is told to end while the printer has the letter: nothing is noted, and all comes again.
func TestDigestCutShort(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(seven.Add(-time.Second)))
		o, p := newOffice(t), &postman{pigeon: pigeon{kind: DeviceLetter}}
		home, err := NewAddress(DeviceLetter, homeAddress)
		require.NoError(t, err)
		o.notifier.Use(p)
		o.wishes(Contact{Routes: []Route{{Kind: DeviceLetter, Address: home}}})
		n := o.paid(t, NoticePaidOut, Paid)
		require.NoError(t, o.notifier.routeAll(t.Context()))
		time.Sleep(time.Second)
		ctx, cancel := context.WithCancel(t.Context())
		p.fails(func(Message) (Handed, error) { cancel(); return Handed{}, context.Canceled })
		down, err := o.notifier.send(ctx, o.notifier.posts[DeviceLetter], o.notice(t, n))
		require.NoError(t, err)
		require.False(t, down)
		require.Equal(t, NoticeQueued, o.notice(t, n).State)
		require.Equal(t, 1, o.notice(t, n).Tries)
		require.Empty(t, p.bag())
	})
}

// While the printer is away nothing is counted; when it is back all goes in one letter, yesterday's too.
func TestDigestWaitsForItsDevice(t *testing.T) {
	posted(t, func(t *testing.T, o *office, p *postman) {
		first := o.paid(t, NoticePaidOut, Paid)
		p.is(fmt.Errorf("%w: out of paper", ErrDeviceDown))
		sleepUntil(seven.Add(time.Hour))
		got := o.notice(t, first)
		require.Zero(t, got.Tries)
		require.Contains(t, got.Detail, "out of paper", "for the operator")
		require.Less(t, got.Revision, int64(5), "said once, not every five seconds")
		second := o.paid(t, NoticePaidOut, Paid)
		sleepUntil(seven.Add(25 * time.Hour))
		p.is(nil)
		sleepUntil(seven.Add(25*time.Hour + 2*devicePause))
		require.Equal(t, [][]string{{first.ID(), second.ID()}}, p.bag())
		require.Empty(t, o.notice(t, first).Detail)
	})
}

// A digest that fails for good goes by the next device, every notice of it; so does one whose receipt says no.
func TestDigestFails(t *testing.T) {
	for name, v := range map[string]struct {
		fail  error
		tries int
	}{"never": {ErrUndeliverable, 1}, "not now": {errors.New("jammed"), DeviceTries}} {
		t.Run(name, func(t *testing.T) {
			posted(t, func(t *testing.T, o *office, p *postman) {
				tries := 0
				p.fails(func(Message) (Handed, error) { tries++; return Handed{}, v.fail })
				a, b := o.paid(t, NoticePaidOut, Paid), o.paid(t, NoticePaidOut, Paid)
				sleepUntil(seven.Add(time.Hour))
				require.Equal(t, v.tries, tries)
				require.Len(t, o.sms.to(payeeNumber), 2)
				for _, n := range []Notice{a, b} {
					require.Equal(t, DeviceSMS, o.notice(t, n).Device)
					require.Equal(t, NoticeHanded, o.notice(t, n).State)
				}
			})
		})
	}
}

// One receipt is about every notice of the letter, and about no other letter's.
func TestReceiptOfADigest(t *testing.T) {
	posted(t, func(t *testing.T, o *office, p *postman) {
		a, b := o.paid(t, NoticePaidOut, Paid), o.paid(t, NoticePaidOut, Paid)
		sleepUntil(seven.Add(2 * outboxPoll))
		c := o.paid(t, NoticePaidOut, Paid)
		sleepUntil(seven.Add(24*time.Hour + 2*outboxPoll))
		states := func() (all []NoticeState) {
			for _, n := range []Notice{a, b, c} {
				all = append(all, o.notice(t, n).State)
			}
			return all
		}
		require.Equal(t, []NoticeState{NoticeHanded, NoticeHanded, NoticeHanded}, states())
		receipt := Receipt{Device: DeviceLetter, Reference: "job 1", Delivered: true, Detail: "printed"}
		o.notifier.posts[DeviceLetter].sending.Add(1)
		require.ErrorIs(t, o.notifier.Receipt(t.Context(), receipt), ErrNotFound, "some may not be durable yet")
		o.notifier.posts[DeviceLetter].sending.Add(-1)
		for range 2 {
			require.NoError(t, o.notifier.Receipt(t.Context(), receipt))
			require.Equal(t, []NoticeState{NoticeDelivered, NoticeDelivered, NoticeHanded}, states())
		}
		require.NoError(t, o.notifier.Receipt(t.Context(), Receipt{Device: DeviceLetter, Reference: "job 2", Detail: "aborted"}))
		o.rest()
		require.Equal(t, DeviceSMS, o.notice(t, c).Device, "the receiver's next one")
	})
}

// What is obsolete stays out of the letter.
func TestDigestLeavesOut(t *testing.T) {
	posted(t, func(t *testing.T, o *office, p *postman) {
		gone, stays := o.paid(t, NoticePaidOut, Paid), o.paid(t, NoticePaidOut, Paid)
		o.rest()
		o.memory.mu.Lock()
		tx := o.rows[gone.Transaction]
		tx.State = Reversing
		o.rows[gone.Transaction] = tx
		o.memory.mu.Unlock()
		sleepUntil(seven.Add(time.Minute))
		require.Equal(t, [][]string{{stays.ID()}}, p.bag())
		require.Equal(t, NoticeWithdrawn, o.notice(t, gone).State)
	})
}

// Two payees at one address get a letter each.
func TestDigestIsOfOnePayee(t *testing.T) {
	posted(t, func(t *testing.T, o *office, p *postman) {
		require.NoError(t, o.ChangePayee(t.Context(), Effect{Payee: Payee{Ref: PayeeRef{0, 1}, Number: mustMSISDN(t, strangerNumber), Name: "李明",
			Card: mustPAN(t, otherCard), Status: PayeeActive, Alive: time.Now()}}))
		o.desk.mu.Lock()
		o.desk.contact[2] = o.desk.contact[1]
		o.desk.mu.Unlock()
		his := o.paid(t, NoticePaidOut, Paid)
		hers := o.paid(t, NoticePaidOut, Paid, func(t *Transaction) { t.Payee.ID = 2 })
		also := o.paid(t, NoticePaidOut, Paid)
		sleepUntil(seven.Add(time.Minute))
		require.Equal(t, [][]string{{his.ID(), also.ID()}, {hers.ID()}}, p.bag())
		require.Equal(t, "王小明", p.letters[0][0].Name)
		require.Equal(t, "李明", p.letters[1][0].Name)
		require.Equal(t, "job 2", o.notice(t, hers).Receipt)
	})
}

// A day with more than a letter holds makes two.
func TestDigestIsBounded(t *testing.T) {
	posted(t, func(t *testing.T, o *office, p *postman) {
		sleepUntil(seven.Add(-10 * time.Second))
		for range DigestSize + 1 {
			o.paid(t, NoticePaidOut, Paid)
		}
		sleepUntil(seven.Add(time.Minute))
		require.Len(t, p.bag(), 2)
		require.Len(t, p.bag()[0], DigestSize)
		require.Len(t, p.bag()[1], 1)
	})
}
