package cmpp

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"example.com/ringback/switch/channel/sms"
	"example.com/ringback/switch/channel/sms/smstest"
	"github.com/stretchr/testify/require"
)

// tape keeps what goes over a connection, as the packets of a capture.
type tape struct {
	net.Conn
	mu   *sync.Mutex
	file *[]byte
	sent *[2]uint32 // bytes so far: ours, the gateway's
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

// add writes a record of the capture: IPv4 and TCP without checksums, from port 40000 to port 7890 or back.
func (c tape) add(from int, b []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(b) == 0 {
		return
	}
	if *c.file == nil {
		head := []byte{0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0}
		*c.file = binary.LittleEndian.AppendUint32(head, 101) // begins with the IP header
	}
	ports := [2]uint16{40000, 7890}
	p := append([]byte{0x45, 0}, binary.BigEndian.AppendUint16(nil, uint16(40+len(b)))...)
	p = append(p, 0, 0, 0, 0, 64, 6, 0, 0, 127, 0, 0, byte(1+from), 127, 0, 0, byte(2-from))
	p = binary.BigEndian.AppendUint16(p, ports[from])
	p = binary.BigEndian.AppendUint16(p, ports[1-from])
	p = binary.BigEndian.AppendUint32(p, 1+c.sent[from])
	p = binary.BigEndian.AppendUint32(p, 1+c.sent[1-from])
	p = append(p, 0x50, 0x18, 0xff, 0xff, 0, 0, 0, 0)
	p = append(p, b...)
	c.sent[from] += uint32(len(b))
	f := append(*c.file, make([]byte, 8)...)
	f = binary.LittleEndian.AppendUint32(f, uint32(len(p)))
	f = binary.LittleEndian.AppendUint32(f, uint32(len(p)))
	*c.file = append(f, p...)
}

// The dissector of Wireshark, which knows 3.0 only, reads a whole session as we mean it.
func TestTsharkReadsTheSession(t *testing.T) {
	if _, err := exec.LookPath("tshark"); err != nil {
		t.Skip("tshark is not installed: apt-get install tshark")
	}
	p := startPeer(t, V30, "127.0.0.1:0")
	p.receipt = "DELIVRD"
	var mu sync.Mutex
	var file []byte
	var sent [2]uint32
	core := &smstest.Core{}
	s, _, stop := p.join(core, func(c *Config) {
		c.Dial = func(ctx context.Context, addr string) (net.Conn, error) {
			var d net.Dialer
			conn, err := d.DialContext(ctx, "tcp", addr)
			return tape{Conn: conn, mu: &mu, file: &file, sent: &sent}, err
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
	mu.Lock()
	capture := filepath.Join(t.TempDir(), "cmpp.pcap")
	require.NoError(t, os.WriteFile(capture, file, 0o600))
	mu.Unlock()

	require.Empty(t, tshark(t, capture, "_ws.malformed", "frame.number"))
	require.Equal(t, [][]string{{"901234", "03.00"}}, tshark(t, capture, "cmpp.Command_Id==1", "cmpp.connect.Source_Addr", "cmpp.Version"))
	require.Equal(t, [][]string{{"0"}}, tshark(t, capture, "cmpp.Command_Id==0x80000001", "cmpp.connect_resp.Status"))
	rows := tshark(t, capture, "cmpp.Command_Id==4", "cmpp.submit.Pk_total", "cmpp.submit.Pk_number", "cmpp.TP_udhi", "cmpp.Msg_Fmt",
		"cmpp.submit.Registered_Delivery", "cmpp.submit.Msg_src", "cmpp.submit.Src_Id", "cmpp.Dest_terminal_Id", "cmpp.submit.FeeType", "cmpp.Msg_Length")
	for i, want := range []string{"140", "80"} {
		require.Equal(t, []string{"2", string('1' + rune(i)), "1", "8", "1", "901234", "10690000", smstest.Number, "01", want}, rows[i])
	}
	require.Equal(t, [][]string{{"0"}, {"0"}}, tshark(t, capture, "cmpp.Command_Id==0x80000004", "cmpp.submit_resp.Result"))
	require.Equal(t, text, tsharkText(t, capture))
	require.Equal(t, [][]string{{"DELIVRD"}, {"DELIVRD"}, {""}}, tshark(t, capture, "cmpp.Command_Id==5", "cmpp.deliver.Report.Status"))
	require.Equal(t, [][]string{{"0"}, {"0"}, {"0"}}, tshark(t, capture, "cmpp.Command_Id==0x80000005", "cmpp.deliver_resp.Result"))
	require.Len(t, tshark(t, capture, "cmpp.Command_Id==2", "frame.number"), 1)
	require.Len(t, tshark(t, capture, "cmpp.Command_Id==0x80000002", "frame.number"), 1)
}

// tshark returns the fields of the frames that a filter lets through.
func tshark(t *testing.T, capture, filter string, fields ...string) (rows [][]string) {
	t.Helper()
	args := []string{"-r", capture, "-d", "tcp.port==7890,cmpp", "-Y", filter, "-T", "fields"}
	for _, f := range fields {
		args = append(args, "-e", f)
	}
	out, err := exec.Command("tshark", args...).Output()
	require.NoError(t, err)
	for line := range strings.Lines(string(out)) {
		rows = append(rows, strings.Split(strings.TrimRight(line, "\n"), "\t"))
	}
	return rows
}

// tsharkText joins the texts of the submits, which end 20 bytes before the frame and are as long as the dissector says.
func tsharkText(t *testing.T, capture string) string {
	t.Helper()
	var b []byte
	for _, row := range tshark(t, capture, "cmpp.Command_Id==4", "tcp.payload", "cmpp.Msg_Length") {
		frame, err := hex.DecodeString(strings.ReplaceAll(row[0], ":", ""))
		require.NoError(t, err)
		n, err := strconv.Atoi(row[1])
		require.NoError(t, err)
		text := frame[len(frame)-20-n : len(frame)-20]
		b = append(b, text[6:]...)
	}
	s, err := sms.DecodeUCS2(b)
	require.NoError(t, err)
	return s
}
