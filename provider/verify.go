package provider

import (
	"context"
	"errors"
	"strings"

	"example.com/ringback/spec"
	"example.com/ringback/spec/cups"
	acquirer "example.com/ringback/switch"
)

var _ acquirer.AccountVerifier = (*Network)(nil)

// keyedWithoutPIN is F22 of a question about an account: nobody is at a terminal.
const keyedWithoutPIN = "012"

// errOtherHolder: the issuer approved, and shows a name that is not the one that was asked for.
var errOtherHolder = errors.New("answer about another holder")

// VerifyAccount implements [acquirer.AccountVerifier] with a 0100. It takes F7 and F11 of its own each time: a question
// moves no money, so that nothing needs to be remembered of it. The terminal and the merchant in it are the institution
// itself.
func (n *Network) VerifyAccount(ctx context.Context, c acquirer.AccountCheck) (acquirer.ResponseCode, error) {
	m, err := n.encodeVerify(c)
	if err != nil {
		return "", err
	}
	w, _, err := n.launch(ctx, m, 0)
	if err != nil {
		return "", err
	}
	answer, err := n.await(ctx, w)
	if err != nil {
		return "", err
	}
	if err := n.believe(m, answer, false); err != nil {
		return "", err
	}
	code := acquirer.ResponseCode(answer.Get(39))
	if code == acquirer.CodeApproved && !sameHolder(answer, c.Name) {
		n.counts.mismatched.Add(1)
		return "", unknown(errOtherHolder)
	}
	return code, nil
}

// encodeVerify makes the 0100 without its F128.
func (n *Network) encodeVerify(c acquirer.AccountCheck) (*cups.Message, error) {
	name := spec.EncodeGBK(c.Name)
	if !inGBK(name, c.Name) {
		return nil, acquirer.ErrNotInGBK
	}
	m := n.newMessage(cups.MTIVerify)
	at := c.At.In(acquirer.Beijing)
	institution := n.config.Institution
	m.Set(2, c.Card.Reveal())
	m.Set(3, cups.ProcVerify)
	m.Set(7, acquirer.HostTime(c.At))
	m.Set(11, n.nextTrace())
	m.Set(12, at.Format("150405"))
	m.Set(13, at.Format("0102"))
	m.Set(18, n.config.MerchantType)
	m.Set(22, keyedWithoutPIN)
	m.Set(25, cups.CondNormal)
	m.Set(32, institution)
	m.Set(33, institution)
	m.Set(37, string(c.RRN))
	m.Set(41, institution)
	m.Set(42, institution+strings.Repeat("0", 15-len(institution)))
	m.SetBytes(43, encodeName(n.config.MerchantName("")))
	m.SetBytes(48, encodeBusiness(cups.SelfTransfer))
	m.Set(49, currencyYuan)
	m.Set(60, encodeSelfDefined(reasonNone, n.config.TerminalType, keyedWithoutPIN))
	m.SetBytes(61, cups.Holder{Name: name, Phone: c.Number.Reveal()}.AppendAsk(nil))
	return m, nil
}

// sameHolder reports whether the name in F61 of an answer fits the one asked for: the issuer hides the surname behind a
// star. An answer without a name, or in another form, says nothing against it.
func sameHolder(answer *cups.Message, name string) bool {
	h, err := cups.ParseAnswer(answer.Bytes(61))
	if err != nil {
		return true
	}
	shown, err := spec.DecodeGBK(h.Name)
	if err != nil {
		return false
	}
	return strings.HasSuffix(name, strings.TrimLeft(shown, "*"))
}
