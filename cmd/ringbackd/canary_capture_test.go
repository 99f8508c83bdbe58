package main

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"example.com/ringback/spec"
	"example.com/ringback/spec/cups"
	"example.com/ringback/spec/pos"
	"github.com/stretchr/testify/require"
)

// Row 26 of docs/security.md, captures: frames of both lines are full of secrets, and two programs show frames to people.

// tape is the host's listener, with somebody who writes down what passes.
type tape struct {
	net.Listener
	mu    sync.Mutex
	lines []*tapedConn
}

type tapedConn struct {
	net.Conn
	in, out lockedBuffer
}

func (l *tape) Accept() (net.Conn, error) {
	nc, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	c := &tapedConn{Conn: nc}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines = append(l.lines, c)
	return c, nil
}

func (c *tapedConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	_, _ = c.in.Write(b[:n]) // a buffer takes every write
	return n, err
}

func (c *tapedConn) Write(b []byte) (int, error) {
	n, err := c.Conn.Write(b)
	_, _ = c.out.Write(b[:n]) // a buffer takes every write
	return n, err
}

// frames lists the frames that passed, with their length.
func (l *tape) frames(t *testing.T) (all [][]byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, c := range l.lines {
		for _, stream := range []*lockedBuffer{&c.in, &c.out} {
			r := strings.NewReader(stream.String())
			for {
				frame, err := cups.ReadFrame(r, nil)
				if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
					break
				}
				require.NoError(t, err)
				if len(frame) > 0 {
					all = append(all, cups.AppendFrame(nil, frame))
				}
			}
		}
	}
	return all
}

// Whatever was on the lines, whole or cut off anywhere, ringbackd decode shows no secret of it unless it is told to.
func TestCanariesInDecodedFrames(t *testing.T) {
	w := newCanaryWorld(t)
	w.payments(t)
	w.brokenFrames(t)
	lines := map[string][][]byte{"cups": w.tape.frames(t)}
	for _, f := range w.passed {
		lines["pos"] = append(lines["pos"], pos.AppendFrame(nil, f))
	}
	for dialect, frames := range lines {
		require.Greater(t, len(frames), 25, dialect)
		var text bytes.Buffer
		for _, f := range frames {
			for end := len(f); end > 0; end -= 9 {
				text.WriteString(spec.Hex(f[:end]) + "\n")
			}
		}
		for _, form := range []string{"--json", "--no-json"} {
			require.Empty(t, w.leaks(decoded(t, text.String(), dialect, form)), dialect)
		}
		shown := w.leaks(decoded(t, text.String(), dialect, "--json", "--reveal"))
		require.Contains(t, shown, "payer's card: as it is", "the scan sees it")
		if dialect == "pos" { // the host's is under another key
			require.Contains(t, shown, "PIN block: upper hex", "the scan sees it")
		}
	}
}

// decoded is what ringbackd decode says about frames.
func decoded(t *testing.T, lines, dialect string, flags ...string) []byte {
	if flags[0] == "--no-json" {
		flags = flags[1:]
	}
	c := exec.Command("ringbackd", append([]string{"decode", "--dialect", dialect}, flags...)...)
	c.Stdin = strings.NewReader(lines)
	out, err := c.CombinedOutput()
	require.NoError(t, err, string(out))
	require.Contains(t, string(out), "0200")
	return out
}

// What the terminal emulator prints and keeps, with every frame shown, of payments that end well, not at all or badly.
func TestCanariesInTrace(t *testing.T) {
	bin := t.TempDir()
	out, err := exec.Command("go", "build", "-o", bin+"/", "example.com/ringback/cmd/ringpos").CombinedOutput()
	require.NoError(t, err, string(out))
	w := newCanaryWorld(t)
	require.NoError(t, w.term.Close())
	require.Eventually(t, func() bool { return w.app.Network.Ready() == nil }, 10*time.Second, 10*time.Millisecond)
	tmk := filepath.Join(w.dir, "tmk.key")
	require.NoError(t, os.WriteFile(tmk, []byte(canaryTMK+"\n"), 0o600))
	for _, c := range []struct {
		amount, payee string
		more          []string
		says          string
	}{
		{"12.34", canaryPayee, []string{"--json"}, `"result":"approved"`},
		{"12.35", canaryPayee, []string{"--lang", "en"}, "PAY-BY-PHONE RECEIPT"},
		{"12.36", canaryStranger, []string{"--json"}, `"code":"P3"`},
		{"12.37", canaryMalformed, []string{"--json", "--no-check"}, `"code":"P1"`},
		{"12.38", canaryMalformed, nil, ""},
		{"98.01", canaryPayee, []string{"--json"}, `"code":"98"`},
		{"98.06", canaryPayee, nil, "98"},
	} {
		args := append([]string{"pay", "--terminal", canaryTerminalID, "--merchant", canaryMerchant, "--tmk-file", tmk, "--trace",
			"--addr", w.app.listeners[0].Addr().String(), "--state", filepath.Join(w.dir, "pos"), "--payee", c.payee, "--payer", canaryPayer,
			"--amount", c.amount, "--card", canaryCard, "--expiry", "3012", "--pin", canaryPIN, "--yes"}, c.more...)
		out, _ := exec.Command(filepath.Join(bin, "ringpos"), args...).CombinedOutput() // the error is what it says
		require.Contains(t, string(out), c.says)
		_, err := w.log.Write(out)
		require.NoError(t, err)
		w.requireClean("after " + c.amount)
	}
	require.Contains(t, w.log.String(), "POS --> switch")
	require.FileExists(t, filepath.Join(w.dir, "pos", canaryTerminalID+".json"))

	planted := bytes.Join(w.tape.frames(t), nil) // a raw capture, beside the terminal's state
	require.NoError(t, os.WriteFile(filepath.Join(w.dir, "pos", "capture"), planted, 0o600))
	require.Contains(t, w.leaks([]byte(w.written())), "payer's card: as it is", "a planted leak is found")
}
