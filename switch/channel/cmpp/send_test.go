package cmpp

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	acquirer "example.com/ringback/switch"
	"example.com/ringback/switch/channel/sms"
	"example.com/ringback/switch/channel/sms/smstest"
	"github.com/stretchr/testify/require"
)

func TestSendOnePart(t *testing.T) {
	inBoth(t, func(c *Config, _ *gateway) { c.Prefix = "86" }, func(w *world) {
		m := smstest.Notice(w, "632800000002-1", "收款12.34元")
		m.Expires = time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)
		got, err := w.sms.Send(w.Context(), m)
		require.NoError(w, err)
		require.Equal(w, acquirer.Handed{Reference: "1"}, got)
		s := w.seen()[0]
		require.Equal(w, []any{"10690000", "86" + smstest.Number, "901234", "SVC", "010", "300102110405032+"},
			[]any{s.source, s.dest, s.src, s.service, s.fee, s.valid})
		require.Equal(w, []byte{1, 1, 1, 0, 8}, []byte{s.total, s.number, s.receipt, s.udhi, s.format})
		text, err := sms.DecodeUCS2(s.text)
		require.NoError(w, err)
		require.Equal(w, "收款12.34元", text)
	})
}

func TestSendLong(t *testing.T) {
	inBoth(t, nil, func(w *world) {
		text := strings.Repeat("收款一百二十三元。", 15) + "𬇕"
		got, err := w.sms.Send(w.Context(), smstest.Notice(w, "a", text))
		require.NoError(w, err)
		require.Equal(w, "3", got.Reference)
		var whole []byte
		for i, s := range w.seen() {
			require.Equal(w, []byte{3, byte(i + 1), 1, 8}, []byte{s.total, s.number, s.udhi, s.format})
			require.Equal(w, []byte{5, 0, 3, byte(sms.Reference("a")), 3, byte(i + 1)}, s.text[:6])
			require.LessOrEqual(w, len(s.text), 140)
			whole = append(whole, s.text[6:]...)
		}
		back, err := sms.DecodeUCS2(whole)
		require.NoError(w, err)
		require.Equal(w, text, back)
	})
}

func TestSplit(t *testing.T) {
	p := &protocol{}
	for _, c := range []struct {
		name, text string
		format     byte
		sizes      []int
	}{
		{"empty", "", 0, []int{0}},
		{"ASCII, whole", strings.Repeat("a", 159), 0, []int{159}},
		{"ASCII, two", strings.Repeat("a", 160), 0, []int{159, 13}},
		{"a sign that alphabets have elsewhere", "a@b", 8, []int{6}},
		{"brackets cost two places of a handset", "[1]", 8, []int{6}},
		{"line end", "a\nb", 0, []int{3}},
		{"Chinese, whole", strings.Repeat("王", 70), 8, []int{140}},
		{"Chinese, two", strings.Repeat("王", 71), 8, []int{140, 14}},
		{"pair at the border", strings.Repeat("王", 66) + "𬇕" + strings.Repeat("王", 10), 8, []int{138, 30}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := p.Split(c.text, 9, sms.MaxParts)
			require.NoError(t, err)
			var sizes []int
			for _, part := range got {
				require.Equal(t, c.format, part.Coding)
				sizes = append(sizes, len(part.Text))
			}
			require.Equal(t, c.sizes, sizes)
		})
	}
	_, err := p.Split(strings.Repeat("王", 67*sms.MaxParts+1), 9, sms.MaxParts)
	require.ErrorIs(t, err, acquirer.ErrUndeliverable)
}

func TestResultDecidesWhatBecomesOfANotice(t *testing.T) {
	never := map[uint32]bool{4: true, 6: true, 9: true, 13: true}
	for _, result := range []uint32{1, 2, 3, 4, 5, 6, 7, 9, 10, 11, 12, 13, 14, 99, 255} {
		inBoth(t, func(_ *Config, g *gateway) { g.onSubmit = func(int, submitted) uint32 { return result } }, func(w *world) {
			_, err := w.sms.Send(w.Context(), smstest.Notice(w, "a", "x"))
			require.Error(w, err)
			require.Equal(w, never[result], errors.Is(err, acquirer.ErrUndeliverable), "%d", result)
			require.NotErrorIs(w, err, acquirer.ErrDeviceDown)
			require.ErrorContains(w, err, strconv.Itoa(int(result)))
			require.Len(w, w.seen(), 1)
		})
	}
}

func TestThrottledIsWaitedFor(t *testing.T) {
	inBoth(t, func(_ *Config, g *gateway) {
		g.onSubmit = func(n int, _ submitted) uint32 {
			if n < 3 {
				return 8
			}
			return 0
		}
	}, func(w *world) {
		got, err := w.sms.Send(w.Context(), smstest.Notice(w, "a", "x"))
		require.NoError(w, err)
		require.Equal(w, "3", got.Reference)
		s := w.seen()
		require.Equal(w, []time.Duration{750 * time.Millisecond, 1500 * time.Millisecond}, []time.Duration{s[1].at.Sub(s[0].at), s[2].at.Sub(s[1].at)})
		require.Contains(w, w.logs.String(), "8 flow control")
	})
}

func TestWindowIsSixteen(t *testing.T) {
	inBoth(t, func(_ *Config, g *gateway) { g.mute = true }, func(w *world) {
		var all sync.WaitGroup
		for i := range 20 {
			all.Go(func() { _, _ = w.sms.Send(w.Context(), smstest.Notice(w, strconv.Itoa(i), "x")) })
		}
		time.Sleep(59 * time.Second)
		require.Len(w, w.seen(), 16)
		w.set(func() { w.mute = false })
		time.Sleep(2 * time.Second)
		all.Wait()
		numbers := map[uint32]int{}
		for _, s := range w.seen() {
			numbers[s.seq]++
		}
		require.Len(w, numbers, 20, "sixteen went a second time under their numbers, and four behind them")
		require.Len(w, w.seen(), 36)
	})
}

// T and N of the standard: the same number after 60 s of silence, three times in all.
func TestSilenceIsAnsweredByTheSameAgain(t *testing.T) {
	inBoth(t, func(_ *Config, g *gateway) { g.mute = true }, func(w *world) {
		start := time.Now()
		_, err := w.sms.Send(w.Context(), smstest.Notice(w, "a", "x"))
		require.ErrorContains(w, err, "silent")
		require.NotErrorIs(w, err, acquirer.ErrUndeliverable)
		require.Equal(w, 180*time.Second, time.Since(start))
		s := w.seen()
		require.Len(w, s, 3)
		require.Equal(w, []any{s[0].seq, s[0].seq, time.Minute}, []any{s[1].seq, s[2].seq, s[2].at.Sub(s[1].at)})
		require.Len(w, w.logins(), 1, "the active test decides about the link")
	})
}

// A try of the core ends before the gateway's time does. The next one waits for the same answer.
func TestNextTryWaitsForTheSameAnswer(t *testing.T) {
	inBoth(t, func(_ *Config, g *gateway) { g.mute = true }, func(w *world) {
		m := smstest.Notice(w, "a", strings.Repeat("王", 71))
		try := func() (acquirer.Handed, error) {
			ctx, stop := context.WithTimeout(w.Context(), acquirer.SendTimeout)
			defer stop()
			return w.sms.Send(ctx, m)
		}
		_, err := try()
		require.ErrorIs(w, err, context.DeadlineExceeded)
		w.set(func() { w.mute = false })
		time.Sleep(10 * time.Second)
		got, err := try()
		require.NoError(w, err)
		require.Equal(w, "3", got.Reference)
		s := w.seen()
		require.Len(w, s, 3, "the first part twice under one number, the second once")
		require.Equal(w, s[0].seq, s[1].seq)
	})
}

func TestAnswerBetweenTwoTriesCounts(t *testing.T) {
	inBoth(t, func(_ *Config, g *gateway) { g.mute = true }, func(w *world) {
		ctx, stop := context.WithTimeout(w.Context(), acquirer.SendTimeout)
		defer stop()
		_, err := w.sms.Send(ctx, smstest.Notice(w, "a", "x"))
		require.ErrorIs(w, err, context.DeadlineExceeded)
		w.write(w, frameOf(0x80000004, w.seen()[0].seq, w.withResult(77, 0)))
		synctest.Wait()
		got, err := w.sms.Send(w.Context(), smstest.Notice(w, "a", "x"))
		require.NoError(w, err)
		require.Equal(w, "77", got.Reference)
		require.Len(w, w.seen(), 1)
	})
}

// A gateway that had the first frame says so when it gets it again.
func TestNumberThatTheGatewayHadBefore(t *testing.T) {
	inBoth(t, func(_ *Config, g *gateway) {
		g.mute = true
		g.onSubmit = func(int, submitted) uint32 { return 3 }
	}, func(w *world) {
		time.AfterFunc(time.Second, func() { w.set(func() { w.mute = false }) })
		got, err := w.sms.Send(w.Context(), smstest.Notice(w, "a", "x"))
		require.NoError(w, err)
		require.Empty(w, got.Reference)
		_, err = w.sms.Send(w.Context(), smstest.Notice(w, "b", "x"))
		require.ErrorContains(w, err, "3 sequence number again", "the first time it is no yes")
	})
}

func TestReceipts(t *testing.T) {
	for _, c := range []struct {
		stat      string
		ended, ok bool
		state     string
	}{
		{"DELIVRD", true, true, "DELIVRD"}, {"EXPIRED", true, false, "EXPIRED"}, {"DELETED", true, false, "DELETED"},
		{"UNDELIV", true, false, "UNDELIV"}, {"REJECTD", true, false, "REJECTD"}, {"MK:0001", true, false, "MK:0001"},
		{"ID:0076", true, false, "ID:0076"}, {"ACCEPTD", false, false, "ACCEPTD"}, {"UNKNOWN", false, false, "UNKNOWN"},
		{"138:001", false, false, "?"}, {"mk:0001", false, false, "?"}, {"\x00\x00\x00\x00\x00\x00\x00", false, false, "?"},
	} {
		for _, v := range []Version{V20, V30} {
			r := decodeReceipt(string(report(v, 7, c.stat)))
			require.Equal(t, &sms.Report{ID: "7", Ended: c.ended, Delivered: c.ok, State: c.state, Detail: c.state}, r)
		}
	}
	for _, bad := range [][]byte{nil, report(V20, 0, "DELIVRD"), report(V20, 7, "DELIVRD")[:59], append(report(V30, 7, "DELIVRD"), 0)} {
		require.Nil(t, decodeReceipt(string(bad)))
	}
}

func TestReceiptsOfALongMessage(t *testing.T) {
	inBoth(t, nil, func(w *world) {
		_, err := w.sms.Send(w.Context(), smstest.Notice(w, "a", strings.Repeat("王", 71)))
		require.NoError(w, err)
		receipt := func(id uint64, stat string) mo {
			return mo{id: 900 + id, from: smstest.Number, receipt: 1, text: report(w.version, id, stat)}
		}
		w.deliver(w, receipt(1, "DELIVRD"), receipt(1, "DELIVRD"))
		synctest.Wait()
		require.Empty(w, w.core.Receipts())
		w.deliver(w, receipt(2, "DELIVRD"), mo{from: smstest.Number, receipt: 1, text: []byte("no receipt")})
		synctest.Wait()
		told := w.core.Receipts()
		require.Len(w, told, 1)
		require.Equal(w, acquirer.Receipt{Device: "sms", Notice: "a", Delivered: true, Detail: "DELIVRD", At: told[0].At}, told[0])
		require.Equal(w, map[uint32]uint32{1: 0, 2: 0, 3: 0, 4: 9}, w.answers())
	})
}

// An operator has a notice sent once more whose receipt said no.
func TestSentOnceMore(t *testing.T) {
	for text, want := range map[string]string{"x": "2", strings.Repeat("王", 71): "4"} {
		inBoth(t, nil, func(w *world) {
			m := smstest.Notice(w, "a", text)
			_, err := w.sms.Send(w.Context(), m)
			require.NoError(w, err)
			w.deliver(w, mo{from: smstest.Number, receipt: 1, text: report(w.version, 1, "UNDELIV")})
			synctest.Wait()
			require.Len(w, w.core.Receipts(), 1)
			got, err := w.sms.Send(w.Context(), m)
			require.NoError(w, err)
			require.Equal(w, want, got.Reference)
		})
	}
}
