package provider

import (
	"errors"
	"time"

	"example.com/ringback/spec"
	acquirer "example.com/ringback/switch"

	"example.com/ringback/spec/cups"
)

// What a phone-number payment says in every message (PROTOCOL section 2; host dialect page, sections 2 and 2.1).
const (
	currencyYuan   = "156"              // F49
	pinCapture     = "06"               // F26
	pinWithPAN     = "2600000000000000" // F53: format 0 block under a double-length key
	reasonNone     = "0000"             // F60.1
	reasonReversal = "4351"             // F60.1: the whole of a terminal's transaction is taken back
	maxMemo        = 60                 // bytes of MO
	nameLen        = 40                 // bytes of F43
)

// errMemo: the payment information is longer than element MO can be.
var errMemo = errors.New("payment information is too long")

// encodeDebit makes the 0200 without its F128.
func (n *Network) encodeDebit(r acquirer.AuthorizationRequest) (*cups.Message, error) {
	t := r.Transaction
	industry, err := encodeIndustry(t)
	if err != nil {
		return nil, err
	}
	m := n.encodeFinancial(cups.MTIDebit, t, t.Host, reasonNone)
	m.Set(26, pinCapture)
	setPresent(m, 35, r.Track2.Reveal())
	setPresent(m, 36, r.Track3.Reveal())
	m.SetBytes(48, encodeBusiness(cups.SelfTransfer))
	pin := r.PIN.Reveal()
	m.SetBytes(52, pin[:])
	m.Set(53, pinWithPAN)
	setPresent(m, 55, string(r.ICData))
	m.Set(102, t.Card.Reveal())
	m.Set(103, r.PayeeCard.Reveal())
	m.SetBytes(104, industry)
	return m, nil
}

// encodeReversal makes the 0420 without its F128. It holds only what never changes, so that each repeat is the same:
// F38 is left out, because a late answer may add it to the row between two repeats; F90 names the debit.
func (n *Network) encodeReversal(r acquirer.Reversal, t *acquirer.Transaction) *cups.Message {
	m := n.encodeFinancial(cups.MTIReversal, t, r.Host, reasonReversal)
	institution := n.config.Institution
	m.Set(90, cups.Original90(cups.MTIDebit, t.Host.STAN.String(), t.Host.Time, institution, institution))
	return m
}

// encodeFinancial sets what a debit and its reversal have in common. key is the message's own F7 and F11.
func (n *Network) encodeFinancial(mti string, t *acquirer.Transaction, key acquirer.HostKey, reason string) *cups.Message {
	m := n.newMessage(mti)
	opened := t.Opened.In(acquirer.Beijing)
	m.Set(2, t.Card.Reveal())
	m.Set(3, cups.ProcTransfer)
	m.Set(4, t.Amount.F4())
	m.Set(7, key.Time)
	m.Set(11, key.STAN.String())
	m.Set(12, opened.Format("150405"))
	m.Set(13, opened.Format("0102"))
	setPresent(m, 14, t.Expiry)
	m.Set(18, n.config.MerchantType)
	m.Set(22, t.EntryMode)
	setPresent(m, 23, t.CardSeq)
	m.Set(25, cups.CondNormal)
	m.Set(32, n.config.Institution)
	m.Set(33, n.config.Institution)
	m.Set(37, string(t.RRN()))
	m.Set(41, string(t.Key.Terminal))
	m.Set(42, string(t.Key.Merchant))
	m.SetBytes(43, encodeName(n.config.MerchantName(t.Key.Merchant)))
	m.Set(49, currencyYuan)
	m.Set(60, encodeSelfDefined(reason, n.config.TerminalType, t.EntryMode))
	return m
}

// newMessage makes a message with our header.
func (n *Network) newMessage(mti string) *cups.Message {
	m := cups.New(mti)
	m.SetHeader(cups.NewHeader(n.config.Centre, n.config.Institution))
	return m
}

// setPresent sets a field that is left out when there is nothing in it.
func setPresent(m *cups.Message, id int, value string) {
	if value != "" {
		m.SetBytes(id, []byte(value))
	}
}

// encodeBusiness is F48: associated business, of a kind.
func encodeBusiness(kind string) []byte {
	return spec.AppendElement([]byte(cups.UsageAssoc), cups.TagBusiness, []byte(kind))
}

// encodeIndustry is F104: payee's and payer's number and the payment information, the elements of F62.
func encodeIndustry(t *acquirer.Transaction) ([]byte, error) {
	memo := spec.EncodeGBK(t.Memo)
	if len(memo) > maxMemo {
		return nil, errMemo
	}
	b := spec.AppendElement(nil, "PE", []byte(t.PayeeNumber.Reveal()))
	b = spec.AppendElement(b, "PR", []byte(t.Payer.Reveal()))
	if len(memo) > 0 {
		b = spec.AppendElement(b, "MO", memo)
	}
	return b, nil
}

// encodeName is F43: GBK, cut between two characters, filled with blanks.
func encodeName(name string) []byte {
	b := make([]byte, 0, nameLen)
	for _, r := range name {
		c := spec.EncodeGBK(string(r))
		if len(b)+len(c) > nameLen {
			break
		}
		b = append(b, c...)
	}
	for len(b) < nameLen {
		b = append(b, ' ')
	}
	return b
}

// encodeSelfDefined is F60 (host dialect page, section 2.1). What the entry mode tells about terminal and card is in
// it: it is part of the stored row, so that the 0420 says the same as the 0200.
func encodeSelfDefined(reason, terminalType, entryMode string) string {
	ability, medium := "2", "1" // a magnetic stripe reader, a stripe
	if len(entryMode) == 3 {
		switch entryMode[:2] {
		case "05", "07", "95":
			ability, medium = "5", "2"
		case "01":
			medium = "0"
		}
	}
	const owner, chipCondition, reserved, noPIN, reliability, eci, interaction = "0", "0", "0", "0", "0", "00", "0"
	second := owner + ability + chipCondition + reserved + terminalType + noPIN + reliability + eci + interaction
	const fee, level, free, partial, terminalInitiated = "00", "0", "000", "0", "1"
	return reason + second + fee + level + free + partial + terminalInitiated + medium
}

// encodeWire packs a message with the four digits of length in front, ready for one write.
func encodeWire(m *cups.Message) ([]byte, error) {
	frame, err := m.Pack()
	if err != nil {
		return nil, err
	}
	return cups.AppendFrame(make([]byte, 0, len(frame)+4), frame), nil
}

// decodeAuthorization reads a 0210. Text that is not GBK is left out: it is for the display only.
func decodeAuthorization(m *cups.Message) acquirer.Authorization {
	text, err := spec.DecodeGBK(m.Bytes(44))
	if err != nil {
		text = ""
	}
	return acquirer.Authorization{
		Code: acquirer.ResponseCode(m.Get(39)), AuthCode: m.Get(38), SettleDate: m.Get(15), Text: text, At: time.Now(),
	}
}

// decodeHostKey reads F7 and F11.
func decodeHostKey(m *cups.Message) (acquirer.HostKey, error) {
	trace, err := acquirer.ParseSTAN(m.Get(11))
	return acquirer.HostKey{Time: m.Get(7), STAN: trace}, err
}
