package cmpp

import (
	"strconv"

	"example.com/ringback/switch/channel/sms"
	cmpp "github.com/bigwhite/gocmpp"
)

// results name the Result of a submit_resp (CMPP 3.0, section 7.4.3.2). Numbers beyond are a gateway's own.
var results = []string{"accepted", "structure", "command", "sequence number again", "length", "fee code", "too long", "service",
	"flow control", "number is not this gateway's", "source address", "message source", "fee number", "destination"}

// fate says what a Result means for a part. All that is neither too much nor for ever may pass, also what comes of a wrong
// configuration: an operator can mend it before the notice goes to the next device.
func fate(result uint32) sms.Fate {
	switch result {
	case 0:
		return sms.Accepted
	case 3:
		return sms.Double
	case 8:
		return sms.TooMuch
	case 4, 6, 9, 13:
		return sms.Undeliverable
	}
	return sms.Failed
}

// result reads the answer to a submit.
func (d *dialect) result(f frame) sms.Result {
	id, result, err := d.decodeResult(f)
	if err != nil {
		return sms.Result{Fate: sms.Failed, Word: "submit_resp is malformed"}
	}
	out := sms.Result{Fate: fate(result), Word: word(results, result)}
	if result == 0 {
		out.ID = messageID(id)
	}
	return out
}

func (d *dialect) decodeResult(f frame) (id uint64, result uint32, err error) {
	if d.version == V20 {
		var p cmpp.Cmpp2SubmitRspPkt
		err = f.unpack(&p, 8+1)
		return p.MsgId, uint32(p.Result), err
	}
	var p cmpp.Cmpp3SubmitRspPkt
	err = f.unpack(&p, 8+4)
	return p.MsgId, p.Result, err
}

// messageID writes a Msg_Id; 0 is none.
func messageID(id uint64) string {
	if id == 0 {
		return ""
	}
	return strconv.FormatUint(id, 10)
}

// The Result of a deliver_resp (CMPP 3.0, section 7.4.5.2).
const (
	deliverOK        = 0
	deliverStructure = 1
	deliverFlow      = 8
	deliverOther     = 9
)

// respond writes the answer to a deliver; nil: none is given. whole: the frame could be read.
func (d *dialect) respond(seq uint32, id uint64, v sms.Verdict, whole bool) []byte {
	result := uint32(deliverOther)
	switch {
	case v == sms.Taken:
		result = deliverOK
	case v == sms.Later && d.SilentLater:
		return nil
	case v == sms.Later:
		result = deliverFlow
	case !whole:
		result = deliverStructure
	}
	if d.version == V20 {
		return plain(&cmpp.Cmpp2DeliverRspPkt{MsgId: id, Result: uint8(result)}, seq)
	}
	return plain(&cmpp.Cmpp3DeliverRspPkt{MsgId: id, Result: result}, seq)
}
