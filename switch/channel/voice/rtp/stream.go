package rtp

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"time"
)

// Config is what streams are made of. All fields but Public must be set.
type Config struct {
	Ports  *Ports
	Public netip.Addr // what descriptions say instead of the ports' own address; zero: that
	// Encode compresses a sample by the law of a payload type, PCMU or PCMA.
	Encode map[byte]func(int16) byte
	// Silence is after how long without a packet the other side counts as gone.
	Silence time.Duration
	Chance  func() uint64 // for what RFC 3550 wants to be random
}

// Stream is the sound of one call. From [Stream.Start] on it sends without a gap, silence where nothing is played, so that nothing
// between the two sides forgets them. Its methods are safe for concurrent use, but Play is for one at a time.
type Stream struct {
	config Config
	conn   *net.UDPConn
	id     uint64
	keys   chan byte
	gone   chan struct{} // closed when the other side is silent too long, or the socket fails
	quit   context.CancelFunc
	parts  sync.WaitGroup

	mu    sync.Mutex
	peer  Description
	heard time.Time
	voice *utterance // what is being played
	on    bool
}

// utterance is one Play.
type utterance struct {
	samples []int16
	done    chan struct{} // closed when all is sent, or a key stopped it
}

// Open takes a port. The stream must be closed; it sends nothing yet.
func Open(c Config) (*Stream, error) {
	conn, err := c.Ports.listen()
	if err != nil {
		return nil, err
	}
	return &Stream{config: c, conn: conn, id: c.Chance() >> 2, keys: make(chan byte, maxKeys), gone: make(chan struct{}),
		quit: func() {}}, nil
}

// At is where the stream wants sound.
func (s *Stream) At() netip.AddrPort {
	at := s.conn.LocalAddr().(*net.UDPAddr).AddrPort()
	host := at.Addr().Unmap()
	if s.config.Public.IsValid() {
		host = s.config.Public
	}
	return netip.AddrPortFrom(host, at.Port())
}

// Offer describes our side to somebody who is called.
func (s *Stream) Offer() []byte { return Offer(s.At(), s.id) }

// Answer describes our side to somebody who offered d.
func (s *Stream) Answer(d Description) []byte { return d.Answer(s.At(), s.id) }

// Turn makes d the other side from now on: at the start, and when it says that it has moved or is on hold.
func (s *Stream) Turn(d Description) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.peer, s.heard = d, time.Now()
}

// Start begins to send and to listen, to the side that Turn has named.
func (s *Stream) Start() {
	ctx, quit := context.WithCancel(context.Background())
	s.mu.Lock()
	if s.on {
		s.mu.Unlock()
		quit()
		return
	}
	s.on, s.quit, s.heard = true, quit, time.Now()
	s.mu.Unlock()
	s.parts.Go(s.listen)
	s.parts.Go(func() { s.send(ctx) })
}

// Close gives the port back and waits until nothing is sent or read any more.
func (s *Stream) Close() error {
	s.mu.Lock()
	quit := s.quit
	s.mu.Unlock()
	quit()
	err := s.conn.Close()
	s.parts.Wait()
	return err
}

// Gone is closed when nothing has come for too long: the other side is gone and has not said so.
func (s *Stream) Gone() <-chan struct{} { return s.gone }

// Keys are the keys that were pressed and not taken yet, of "0123456789*#". More than 128 are dropped.
func (s *Stream) Keys() <-chan byte { return s.keys }

// Play sends samples, 16 bits linear, 8000 a second. It returns when all are sent or a key was pressed, with ctx's error when ctx ends first. While
// a key waits to be taken it returns at once. The samples are not changed and must not be until then.
func (s *Stream) Play(ctx context.Context, samples []int16) error {
	u := &utterance{samples, make(chan struct{})}
	s.mu.Lock()
	if len(s.keys) > 0 {
		s.mu.Unlock()
		return nil
	}
	s.voice = u
	s.mu.Unlock()
	select {
	case <-u.done:
		return nil
	case <-ctx.Done():
		s.stop(u)
		return ctx.Err()
	}
}

// stop ends an utterance.
func (s *Stream) stop(u *utterance) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.voice == u && u != nil {
		s.voice = nil
		close(u.done)
	}
}

// listen reads until the socket is closed. What comes from another host than the other side has named is dropped: whoever found
// the port could press keys.
func (s *Stream) listen() {
	b := make([]byte, maxDatagram)
	var pad keypad
	for failures := 0; failures < readFailures; {
		n, from, err := s.conn.ReadFromUDPAddrPort(b)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil { // news of an earlier packet that did not arrive
			failures++
			continue
		}
		failures = 0
		if p, err := parsePacket(b[:n]); err == nil {
			s.hear(&pad, from.Addr().Unmap(), p)
		}
	}
}

func (s *Stream) hear(pad *keypad, from netip.Addr, p packet) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if from != s.peer.To.Addr() {
		return
	}
	s.heard = time.Now()
	if s.peer.Keys == 0 || p.kind != s.peer.Keys {
		return
	}
	key := pad.press(p)
	if key == 0 {
		return
	}
	select {
	case s.keys <- key:
	default:
	}
	if s.voice != nil {
		close(s.voice.done)
		s.voice = nil
	}
}

// send sends a frame every 20 ms, or several when the machine was busy.
func (s *Stream) send(ctx context.Context) {
	random := s.config.Chance()
	p := packet{marker: true, seq: uint16(random), time: uint32(random >> 16), source: uint32(s.config.Chance())}
	tick := time.NewTicker(frame)
	defer tick.Stop()
	start, sent := time.Now(), 0
	payload, b := make([]byte, frameSamples), make([]byte, 0, maxDatagram)
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		due := int(time.Since(start) / frame)
		if due-sent > burst {
			p.time += uint32((due - sent - burst) * frameSamples)
			sent = due - burst
		}
		for ; sent < due; sent++ {
			to, ok := s.fill(&p, payload)
			if ok {
				b = p.append(b[:0])
				_, _ = s.conn.WriteToUDPAddrPort(b, to) // sound that does not arrive is not sent again; silence tells when nobody is there
				p.marker = false
				p.seq++
			}
			p.time += uint32(frameSamples)
		}
		if s.silent() {
			close(s.gone)
			return
		}
	}
}

// fill makes the next frame. ok: there is somebody who wants to hear it.
func (s *Stream) fill(p *packet, payload []byte) (to netip.AddrPort, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	to = s.peer.To
	if s.peer.Mute || to.Port() == 0 || to.Addr().IsUnspecified() || len(s.peer.Laws) == 0 {
		return to, false // on hold: what is being said waits
	}
	p.kind, p.payload = s.peer.Laws[0], payload
	encode := s.config.Encode[p.kind]
	var samples []int16
	if s.voice != nil {
		samples = s.voice.samples[:min(frameSamples, len(s.voice.samples))]
		s.voice.samples = s.voice.samples[len(samples):]
	}
	for i := range payload {
		payload[i] = encode(0)
		if i < len(samples) {
			payload[i] = encode(samples[i])
		}
	}
	if s.voice != nil && len(s.voice.samples) == 0 {
		close(s.voice.done)
		s.voice = nil
	}
	return to, true
}

// silent reports whether the other side has not been heard for too long. One that has said that it sends nothing is not missed.
func (s *Stream) silent() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return !s.peer.Quiet && time.Since(s.heard) > s.config.Silence
}

// Check says what is missing.
func (c Config) Check() error {
	if c.Ports == nil || c.Chance == nil || c.Silence <= 0 || c.Encode[PCMU] == nil || c.Encode[PCMA] == nil {
		return fmt.Errorf("rtp: ports, laws, silence or chance are missing")
	}
	return nil
}
