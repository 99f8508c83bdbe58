package emulator

import (
	"bytes"
	"testing"

	"example.com/ringback/spec"
	"example.com/ringback/spec/pos"
)

// FuzzReadAnswer: whatever comes from the line, nothing panics, and what is taken for an answer is one.
func FuzzReadAnswer(f *testing.F) {
	mac := func(data []byte) [8]byte { return spec.MACCUP(testMAK(), data) }
	req := pos.New("0200")
	req.Set(4, "000000001234")
	req.Set(11, "000003")
	req.Set(35, testCard+"=3012")
	req.Set(41, testTID)
	for _, code := range []string{"00", "55", "98"} {
		m := pos.New("0210")
		e := m.Envelope()
		m.SetEnvelope(e.Answer(0))
		for id, v := range map[int]string{2: testCard, 4: "000000001234", 11: "000003", 12: "093000", 13: "1124", 39: code, 41: testTID} {
			m.Set(id, v)
		}
		m.SetBytes(62, elements("TX", "密码错", "NM", "王*明", "CT", "x"))
		frame, err := pack(m, mac)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(frame)
	}
	f.Fuzz(func(t *testing.T, frame []byte) {
		kept := bytes.Clone(frame)
		a, ok := readAnswer(frame, req, mac)
		if !bytes.Equal(kept, frame) {
			t.Fatal("the frame was changed")
		}
		if !ok {
			return
		}
		if a.msg.Get(11) != "000003" || a.msg.MTI() != "0210" || len(a.code) != 2 {
			t.Fatal("taken for an answer to another request")
		}
		var q Inquiry
		var r Receipt
		q.judge(a, req)
		r.take(a)
		if !a.verified && r.RRN != "" {
			t.Fatal("an answer that is not verified was believed")
		}
	})
}

// FuzzState: no file makes Open panic, and one that is taken can be written again.
func FuzzState(f *testing.F) {
	c := Config{TerminalID: testTID, MerchantID: testMID, TMK: testTMK()}
	s := newState(c)
	s.Keys = &sealedKeys{PIK: spec.Hex(seal(testPIK())), MAK: spec.Hex(seal(testMAK()))}
	s.Owed = &owed{Batch: "000007", STAN: "000003", AmountFen: 1, EntryMode: "021", Reason: reasonOther}
	b, err := s.encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := decodeState(b, c)
		if err != nil {
			return
		}
		if s.Keys != nil {
			if _, err := s.Keys.open(c); err != nil {
				t.Log(err)
			}
		}
		if _, err := s.encode(); err != nil {
			t.Fatal(err)
		}
	})
}
