package mockhost

import (
	"strconv"
	"strings"
	"time"

	"example.com/ringback/spec"
	"example.com/ringback/spec/cups"
)

// securityPIN is F53 of a PIN block with the card number in it, under a
// double-length key.
const securityPIN = "2600000000000000"

// country is F19, acquirer's country.
const country = "156"

// settlementLayout is how the log has the settlement date; F15 is its end.
const settlementLayout = "20060102"

// selfDefined is the length that the centre pads F60 to.
const selfDefined = 30

// debit answers a 0200.
func (l *link) debit(m *cups.Message) {
	a := answerTo(m, cups.MTIDebitResponse,
		[]int{2, 3, 4, 7, 11, 12, 13, 14, 18, 25, 32, 33, 37, 41, 42, 49, 60, 102, 103})
	institution := m.Get(33)
	key, code := l.admit(m, debitFields())
	if code == "" {
		code = debitFormat(m)
	}
	if code != "" {
		l.answer(a, institution, key, verdict{code: code}, Fault{})
		return
	}
	fault := l.host.chance.debit(hostKey(m))
	if f, ok := amountFault(fen(m)); ok && l.host.cfg.Demo {
		fault = f
	}
	now := time.Now()
	v := l.host.ledger.debit(debit{
		record: l.host.debitRecord(m, now), now: now,
		pin:  l.host.keys.openPIN(institution, m.Get(2), m.Bytes(52)),
		lose: fault.Kind == FaultLost, instead: fault.instead(),
	})
	l.log.Info().Str("stan", m.Get(11)).Str("card", mask(m.Get(2))).Int64("fen", fen(m)).
		Str("code", v.code).Str("fault", string(fault.Kind)).Msg("debit")
	if v.auth != "" {
		a.Set(38, v.auth)
	}
	l.answer(a, institution, key, v, fault)
}

// debitFields are the fields that a debit must have.
func debitFields() []int {
	return []int{
		2, 3, 4, 7, 11, 12, 13, 18, 22, 25, 26, 32, 33, 37, 41, 42, 43, 48, 49, 52, 53, 60, 102, 103, 104,
	}
}

// admit is what a debit and a reversal must pass before the ledger sees them:
// membership, sign-on, MAC, fields. It returns the MAC key for the answer, nil
// if there is none, and F39 of a refusal.
func (l *link) admit(m *cups.Message, fields []int) (zoneKey, string) {
	institution := m.Get(33)
	present := l.host.keys.present(keySlot{institution, KeyMAC})
	if m.Has(33) && !l.host.cfg.member(institution) {
		return nil, codeStranger
	}
	if l.host.cfg.SignOnRequired && !l.signedOn {
		return present, codeSignOn
	}
	key, ok := l.host.keys.verify(institution, m)
	if !ok {
		l.log.Warn().Str("mti", m.MTI()).Str("stan", m.Get(11)).Msg("MAC is wrong")
		return present, codeMAC
	}
	l.member.Store(&institution)
	if id := missing(m, fields); id != 0 {
		l.log.Warn().Str("mti", m.MTI()).Int("field", id).Msg("field is missing")
		return key, codeFormat
	}
	return key, ""
}

// debitFormat checks what the fields of a debit say about each other; F39 of a
// refusal or "".
func debitFormat(m *cups.Message) string {
	switch {
	case m.Get(3) != cups.ProcTransfer:
		return codeUnsupported
	case m.Get(53) != securityPIN:
		return codePINFormat
	case m.Get(25) != cups.CondNormal, m.Get(49) != country,
		!digits(m.Get(2), 13, 19), m.Get(102) != m.Get(2), !digits(m.Get(103), 13, 19):
		return codeFormat
	case !goodUsage(m.Bytes(48)), !goodNumbers(m.Bytes(104)), !goodTrack(m.Get(35), m.Get(2)):
		return codeFormat
	}
	return ""
}

// goodUsage reports whether F48 says: a transfer at a self-service terminal.
func goodUsage(f48 []byte) bool {
	rest, ok := strings.CutPrefix(string(f48), cups.UsageAssoc)
	if !ok {
		return false
	}
	elements, err := spec.ParseElements([]byte(rest))
	business, found := spec.Find(elements, cups.TagBusiness)
	return err == nil && found && string(business) == cups.SelfTransfer
}

// goodNumbers reports whether F104 has both parties' mobile numbers.
func goodNumbers(f104 []byte) bool {
	elements, err := spec.ParseElements(f104)
	if err != nil {
		return false
	}
	for _, tag := range []string{"PE", "PR"} {
		if number, _ := spec.Find(elements, tag); !digits(string(number), 11, 11) {
			return false
		}
	}
	return true
}

// goodTrack reports whether a track 2 is of the card; none is good too.
func goodTrack(track, pan string) bool {
	if track == "" {
		return true
	}
	end := strings.IndexAny(track, "=D")
	return end >= 0 && track[:end] == pan
}

// hostKey names a message among all of the line: F11, F7, F32, F33 as F90 has them.
func hostKey(m *cups.Message) string {
	return cups.Original90("", m.Get(11), m.Get(7), m.Get(32), m.Get(33))
}

// fen is F4. The field has twelve digits, or none.
func fen(m *cups.Message) int64 {
	n, err := strconv.ParseInt(m.Get(4), 10, 64)
	if err != nil {
		return 0
	}
	return n
}

// debitRecord is what the log keeps of a debit: what the ledger needs, and what
// a clearing file will.
func (h *Host) debitRecord(m *cups.Message, now time.Time) record {
	return record{
		At: millis(now), Key: hostKey(m), PAN: m.Get(2), Payee: m.Get(103), Fen: fen(m),
		Date: h.cfg.settlement(now).Format(settlementLayout), Institution: m.Get(33), Reference: m.Get(37),
		Terminal: m.Get(41), Merchant: m.Get(42), Type: m.Get(18), Entry: m.Get(22),
	}
}

// reversalFields are the fields that a reversal must have: those that its answer
// repeats, and the original.
func reversalFields() []int {
	return []int{2, 3, 4, 7, 11, 12, 13, 18, 25, 32, 33, 37, 41, 42, 49, 60, 90}
}

// reverse answers a 0420. A repeat is handled like the first.
func (l *link) reverse(m *cups.Message) {
	a := answerTo(m, cups.MTIReversalResponse,
		[]int{2, 3, 4, 7, 11, 12, 13, 18, 23, 25, 32, 33, 37, 41, 42, 49, 60})
	institution := m.Get(33)
	key, code := l.admit(m, reversalFields())
	if code == "" {
		code = reversalFormat(m)
	}
	if code != "" {
		l.answer(a, institution, key, verdict{code: code}, Fault{})
		return
	}
	fault := l.host.chance.reversal(hostKey(m))
	v := l.host.ledger.reverse(reversal{
		key: m.Get(90)[len(cups.MTIDebit):], own: hostKey(m),
		date: l.host.cfg.settlement(time.Now()).Format(settlementLayout), pan: m.Get(2), fen: fen(m), now: time.Now(),
		remember: !l.host.cfg.ForgetUnknown, lose: fault.Kind == FaultLost, instead: fault.instead(),
	})
	l.log.Info().Str("stan", m.Get(11)).Str("card", mask(m.Get(2))).Int64("fen", fen(m)).
		Str("code", v.code).Str("fault", string(fault.Kind)).Msg("reversal")
	l.answer(a, institution, key, v, fault)
}

// reversalFormat checks F90: a debit, of the same institutions. One member cannot
// undo, nor bar, the debit of another.
func reversalFormat(m *cups.Message) string {
	f90 := m.Get(90)
	if f90[:4] != cups.MTIDebit {
		return codeFormat
	}
	same := cups.Original90(cups.MTIDebit, f90[4:10], f90[10:20], m.Get(32), m.Get(33))
	if f90 != same {
		return codeNoOriginal
	}
	return ""
}
