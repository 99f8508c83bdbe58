package cmpp

import (
	"errors"
	"strings"
	"time"

	acquirer "example.com/ringback/switch"
	"example.com/ringback/switch/channel/sms"
	cmpp "github.com/bigwhite/gocmpp"
)

// The msg_fmt values (CMPP 3.0, section 7.4.3.1).
const (
	formatASCII = 0
	formatUCS2  = 8
	formatGB    = 15
)

// payerSP is the Fee_UserType that charges the SP.
const payerSP = 2

// Dest implements [sms.Protocol].
func (p *protocol) Dest(number string) sms.Party { return sms.Party{Addr: p.Prefix + number} }

// Split implements [sms.Protocol]: texts of signs that ASCII and the alphabet of handsets have at the same places go as
// msg_fmt 0, all others as UCS-2, so that no gateway's table plays a part.
func (p *protocol) Split(text string, ref byte, most int) ([]sms.Part, error) {
	e := sms.UCS2(text, formatUCS2)
	if !strings.ContainsFunc(text, special) {
		e = sms.Encoded{Coding: formatASCII, Bytes: []byte(text), Width: func([]byte) int { return 1 }, Whole: maxASCII, Each: maxASCIIPart}
	}
	return e.Parts(ref, most)
}

func special(r rune) bool {
	return r != '\n' && (r < ' ' || r > '~' || strings.ContainsRune("$@[\\]^_`{|}~", r))
}

// Decode implements [sms.Protocol]: msg_fmt 0 is ASCII, 8 UCS-2 with surrogate pairs, 15 GB18030. Others are not for people.
func (p *protocol) Decode(format byte, b []byte) (string, error) {
	switch format {
	case formatASCII:
		return sms.DecodeASCII(b)
	case formatUCS2:
		return sms.DecodeUCS2(b)
	case formatGB:
		return sms.DecodeGB18030(b)
	}
	return "", sms.ErrText
}

// Submit implements [sms.Dialect].
func (d *dialect) Submit(seq uint32, s sms.Submission, p sms.Part) ([]byte, error) {
	if len(s.Dest.Addr) > 20 || len(p.Text) > 255 {
		return nil, errors.New("address or text is too long for a submit")
	}
	if d.version == V20 {
		return pack(d.submit2(s, p), seq)
	}
	return pack(d.submit3(s, p), seq)
}

func (d *dialect) submit2(s sms.Submission, p sms.Part) *cmpp.Cmpp2SubmitReqPkt {
	return &cmpp.Cmpp2SubmitReqPkt{PkTotal: p.Total, PkNumber: p.Seq, RegisteredDelivery: flag(s.Receipt), ServiceId: d.Service,
		FeeUserType: payerSP, TpUdhi: flag(p.Header), MsgFmt: p.Coding, MsgSrc: d.Account, FeeType: d.FeeType, FeeCode: d.FeeCode,
		ValidTime: validTime(s.Expires), SrcId: d.Source, DestUsrTl: 1, DestTerminalId: []string{s.Dest.Addr},
		MsgLength: uint8(len(p.Text)), MsgContent: string(p.Text)}
}

func (d *dialect) submit3(s sms.Submission, p sms.Part) *cmpp.Cmpp3SubmitReqPkt {
	return &cmpp.Cmpp3SubmitReqPkt{PkTotal: p.Total, PkNumber: p.Seq, RegisteredDelivery: flag(s.Receipt), ServiceId: d.Service,
		FeeUserType: payerSP, TpUdhi: flag(p.Header), MsgFmt: p.Coding, MsgSrc: d.Account, FeeType: d.FeeType, FeeCode: d.FeeCode,
		ValidTime: validTime(s.Expires), SrcId: d.Source, DestUsrTl: 1, DestTerminalId: []string{s.Dest.Addr},
		MsgLength: uint8(len(p.Text)), MsgContent: string(p.Text), LinkId: s.Link}
}

func flag(on bool) uint8 {
	if on {
		return 1
	}
	return 0
}

// validTime writes until when a gateway may try, in the form of SMPP 3.3: an absolute time and the quarters of an hour that
// its zone is ahead. Empty, the gateway's own, when the message does not expire.
func validTime(expires time.Time) string {
	if expires.IsZero() {
		return ""
	}
	return expires.In(acquirer.Beijing).Format("060102150405") + "032+"
}
