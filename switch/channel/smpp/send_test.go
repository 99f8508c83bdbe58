package smpp

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	acquirer "example.com/ringback/switch"
	"example.com/ringback/switch/channel/sms"
	"example.com/ringback/switch/channel/sms/smstest"
	"github.com/linxGnu/gosmpp/data"
	"github.com/stretchr/testify/require"
)

func TestSendOnePart(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		m := smstest.Notice(w, "632800000002-1", "收款12.34元")
		m.Expires = time.Now().Add(10 * time.Minute)
		got, err := w.sms.Send(w.Context(), m)
		require.NoError(t, err)
		require.Equal(t, acquirer.Handed{Reference: "id-1"}, got)
		s := w.seen()[0]
		require.Equal(t, "10690000", s.source)
		require.Equal(t, "8613800138001", s.dest)
		require.Equal(t, []any{byte(0), byte(8), byte(1), "000000001000000R"}, []any{s.class, s.coding, s.receipt, s.validity})
		require.Equal(t, sms.Reference(m.ID), s.ref)
	})
}

func TestSendRefusesWhatCanNeverBe(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		m := smstest.Notice(w, "a", "x")
		m.Expires = time.Now()
		_, err := w.sms.Send(w.Context(), m)
		require.ErrorIs(t, err, acquirer.ErrUndeliverable)
		m = smstest.Notice(w, "b", strings.Repeat("王", 67*sms.MaxParts+1))
		_, err = w.sms.Send(w.Context(), m)
		require.ErrorIs(t, err, acquirer.ErrUndeliverable)
		m = smstest.Notice(w, "c", "x")
		m.To, err = acquirer.NewAddress(acquirer.DeviceEmail, "li@example.org")
		require.NoError(t, err)
		_, err = w.sms.Send(w.Context(), m)
		require.ErrorIs(t, err, acquirer.ErrUndeliverable)
		require.Empty(t, w.seen())
	})
}

func TestStatusDecidesWhatBecomesOfANotice(t *testing.T) {
	for _, c := range []struct {
		status data.CommandStatusType
		never  bool
	}{
		{data.ESME_RINVDSTADR, true}, {data.ESME_RINVDSTTON, true}, {data.ESME_RINVDSTNPI, true}, {data.ESME_RX_P_APPN, true},
		{data.ESME_RX_R_APPN, true}, {data.ESME_RINVMSGLEN, true}, {data.ESME_RINVEXPIRY, true},
		{data.ESME_RSYSERR, false}, {data.ESME_RX_T_APPN, false}, {data.ESME_RINVSRCADR, false}, {data.ESME_RSUBMITFAIL, false},
		{0x00000410, false},
	} {
		t.Run(statusText(c.status), func(t *testing.T) {
			inWorld(t, func(_ *Config, s *centre) {
				s.onSubmit = func(int, submitted) (data.CommandStatusType, string) { return c.status, "" }
			}, func(w *world) {
				_, err := w.sms.Send(w.Context(), smstest.Notice(w, "a", "x"))
				require.Error(t, err)
				require.Equal(t, c.never, errors.Is(err, acquirer.ErrUndeliverable))
				require.NotErrorIs(t, err, acquirer.ErrDeviceDown)
				require.NotContains(t, err.Error(), "13800138001")
				require.Len(t, w.seen(), 1)
			})
		})
	}
}

func TestThrottledIsWaitedFor(t *testing.T) {
	for _, status := range []data.CommandStatusType{data.ESME_RTHROTTLED, data.ESME_RMSGQFUL} {
		inWorld(t, func(_ *Config, s *centre) {
			s.onSubmit = func(n int, _ submitted) (data.CommandStatusType, string) {
				if n < 4 {
					return status, ""
				}
				return 0, "late"
			}
		}, func(w *world) {
			got, err := w.sms.Send(w.Context(), smstest.Notice(w, "a", "x"))
			require.NoError(t, err)
			require.Equal(t, "late", got.Reference)
			var gaps []time.Duration
			s := w.seen()
			for i := 1; i < len(s); i++ {
				gaps = append(gaps, s[i].at.Sub(s[i-1].at))
			}
			require.Equal(t, []time.Duration{750 * time.Millisecond, 1500 * time.Millisecond, 3 * time.Second}, gaps) // three quarters of 1, 2, 4 s
			_, err = w.sms.Send(w.Context(), smstest.Notice(w, "b", "x"))
			require.NoError(t, err)
			require.Less(t, time.Since(w.seen()[3].at), time.Second, "taken again: no pause is left")
		})
	}
}

func TestThrottledForTooLongIsForNow(t *testing.T) {
	inWorld(t, func(_ *Config, s *centre) {
		s.onSubmit = func(int, submitted) (data.CommandStatusType, string) { return data.ESME_RTHROTTLED, "" }
	}, func(w *world) {
		ctx, stop := context.WithTimeout(w.Context(), acquirer.SendTimeout)
		defer stop()
		_, err := w.sms.Send(ctx, smstest.Notice(w, "a", "x"))
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.NotErrorIs(t, err, acquirer.ErrUndeliverable)
		require.LessOrEqual(t, len(w.seen()), 7)
	})
}

func TestPauseStopsEverybody(t *testing.T) {
	inWorld(t, func(_ *Config, s *centre) {
		s.onSubmit = func(n int, _ submitted) (data.CommandStatusType, string) {
			if n == 1 {
				return data.ESME_RTHROTTLED, ""
			}
			return 0, "id"
		}
	}, func(w *world) {
		var all sync.WaitGroup
		all.Go(func() { _, _ = w.sms.Send(w.Context(), smstest.Notice(w, "a", "x")) })
		synctest.Wait()
		all.Go(func() { _, _ = w.sms.Send(w.Context(), smstest.Notice(w, "b", "x")) })
		all.Wait()
		s := w.seen()
		require.Len(t, s, 3)
		require.GreaterOrEqual(t, s[1].at.Sub(s[0].at), 750*time.Millisecond)
		require.GreaterOrEqual(t, s[2].at.Sub(s[0].at), 750*time.Millisecond)
	})
}

func TestRateAndWindow(t *testing.T) {
	inWorld(t, func(c *Config, s *centre) {
		c.Limits.Rate, c.Limits.Window = 10, 3
		s.mute = true
	}, func(w *world) {
		start := time.Now()
		var all sync.WaitGroup
		for i := range 8 {
			all.Go(func() { _, _ = w.sms.Send(w.Context(), smstest.Notice(w, string(rune('a'+i)), "x")) })
		}
		time.Sleep(9 * time.Second)
		require.Len(t, w.seen(), 3, "the window is full")
		require.Equal(t, 200*time.Millisecond, w.seen()[2].at.Sub(start), "ten a second")
		all.Wait()
		require.Len(t, w.seen(), 8)
	})
}

func TestNoAnswerIsSentAgainUnderTheSameReference(t *testing.T) {
	inWorld(t, func(_ *Config, s *centre) { s.mute = true }, func(w *world) {
		m := smstest.Notice(w, "632800000002-1", strings.Repeat("王", 100))
		_, err := w.sms.Send(w.Context(), m)
		require.ErrorContains(t, err, "centre is silent")
		require.NotErrorIs(t, err, acquirer.ErrUndeliverable)
		w.set(func() { w.mute = false })
		_, err = w.sms.Send(w.Context(), m)
		require.NoError(t, err)
		s := w.seen()
		require.Len(t, s, 3)
		require.Equal(t, s[0].text, s[1].text)
		require.Equal(t, s[0].ref, s[2].ref)
		require.Equal(t, s[0].text[3], s[2].text[3])
	})
}

// A long message of which the centre has a part goes on behind it.
func TestLongMessageGoesOnWhereItStopped(t *testing.T) {
	inWorld(t, func(_ *Config, s *centre) {
		s.onSubmit = func(n int, _ submitted) (data.CommandStatusType, string) {
			if n == 2 {
				return data.ESME_RSYSERR, ""
			}
			return 0, "p" + string(rune('0'+n))
		}
	}, func(w *world) {
		m := smstest.Notice(w, "a", strings.Repeat("王", 67*3))
		_, err := w.sms.Send(w.Context(), m)
		require.Error(t, err)
		got, err := w.sms.Send(w.Context(), m)
		require.NoError(t, err)
		require.Equal(t, "p4", got.Reference)
		var order []byte
		for _, s := range w.seen() {
			require.Equal(t, byte(0x40), s.class)
			order = append(order, s.text[5])
		}
		require.Equal(t, []byte{1, 2, 2, 3}, order)
		m.Text = strings.Repeat("李", 67*3) // another text under the name: from the beginning
		_, err = w.sms.Send(w.Context(), m)
		require.NoError(t, err)
		require.Len(t, w.seen(), 7)
	})
}

func TestDownIsSaidAtOnce(t *testing.T) {
	inWorld(t, func(_ *Config, s *centre) { s.refuse = data.ESME_RINVPASWD }, func(w *world) {
		start := time.Now()
		_, err := w.sms.Send(w.Context(), smstest.Notice(w, "a", "x"))
		require.ErrorIs(t, err, acquirer.ErrDeviceDown)
		require.Zero(t, time.Since(start))
		require.Contains(t, w.logs.String(), "bind refused or closed: 0x0000000E ESME_RINVPASWD")
		require.NotContains(t, w.logs.String(), "secret-pw")
	})
}

func TestLinkLostUnderASubmit(t *testing.T) {
	inWorld(t, func(_ *Config, s *centre) { s.mute = true }, func(w *world) {
		ended := make(chan error, 1)
		go func() { _, err := w.sms.Send(w.Context(), smstest.Notice(w, "a", "x")); ended <- err }()
		synctest.Wait()
		w.cut(t)
		require.ErrorIs(t, <-ended, acquirer.ErrDeviceDown)
		synctest.Wait()
		require.False(t, w.sms.Bound())
		time.Sleep(time.Second)
		require.True(t, w.sms.Bound())
		at, _, _ := w.counts()
		require.Len(t, at, 2)
		require.Equal(t, 750*time.Millisecond, at[1].Sub(at[0]))
	})
}

func TestReceiptsOfOnePart(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		_, err := w.sms.Send(w.Context(), smstest.Notice(w, "a", "x"))
		require.NoError(t, err)
		seq := w.deliver(t, mo{from: "8613800138001", class: 4, text: []byte("id:id-1 stat:ACCEPTD err:000")},
			mo{from: "8613800138001", class: 4, tlv: append(tlv(tagReceiptedID, []byte("id-1\x00")...), tlv(tagMessageState, 2)...)})
		synctest.Wait()
		require.Equal(t, map[uint32]data.CommandStatusType{seq[0]: 0, seq[1]: 0}, w.statuses())
		told := w.core.Receipts()
		require.Len(t, told, 1)
		require.Equal(t, acquirer.Receipt{Device: "sms", Reference: "id-1", Delivered: true, Detail: "DELIVRD", At: told[0].At}, told[0])
	})
}

func TestReceiptsOfALongMessage(t *testing.T) {
	receiptOf := func(id, state string) mo {
		return mo{from: "8613800138001", class: 4, text: []byte("id:" + id + " stat:" + state + " err:012")}
	}
	for _, c := range []struct {
		name      string
		states    []string // of the three parts in the order in which they come
		delivered []bool
	}{
		{"two of three", []string{"DELIVRD", "DELIVRD"}, nil},
		{"all", []string{"DELIVRD", "DELIVRD", "DELIVRD"}, []bool{true}},
		{"one failed", []string{"DELIVRD", "UNDELIV"}, []bool{false}},
		{"one failed, and the others come later", []string{"UNDELIV", "DELIVRD", "DELIVRD"}, []bool{false}},
		{"all failed", []string{"UNDELIV", "EXPIRED", "REJECTD"}, []bool{false}},
	} {
		t.Run(c.name, func(t *testing.T) {
			inWorld(t, nil, func(w *world) {
				_, err := w.sms.Send(w.Context(), smstest.Notice(w, "notice-1", strings.Repeat("王", 67*3)))
				require.NoError(t, err)
				for i, s := range c.states {
					seq := w.deliver(t, receiptOf("id-"+string(rune('1'+i)), s))
					w.deliver(t, receiptOf("id-"+string(rune('1'+i)), s)) // centres repeat themselves
					synctest.Wait()
					require.Equal(t, statusOK, w.statuses()[seq[0]])
				}
				var got []bool
				for _, r := range w.core.Receipts() {
					require.Equal(t, "notice-1", r.Notice)
					got = append(got, r.Delivered)
				}
				require.Equal(t, c.delivered, got)
			})
		})
	}
}

// A receipt may overtake the write of the notice.
func TestReceiptThatCameTooEarly(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		n := 0
		w.core.OnStored(func(acquirer.Receipt) error {
			if n++; n < 3 {
				return acquirer.ErrNotFound
			}
			return nil
		})
		w.deliver(t, mo{from: "8613800138001", class: 4, text: []byte("id:7 stat:DELIVRD")})
		synctest.Wait()
		require.Empty(t, w.statuses(), "not acknowledged before it is stored")
		time.Sleep(time.Second)
		require.Equal(t, map[uint32]data.CommandStatusType{1: 0}, w.statuses())
		require.Len(t, w.core.Receipts(), 1)
	})
}

func TestReceiptThatNobodyWaitsFor(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		w.core.OnStored(func(acquirer.Receipt) error { return acquirer.ErrNotFound })
		w.deliver(t, mo{from: "8613800138001", class: 4, text: []byte("id:7 stat:DELIVRD")})
		time.Sleep(7 * time.Second)
		require.Equal(t, map[uint32]data.CommandStatusType{1: 0}, w.statuses(), "else it would come for ever")
	})
}

func TestReceiptThatCannotBeStored(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		w.core.OnStored(func(acquirer.Receipt) error { return errors.New("busy") })
		w.deliver(t, mo{from: "8613800138001", class: 4, text: []byte("id:7 stat:DELIVRD")}, mo{from: "8613800138001", class: 4, text: []byte("nothing")},
			mo{from: "8613800138001", class: 0x20, text: []byte("news")})
		synctest.Wait()
		require.Equal(t, map[uint32]data.CommandStatusType{1: statusLater, 2: statusNever, 3: statusOK}, w.statuses())
		w.core.OnStored(func(acquirer.Receipt) error { return acquirer.ErrStore })
		w.deliver(t, mo{from: "8613800138001", class: 4, text: []byte("id:8 stat:DELIVRD")})
		synctest.Wait()
		require.NotEqual(t, statusOK, w.statuses()[4])
		require.ErrorIs(t, w.stop(), acquirer.ErrStore)
	})
}
