package provider

import (
	"context"
	"errors"

	"example.com/ringback/spec"
	acquirer "example.com/ringback/switch"

	"example.com/ringback/spec/cups"
)

var _ acquirer.PayoutOrders = (*Network)(nil)

// PayOut implements [acquirer.PayoutOrders] with a 0200, F3 = 290000. The same order makes the same bytes each time: all of it comes
// from the debit's row and the order's own key.
func (n *Network) PayOut(ctx context.Context, o acquirer.PayoutOrder) (acquirer.ResponseCode, error) {
	m, err := n.encodeOrder(o)
	if err != nil {
		return "", notSent(err)
	}
	w, _, err := n.launch(ctx, m, 0)
	if err != nil {
		return "", err
	}
	answer, err := n.await(ctx, w)
	if err != nil {
		return "", err
	}
	if err := n.believe(m, answer, true); err != nil {
		return "", err
	}
	for _, id := range []int{3, 90, 103} {
		if answer.Has(id) && answer.Get(id) != m.Get(id) {
			n.counts.mismatched.Add(1)
			return "", disbelieved(errOtherOrder)
		}
	}
	return acquirer.ResponseCode(answer.Get(39)), nil
}

// Why an order is not sent, or its answer not believed.
var (
	errOrderKey   = errors.New("the order has no key")
	errOtherOrder = errors.New("answer about another order")
)

// encodeOrder makes the 0200 without its F128. A name that GBK cannot write is left out: the bank then has nothing to compare,
// and the card was bound with that name.
func (n *Network) encodeOrder(o acquirer.PayoutOrder) (*cups.Message, error) {
	if len(o.Host.Time) != 10 {
		return nil, errOrderKey
	}
	m := n.newMessage(cups.MTIDebit)
	t, institution := o.Transaction, n.config.Institution
	m.Set(3, cups.ProcPayout)
	m.Set(4, t.Amount.F4())
	m.Set(7, o.Host.Time)
	m.Set(11, o.Host.STAN.String())
	m.Set(12, o.Host.Time[4:])
	m.Set(13, o.Host.Time[:4])
	m.Set(15, o.Date.F15())
	m.Set(18, n.config.MerchantType)
	m.Set(25, cups.CondNormal)
	m.Set(32, institution)
	m.Set(33, institution)
	m.Set(37, string(t.RRN()))
	m.Set(41, string(t.Key.Terminal))
	m.Set(42, string(t.Key.Merchant))
	m.SetBytes(48, encodeBusiness(cups.PayoutOrder))
	m.Set(49, currencyYuan)
	m.Set(60, encodeSelfDefined(reasonNone, n.config.TerminalType, keyedWithoutPIN))
	if name := spec.EncodeGBK(o.Name); inGBK(name, o.Name) {
		m.SetBytes(61, cups.Holder{Name: name}.AppendAsk(nil))
	}
	m.Set(90, cups.Original90(cups.MTIDebit, t.Host.STAN.String(), t.Host.Time, institution, institution))
	m.Set(103, o.Card.Reveal())
	return m, nil
}

// inGBK reports whether a name, which is not empty, comes back from its GBK.
func inGBK(gbk []byte, name string) bool {
	back, err := spec.DecodeGBK(gbk)
	return err == nil && back == name && name != ""
}
