package main

import (
	"encoding/hex"
	"errors"
	"net"
	"sync"
	"testing"

	"example.com/ringback/spec"
	"example.com/ringback/spec/pos"
)

// testSwitch is the smallest switch that a terminal can pay with. Its one payee is 13800138001, its one PIN 123456; it
// does not know terminal 10000003, and never answers a debit of 98.07.
type testSwitch struct {
	t        *testing.T
	listener net.Listener
	pik, mak []byte

	mu   sync.Mutex
	got  []string // type and trace number of every request
	hold func()   // called once, before the next debit is looked at
}

func startSwitch(t *testing.T) *testSwitch {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return serveSwitch(t, l)
}

func serveSwitch(t *testing.T, l net.Listener) *testSwitch {
	t.Helper()
	s := &testSwitch{t: t, listener: l, pik: []byte("0123456789abcdef"), mak: []byte("fedcba9876543210")}
	go s.accept()
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func (s *testSwitch) addr() string { return s.listener.Addr().String() }

func (s *testSwitch) requests() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.got...)
}

// holdDebit makes the switch stop at the next debit: it closes reached and waits for release to be closed.
func (s *testSwitch) holdDebit() (reached, release chan struct{}) {
	reached, release = make(chan struct{}), make(chan struct{})
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hold = func() {
		close(reached)
		<-release
	}
	return reached, release
}

func (s *testSwitch) held() {
	s.mu.Lock()
	hold := s.hold
	s.hold = nil
	s.mu.Unlock()
	if hold != nil {
		hold()
	}
}

func (s *testSwitch) accept() {
	for {
		conn, err := s.listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		} else if err != nil {
			s.t.Error(err)
			return
		}
		go s.serve(conn)
	}
}

func (s *testSwitch) serve(conn net.Conn) {
	for {
		frame, err := pos.ReadFrame(conn, nil)
		if err != nil {
			return // the terminal is gone, or was killed
		}
		req, err := pos.Unpack(frame)
		if err != nil {
			s.t.Error(err)
			return
		}
		s.mu.Lock()
		s.got = append(s.got, req.MTI()+" "+req.Get(11))
		s.mu.Unlock()
		if answer := s.answer(req); answer != nil {
			if _, err := conn.Write(pos.AppendFrame(nil, answer)); err != nil {
				return // the terminal was killed
			}
		}
	}
}

func (s *testSwitch) answer(req *pos.Message) []byte {
	m := pos.New(req.ResponseMTI())
	m.SetEnvelope(req.Envelope().Answer(0))
	for _, id := range []int{3, 4, 11, 25, 41, 42, 49, 60} {
		if req.Has(id) {
			m.Set(id, req.Get(id))
		}
	}
	m.Set(12, "093000")
	m.Set(13, "1124")
	m.Set(37, "632800000001")
	m.Set(39, "00")
	switch req.MTI() {
	case "0800":
		s.signOn(req, m)
	case "0100":
		s.lookUp(req, m)
	case "0200":
		s.held()
		if req.Get(4) == "000000009807" {
			return nil
		}
		s.debit(req, m)
	case "0500":
		s.settle(req, m)
	}
	if req.MTI() < "0800" && !req.Has(64) {
		frame, err := m.Pack()
		if err != nil {
			s.t.Error(err)
		}
		return frame
	}
	return s.pack(m)
}

// settle agrees with any totals but those of one debit.
func (s *testSwitch) settle(req, m *pos.Message) {
	totals, err := pos.ParseTotals(req.Get(48))
	if err != nil {
		s.t.Error(err)
	}
	totals.Domestic.Match, totals.Foreign.Match = pos.MatchEven, pos.MatchEven
	if totals.Domestic.Debits == 1 {
		totals.Domestic.Match = pos.MatchOdd
	}
	text, err := totals.Encode()
	if err != nil {
		s.t.Error(err)
	}
	m.Unset(39)
	m.Set(48, text)
}

func (s *testSwitch) signOn(req, m *pos.Message) {
	if req.Get(41) == "10000003" {
		m.Set(39, "97")
		return
	}
	m.Set(60, "00000042"+req.Get(60)[8:])
	tmk, err := hex.DecodeString(demoTerminalOf(req.Get(41)).tmk)
	if err != nil {
		s.t.Error(err)
		return
	}
	block, err := pos.BuildWorkKeys(pos.WorkKeys{PIK: pos.Seal(tmk, s.pik), MAK: pos.Seal(tmk, s.mak)})
	if err != nil {
		s.t.Error(err)
	}
	m.SetBytes(62, block)
}

func (s *testSwitch) lookUp(req, m *pos.Message) {
	els, err := spec.ParseElements(req.Bytes(62))
	if err != nil {
		s.t.Error(err)
	}
	if payee, _ := spec.Find(els, "PE"); string(payee) != "13800138001" {
		m.Set(39, "P3")
		m.SetBytes(62, spec.AppendElement(nil, "TX", spec.EncodeGBK("该手机号不能收款")))
		return
	}
	m.SetBytes(62, spec.AppendElement(spec.AppendElement(nil, "NM", spec.EncodeGBK("王*明")), "CT", []byte("token")))
}

func (s *testSwitch) debit(req, m *pos.Message) {
	pan := req.Get(2)
	if track := req.Get(35); len(track) > 19 {
		pan = track[:19]
	}
	if pin, err := spec.OpenPIN(s.pik, [8]byte(req.Bytes(52)), pan); err != nil || pin != "123456" {
		m.Set(39, "55")
		return
	}
	m.Set(2, pan)
	m.Set(38, "A12345")
}

// pack signs what needs F64: with X9.19 for the demo world's one terminal that has it.
func (s *testSwitch) pack(m *pos.Message) []byte {
	sign := m.MTI() < "0800"
	if sign {
		m.SetBytes(64, make([]byte, 8))
	}
	frame, err := m.Pack()
	if err == nil && sign {
		err = pos.SignFrame(frame, func(data []byte) [8]byte {
			if m.Get(41) == "10000004" {
				return spec.MACX919(s.mak, data)
			}
			return spec.MACCUP(s.mak, data)
		})
	}
	if err != nil {
		s.t.Error(err)
	}
	return frame
}
