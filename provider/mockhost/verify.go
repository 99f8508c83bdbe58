package mockhost

import (
	"strings"
	"time"

	"example.com/ringback/spec"
	"example.com/ringback/spec/cups"
)

// verifyFields are the fields that a question about an account must have.
func verifyFields() []int {
	return []int{2, 3, 7, 11, 12, 13, 18, 22, 25, 32, 33, 37, 41, 42, 43, 49, 60}
}

// verify answers a 0100: do the name and the card belong together? It changes nothing.
func (l *link) verify(m *cups.Message) {
	a := answerTo(m, cups.MTIVerifyResponse, []int{2, 3, 7, 11, 12, 13, 14, 18, 25, 32, 33, 37, 41, 42, 49, 60})
	institution := m.Get(33)
	key, code := l.admit(m, verifyFields())
	var holder Account
	if code == "" {
		holder, code = l.host.ledger.holder(m, time.Now())
	}
	l.log.Info().Str("stan", m.Get(11)).Str("card", mask(m.Get(2))).Str("code", code).Msg("account verification")
	if code == codeApproved {
		a.SetBytes(61, cups.Holder{Name: spec.EncodeGBK(hideSurname(holder.Name))}.AppendAnswer(nil))
	}
	l.answer(a, institution, key, verdict{code: code, payer: holder}, Fault{})
}

// holder is the issuer's word on a question (host dialect, section 3.1): a PIN has no place in it, and without F61 there
// is nothing to compare.
func (l *ledger) holder(m *cups.Message, now time.Time) (Account, string) {
	switch {
	case !strings.HasPrefix(m.Get(3), cups.ProcVerify[:2]), m.Has(52):
		return Account{}, codeUnsupported
	case !m.Has(61):
		return Account{}, codeNotHonour
	}
	asked, err := cups.ParseAsk(m.Bytes(61))
	if err != nil {
		return Account{}, codeFormat
	}
	name, err := spec.DecodeGBK(asked.Name)
	if err != nil || name == "" {
		return Account{}, codeFormat
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	a := l.accounts[m.Get(2)]
	switch {
	case a == nil && l.issuers[issuerOf(m.Get(2))]:
		return Account{}, codeNoCard
	case a == nil:
		return Account{}, codeNoIssuer
	case a.Status.refusal() != "":
		return Account{}, a.Status.refusal()
	case a.Expiry < beijing(now).Format("0601"):
		return Account{}, codeExpired
	case a.Name == "":
		return Account{}, codeUnsupported
	case a.Name != name:
		return Account{}, codeNotHonour
	}
	return a.Account, codeApproved
}

// hideSurname is how an issuer shows a name: a star and the last two characters, or the last one where there are no more
// than two.
func hideSurname(name string) string {
	r := []rune(name)
	if len(r) <= 2 {
		return "*" + string(r[len(r)-1:])
	}
	return "*" + string(r[len(r)-2:])
}
