package cmpp

import (
	"strings"

	"example.com/ringback/switch/channel/sms"
	cmpp "github.com/bigwhite/gocmpp"
)

// What a deliver holds beside its text, in bytes (CMPP 2.0 and 3.0, section 7.4.5.1).
const (
	deliverFixed2 = 8 + 21 + 10 + 3 + 21 + 1 + 1 + 8
	deliverFixed3 = 8 + 21 + 10 + 3 + 32 + 1 + 1 + 1 + 20
)

// decodeDeliver reads a deliver of either version as one of 3.0.
func (d *dialect) decodeDeliver(f frame) (p cmpp.Cmpp3DeliverReqPkt, err error) {
	if d.version == V30 {
		if p.Unpack(f.rest) != nil || f.body() != deliverFixed3+int(p.MsgLength) {
			return p, errFrame
		}
		return p, nil
	}
	var q cmpp.Cmpp2DeliverReqPkt
	if q.Unpack(f.rest) != nil || f.body() != deliverFixed2+int(q.MsgLength) {
		return cmpp.Cmpp3DeliverReqPkt{MsgId: q.MsgId}, errFrame
	}
	return cmpp.Cmpp3DeliverReqPkt{MsgId: q.MsgId, DestId: q.DestId, ServiceId: q.ServiceId, TpUdhi: q.TpUdhi, MsgFmt: q.MsgFmt,
		SrcTerminalId: q.SrcTerminalId, RegisterDelivery: q.RegisterDelivery, MsgContent: q.MsgContent}, nil
}

// delivery reads a deliver: a message or, when Registered_Delivery says so, a receipt.
func (d *dialect) delivery(f frame) sms.Delivery {
	p, err := d.decodeDeliver(f)
	out := sms.Delivery{Respond: func(v sms.Verdict) []byte { return d.respond(f.seq, p.MsgId, v, err == nil) }}
	if err != nil {
		out.Wrong = "deliver is malformed"
		return out
	}
	if p.RegisterDelivery == 1 {
		if out.Receipt = decodeReceipt(p.MsgContent); out.Receipt == nil {
			out.Wrong = "receipt is malformed or names no message"
		}
		out.Source = party(p.SrcTerminalId)
		return out
	}
	out.Message = sms.Message{Source: party(p.SrcTerminalId), Dest: party(p.DestId), Coding: p.MsgFmt, CodingName: "msg_fmt",
		Text: []byte(p.MsgContent), Own: messageID(p.MsgId), Link: p.LinkId}
	if p.SrcTerminalType != 0 {
		out.Source = sms.Party{} // a false name that stands for a number: nobody can be registered by it
	}
	if p.TpUdhi == 0 {
		return out
	}
	c, text, ok := sms.UserHeader(out.Text)
	if out.Concat, out.Text = c, text; ok {
		out.Concat, ok = c.Checked()
	}
	if !ok {
		out.Wrong = "concatenation header is malformed"
	}
	return out
}

func party(addr string) sms.Party { return sms.Party{Addr: strings.TrimRight(addr, " ")} }

// What a receipt holds, in bytes: Dest_terminal_Id has 21 in 2.0 and 32 in 3.0 (section 7.4.5.1); gateways of 3.0 are known
// that send the form of 2.0.
const receiptSize2, receiptSize3 = 60, 71

// decodeReceipt reads the Msg_Content of a receipt; nil: it is none, or names no message. The library knows the form of 2.0;
// what is behind Dest_terminal_Id is not wanted.
func decodeReceipt(content string) *sms.Report {
	var p cmpp.CmppReceiptPkt
	if len(content) != receiptSize2 && len(content) != receiptSize3 || p.Unpack([]byte(content)) != nil || p.MsgId == 0 {
		return nil
	}
	r := &sms.Report{ID: messageID(p.MsgId), State: "?"}
	switch stat := strings.TrimRight(p.Stat, " "); {
	case stat == "DELIVRD":
		r.State, r.Ended, r.Delivered = stat, true, true
	case stat == "EXPIRED", stat == "DELETED", stat == "UNDELIV", stat == "REJECTD", networkCode(stat):
		r.State, r.Ended = stat, true
	case stat == "ACCEPTD", stat == "UNKNOWN", stat == "ENROUTE":
		r.State = stat
	}
	r.Detail = r.State
	return r
}

// networkCode reports whether a Stat is a gateway's or a network's own number, such as MK:0001: the message was given up.
func networkCode(stat string) bool {
	if len(stat) != 7 || stat[2] != ':' {
		return false
	}
	return !strings.ContainsFunc(stat[:2]+stat[3:], func(r rune) bool { return (r < '0' || r > '9') && (r < 'A' || r > 'Z') })
}
