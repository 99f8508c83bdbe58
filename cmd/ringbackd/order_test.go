package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	acquirer "example.com/ringback/switch"
)

// The whole switch: a payee lists one device twice, with two addresses, and the spool behind them. What fails for ever moves on
// at once, and notice show tells all of it, without an address.
func TestOrderOfDevicesInTheProgram(t *testing.T) {
	var status atomic.Int32
	status.Store(http.StatusGone)
	var calls atomic.Int32
	hook := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
		calls.Add(1)
		rw.WriteHeader(int(status.Load()))
	}))
	defer hook.Close()
	w := newPeopleWorld(t, nil)
	w.stopSwitch()
	f, err := os.OpenFile(w.config(), os.O_APPEND|os.O_WRONLY, 0o600)
	require.NoError(t, err)
	_, err = fmt.Fprint(f, "channels:\n  webhook: {enabled: true, allow_http: true, allow_networks: [127.0.0.0/8]}\n")
	require.NoError(t, err)
	require.NoError(t, f.Close())
	w.startSwitch()

	const secret = "hook-secret-0123456789abcdef"
	list := fmt.Sprintf("webhook:%s/first#%s webhook:%s/second#%s", hook.URL, secret, hook.URL, secret)
	w.say("list", payeeOne, "通知 "+list+" spool")
	w.say("list-confirmed", payeeOne, "确认 "+sixDigits.FindString(w.told(payeeOne, "code")))
	w.told(payeeOne, "active")

	before := calls.Load()
	n := w.remindFirst()
	require.Contains(t, w.told(payeeOne, "dormant"), "138****8001")
	require.Equal(t, int32(2), calls.Load()-before, "each address once")
	require.Equal(t, acquirer.DeviceSpool, w.noticeIs(n, acquirer.NoticeHanded).Device)
	shown, err := captured(func() error {
		return runAs(t.Context(), t, thisCaller(), w.config(), "notice", "show", n.ID())
	})
	require.NoError(t, err)
	require.Regexp(t, `(?s)put into the outbox.*waits for webhook.*try 1 by webhook failed: webhook: receiver answered 410: cannot be delivered there`+
		`.*waits for webhook.*try 1 by webhook failed.*waits for spool.*handed by spool at try 1`, shown)
	require.NotContains(t, shown, "/first")
	require.NotContains(t, shown, secret)
	file := w.showNotice(n)
	require.Len(t, file.Steps, 6)
	require.Equal(t, "spool", file.Steps[5].Device)

	// A receipt that says no makes it dead, for no device is left; an operator's word begins again at the first.
	in := filepath.Join(w.dir, "spool", "in")
	require.NoError(t, os.WriteFile(filepath.Join(in, ".r"), fmt.Appendf(nil, `{"receipt": %q, "delivered": false, "detail": "absent"}`, n.ID()), 0o600))
	require.NoError(t, os.Rename(filepath.Join(in, ".r"), filepath.Join(in, "r.json")))
	w.noticeIs(n, acquirer.NoticeDead)
	status.Store(http.StatusOK)
	require.NoError(t, runAs(t.Context(), t, thisCaller(), w.config(), "notice", "retry", n.ID()))
	require.Equal(t, acquirer.DeviceWebhook, w.noticeIs(n, acquirer.NoticeDelivered).Device)
	var told []string
	for _, s := range w.showNotice(n).Steps[6:] {
		told = append(told, s.told())
	}
	require.Equal(t, []string{"try 1 by spool failed: spool: absent", "dead: spool: absent", "waits for a device: tried again at an operator's word",
		"waits for webhook", "delivered by webhook at try 1"}, told)
	require.ErrorContains(t, runAs(t.Context(), t, thisCaller(), w.config(), "notice", "show", "1-1.1"), "no notice 1-1.1")
	require.ErrorContains(t, runAs(t.Context(), t, thisCaller(), w.config(), "notice", "show", "x"), "no notice x")
	require.NotContains(t, w.log.String(), secret)
}

// remindFirst puts a notice to the first payee, that the number was long silent, into the outbox.
func (w *world) remindFirst() acquirer.Notice {
	w.t.Helper()
	p, err := w.app.db.PayeeByNumber(w.t.Context(), mustNumber(w.t, payeeOne))
	require.NoError(w.t, err)
	n := acquirer.Notice{Payee: p.Ref.ID, Kind: acquirer.NoticeDormant, Copy: int(acquirer.DateOf(p.Alive)), Created: time.Now()}
	require.NoError(w.t, w.app.db.Remind(w.t.Context(), n))
	w.app.Notifier.Wake()
	return n
}

// noticeIs waits until a notice is in a state.
func (w *world) noticeIs(n acquirer.Notice, s acquirer.NoticeState) (got acquirer.Notice) {
	w.t.Helper()
	require.Eventually(w.t, func() (ok bool) {
		var err error
		got, err = w.app.db.NoticeOf(w.t.Context(), n)
		return err == nil && got.State == s
	}, time.Minute, 10*time.Millisecond)
	return got
}

// showNotice is what notice show --json says.
func (w *world) showNotice(n acquirer.Notice) (f noticeFile) {
	w.t.Helper()
	shown, err := captured(func() error {
		return runAs(w.t.Context(), w.t, thisCaller(), w.config(), "notice", "show", n.ID(), "--json")
	})
	require.NoError(w.t, err)
	require.NoError(w.t, json.Unmarshal([]byte(shown), &f))
	return f
}
