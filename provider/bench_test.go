package provider

import (
	"crypto/cipher"
	"crypto/des"
	"crypto/subtle"
	"fmt"
	"testing"

	"example.com/ringback/spec"
	acquirer "example.com/ringback/switch"

	"example.com/ringback/spec/cups"
)

// readyHSM computes MACs with the test key made ready, as a module does. The other double makes it ready for every
// block, which would be most of what is measured.
type readyHSM struct {
	softHSM
	left, right cipher.Block
}

func newReadyHSM(b *testing.B) readyHSM {
	left, err := des.NewCipher(testZAK[:8])
	if err != nil {
		b.Fatal(err)
	}
	right, err := des.NewCipher(testZAK[8:])
	if err != nil {
		b.Fatal(err)
	}
	return readyHSM{left: left, right: right}
}

func (h readyHSM) ZoneMAC(_ acquirer.KeyBlock, text []byte) (mac [8]byte, err error) {
	for len(text) > 0 {
		text = text[subtle.XORBytes(mac[:], mac[:], text):]
		h.left.Encrypt(mac[:], mac[:])
	}
	h.right.Decrypt(mac[:], mac[:])
	h.left.Encrypt(mac[:], mac[:])
	return mac, nil
}

// BenchmarkAuthorize is a round trip over loopback: make, sign, write, match, verify, and the same at a host that
// answers at once, which is a good half of the cost.
func BenchmarkAuthorize(b *testing.B) {
	for _, lanes := range []int{1, 64} {
		b.Run(fmt.Sprintf("lanes=%d", lanes), func(b *testing.B) {
			w := listen(b, 2, func(c *Config) { c.HSM = newReadyHSM(b) })
			seq := make(chan int64, 1024)
			done := make(chan error, lanes)
			b.ReportAllocs()
			b.ResetTimer()
			for range lanes {
				go func() {
					var err error
					for s := range seq {
						_, e := w.Authorize(b.Context(), debit(b, s))
						if e != nil {
							err = e
						}
					}
					done <- err
				}()
			}
			for i := range b.N {
				seq <- int64(i%acquirer.MaxSequence) + 1
			}
			close(seq)
			for range lanes {
				if err := <-done; err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkOurShare is what the network itself does for one debit, without sockets: make, sign and pack the 0200, unpack
// and verify the 0210.
func BenchmarkOurShare(b *testing.B) {
	w := newWorld(b, 1, func(c *Config) { c.HSM = newReadyHSM(b) })
	if err := w.loadKeys(b.Context()); err != nil {
		b.Fatal(err)
	}
	r := debit(b, 42)
	request, err := w.encodeDebit(r)
	if err != nil {
		b.Fatal(err)
	}
	answer := approve(request)
	mac := spec.HostMAC(testZAK, cups.MAB(answer.Message))
	frame, err := answer.set(128, fmt.Sprintf("%X", mac[:4])).Pack()
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		m, err := w.encodeDebit(r)
		if err == nil {
			err = w.Network.keys.sign(m)
		}
		if err == nil {
			_, err = encodeWire(m)
		}
		if err != nil {
			b.Fatal(err)
		}
		got, err := cups.Unpack(frame)
		if err == nil {
			err = w.believe(m, got, true)
		}
		if err != nil {
			b.Fatal(err)
		}
	}
}
