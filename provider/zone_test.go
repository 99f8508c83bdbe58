package provider

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"example.com/ringback/spec"
	acquirer "example.com/ringback/switch"

	"example.com/ringback/spec/cups"
)

// The published key resets (host dialect page, section 4.3).
var (
	macReset = resetVector{time: "0517160726", trace: "000535", control: "2000000000000000",
		f96: "0FE5B03EC604CB6B", f128: "FFAB6DBF8945EAB7", clear: "51490E75F192EF91"}
	pinReset = resetVector{time: "0517094653", trace: "000522", control: "1600000000000000",
		f48: "4393590FF157B782DDBE18332531120C", f96: "0000000000000000", f128: "ED5F4AE970AF4B76",
		clear: "BF94BF2304D59E9E1C45640131320BE6"}
)

type resetVector struct{ time, trace, control, f48, f96, f128, clear string }

// message makes the 0800.
func (v resetVector) message() draft {
	d := draft{cups.New("0800")}
	d.SetHeader(cups.NewHeader(institution, centre))
	if v.f48 != "" {
		d = d.set(48, "NK"+string(unhex(v.f48)))
	}
	return d.set(7, v.time).set(11, v.trace).set(53, v.control).set(70, "101").
		set(96, string(unhex(v.f96))).set(100, institution).set(128, string(unhex(v.f128)))
}

// makeReset delivers a key of 8 or 16 bytes as the host does.
func makeReset(trace int, control string, key []byte) draft {
	enciphered := spec.EncryptECB(testZMK, key)
	v := resetVector{time: "1124150500", trace: fmt.Sprintf("%06d", trace), control: control, f96: "0000000000000000", f128: "0000000000000000"}
	if len(key) == 8 {
		v.f96 = fmt.Sprintf("%X", enciphered)
	} else {
		v.f48 = fmt.Sprintf("%X", enciphered)
	}
	d := v.message()
	mac, check := spec.HostMAC(key, cups.MAB(d.Message)), spec.CheckValue(key)
	return d.set(128, string(mac[:4])+string(check[:4]))
}

// answered returns the last 0810 the host got.
func (w *world) answered(t *testing.T) *cups.Message {
	synctest.Wait()
	all := w.host.received("0810")
	require.NotEmpty(t, all)
	return all[len(all)-1]
}

func TestKeyResetVectors(t *testing.T) {
	for usage, v := range map[acquirer.KeyUsage]resetVector{acquirer.UsageZAK: macReset, acquirer.UsageZPK: pinReset} {
		t.Run(string(rune(usage)), func(t *testing.T) {
			bubble(t, 1, func(t *testing.T, w *world) {
				w.host.link(0).send(v.message())
				m := w.answered(t)
				require.Equal(t, []int{7, 11, 39, 53, 70, 100, 128}, m.Fields())
				require.Equal(t, "00", m.Get(39))
				for id, want := range map[int]string{7: v.time, 11: v.trace, 53: v.control, 70: "101", 100: institution} {
					require.Equal(t, want, m.Get(id), "field %d", id)
				}
				mac := spec.HostMAC(unhex(v.clear), fmt.Appendf(nil, "0810 %s %s 00 %s 101 08%s", v.time, v.trace, v.control, institution))
				require.Equal(t, string(mac[:4])+string(unhex(v.f128)[4:]), m.Get(128))
				require.Equal(t, v.clear, fmt.Sprintf("%X", w.keys.clear(usage)))
				require.Equal(t, institution, m.Header().Source)
				require.Equal(t, centre, m.Header().Dest)
				require.EqualValues(t, 1, w.Stats().KeyResets)
			})
		})
	}
}

func TestKeyResetRefused(t *testing.T) {
	single := unhex("0123456789ABCDEF")
	for name, c := range map[string]struct {
		reset draft
		code  string
	}{
		"wrong check value":   {macReset.message().set(128, string(unhex("FFAB6DBF8945EAB8"))), "A0"},
		"wrong MAC":           {macReset.message().set(128, string(unhex("FFAB6DBE8945EAB7"))), "A0"},
		"altered text":        {pinReset.message().set(7, "0517094654"), "A0"},
		"usage exchanged":     {macReset.message().set(53, "1000000000000000"), "A0"},
		"altered key":         {macReset.message().set(96, string(unhex("0FE5B03EC604CB6C"))), "A0"},
		"unknown usage":       {macReset.message().set(53, "3000000000000000"), "30"},
		"unknown length":      {macReset.message().set(53, "2100000000000000"), "30"},
		"no key":              {makeReset(1, "2600000000000000", single), "30"},
		"short double length": {pinReset.message().set(48, "NK12345678"), "30"},
		"other function":      {macReset.message().set(70, "301"), "30"},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, 1, func(t *testing.T, w *world) {
				w.host.link(0).send(c.reset)
				require.Equal(t, c.code, w.answered(t).Get(39))
				require.Zero(t, w.keys.saved)
				require.EqualValues(t, 1, w.Stats().KeyResetsRefused)
				_, err := w.authorize(t, 1) // the old key stays in force
				require.NoError(t, err)
			})
		})
	}
}

// importHSM notes as what keys are imported.
type importHSM struct {
	softHSM
	as chan acquirer.KeyUsage
}

func (h importHSM) ImportKey(usage acquirer.KeyUsage, under acquirer.KeyBlock, key acquirer.WrappedKey) (acquirer.KeyBlock, error) {
	h.as <- usage
	return h.softHSM.ImportKey(usage, under, key)
}

// A PIN key authenticates its own delivery and is a MAC key for nothing else: it is imported once, as what it is.
func TestKeyHasOneUse(t *testing.T) {
	for usage, v := range map[acquirer.KeyUsage]resetVector{acquirer.UsageZAK: macReset, acquirer.UsageZPK: pinReset} {
		as := make(chan acquirer.KeyUsage, 4)
		bubble(t, 1, func(t *testing.T, w *world) {
			w.host.link(0).send(v.message())
			require.Equal(t, "00", w.answered(t).Get(39))
		}, func(c *Config) { c.HSM = importHSM{as: as} })
		close(as)
		var got []acquirer.KeyUsage
		for u := range as {
			got = append(got, u)
		}
		require.Equal(t, []acquirer.KeyUsage{usage}, got)
	}
}

func TestTrafficAcrossKeyChange(t *testing.T) {
	bubble(t, 2, func(t *testing.T, w *world) {
		next := unhex("51490E75F192EF91")
		w.host.debits(func(l *hostLink, m *cups.Message) {
			d := l.host.sign(approve(m)) // under the key of now, sent later
			time.AfterFunc(10*time.Second, func() { l.send(d) })
		})
		early := make(chan error, 1)
		go func() { _, err := w.authorize(t, 1); early <- err }()
		synctest.Wait()
		w.host.link(1).send(makeReset(1, "2000000000000000", next))
		require.Equal(t, "00", w.answered(t).Get(39))

		go func() { _, err := w.authorize(t, 2); early <- err }() // the host answers under the old key again
		synctest.Wait()
		m := w.host.received("0200")[1]
		mac := spec.HostMAC(next, cups.MAB(m))
		require.Equal(t, fmt.Sprintf("%X", mac[:4]), m.Get(128), "signed with the new key")
		require.NoError(t, <-early)
		require.NoError(t, <-early)

		w.host.debits(good)
		pause(t.Context(), 51*time.Second)
		_, err := w.authorize(t, 3)
		require.ErrorIs(t, err, acquirer.ErrMAC, "the old key is not accepted for ever")
		w.host.signWith(next)
		_, err = w.authorize(t, 4)
		require.NoError(t, err)
	})
}

// TestKeyResetRepeated: the host did not see the 0810 and repeats. The key before must stay accepted.
func TestKeyResetRepeated(t *testing.T) {
	bubble(t, 1, func(t *testing.T, w *world) {
		reset := makeReset(1, "2600000000000000", unhex("0123456789ABCDEF1123456789ABCDEF"))
		for range 3 {
			w.host.link(0).send(reset)
			require.Equal(t, "00", w.answered(t).Get(39))
		}
		require.Equal(t, 1, w.keys.saved)
		_, err := w.authorize(t, 1) // answered under the old key
		require.NoError(t, err)
	})
}

// TestKeyResetBeforeSignOn: the centre sends a key unasked, in front of its answer to the sign-on.
func TestKeyResetBeforeSignOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 1)
		w.host.network(func(l *hostLink, _ *cups.Message) bool { l.send(macReset.message()); return false })
		w.start(t)
		require.Equal(t, "00", w.answered(t).Get(39))
		w.host.signWith(unhex(macReset.clear))
		_, err := w.authorize(t, 1)
		require.NoError(t, err)
	})
}

// TestKeyResetUnacknowledged: the 0810 cannot be written, so the host goes on with the key before.
func TestKeyResetUnacknowledged(t *testing.T) {
	bubble(t, 1, func(t *testing.T, w *world) {
		l := w.host.link(0)
		l.hang()
		_, err := w.authorize(t, 1) // the last frame that is read
		require.NoError(t, err)
		l.send(macReset.message())
		pause(t.Context(), 10*time.Second)
		require.Equal(t, 2, w.host.dialled())
		_, err = w.authorize(t, 2)
		require.NoError(t, err)
		require.Empty(t, w.host.received("0810"))

		w.host.link(0).send(macReset.message()) // repeated, and now acknowledged
		require.Equal(t, "00", w.answered(t).Get(39))
		w.host.signWith(unhex(macReset.clear))
		_, err = w.authorize(t, 3)
		require.NoError(t, err)
	})
}

func TestKeyRequestRefused(t *testing.T) {
	var out bytes.Buffer
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 1, withLog(&out))
		w.keys.keys = map[acquirer.KeyUsage]acquirer.KeyBlock{}
		w.host.network(func(l *hostLink, m *cups.Message) bool {
			if m.Get(70) != "101" {
				return false
			}
			l.send(answerTo(m, "0830", 7, 11, 33, 70).set(39, "40"))
			return true
		})
		w.start(t)
		synctest.Wait()
	})
	require.Contains(t, out.String(), "refused to send a key")
}

// TestKeysAreAskedFor starts without keys: the PIN key is asked for, then the MAC key.
func TestKeysAreAskedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 2)
		w.keys.keys = map[acquirer.KeyUsage]acquirer.KeyBlock{}
		asked := 0
		w.host.network(func(l *hostLink, m *cups.Message) bool {
			if m.Get(70) != "101" {
				return false
			}
			asked++
			require.Equal(t, []int{7, 11, 33, 53, 70}, m.Fields())
			switch asked {
			case 1: // forgets
			case 2:
				l.send(pinReset.message())
			case 3:
				l.send(answerTo(m, "0830", 7, 11, 33, 70).set(39, "00"))
				l.send(macReset.message())
			}
			return true
		})
		require.Error(t, w.Ready())
		w.start(t)
		synctest.Wait()
		require.ErrorContains(t, w.Ready(), "zone key")
		_, err := w.authorize(t, 1)
		require.ErrorIs(t, err, acquirer.ErrNotSent)
		pause(t.Context(), 16*time.Second)
		require.NoError(t, w.Ready())
		require.Equal(t, 3, asked)
		var controls []string
		for _, m := range w.host.received("0820") {
			if m.Get(70) == "101" {
				controls = append(controls, m.Get(53))
			}
		}
		require.Equal(t, []string{"1600000000000000", "1600000000000000", "2000000000000000"}, controls)
		w.host.signWith(unhex(macReset.clear))
		_, err = w.authorize(t, 1)
		require.NoError(t, err)
	})
}

// TestDoubtAsksForMACKey: the host and the switch have lost agreement about the MAC key.
func TestDoubtAsksForMACKey(t *testing.T) {
	for name, host := range map[string]func(*hostLink, *cups.Message){
		"host says A0":    func(l *hostLink, m *cups.Message) { l.send(l.host.sign(approve(m).set(39, "A0"))) },
		"wrong MAC comes": func(l *hostLink, m *cups.Message) { l.send(approve(m).set(128, "00000000")) },
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, 1, func(t *testing.T, w *world) {
				asked := 0
				w.host.network(func(_ *hostLink, m *cups.Message) bool {
					if m.Get(70) == "101" {
						require.Equal(t, "2600000000000000", m.Get(53))
						asked++
					}
					return false
				})
				w.host.debits(host)
				for seq := range int64(10) {
					_, _ = w.authorize(t, seq+1) // the outcome is TestFaults' business
				}
				synctest.Wait()
				require.Equal(t, 1, asked)
				pause(t.Context(), 61*time.Second)
				_, _ = w.authorize(t, 100)
				synctest.Wait()
				require.Equal(t, 2, asked)
			}, func(c *Config) { c.DoubleMAC = true })
		})
	}
}

// TestDoubtLooksIntoStoreFirst: another node has taken the new key.
func TestDoubtLooksIntoStoreFirst(t *testing.T) {
	bubble(t, 1, func(t *testing.T, w *world) {
		next := unhex("51490E75F192EF91")
		require.NoError(t, w.keys.SaveZoneKey(t.Context(), acquirer.KeyBlock{Usage: acquirer.UsageZAK, Blob: string(next)}))
		w.host.signWith(next)
		_, err := w.authorize(t, 1)
		require.ErrorIs(t, err, acquirer.ErrMAC)
		synctest.Wait()
		_, err = w.authorize(t, 2)
		require.NoError(t, err)
	})
}

func TestStoreFailureEndsRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 2)
		w.keys.fail = fmt.Errorf("disk: %w", acquirer.ErrStore)
		done := make(chan error, 1)
		go func() { done <- w.Run(t.Context()) }()
		synctest.Wait()
		w.host.debits(silent)
		waits := make(chan error, 1)
		go func() { _, err := w.authorize(t, 1); waits <- err }()
		synctest.Wait()
		w.host.link(0).send(macReset.message())
		require.ErrorIs(t, <-done, acquirer.ErrStore)
		require.ErrorIs(t, <-waits, acquirer.ErrUnknown)
		require.Empty(t, w.host.received("0810"), "nothing is acknowledged that may not be stored")
		require.Error(t, w.Ready())
		_, err := w.authorize(t, 2)
		require.ErrorIs(t, err, acquirer.ErrNotSent)
	})
}

func TestStoreRefusalKeepsKey(t *testing.T) {
	bubble(t, 1, func(t *testing.T, w *world) {
		w.keys.fail = errors.New("read-only")
		w.host.link(0).send(macReset.message())
		require.Equal(t, "96", w.answered(t).Get(39))
		_, err := w.authorize(t, 1)
		require.NoError(t, err)
	})
}

func TestRunRefusesConfiguration(t *testing.T) {
	for name, spoil := range map[string]func(*Config){
		"address":     func(c *Config) { c.Addrs = nil },
		"institution": func(c *Config) { c.Institution = "4402" },
		"module":      func(c *Config) { c.HSM = nil },
		"master key":  func(c *Config) { c.ZMK = acquirer.KeyBlock{} },
	} {
		w := newWorld(t, 1, spoil)
		require.ErrorContains(t, w.Run(t.Context()), name)
		require.Error(t, w.Ready())
		_, err := w.authorize(t, 1)
		require.ErrorIs(t, err, acquirer.ErrNotSent)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	w := newWorld(t, 1)
	require.NoError(t, w.Run(ended))
	require.ErrorContains(t, w.Run(ended), "before")
}
