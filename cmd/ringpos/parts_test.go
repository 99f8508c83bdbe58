package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/pem"
	"errors"
	"io"
	"net"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"example.com/ringback/spec"
	"example.com/ringback/spec/cups"
	"example.com/ringback/spec/pos"
	"example.com/ringback/terminal/emulator"
	"github.com/stretchr/testify/require"
)

func TestYuan(t *testing.T) {
	for text, want := range map[string]int64{
		"12.34": 1234, "12.3": 1230, "12": 1200, "12.": 1200, "0": 0, "0.01": 1, "007": 700, "9999999999.99": 999_999_999_999,
		"": -1, ".": -1, ".5": -1, "1.234": -1, "-1": -1, "+1": -1, "1e3": -1, "1,5": -1, "1.2.3": -1, "１": -1, " 1": -1,
		"99999999999999999999": -1,
	} {
		var y yuan
		err := y.UnmarshalText([]byte(text))
		require.Equal(t, want < 0, err != nil, text)
		if err == nil {
			require.Equal(t, want, int64(y), text)
		}
	}
}

// What is shown of a message names its fields and has no secret.
func TestDescribe(t *testing.T) {
	m := pos.New("0200")
	m.Set(2, demoCard)
	m.Set(35, demoCard+"=30121010000")
	m.Set(11, "000003")
	m.SetBytes(52, []byte("PINBLOCK"))
	b := spec.AppendElement(nil, "PE", []byte(demoPayee))
	b = spec.AppendElement(b, "CT", []byte("secret-token"))
	b = spec.AppendElement(b, "TX", spec.EncodeGBK("请致电"+demoPayer))
	m.SetBytes(62, b)
	m.SetBytes(64, []byte("0123ABCD"))
	frame, err := m.Pack()
	require.NoError(t, err)
	text := describeTerminal(emulator.Sent, frame)
	require.Equal(t, `  POS --> switch            0200 debit
          F2 primary account number 622202*********0018 | F11 terminal trace number 000003
          F35 track 2 (31 hidden) | F52 pin block (8 hidden)
          F62 elements or keys PE=138****8001 CT=(12 hidden) TX="请致电139****9001"
          F64 message authentication code 0123ABCD`, text)

	require.Contains(t, describeTerminal(emulator.Received, frame[:30]), "POS <-- switch            cannot be read")
	require.Contains(t, describeHost(emulator.Received, frame), "switch <-- host   cannot be read")

	h := cups.New("0830")
	h.SetHeader(cups.NewHeader("48020000", "00010000"))
	h.Set(39, "00")
	h.Set(70, "301")
	frame, err = h.Pack()
	require.NoError(t, err)
	require.Contains(t, describeHost(emulator.Received, frame), "0830 echo: 00 Approved")
}

func TestKinds(t *testing.T) {
	for _, v := range []struct{ mti, net, want string }{
		{"0800", "003", "sign-on"}, {"0820", "002", "sign-off"}, {"0830", "301", "echo"}, {"0800", "101", "key reset"},
		{"0110", "", "look-up"}, {"0210", "", "debit"}, {"0420", "", "undo"}, {"0820", "201", "cut-off begins"}, {"0820", "299", "network management"},
	} {
		require.Equal(t, v.want, kindOf(v.mti, v.net))
	}
}

// A tap passes everything on as it came, keep-alives too, shows what is a message, and ends with its connections.
func TestTap(t *testing.T) {
	far, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	shown := make(chan string, 4)
	tap, err := startTap(far.Addr().String(), hostLine(), func(dir emulator.Direction, frame []byte) {
		shown <- string(dir) + string(frame)
	})
	require.NoError(t, err)

	near, err := net.Dial("tcp", tap.addr())
	require.NoError(t, err)
	message := strings.Repeat("x", cups.HeaderLen)
	_, err = near.Write([]byte("0000" + "0046" + message))
	require.NoError(t, err)
	host, err := far.Accept()
	require.NoError(t, err)
	got := make([]byte, 8+cups.HeaderLen)
	_, err = io.ReadFull(host, got)
	require.NoError(t, err)
	require.Equal(t, "0000"+"0046"+message, string(got))
	require.Equal(t, ">"+message, <-shown)
	_, err = host.Write([]byte("0046" + message))
	require.NoError(t, err)
	require.Equal(t, "<"+message, <-shown)

	require.NoError(t, host.Close())
	rest, err := io.ReadAll(near)
	require.NoError(t, err)
	require.Len(t, rest, 50)

	require.NoError(t, far.Close()) // nobody there: the caller is let go
	orphan, err := net.Dial("tcp", tap.addr())
	require.NoError(t, err)
	_, err = orphan.Read(make([]byte, 1))
	require.Error(t, err)
	require.NoError(t, errors.Join(tap.close(), near.Close(), orphan.Close()))
	require.Empty(t, shown)
}

func TestReadyWatch(t *testing.T) {
	for text, want := range map[string]bool{"ready\n": true, "x\nready\ny": true, "ready": false, "not ready\n": false, "ready \n": false, "ready\nready\n": true} {
		f, err := os.Create(filepath.Join(t.TempDir(), "log"))
		require.NoError(t, err)
		w := &readyWatch{file: f, ready: make(chan struct{})}
		for _, c := range []byte(text) { // in pieces, as pipes deliver
			_, err := w.Write([]byte{c})
			require.NoError(t, err)
		}
		select {
		case <-w.ready:
			require.True(t, want, text)
		default:
			require.False(t, want, text)
		}
		b, err := os.ReadFile(f.Name())
		require.NoError(t, err)
		require.Equal(t, text, string(b))
		require.NoError(t, f.Close())
	}
}

func TestPage(t *testing.T) {
	var out bytes.Buffer
	p := &page{out: &out}
	p.check(true, "one %d", 1)
	require.NoError(t, p.result())
	p.check(false, "two")
	require.ErrorIs(t, p.result(), errWrong)
	require.Equal(t, "  ok    one 1\n  WRONG two\n", out.String())

	closed, err := os.Open(os.DevNull)
	require.NoError(t, err)
	require.NoError(t, closed.Close())
	p = &page{out: closed}
	p.print("nobody reads this")
	require.ErrorIs(t, p.result(), os.ErrClosed)
}

// The terminal reaches a switch over TLS if it trusts the certificate, and only then.
func TestTLS(t *testing.T) {
	web := httptest.NewTLSServer(nil)
	defer web.Close()
	ca := filepath.Join(t.TempDir(), "ca.pem")
	block := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: web.Certificate().Raw})
	require.NoError(t, os.WriteFile(ca, block, 0o600))
	plain, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	l := tls.NewListener(plain, &tls.Config{Certificates: web.TLS.Certificates, MinVersion: tls.VersionTLS12})
	s := serveSwitch(t, l)

	echo := func(flags ...string) (int, string) {
		var out bytes.Buffer
		e := &env{ctx: context.Background(), stdin: strings.NewReader(""), stdout: &out, stderr: &out}
		code := run(e, append([]string{"echo", "--terminal", "10000001", "--addr", s.addr(), "--state", t.TempDir(), "--timeout", "5s"}, flags...))
		return code, out.String()
	}
	code, text := echo("--tls-ca", ca)
	require.Zero(t, code, text)
	code, text = echo("--tls")
	require.Equal(t, 1, code)
	require.Contains(t, text, "no connection")
	code, _ = echo("--tls-ca", os.DevNull)
	require.Equal(t, 2, code)
	code, _ = echo("--tls-ca", "none")
	require.Equal(t, 1, code)
}
