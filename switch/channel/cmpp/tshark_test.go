package cmpp

import (
	"context"
	"encoding/binary"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"example.com/ringback/switch/channel/sms/smstest"
	"github.com/stretchr/testify/require"
)

// tape keeps what goes over a connection, as a capture in which each frame is a packet.
type tape struct {
	net.Conn
	*reel
}

type reel struct {
	mu   sync.Mutex
	file []byte
	rest [2][]byte // of a frame that is not whole: ours, the gateway's
	sent [2]uint32
}

func (c tape) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.add(1, b[:n])
	return n, err
}

func (c tape) Write(b []byte) (int, error) {
	c.add(0, b)
	return c.Conn.Write(b)
}

// add cuts what came into frames.
func (r *reel) add(from int, b []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.rest[from] = append(r.rest[from], b...)
	for len(r.rest[from]) >= 4 {
		n := int(binary.BigEndian.Uint32(r.rest[from]))
		if len(r.rest[from]) < n {
			return
		}
		r.record(from, r.rest[from][:n])
		r.rest[from] = r.rest[from][n:]
	}
}

// record writes a packet of the capture: IPv4 and TCP without checksums, from port 40000 to port 7890 or back.
func (r *reel) record(from int, b []byte) {
	if r.file == nil {
		head := []byte{0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0}
		r.file = binary.LittleEndian.AppendUint32(head, 101) // a packet begins with its IP header
	}
	ports := [2]uint16{40000, 7890}
	p := append([]byte{0x45, 0}, binary.BigEndian.AppendUint16(nil, uint16(40+len(b)))...)
	p = append(p, 0, 0, 0, 0, 64, 6, 0, 0, 127, 0, 0, byte(1+from), 127, 0, 0, byte(2-from))
	p = binary.BigEndian.AppendUint16(p, ports[from])
	p = binary.BigEndian.AppendUint16(p, ports[1-from])
	p = binary.BigEndian.AppendUint32(p, 1+r.sent[from])
	p = binary.BigEndian.AppendUint32(p, 1+r.sent[1-from])
	p = append(p, 0x50, 0x18, 0xff, 0xff, 0, 0, 0, 0)
	p = append(p, b...)
	r.sent[from] += uint32(len(b))
	r.file = append(r.file, make([]byte, 8)...)
	r.file = binary.LittleEndian.AppendUint32(r.file, uint32(len(p)))
	r.file = binary.LittleEndian.AppendUint32(r.file, uint32(len(p)))
	r.file = append(r.file, p...)
}

// The dissector of Wireshark, which knows 3.0 only, reads a whole session as we mean it.
func TestTsharkReadsTheSession(t *testing.T) {
	if _, err := exec.LookPath("tshark"); err != nil {
		t.Skip("tshark is not installed: apt-get install tshark")
	}
	p := startPeer(t, V30, "127.0.0.1:0")
	p.receipt = "DELIVRD"
	r := &reel{}
	s, _, stop := p.join(&smstest.Core{}, func(c *Config) {
		c.Dial = func(ctx context.Context, addr string) (net.Conn, error) {
			var d net.Dialer
			conn, err := d.DialContext(ctx, "tcp", addr)
			return tape{conn, r}, err
		}
	})
	p.await("login")
	text := strings.Repeat("收款一百二十三元四角五分。", 8)
	smstest.Send(t, s, smstest.Notice(t, "a", text), patience)
	p.await("answer 0")
	p.await("answer 0")
	p.deliver(mo{id: 77, from: smstest.Number, format: 8, text: []byte("\x5e\x2e\x52\xa9")})
	p.await("answer 0")
	stop()
	capture := filepath.Join(t.TempDir(), "cmpp.pcap")
	require.NoError(t, os.WriteFile(capture, r.file, 0o600))

	got := tshark(t, capture, "cmpp.connect.Source_Addr", "cmpp.Version", "cmpp.connect_resp.Status", "cmpp.submit_resp.Result",
		"cmpp.deliver.Report.Status", "cmpp.deliver_resp.Result", "cmpp.submit.Pk_total", "cmpp.submit.Pk_number", "cmpp.TP_udhi",
		"cmpp.Msg_Fmt", "cmpp.submit.Registered_Delivery", "cmpp.submit.Msg_src", "cmpp.submit.Src_Id", "cmpp.Dest_terminal_Id",
		"cmpp.submit.FeeType", "cmpp.Msg_Length")
	require.Equal(t, []string{"901234 03.00"}, got[1])
	require.Equal(t, []string{"03.00 0"}, got[0x80000001])
	require.Equal(t, []string{"2 1 1 8 1 901234 10690000 13800138001 01 140", "2 2 1 8 1 901234 10690000 13800138001 01 80"}, got[4])
	require.Equal(t, []string{"0", "0"}, got[0x80000004])
	require.Len(t, got[5], 3)
	require.Contains(t, got[5][0], "DELIVRD")
	require.Equal(t, []string{"0", "0", "0"}, got[0x80000005])
	require.Equal(t, []string{""}, got[2])
	require.Equal(t, []string{""}, got[0x80000002])
}

// tshark returns the fields that frames of a command have, by command, and wants none of them malformed.
func tshark(t *testing.T, capture string, fields ...string) map[uint32][]string {
	t.Helper()
	args := []string{"-r", capture, "-d", "tcp.port==7890,cmpp", "-T", "fields", "-e", "_ws.malformed", "-e", "cmpp.Command_Id"}
	for _, f := range fields {
		args = append(args, "-e", f)
	}
	out, err := exec.Command("tshark", args...).Output()
	require.NoError(t, err)
	rows := map[uint32][]string{}
	for line := range strings.Lines(string(out)) {
		cells := strings.Split(strings.TrimRight(line, "\n"), "\t")
		require.Empty(t, cells[0], line)
		command, err := strconv.ParseUint(cells[1], 0, 32)
		require.NoError(t, err, line)
		there := slices.DeleteFunc(cells[2:], func(s string) bool { return s == "" })
		rows[uint32(command)] = append(rows[uint32(command)], strings.Join(there, " "))
	}
	return rows
}
