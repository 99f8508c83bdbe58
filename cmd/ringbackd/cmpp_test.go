package main

import (
	"encoding/binary"
	"encoding/json"
	"io"
	"log"
	"net"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf16"

	cmpp "github.com/bigwhite/gocmpp"
	"github.com/stretchr/testify/require"
)

// cmppCentre is a gateway of gocmpp that takes the orders of smsCentre and tells the same events. It asks for the password
// of the test and gives a receipt for every part.
type cmppCentre struct {
	*smsCentre
	typ cmpp.Type

	mu   sync.Mutex
	conn net.Conn
	id   uint64
	text []byte // of a message that is not whole
}

func newCMPPCentre(t *testing.T, protocol string) *smsCentre {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	c := &cmppCentre{smsCentre: &smsCentre{t: t, addr: l.Addr().String(), changed: make(chan struct{})}, typ: cmpp.V30}
	if protocol == "cmpp2" {
		c.typ = cmpp.V20
	}
	c.in = c
	s := &cmpp.Server{Typ: c.typ, T: time.Hour, N: 3, ErrorLog: log.New(io.Discard, "", 0), Handler: cmpp.HandlerFunc(c.serve)}
	ended := make(chan struct{})
	go func() { defer close(ended); _ = s.Serve(l) }() // its end is the listener's
	t.Cleanup(func() { require.NoError(t, l.Close()); <-ended })
	return c.smsCentre
}

// serve is the handler of the server.
func (c *cmppCentre) serve(r *cmpp.Response, packet *cmpp.Packet, _ *log.Logger) (bool, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch q := packet.Packer.(type) {
	case *cmpp.CmppConnReqPkt:
		c.conn = packet.Conn.Conn
		c.login(r, q)
	case *cmpp.Cmpp2SubmitReqPkt:
		a := r.Packer.(*cmpp.Cmpp2SubmitRspPkt)
		a.MsgId = c.take(q.DestTerminalId[0], q.TpUdhi, q.PkTotal == q.PkNumber, q.MsgFmt, q.MsgContent)
	case *cmpp.Cmpp3SubmitReqPkt:
		a := r.Packer.(*cmpp.Cmpp3SubmitRspPkt)
		a.MsgId = c.take(q.DestTerminalId[0], q.TpUdhi, q.PkTotal == q.PkNumber, q.MsgFmt, q.MsgContent)
	case *cmpp.Cmpp2DeliverRspPkt:
		c.answered(q.MsgId, int(q.Result))
	case *cmpp.Cmpp3DeliverRspPkt:
		c.answered(q.MsgId, int(q.Result))
	}
	return false, nil
}

// login takes whoever knows the password.
func (c *cmppCentre) login(r *cmpp.Response, q *cmpp.CmppConnReqPkt) {
	want := &cmpp.CmppConnReqPkt{SrcAddr: "901234", Secret: "a-secret-1234", Timestamp: q.Timestamp, Version: c.typ}
	_, err := want.Pack(1)
	status := uint8(3)
	if err == nil && want.AuthSrc == q.AuthSrc {
		status = 0
		c.add(smsEvent{Event: "bound"})
	}
	if a, ok := r.Packer.(*cmpp.Cmpp2ConnRspPkt); ok {
		a.Status, a.AuthSrc, a.Secret, a.Version = status, q.AuthSrc, "a-secret-1234", c.typ
	}
	if a, ok := r.Packer.(*cmpp.Cmpp3ConnRspPkt); ok {
		a.Status, a.AuthSrc, a.Secret, a.Version = uint32(status), q.AuthSrc, "a-secret-1234", c.typ
	}
}

// take is a submit; its receipt goes out at once.
func (c *cmppCentre) take(to string, udhi uint8, last bool, format uint8, text string) uint64 {
	c.id++
	b := []byte(text)
	if udhi == 1 {
		b = b[6:]
	}
	if c.text = append(c.text, b...); last {
		whole := string(c.text)
		if format == 8 {
			var u []uint16
			for i := 0; i+1 < len(c.text); i += 2 {
				u = append(u, binary.BigEndian.Uint16(c.text[i:]))
			}
			whole = string(utf16.Decode(u))
		}
		c.text = nil
		c.add(smsEvent{Event: "message", To: to, Text: whole})
	}
	size := 21 + 4
	if c.typ == cmpp.V30 {
		size = 32 + 4
	}
	receipt := append(binary.BigEndian.AppendUint64(nil, c.id), "DELIVRD26112412002611241201"...)
	c.push(0, "10086", 1, 0, 0, append(receipt, make([]byte, size)...))
	return c.id
}

// answered is the answer to a deliver; receipts have no number.
func (c *cmppCentre) answered(id uint64, result int) {
	if id != 0 {
		c.add(smsEvent{Event: "answer", Status: result})
	}
}

// push writes a deliver. The caller holds mu.
func (c *cmppCentre) push(id uint64, from string, receipt, udhi, format uint8, text []byte) {
	var q cmpp.Packer = &cmpp.Cmpp3DeliverReqPkt{MsgId: id, SrcTerminalId: from, RegisterDelivery: receipt, TpUdhi: udhi, MsgFmt: format,
		MsgLength: uint8(len(text)), MsgContent: string(text)}
	if c.typ == cmpp.V20 {
		q = &cmpp.Cmpp2DeliverReqPkt{MsgId: id, SrcTerminalId: from, RegisterDelivery: receipt, TpUdhi: udhi, MsgFmt: format,
			MsgLength: uint8(len(text)), MsgContent: string(text)}
	}
	b, err := q.Pack(uint32(c.id))
	if err == nil {
		_, err = c.conn.Write(b)
	}
	if err != nil {
		c.add(smsEvent{Event: "failed", Text: err.Error()})
	}
}

// Write takes an order to deliver.
func (c *cmppCentre) Write(b []byte) (int, error) {
	var o struct {
		From  string
		Ref   byte
		Parts []string
	}
	if err := json.Unmarshal([]byte(strings.TrimSpace(string(b))), &o); err != nil {
		return 0, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for i, text := range o.Parts {
		var udhi uint8
		var content []byte
		if len(o.Parts) > 1 {
			udhi, content = 1, []byte{5, 0, 3, o.Ref, byte(len(o.Parts)), byte(i + 1)}
		}
		for _, u := range utf16.Encode([]rune(text)) {
			content = binary.BigEndian.AppendUint16(content, u)
		}
		c.id++
		c.push(c.id, o.From, 0, udhi, 8, content)
	}
	return len(b), nil
}

// Close ends nothing: the server does with its listener.
func (c *cmppCentre) Close() error { return nil }
