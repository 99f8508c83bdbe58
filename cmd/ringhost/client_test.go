package main

import (
	"encoding/hex"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"example.com/ringback/provider/mockhost"
	"example.com/ringback/spec"
	"example.com/ringback/spec/cups"
)

const (
	member = "48540000"
	payer  = "6222020000000000018"
)

// client is a member on one link.
type client struct {
	t        testing.TB
	conn     net.Conn
	mac, pin []byte
	stan     int
}

func dial(t testing.TB, addr string) *client {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	return &client{t: t, conn: conn}
}

// with dials with the keys of another link and trace numbers from first on.
func (c *client) with(t testing.TB, addr string, first int) *client {
	t.Helper()
	d := dial(t, addr)
	d.mac, d.pin, d.stan = c.mac, c.pin, first
	return d
}

func (c *client) next() string {
	c.stan++
	return fmt.Sprintf("%06d", c.stan)
}

// getKeys asks for both keys and takes them over.
func (c *client) getKeys() {
	c.t.Helper()
	for _, security := range []string{"1600000000000000", "2000000000000000"} {
		m := message("0820", map[int]string{7: "1124120000", 11: c.next(), 33: member, 53: security, 70: "101"})
		a, err := c.ask(m)
		require.NoError(c.t, err)
		require.Equal(c.t, "00", a.Get(39))
		c.takeKey()
	}
}

func (c *client) takeKey() {
	c.t.Helper()
	m, err := c.receive()
	require.NoError(c.t, err)
	wrapped, double := strings.CutPrefix(m.Get(48), "NK")
	if !double {
		wrapped = m.Get(96)
	}
	zmk, err := hex.DecodeString(mockhost.DemoZMK)
	require.NoError(c.t, err)
	key, err := spec.DecryptECB(zmk, []byte(wrapped))
	require.NoError(c.t, err)
	if m.Get(53)[0] == '1' {
		c.pin = key
	} else {
		c.mac = key
	}
	a := message("0810", map[int]string{7: m.Get(7), 11: m.Get(11), 39: "00", 53: m.Get(53), 70: "101", 100: m.Get(100)})
	proof := cups.KeyResetMAC(spec.HostMAC(key, cups.MAB(a)), spec.CheckValue(key))
	a.SetBytes(128, proof[:])
	require.NoError(c.t, c.send(a))
}

func message(mti string, values map[int]string) *cups.Message {
	m := cups.New(mti)
	m.SetHeader(cups.NewHeader(mockhost.CentreID, member))
	for id, value := range values {
		m.Set(id, value)
	}
	return m
}

func (c *client) newDebit(fen int64) *cups.Message {
	m := message("0200", map[int]string{
		2: payer, 3: "400000", 4: fmt.Sprintf("%012d", fen), 7: "1124120000", 11: c.next(), 12: "120000",
		13: "1124", 18: "4900", 22: "021", 25: "00", 26: "06", 32: member, 33: member, 37: "112400000001",
		41: "10000001", 42: "898110000000001", 43: strings.Repeat("X", 40), 48: "ASAO00207", 49: "156",
		53: "2600000000000000", 60: "000005000700", 102: payer, 103: "6217000000000000012",
		104: "PE01113800138001PR01113800138099",
	})
	block, err := spec.SealPIN(c.pin, "123456", payer)
	require.NoError(c.t, err)
	m.SetBytes(52, block[:])
	return c.seal(m)
}

func (c *client) newReversal(debit *cups.Message) *cups.Message {
	m := message("0420", map[int]string{
		7: "1124120001", 11: c.next(), 90: cups.Original90("0200", debit.Get(11), debit.Get(7), member, member),
	})
	for _, id := range []int{2, 3, 4, 12, 13, 18, 25, 32, 33, 37, 41, 42, 49, 60} {
		m.SetBytes(id, debit.Bytes(id))
	}
	return c.seal(m)
}

func (c *client) seal(m *cups.Message) *cups.Message {
	sum := spec.HostMAC(c.mac, cups.MAB(m))
	m.SetBytes(128, fmt.Appendf(nil, "%X", sum[:4]))
	return m
}

func (c *client) ask(m *cups.Message) (*cups.Message, error) {
	if err := c.send(m); err != nil {
		return nil, err
	}
	return c.receive()
}

func (c *client) send(m *cups.Message) error {
	frame, err := m.Pack()
	if err != nil {
		return err
	}
	_, err = c.conn.Write(cups.AppendFrame(nil, frame))
	return err
}

func (c *client) receive() (*cups.Message, error) {
	if err := c.conn.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
		return nil, err
	}
	frame, err := cups.ReadFrame(c.conn, nil)
	if err != nil {
		return nil, err
	}
	return cups.Unpack(frame)
}
