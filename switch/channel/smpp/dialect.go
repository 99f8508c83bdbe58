package smpp

import (
	"bufio"
	"errors"
	"fmt"
	"net"

	"example.com/ringback/switch/channel/sms"
	"github.com/linxGnu/gosmpp/data"
	"github.com/linxGnu/gosmpp/pdu"
)

// protocol is SMPP 3.4 as a configuration wants it.
type protocol struct{ Config }

func newProtocol(c Config) *protocol {
	if c.Alphabet == "" {
		c.Alphabet = GSM7
	}
	if c.ReceiptIDs == "" {
		c.ReceiptIDs = SameIDs
	}
	return &protocol{c}
}

var (
	_ sms.Protocol = (*protocol)(nil)
	_ sms.Dialect  = (*protocol)(nil) // a bind agrees on nothing
)

// Login implements [sms.Protocol]: it sends bind_transceiver and waits for the answer. An answer of nothing but its header,
// the usual form of a no, keeps its status here.
func (p *protocol) Login(conn net.Conn, r *bufio.Reader) (sms.Dialect, error) {
	password, err := p.Password()
	if err != nil {
		return nil, fmt.Errorf("password: %w", err)
	}
	req := pdu.NewBindRequest(pdu.Transceiver)
	req.SystemID, req.Password, req.SystemType = p.SystemID, password, p.SystemType
	if _, err := conn.Write(numbered(req, 1)); err != nil {
		return nil, err
	}
	for {
		f, err := readFrame(r)
		switch {
		case err != nil:
			return nil, err
		case f.id != data.BIND_TRANSCEIVER_RESP && f.id != data.GENERIC_NACK:
			continue
		case f.status != data.ESME_ROK || f.id == data.GENERIC_NACK:
			return nil, errors.New(statusText(f.status))
		}
		return p, nil
	}
}

// Dest implements [sms.Protocol].
func (p *protocol) Dest(number string) sms.Party {
	return Party{TON: p.DestTON, NPI: p.DestNPI, Addr: p.Prefix + number}
}

// Split implements [sms.Protocol].
func (p *protocol) Split(text string, ref byte, most int) ([]sms.Part, error) {
	return encode(text, p.Alphabet).Parts(ref, most)
}

// Decode implements [sms.Protocol].
func (p *protocol) Decode(coding byte, b []byte) (string, error) {
	return decodeText(coding, b, p.Alphabet)
}

// Enquire implements [sms.Dialect].
func (p *protocol) Enquire(seq uint32) ([]byte, error) {
	return numbered(pdu.NewEnquireLink(), seq), nil
}

// Goodbye implements [sms.Dialect].
func (p *protocol) Goodbye(seq uint32) ([]byte, error) { return numbered(pdu.NewUnbind(), seq), nil }

// Read implements [sms.Dialect].
func (p *protocol) Read(r *bufio.Reader) (sms.Frame, error) {
	f, err := readFrame(r)
	if err != nil {
		return sms.Frame{}, err
	}
	out := sms.Frame{Seq: f.seq}
	switch f.id {
	case data.SUBMIT_SM_RESP, data.GENERIC_NACK:
		out.Kind, out.Result = sms.FrameResult, p.result(f)
	case data.DELIVER_SM:
		out.Kind, out.Delivery = sms.FrameDelivery, delivery(f)
	case data.ENQUIRE_LINK:
		out.Answer = numbered(pdu.NewEnquireLinkResp(), f.seq)
	case data.UNBIND:
		out.Kind, out.Answer = sms.FrameGoodbye, numbered(pdu.NewUnbindResp(), f.seq)
	case data.UNBIND_RESP:
		out.Kind = sms.FrameParted
	default:
		if f.request() {
			nack := pdu.NewGenericNack().(*pdu.GenericNack)
			nack.CommandStatus = data.ESME_RINVCMDID
			out.Answer = numbered(nack, f.seq)
		}
	}
	return out, nil
}

// result reads the answer to a submit_sm.
func (p *protocol) result(f frame) sms.Result {
	status := f.status
	if f.id == data.GENERIC_NACK && status == data.ESME_ROK {
		status = data.ESME_RUNKNOWNERR
	}
	out := sms.Result{Fate: fate(status), Word: statusText(status)}
	if status == data.ESME_ROK {
		out.ID = p.receiptID(messageID(f.body))
	}
	return out
}

// delivery reads a deliver_sm.
func delivery(f frame) sms.Delivery {
	out := sms.Delivery{Respond: func(v sms.Verdict) []byte { return respond(f.seq, v) }}
	d, err := decodeDeliver(f.body)
	if err != nil {
		out.Wrong = "deliver_sm is malformed"
		return out
	}
	out.Source, out.Dest = d.source, d.dest
	switch d.class & classMask {
	case classMessage:
		if out.Message, err = d.message(); err != nil {
			out.Wrong = "concatenation header is malformed"
		}
	case classReceipt:
		r, err := decodeReceipt(d)
		if err != nil {
			out.Wrong = "receipt names no message"
			return out
		}
		out.Receipt = r.report()
	default: // acknowledgements of handsets and news on the way mean nothing here
		out.News = true
	}
	return out
}

// message is what a deliver_sm brings of a person.
func (d deliver) message() (sms.Message, error) {
	c, text, err := partOf(d)
	return sms.Message{Source: d.source, Dest: d.dest, Concat: c, Coding: d.coding, CodingName: "data_coding", Text: text,
		Own: d.ownName(), Salt: d.tlv[tagUserRef]}, err
}
