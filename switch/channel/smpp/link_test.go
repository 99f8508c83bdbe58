package smpp

import (
	"encoding/binary"
	"testing"
	"testing/synctest"
	"time"

	"example.com/ringback/switch/channel/sms/smstest"
	"github.com/linxGnu/gosmpp/data"
	"github.com/stretchr/testify/require"
)

func TestRunRefusesHalfAConfiguration(t *testing.T) {
	require.NoError(t, New(testConfig(nil, &smstest.Core{})).Check())
	for name, change := range map[string]func(*Config){
		"no address of a centre": func(c *Config) { c.Addrs = nil }, "system id": func(c *Config) { c.SystemID = "0123456789abcdef" },
		"system type": func(c *Config) { c.SystemType = "0123456789abc" }, "password": func(c *Config) { c.Password = nil },
		"source": func(c *Config) { c.Source.Addr = "" }, "prefix": func(c *Config) { c.Prefix = "00861" },
		"alphabet": func(c *Config) { c.Alphabet = "utf-8" }, "receipt ids": func(c *Config) { c.ReceiptIDs = "dec" },
		"inbox": func(c *Config) { c.Inbox = nil }, "name key": func(c *Config) { c.NameKey.Reveal()[0] = 1; *c = Config{} },
		"chance": func(c *Config) { c.Chance = nil }, "rate": func(c *Config) { c.Limits.Rate = -1 },
	} {
		c := testConfig(nil, &smstest.Core{})
		change(&c)
		require.ErrorContains(t, New(c).Run(t.Context()), name, name)
	}
}

func TestPausesBetweenBindsGrow(t *testing.T) {
	inWorld(t, func(_ *Config, s *centre) { s.refuse = data.ESME_RBINDFAIL }, func(w *world) {
		time.Sleep(5 * time.Minute)
		w.set(func() { w.refuse = 0 })
		time.Sleep(time.Minute)
		require.True(t, w.sms.Bound())
		lines := 0
		for _, c := range w.logs.String() {
			if c == '\n' {
				lines++
			}
		}
		require.Less(t, lines, 20, "a centre that is away for long is not asked all the time")
	})
}

func TestSilentCentreIsLeft(t *testing.T) {
	inWorld(t, func(_ *Config, s *centre) { s.deaf = true }, func(w *world) {
		time.Sleep(39 * time.Second)
		require.True(t, w.sms.Bound())
		_, enquiries, _ := w.counts()
		require.Equal(t, 1, enquiries)
		time.Sleep(3 * time.Second)
		binds(w, 2)
		require.Contains(t, w.logs.String(), "centre is silent")
	})
}

func TestEnquireLinkBothWays(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		time.Sleep(5*time.Minute + time.Second)
		binds, enquiries, _ := w.counts()
		require.Len(t, binds, 1, "a centre that answers is stayed with")
		require.Equal(t, 10, enquiries)
	})
}

func TestUnbindAtTheEnd(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		start := time.Now()
		require.NoError(t, w.stop())
		require.Less(t, time.Since(start), time.Second)
		_, _, unbinds := w.counts()
		require.Equal(t, 1, unbinds)
	})
}

func TestCentreUnbinds(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		_, err := w.conn.Write(frameOf(6, 0, 77, nil))
		require.NoError(t, err)
		time.Sleep(time.Second)
		binds(w, 2)
		require.Contains(t, w.logs.String(), "centre unbound")
	})
}

// One message that cannot be read costs itself and nothing else; a stream that cannot be read costs the link.
func TestMalformed(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		write := func(b []byte) { _, err := w.conn.Write(b); require.NoError(t, err) }
		write(frameOf(5, 0, 1, []byte("no deliver_sm")))
		write(frameOf(5, 0, 2, mo{from: "8613800138001", class: 0x40, text: []byte("\x00abc")}.body()[:20]))
		write(frameOf(5, 0, 3, mo{from: "8613800138001", class: 0x40, text: []byte("\xff\x00\x03")}.body()))
		write(frameOf(5, 0, 4, append(mo{from: "8613800138001", text: []byte("a")}.body(), tlv(tagPayload, 'a')...)))
		write(frameOf(5, 0, 5, append(mo{from: "8613800138001"}.body(), 4, 36, 255, 255, 1)))
		write(frameOf(0x103, 0, 6, []byte("data_sm")))
		write(frameOf(0x80000004, 0, 7, []byte("an answer to nothing\x00")))
		write(frameOf(0x80000000, 3, 8, nil))
		synctest.Wait()
		require.Equal(t, map[uint32]data.CommandStatusType{1: statusNever, 2: statusNever, 3: statusNever, 4: statusNever, 5: statusNever}, w.statuses())
		require.True(t, w.sms.Bound())
		binds(w, 1)
		write(binary.BigEndian.AppendUint32(nil, maxFrame+1))
		_, _ = w.conn.Write(make([]byte, 12)) // the link may be gone by now
		time.Sleep(2 * time.Second)
		binds(w, 2)
		require.Empty(t, w.core.Received())
	})
}

func binds(w *world, want int) {
	w.Helper()
	got, _, _ := w.counts()
	require.Len(w, got, want)
}
