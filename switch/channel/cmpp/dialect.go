package cmpp

import (
	"bufio"

	"example.com/ringback/switch/channel/sms"
	cmpp "github.com/bigwhite/gocmpp"
)

// dialect is the version that a link agreed on.
type dialect struct {
	*protocol
	version Version
}

var _ sms.Dialect = (*dialect)(nil)

// Enquire implements [sms.Dialect].
func (d *dialect) Enquire(seq uint32) ([]byte, error) { return pack(&cmpp.CmppActiveTestReqPkt{}, seq) }

// Goodbye implements [sms.Dialect].
func (d *dialect) Goodbye(seq uint32) ([]byte, error) { return pack(&cmpp.CmppTerminateReqPkt{}, seq) }

// Read implements [sms.Dialect]. Commands that mean nothing here are passed over: the protocol has no answer to them.
func (d *dialect) Read(r *bufio.Reader) (sms.Frame, error) {
	f, err := readFrame(r)
	if err != nil {
		return sms.Frame{}, err
	}
	out := sms.Frame{Seq: f.seq}
	switch f.command {
	case cmpp.CMPP_SUBMIT_RESP:
		out.Kind, out.Result = sms.FrameResult, d.result(f)
	case cmpp.CMPP_DELIVER:
		out.Kind, out.Delivery = sms.FrameDelivery, d.delivery(f)
	case cmpp.CMPP_ACTIVE_TEST:
		out.Answer = plain(&cmpp.CmppActiveTestRspPkt{}, f.seq)
	case cmpp.CMPP_TERMINATE:
		out.Kind, out.Answer = sms.FrameGoodbye, plain(&cmpp.CmppTerminateRspPkt{}, f.seq)
	case cmpp.CMPP_TERMINATE_RESP:
		out.Kind = sms.FrameParted
	}
	return out, nil
}
