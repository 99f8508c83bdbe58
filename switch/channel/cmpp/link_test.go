package cmpp

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	acquirer "example.com/ringback/switch"
	"example.com/ringback/switch/channel/sms"
	"example.com/ringback/switch/channel/sms/smstest"
	cmpp "github.com/bigwhite/gocmpp"
	"github.com/stretchr/testify/require"
)

func TestRunRefusesHalfAConfiguration(t *testing.T) {
	require.NoError(t, New(testConfig(V30, &smstest.Core{})).Check())
	for name, change := range map[string]func(*Config){
		"no address of a centre": func(c *Config) { c.Addrs = nil }, "account": func(c *Config) { c.Account = "12345" },
		"version": func(c *Config) { c.Version = 0x21 }, "password": func(c *Config) { c.Password = nil },
		"source": func(c *Config) { c.Source = "" }, "prefix": func(c *Config) { c.Prefix = "00861" },
		"service": func(c *Config) { c.Service = "01234567890" }, "fee type": func(c *Config) { c.FeeType = "1" },
		"inbox": func(c *Config) { c.Inbox = nil }, "name key": func(c *Config) { c.NameKey = acquirer.Key{} },
		"chance": func(c *Config) { c.Chance = nil }, "rate": func(c *Config) { c.Limits.Rate = -1 },
	} {
		c := testConfig(V30, &smstest.Core{})
		change(&c)
		require.ErrorContains(t, New(c).Run(t.Context()), name, name)
	}
}

func TestLogin(t *testing.T) {
	inBoth(t, nil, func(w *world) {
		require.Equal(w, []connection{{w.logins()[0].at, "901234", byte(w.version), true}}, w.logins())
		require.True(w, w.sms.Bound())
	})
}

func TestLoginRefused(t *testing.T) {
	for status, text := range map[uint32]string{1: "status 1 structure", 2: "status 2 source address", 3: "status 3 authentication", 5: "status 5"} {
		inBoth(t, func(_ *Config, g *gateway) { g.refuse = status }, func(w *world) {
			_, err := w.sms.Send(w.Context(), smstest.Notice(w, "a", "x"))
			require.ErrorIs(w, err, acquirer.ErrDeviceDown)
			time.Sleep(5 * time.Minute)
			require.Contains(w, w.logs.String(), text)
			require.Less(w, len(w.logins()), 15, "a gateway that says no is not asked all the time")
			w.set(func() { w.refuse = 0 })
			time.Sleep(time.Minute)
			require.True(w, w.sms.Bound())
		})
	}
}

// A gateway that has only 2.0 says so, and is asked for that.
func TestVersionIsAgreed(t *testing.T) {
	inWorld(t, V20, func(c *Config, _ *gateway) { c.Version = V30 }, func(w *world) {
		time.Sleep(time.Second)
		require.True(t, w.sms.Bound())
		l := w.logins()
		require.Equal(t, []byte{0x30, 0x20}, []byte{l[0].version, l[1].version})
		require.Contains(t, w.logs.String(), "gateway has no 3.0: 2.0 is tried next")
		_, err := w.sms.Send(w.Context(), smstest.Notice(w, "a", "王"))
		require.NoError(t, err)
		require.Equal(t, smstest.Number, w.seen()[0].dest)
		w.set(func() { require.NoError(t, w.conn.Close()) })
		time.Sleep(2 * time.Second)
		require.Equal(t, byte(0x20), w.logins()[2].version, "it is remembered")
		require.True(t, w.sms.Bound())
	})
	inWorld(t, V30, func(c *Config, _ *gateway) { c.Version = V20 }, func(w *world) {
		require.False(t, w.sms.Bound(), "the form of the answer is not what was asked for")
		require.Contains(t, w.logs.String(), "2.0 was asked for and the answer has the form of 3.0")
	})
}

func TestGatewayMustKnowThePassword(t *testing.T) {
	for _, any := range []bool{false, true} {
		inBoth(t, func(c *Config, g *gateway) { c.AnyGateway, g.secret = any, "another" }, func(w *world) {
			require.Equal(w, any, w.sms.Bound())
		})
	}
}

func TestActiveTestBothWays(t *testing.T) {
	inBoth(t, nil, func(w *world) {
		time.Sleep(5*time.Minute + time.Second)
		require.Len(w, w.logins(), 1, "a gateway that answers is stayed with")
		w.mu.Lock()
		require.Equal(w, 10, w.tests)
		w.mu.Unlock()
	})
	inBoth(t, func(_ *Config, g *gateway) { g.deaf = true }, func(w *world) {
		time.Sleep(89 * time.Second)
		require.True(w, w.sms.Bound())
		time.Sleep(3 * time.Second)
		require.Len(w, w.logins(), 2)
		require.Contains(w, w.logs.String(), "centre is silent")
	})
}

func TestAnswersThatTheGatewayWants(t *testing.T) {
	d := &dialect{&protocol{}, V30}
	read := func(b []byte) sms.Frame {
		f, err := d.Read(bufio.NewReader(bytes.NewReader(b)))
		require.NoError(t, err)
		return f
	}
	require.Equal(t, frameOf(0x80000008, 7, []byte{0}), read(frameOf(8, 7, nil)).Answer)
	f := read(frameOf(2, 8, nil))
	require.Equal(t, []any{sms.FrameGoodbye, frameOf(0x80000002, 8, nil)}, []any{f.Kind, f.Answer})
	require.Equal(t, sms.FrameParted, read(frameOf(0x80000002, 9, nil)).Kind)
	require.Equal(t, sms.Frame{Seq: 10}, read(frameOf(6, 10, []byte("query"))))
}

func TestGoodbye(t *testing.T) {
	inBoth(t, nil, func(w *world) {
		start := time.Now()
		require.NoError(w, w.stop())
		require.Less(w, time.Since(start), time.Second)
		require.Equal(w, 1, w.parted)
	})
	inBoth(t, nil, func(w *world) {
		w.write(w, frameOf(2, 77, nil))
		time.Sleep(time.Second)
		require.Len(w, w.logins(), 2)
	})
}

func TestLinkLostUnderASubmit(t *testing.T) {
	inBoth(t, func(_ *Config, g *gateway) { g.mute = true }, func(w *world) {
		ended := make(chan error, 1)
		go func() { _, err := w.sms.Send(w.Context(), smstest.Notice(w, "a", "x")); ended <- err }()
		synctest.Wait()
		w.set(func() { require.NoError(w, w.conn.Close()) })
		require.ErrorIs(w, <-ended, acquirer.ErrDeviceDown)
		time.Sleep(time.Second)
		require.True(w, w.sms.Bound())
		l := w.logins()
		require.Equal(w, 750*time.Millisecond, l[1].at.Sub(l[0].at))
	})
}

// One frame that cannot be read costs itself and nothing else; a stream that cannot be read costs the link.
func TestHostileFrames(t *testing.T) {
	inBoth(t, nil, func(w *world) {
		good := mo{id: 3, from: smstest.Number, text: []byte("a")}.body(w.version)
		w.write(w, frameOf(5, 1, nil))
		w.write(w, frameOf(5, 2, good[:len(good)-1]))
		w.write(w, frameOf(5, 3, append(bytes.Clone(good), 0)))
		w.write(w, frameOf(5, 4, make([]byte, maxFrame-12)))
		w.write(w, frameOf(0x80000004, 5, []byte("short")))
		w.write(w, frameOf(0x80000004, 6, w.withResult(1, 0)))
		w.write(w, frameOf(0x80000001, 7, nil))
		w.write(w, frameOf(9, 8, []byte("forward")))
		w.write(w, frameOf(0xFFFFFFFF, 9, nil))
		synctest.Wait()
		require.Equal(w, map[uint32]uint32{1: 1, 2: 1, 3: 1, 4: 1}, w.answers())
		require.True(w, w.sms.Bound())
		require.Len(w, w.logins(), 1)
		for i, n := range []uint32{0, 11, maxFrame + 1, 1 << 31} {
			w.write(w, binary.BigEndian.AppendUint32(nil, n))
			w.mu.Lock()
			_, _ = w.conn.Write(make([]byte, 4)) // the link may be gone by now
			w.mu.Unlock()
			time.Sleep(time.Minute)
			require.Len(w, w.logins(), i+2)
		}
		require.Empty(w, w.core.Received())
		w.deliver(w, mo{id: 3, from: smstest.Number, text: []byte("a")})
		synctest.Wait()
		require.Len(w, w.core.Received(), 1)
	})
}

// The library's words hold parts of fields: they are not passed on.
func TestErrorsHoldNoField(t *testing.T) {
	_, err := pack(&cmpp.Cmpp2SubmitReqPkt{DestTerminalId: []string{"139472058611394720586113947205861"}, DestUsrTl: 1}, 1)
	require.Error(t, err)
	require.NotContains(t, err.Error(), "139472")
	for _, v := range []Version{V20, V30} {
		d := &dialect{&protocol{Config: testConfig(v, nil)}, v}
		_, err = d.Submit(1, sms.Submission{Dest: sms.Party{Addr: "139472058611394720586"}}, sms.Part{})
		require.Error(t, err)
		require.NotContains(t, err.Error(), "139472")
	}
}

// FuzzFrame: no bytes that a gateway may send break what reads them, and a frame is never longer than its limit.
func FuzzFrame(f *testing.F) {
	f.Add(frameOf(8, 1, nil), false)
	f.Add(frameOf(5, 1, mo{id: 1, from: smstest.Number, format: 8, text: []byte("\x73\x8b")}.body(V30)), true)
	f.Add(frameOf(0x80000004, 1, []byte("\x00\x00\x00\x00\x00\x00\x00\x01\x00")), false)
	f.Add(binary.BigEndian.AppendUint32(nil, 1<<31), true)
	f.Fuzz(func(t *testing.T, b []byte, three bool) {
		d := &dialect{&protocol{}, V20}
		if three {
			d.version = V30
		}
		r := bufio.NewReader(bytes.NewReader(b))
		for {
			f, err := d.Read(r)
			if err != nil {
				return
			}
			require.LessOrEqual(t, len(f.Answer), 13)
			if f.Kind == sms.FrameResult {
				require.LessOrEqual(t, len(f.Result.ID), 20)
				require.NotEmpty(t, f.Result.Word)
			}
		}
	})
}

// FuzzDeliver: what is read of a deliver stays within its bounds, and has an answer.
func FuzzDeliver(f *testing.F) {
	for _, v := range []Version{V20, V30} {
		f.Add(mo{id: 1, from: smstest.Number, format: 8, text: []byte("\x73\x8b")}.body(v), v == V30)
		f.Add(longMO(smstest.Number, registration, 3, 67)[1].body(v), v == V30)
		f.Add(mo{id: 1, from: smstest.Number, receipt: 1, text: report(v, 7, "DELIVRD")}.body(v), v == V30)
		f.Add(mo{id: 1, from: smstest.Number, receipt: 1, text: report(v, 7, "MK:0001")}.body(v), v == V30)
	}
	f.Fuzz(func(t *testing.T, b []byte, three bool) {
		d := &dialect{&protocol{}, V20}
		if three {
			d.version = V30
		}
		got := d.delivery(frame{command: cmpp.CMPP_DELIVER, seq: 1, rest: append([]byte{0, 0, 0, 1}, b...)})
		require.Len(t, got.Respond(sms.Taken), map[bool]int{false: 21, true: 24}[three])
		switch {
		case got.Wrong != "":
		case got.Receipt != nil:
			require.NotEmpty(t, got.Receipt.ID)
			require.LessOrEqual(t, len(got.Receipt.Detail), 7)
			require.True(t, got.Receipt.Ended || !got.Receipt.Delivered)
		default:
			c := got.Concat
			require.True(t, c.Total == 0 || c.Seq >= 1 && c.Seq <= c.Total && c.Total <= sms.MaxInParts)
			require.LessOrEqual(t, len(got.Text), len(b))
			if s, err := d.Decode(got.Coding, got.Text); err == nil {
				require.LessOrEqual(t, len(s), 3*len(got.Text))
			} else {
				require.ErrorIs(t, err, sms.ErrText)
			}
		}
	})
}

// FuzzConnected: an answer to connect is understood or refused.
func FuzzConnected(f *testing.F) {
	f.Add(make([]byte, 18))
	f.Add(make([]byte, 21))
	f.Fuzz(func(t *testing.T, b []byte) {
		a, err := decodeConnected(frame{rest: append([]byte{0, 0, 0, 1}, b...)})
		if err != nil {
			require.True(t, errors.Is(err, errFrame))
			return
		}
		require.Len(t, a.auth, 16)
		require.False(t, a.knows("ours", "password"), "nobody without the password has the sum")
	})
}
