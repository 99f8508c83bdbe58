package smpp

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"

	"example.com/ringback/switch/channel/sms"
	"github.com/linxGnu/gosmpp/data"
	"github.com/linxGnu/gosmpp/pdu"
)

// headerSize is the length of a PDU's header: four 4-byte integers (SMPP 3.4, section 3.2).
const headerSize = 16

// The parameter tags that are read (SMPP 3.4, section 5.3.2).
const (
	tagReceiptedID  = uint16(pdu.TagReceiptedMessageID)
	tagUserRef      = uint16(pdu.TagUserMessageReference)
	tagSarRef       = uint16(pdu.TagSarMsgRefNum)
	tagSarTotal     = uint16(pdu.TagSarTotalSegments)
	tagSarSeq       = uint16(pdu.TagSarSegmentSeqnum)
	tagPayload      = uint16(pdu.TagMessagePayload)
	tagMessageState = uint16(pdu.TagMessageStateOption)
)

// errPDU is the error of a body that is not what its command says; the frame as such is whole.
var errPDU = errors.New("PDU is malformed")

// frame is one PDU as it came.
type frame struct {
	id     data.CommandIDType
	status data.CommandStatusType
	seq    uint32
	body   []byte
}

// readFrame reads one PDU. An error means that the stream cannot be read on.
func readFrame(r io.Reader) (frame, error) {
	var head [headerSize]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return frame{}, err
	}
	n := binary.BigEndian.Uint32(head[:])
	if n < headerSize || n > maxFrame {
		return frame{}, fmt.Errorf("PDU of %d bytes, %d to %d are allowed", n, headerSize, maxFrame)
	}
	h := pdu.ParseHeader(head)
	f := frame{id: h.CommandID, status: h.CommandStatus, seq: uint32(h.SequenceNumber), body: make([]byte, n-headerSize)}
	if _, err := io.ReadFull(r, f.body); err != nil {
		return frame{}, fmt.Errorf("PDU of %d bytes broke off: %w", n, err)
	}
	return f, nil
}

// request reports whether the frame asks for an answer.
func (f frame) request() bool { return uint32(f.id)&0x8000_0000 == 0 }

// deliver is a deliver_sm (SMPP 3.4, section 4.6.1). Its slices share the frame's bytes.
type deliver struct {
	source, dest Party
	class        byte // esm_class
	coding       byte // data_coding
	text         []byte
	tlv          map[uint16][]byte
}

// decodeDeliver reads the body of a deliver_sm. A parameter that comes twice, a length that overruns and a text in two
// places are errPDU.
func decodeDeliver(body []byte) (deliver, error) {
	c := cursor{b: body}
	c.text(6) // service_type
	d := deliver{source: c.party(), dest: c.party(), tlv: map[uint16][]byte{}}
	d.class = c.octet()
	c.take(2) // protocol_id, priority_flag
	c.text(17)
	c.text(17) // schedule_delivery_time, validity_period
	c.take(2)  // registered_delivery, replace_if_present_flag
	d.coding = c.octet()
	c.take(1) // sm_default_msg_id
	d.text = c.take(int(c.octet()))
	for !c.bad && len(c.b) > 0 {
		tag, n := c.short(), c.short()
		v := c.take(int(n))
		if _, twice := d.tlv[tag]; twice {
			c.bad = true
		}
		d.tlv[tag] = v
	}
	if payload, ok := d.tlv[tagPayload]; ok {
		c.bad = c.bad || len(d.text) > 0
		d.text = payload
	}
	if c.bad {
		return deliver{}, errPDU
	}
	return d, nil
}

// cursor reads from the front of b; after the first fault bad is set, and what it returns means nothing.
type cursor struct {
	b   []byte
	bad bool
}

func (c *cursor) take(n int) []byte {
	if c.bad || n > len(c.b) {
		c.bad = true
		return nil
	}
	v := c.b[:n]
	c.b = c.b[n:]
	return v
}

func (c *cursor) octet() byte {
	if v := c.take(1); v != nil {
		return v[0]
	}
	return 0
}

func (c *cursor) short() uint16 {
	if v := c.take(2); v != nil {
		return binary.BigEndian.Uint16(v)
	}
	return 0
}

// text reads a C string of at most size bytes with its end.
func (c *cursor) text(size int) string {
	n := bytes.IndexByte(c.b, 0)
	if c.bad || n < 0 || n >= size {
		c.bad = true
		return ""
	}
	return string(c.take(n + 1)[:n])
}

// party reads an address.
func (c *cursor) party() Party { return Party{TON: c.octet(), NPI: c.octet(), Addr: c.text(21)} }

// messageID reads the body of a submit_sm_resp; an error response has none.
func messageID(body []byte) string {
	c := cursor{b: body}
	id := c.text(sms.MaxReference + 1)
	if c.bad {
		return ""
	}
	return id
}

// ownName is the centre's own name for a message or for what a receipt tells of.
func (d deliver) ownName() string { return strings.TrimRight(string(d.tlv[tagReceiptedID]), "\x00") }

// respond writes the answer to a deliver_sm.
func respond(seq uint32, v sms.Verdict) []byte {
	p := pdu.NewDeliverSMResp().(*pdu.DeliverSMResp)
	p.CommandStatus = answers[v]
	return numbered(p, seq)
}

// numbered writes a PDU with a sequence number.
func numbered(p pdu.PDU, seq uint32) []byte {
	p.SetSequenceNumber(int32(seq))
	b := pdu.NewBuffer(nil)
	p.Marshal(b)
	return b.Bytes()
}
