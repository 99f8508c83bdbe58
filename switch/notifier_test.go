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

// paid puts a payment into the journal, as the options change it, and a notice about it into the outbox.
func (o *office) paid(t testing.TB, kind NoticeKind, state State, options ...func(*Transaction)) Notice {
	t.Helper()
	id, err := o.NewID(time.Now())
	require.NoError(t, err)
	tx := Transaction{ID: id, Version: 1, State: state, Key: TerminalKey{Date: DateOf(time.Now())}, Amount: 1234, Payer: mustMSISDN(t, payerNumber),
		PayeeNumber: mustMSISDN(t, payeeNumber), Payee: PayeeRef{1, 1}, PayeeName: "王*明", Memo: "房租", Opened: time.Now(), Answered: time.Now()}
	for _, option := range options {
		option(&tx)
	}
	o.memory.mu.Lock()
	o.rows[id] = tx
	o.memory.mu.Unlock()
	n := Notice{Transaction: id, Kind: kind, Created: time.Now()}
	require.NoError(t, o.Remind(t.Context(), n))
	return n
}

func (o *office) notice(t testing.TB, n Notice) Notice {
	t.Helper()
	got, err := o.NoticeOf(t.Context(), n)
	require.NoError(t, err)
	return got
}

func TestPayerIsTold(t *testing.T) {
	open(t, func(t *testing.T, o *office) {
		n := o.paid(t, NoticeDebited, Approved)
		o.rest()
		require.Equal(t, NoticeHanded, o.notice(t, n).State)
		require.Len(t, o.sms.got, 1)
		m := o.sms.got[0]
		require.Equal(t, n.ID(), m.ID)
		require.Equal(t, payerNumber, m.To.Reveal())
		require.Equal(t, "付款通知", m.Subject)
		require.Zero(t, m.Payer, "a payer knows")
		require.Contains(t, m.Text, "向王*明(138****8001)付款12.34元,参考号"+string(n.Transaction.RRN()))
		require.NoError(t, o.notifier.Receipt(t.Context(), Receipt{Device: DeviceSMS, Reference: m.ID, Delivered: true, Detail: "DELIVRD"}))
		require.Equal(t, NoticeDelivered, o.notice(t, n).State)
	})
}

// payouts tells the version of the card that was paid.
type payouts int32

func (p payouts) Payout(_ context.Context, id ID) (*PayoutRecord, error) {
	if p == 0 {
		return nil, ErrNotFound
	}
	return &PayoutRecord{Transaction: id, CardVersion: int32(p)}, nil
}

// After a card that could not be credited another one is paid, and that one is named.
func TestPayeeIsToldTheCardThatWasPaid(t *testing.T) {
	for paid, card := range []string{payeeCard, payeeCard, otherCard} {
		open(t, func(t *testing.T, o *office) {
			o.notifier.Payouts = payouts(paid)
			p := *o.payee(t, payeeNumber)
			p.Ref.CardVersion, p.Card = 2, mustPAN(t, otherCard)
			require.NoError(t, o.ChangePayee(t.Context(), Effect{Payee: p}))
			o.paid(t, NoticePaidOut, Paid)
			o.rest()
			require.Contains(t, o.sms.to(payeeNumber)[0], mustPAN(t, card).Masked())
		})
	}
}

// The payee is told after the payout, with the payer's whole number, by the devices that he wished for.
func TestPayeeIsTold(t *testing.T) {
	open(t, func(t *testing.T, o *office) {
		o.wishes(Contact{Language: English})
		early := o.paid(t, NoticePaidOut, Settled)
		n := o.paid(t, NoticePaidOut, Paid)
		o.rest()
		require.Equal(t, NoticeWithdrawn, o.notice(t, early).State, "not before the money is there")
		require.Equal(t, NoticeHanded, o.notice(t, n).State)
		require.Len(t, o.sms.to(payeeNumber), 1)
		require.Contains(t, o.sms.to(payeeNumber)[0], "12.34 yuan that 13900139001 paid you")
		require.Contains(t, o.sms.to(payeeNumber)[0], "message: 房租")
		i := slices.IndexFunc(o.sms.got, func(m Message) bool { return m.ID == n.ID() })
		require.Equal(t, payerNumber, o.sms.got[i].Payer.Reveal(), "for devices that sort")
		require.Equal(t, Fen(1234), o.sms.got[i].Amount)
		shown, err := o.notifier.Show(t.Context(), n)
		require.NoError(t, err)
		require.Contains(t, shown.Text, "139****9001")
		require.NotContains(t, shown.Text, payerNumber)
	})
}

func TestUndoneDebitIsNotTold(t *testing.T) {
	open(t, func(t *testing.T, o *office) {
		for state, want := range map[State]NoticeState{Approved: NoticeHanded, Settled: NoticeHanded, Paying: NoticeHanded, Paid: NoticeHanded,
			Reversing: NoticeWithdrawn, Reversed: NoticeWithdrawn, Declined: NoticeWithdrawn} {
			n := o.paid(t, NoticeDebited, state)
			o.rest()
			require.Equal(t, want, o.notice(t, n).State, state)
		}
	})
}

// A debit that is undone while a device has its notice: the notice stays withdrawn, and its try is counted, so that the
// payer is told of the undo. One that is withdrawn before is given to no device.
func TestUndoneWhileADeviceHasIt(t *testing.T) {
	open(t, func(t *testing.T, o *office) {
		withdraw := func(id string) {
			o.mu.Lock()
			defer o.mu.Unlock()
			for i := range o.outbox {
				if o.outbox[i].ID() == id {
					o.outbox[i].State = NoticeWithdrawn
				}
			}
		}
		o.sms.fails(func(m Message) (Handed, error) { withdraw(m.ID); return Handed{}, nil })
		n := o.paid(t, NoticeDebited, Approved)
		o.rest()
		require.Equal(t, NoticeWithdrawn, o.notice(t, n).State)
		require.Equal(t, 1, o.notice(t, n).Tries)
		require.Len(t, o.sms.got, 1)

		o.sms.fails(nil)
		early := o.paid(t, NoticeDebited, Approved)
		withdraw(early.ID())
		undone := o.paid(t, NoticeUndone, Reversed)
		o.rest()
		require.Zero(t, o.notice(t, early).Tries)
		require.Equal(t, NoticeHanded, o.notice(t, undone).State)
		require.Len(t, o.sms.got, 2)
		require.Contains(t, o.sms.got[1].Text, "已撤销")
	})
}

func TestPayerIsToldTenTimesADay(t *testing.T) {
	open(t, func(t *testing.T, o *office) {
		for range 12 {
			o.paid(t, NoticeDebited, Approved)
		}
		o.rest()
		time.Sleep(time.Minute)
		synctest.Wait()
		require.Len(t, o.sms.to(payerNumber), 10)
		require.Len(t, o.notes(20, func(n Notice) bool { return n.State == NoticeWithdrawn }), 2)
		time.Sleep(day)
		o.paid(t, NoticeDebited, Approved)
		o.rest()
		require.Len(t, o.sms.to(payerNumber), 11)
	})
}

// Without a device a notice stays, and goes when one is there.
func TestNoDevice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t)
		o.notifier.posts = map[DeviceKind]*post{DeviceEmail: {device: &pigeon{kind: DeviceEmail}, woken: make(chan struct{}, 1)}}
		n := o.paid(t, NoticeDebited, Approved)
		require.NoError(t, o.notifier.routeAll(t.Context()))
		got := o.notice(t, n)
		require.Equal(t, NoticeQueued, got.State)
		require.Empty(t, got.Device)
		require.Equal(t, "no device", got.Detail)
		o.notifier.Use(o.sms)
		time.Sleep(noDevicePause)
		require.NoError(t, o.notifier.routeAll(t.Context()))
		require.Equal(t, DeviceSMS, o.notice(t, n).Device)

		late := o.paid(t, NoticeDebited, Approved)
		time.Sleep(NoticeLife + time.Second)
		require.NoError(t, o.notifier.routeAll(t.Context()))
		require.Equal(t, NoticeWithdrawn, o.notice(t, late).State, "nobody wants to hear of it after three days")
	})
}

// A device that fails for now is tried six times, then the next; the last one's failure makes the notice dead.
func TestNextDevice(t *testing.T) {
	for name, v := range map[string]struct {
		sms, mail error
		want      NoticeState
		device    DeviceKind
		tries     [2]int // of sms and mail
	}{
		"first will do":     {nil, nil, NoticeHanded, DeviceSMS, [2]int{1, 0}},
		"never there":       {ErrUndeliverable, nil, NoticeHanded, DeviceEmail, [2]int{1, 1}},
		"not now":           {errors.New("queue full"), nil, NoticeHanded, DeviceEmail, [2]int{DeviceTries, 1}},
		"nowhere":           {ErrUndeliverable, ErrUndeliverable, NoticeDead, "", [2]int{1, 1}},
		"nowhere after all": {ErrUndeliverable, errors.New("greylisted"), NoticeDead, "", [2]int{1, DeviceTries}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				o := newOffice(t)
				var tries [2]int
				failing := func(i int, err error) func(Message) (Handed, error) {
					return func(Message) (Handed, error) { tries[i]++; return Handed{}, err }
				}
				mail := &pigeon{kind: DeviceEmail, fail: failing(1, v.mail)}
				o.sms.fails(failing(0, v.sms))
				o.notifier.Use(mail)
				o.wishes(Contact{Routes: []Route{{Kind: DevicePC, Address: Address{DevicePC, "x"}}, {Kind: DeviceSMS}, {Kind: DeviceEmail, Address: Address{DeviceEmail, "wang@mail.test"}}}})
				n := o.paid(t, NoticePaidOut, Paid)
				ctx, cancel := context.WithCancel(t.Context())
				ended := make(chan error)
				go func() { ended <- o.notifier.Run(ctx) }()
				time.Sleep(time.Hour)
				synctest.Wait()
				got := o.notice(t, n)
				require.Equal(t, v.want, got.State)
				require.Equal(t, v.device, got.Device)
				require.Equal(t, v.tries, tries)
				require.Equal(t, tries[0]+tries[1], got.Tries)
				want := NotifierStats{Failed: uint64(got.Tries)}
				if want.Dead = 1; got.State == NoticeHanded {
					want = NotifierStats{Handed: 1, Failed: uint64(got.Tries) - 1}
				}
				require.Equal(t, want, o.notifier.Stats())
				if got.State == NoticeDead {
					o.sms.fails(nil)
					mail.fails(nil)
					require.NoError(t, o.notifier.Retry(t.Context(), n.ID()))
					time.Sleep(time.Minute)
					synctest.Wait()
					require.Equal(t, NoticeHanded, o.notice(t, n).State)
				}
				require.Error(t, o.notifier.Retry(t.Context(), n.ID()), "it is not dead")
				cancel()
				require.NoError(t, <-ended)
			})
		})
	}
}

// A device that is down costs no try; it is left alone for a while.
func TestDeviceIsDown(t *testing.T) {
	open(t, func(t *testing.T, o *office) {
		tries := 0
		o.sms.fails(func(Message) (Handed, error) { tries++; return Handed{}, fmt.Errorf("unbound: %w", ErrDeviceDown) })
		n := o.paid(t, NoticeDebited, Approved)
		time.Sleep(time.Minute)
		synctest.Wait()
		require.Equal(t, NoticeQueued, o.notice(t, n).State)
		require.Zero(t, o.notice(t, n).Tries)
		require.InDelta(t, 12, tries, 3)
		o.sms.fails(nil)
		time.Sleep(2 * devicePause)
		synctest.Wait()
		require.Equal(t, NoticeHanded, o.notice(t, n).State)
	})
}

// Those of one address go one after the other in their order; another address does not wait for them.
func TestOrderOfOneAddress(t *testing.T) {
	open(t, func(t *testing.T, o *office) {
		var order []string
		fails := 3
		o.sms.fails(func(m Message) (Handed, error) {
			if m.To.Reveal() == payerNumber && fails > 0 {
				fails--
				return Handed{}, errors.New("not now")
			}
			order = append(order, m.ID)
			return Handed{}, nil
		})
		first := o.paid(t, NoticeDebited, Approved)
		second := o.paid(t, NoticeDebited, Approved)
		third := o.paid(t, NoticeDebited, Approved)
		elsewhere := o.paid(t, NoticePaidOut, Paid)
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		require.Equal(t, []string{elsewhere.ID(), first.ID(), second.ID(), third.ID()}, order)
	})
}

func TestReceipts(t *testing.T) {
	open(t, func(t *testing.T, o *office) {
		receipt := func(r Receipt) error { r.Device = DeviceSMS; return o.notifier.Receipt(t.Context(), r) }
		n := o.paid(t, NoticeDebited, Approved)
		o.rest()
		require.NoError(t, receipt(Receipt{Reference: "of something else", Delivered: true}))
		require.NoError(t, receipt(Receipt{Notice: "no id"}))
		require.Equal(t, NoticeHanded, o.notice(t, n).State)
		require.NoError(t, receipt(Receipt{Notice: n.ID(), Delivered: false, Detail: "UNDELIV"}))
		time.Sleep(time.Minute)
		synctest.Wait()
		require.Equal(t, NoticeDead, o.notice(t, n).State, "there is no other device")
		require.Contains(t, o.notice(t, n).Detail, "UNDELIV")
		require.NoError(t, receipt(Receipt{Notice: n.ID(), Delivered: true}), "too late")
		require.Equal(t, NoticeDead, o.notice(t, n).State)

		// A receipt that overtakes the answer to the Send is to be offered again.
		hold, early := make(chan struct{}), errors.New("not asked")
		o.sms.fails(func(m Message) (Handed, error) {
			early = receipt(Receipt{Notice: m.ID, Delivered: true})
			close(hold)
			return Handed{Reference: "r"}, nil
		})
		quick := o.paid(t, NoticeDebited, Approved)
		<-hold
		o.rest()
		require.ErrorIs(t, early, ErrNotFound)
		require.NoError(t, receipt(Receipt{Reference: "r", Delivered: true}))
		require.Equal(t, NoticeDelivered, o.notice(t, quick).State)
	})
}

// A code that is over, used or replaced is not sent any more.
func TestOldCodesAreNotSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t)
		o.say0(t, payeeNumber, "暂停")
		due, err := o.DueEnrolments(t.Context(), time.Now(), 1)
		require.NoError(t, err)
		require.NoError(t, o.work(t.Context(), due[0]))
		time.Sleep(2 * time.Minute)
		o.say0(t, payeeNumber, "重发")
		require.Len(t, o.outbox, 2)
		require.NoError(t, o.notifier.routeAll(t.Context()))
		require.Equal(t, NoticeWithdrawn, o.outbox[0].State, "replaced")
		require.Equal(t, DeviceSMS, o.outbox[1].Device)
		time.Sleep(11 * time.Minute)
		_, err = o.notifier.send(t.Context(), o.notifier.posts[DeviceSMS], o.outbox[1])
		require.NoError(t, err)
		require.Equal(t, NoticeWithdrawn, o.outbox[1].State, "over")
		require.Empty(t, o.sms.got)
	})
}

// say0 hands in a text without waiting for workers.
func (o *office) say0(t testing.TB, from, text string) {
	t.Helper()
	o.ids++
	_, err := o.Receive(t.Context(), Inbound{Channel: ChannelSMS, MessageID: fmt.Sprint("m", o.ids), Sender: from, Text: text})
	require.NoError(t, err)
}

func TestNoticeIDs(t *testing.T) {
	now := time.Date(2026, 11, 24, 12, 0, 0, 0, Beijing)
	for _, n := range []Notice{
		{Transaction: NewID(20261124, 2), Kind: NoticeDebited}, {Transaction: NewID(20261124, MaxSequence), Kind: NoticePaidOut},
		{Transaction: NewID(20261124, 1), Kind: NoticeNewCard, Copy: 1},
		{Enrolment: NewEnrolmentID(20261124, 1), Kind: NoticeCode, Copy: 3}, {Payee: 17, Kind: NoticeDormant, Copy: 20260826},
	} {
		got, err := ParseNoticeID(n.ID(), now)
		require.NoError(t, err, n.ID())
		require.Equal(t, n, got)
		require.LessOrEqual(t, len(n.ID()), 40)
		require.Equal(t, n.Subject(), About(n.Subject()).Subject())
	}
	for _, bad := range []string{"", "-", "632800000002", "632800000002-300", "0-1.1", "17-16", "17-16.01", "x-1.1", "99999999999999999999-1.1", "632899900002-"} {
		_, err := ParseNoticeID(bad, now)
		require.Error(t, err, bad)
	}
	require.Equal(t, [2]int{0, 1}, pair(codeOf(Notice{Copy: 1})))
	for which := range 2 {
		for serial := 1; serial < 5; serial++ {
			e := &Enrolment{}
			e.Codes[which].Serial = serial
			require.Equal(t, [2]int{which, serial}, pair(codeOf(codeNotice(e, which))))
		}
	}
}

func pair(a, b int) [2]int { return [2]int{a, b} }

func TestNoticeMoves(t *testing.T) {
	for state := NoticeQueued; state <= NoticeWithdrawn; state++ {
		parsed, ok := ParseNoticeState(state.String())
		require.True(t, ok)
		require.Equal(t, state, parsed)
		require.False(t, MayMoveNotice(NoticeDelivered, state))
		require.False(t, MayMoveNotice(NoticeWithdrawn, state))
	}
	_, ok := ParseNoticeState("lost")
	require.False(t, ok)
}

// A notice whose text cannot be written (a template of the operator's own that fails with some values, a row that does not
// open) is for a person, and ends nothing: payments go on.
func TestNoticeThatCannotBeWritten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t)
		o.notifier.Templates = &Templates{}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- o.notifier.Run(ctx) }()
		n := o.paid(t, NoticeDebited, Approved)
		o.rest()
		require.Empty(t, ended, "the worker goes on")
		require.Equal(t, NoticeDead, o.notice(t, n).State)
		require.Equal(t, "its text cannot be written", o.notice(t, n).Detail)
		require.Empty(t, o.sms.got)
		cancel()
		require.NoError(t, <-ended)
	})
}
