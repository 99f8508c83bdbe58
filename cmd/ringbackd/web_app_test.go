package main

import (
	"encoding/json"
	"net/http"
	"net/http/cookiejar"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	acquirer "example.com/ringback/switch"
	"example.com/ringback/switch/channel/spool"
	"github.com/stretchr/testify/require"
)

// spooledCode waits for the code in the folder of a spool.
func spooledCode(t *testing.T, dir, number string) (code string) {
	t.Helper()
	eventually(t, "a code", func() bool {
		files, err := filepath.Glob(filepath.Join(dir, "out", "*.json"))
		require.NoError(t, err)
		for _, file := range files {
			b, err := os.ReadFile(file)
			require.NoError(t, err)
			var m spool.Outgoing
			require.NoError(t, json.Unmarshal(b, &m))
			if m.Kind == "code" && m.To == number {
				code = sixDigits.FindString(m.Text)
			}
		}
		return code != ""
	})
	return code
}

// The pages as main wires them: a payee registers, the bank is asked, and the code that went to the number counts.
func TestPagesOfTheSwitch(t *testing.T) {
	w := newWorld(t, 5*time.Second)
	w.stopSwitch()
	f, err := os.OpenFile(w.config(), os.O_APPEND|os.O_WRONLY, 0o600)
	require.NoError(t, err)
	_, err = f.WriteString("web: {addr: \"127.0.0.1:0\"}\nchannels: {spool: {dir: spool}}\n")
	require.NoError(t, err)
	require.NoError(t, f.Close())
	w.startSwitch()
	require.Equal(t, []acquirer.DeviceKind{"pc", "spool"}, w.app.Notifier.Devices())
	require.Equal(t, []acquirer.DeviceKind{"spool", "pc"}, w.app.Web.Devices)

	jar, err := cookiejar.New(nil)
	require.NoError(t, err)
	p := browser{t, &http.Client{Jar: jar}, "http://" + w.app.Web.Addr().String()}
	defer p.client.CloseIdleConnections()
	const number = "13912345678"
	_, page := p.send("/register", "number", number, "name", "李明", "card", "6228480000000000018")
	require.Contains(t, page, "Enter the code")
	_, page = p.send("/confirm", "code", spooledCode(t, filepath.Join(w.dir, "spool"), number))
	require.Contains(t, page, "Confirmed")
	m, err := acquirer.ParseMSISDN(number)
	require.NoError(t, err)
	eventually(t, "registered", func() bool {
		got, err := w.app.db.PayeeByNumber(t.Context(), m)
		return err == nil && got.Status == acquirer.PayeeActive && got.Name == "李明"
	})

	figures := w.metrics()
	require.Contains(t, figures, "\nringback_web_requests_total 5\n")
	require.Contains(t, figures, "\nringback_web_streams 0\n")
	for _, secret := range []string{number, "6228480000000000018", "李明"} {
		require.NotContains(t, w.log.String(), secret)
	}
}

// What is wrong with the section web is told before anything starts.
func TestWebProblems(t *testing.T) {
	for _, v := range []struct {
		c          WebConfig
		production bool
		want       string
	}{
		{WebConfig{}, true, ""},
		{WebConfig{Addr: "0.0.0.0:8443"}, false, ""},
		{WebConfig{Addr: "0.0.0.0:8443"}, true, "in clear"},
		{WebConfig{Addr: ":8443"}, true, "in clear"},
		{WebConfig{Addr: "192.0.2.1:8443"}, true, "in clear"},
		{WebConfig{Addr: "127.0.0.1:8443"}, true, ""},
		{WebConfig{Addr: "[::1]:8443"}, true, ""},
		{WebConfig{Addr: "localhost:8443"}, true, ""},
		{WebConfig{Addr: ":8443", CertFile: "c", KeyFile: "k"}, true, ""},
		{WebConfig{Addr: ":8443", TrustedProxies: []string{"10.0.0.1"}}, true, ""},
		{WebConfig{Addr: ":8443", TrustedProxies: []string{"10.0.0.0/99"}}, true, "trusted_proxies"},
	} {
		var all []string
		for _, err := range v.c.problems(v.production) {
			all = append(all, err.Error())
		}
		require.Equal(t, v.want == "", len(all) == 0, v)
		require.Contains(t, strings.Join(all, " "), v.want)
	}
	require.NoError(t, WebConfig{}.missing())
	require.ErrorContains(t, WebConfig{CertFile: "none.pem", KeyFile: "none.pem"}.missing(), "web: ")
}
