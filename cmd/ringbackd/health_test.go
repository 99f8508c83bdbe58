package main

import (
	"context"
	"io"
	"net/http"
	"testing"
	"time"

	acquirer "example.com/ringback/switch"
	"example.com/ringback/terminal/emulator"
	"github.com/stretchr/testify/require"
)

// Row 28 of docs/security.md: health says at once when nothing can be paid any more, though the process still waits for
// what is at the host.

// gate is a host that holds the debits of one amount until it is opened, and then says nothing about them.
type gate struct {
	acquirer.Network
	entered, open chan struct{}
}

const heldFen = 9807

func newGate() gate { return gate{entered: make(chan struct{}), open: make(chan struct{})} }

func (g gate) Authorize(ctx context.Context, r acquirer.AuthorizationRequest) (acquirer.Authorization, error) {
	if r.Transaction.Amount != heldFen {
		return g.Network.Authorize(ctx, r)
	}
	close(g.entered)
	<-g.open
	return acquirer.Authorization{}, acquirer.ErrUnknown
}

// startBehind starts the switch with the gate in front of its host.
func (w *world) startBehind(g gate) {
	w.startSwitchWith(func(a *App) {
		g.Network = a.Network
		a.Switch.Network = g
	})
	require.Eventually(w.t, func() bool { status, _ := w.health(); return status == http.StatusOK }, 10*time.Second, 10*time.Millisecond)
}

// health asks for the health of the switch; 0: nobody answers.
func (w *world) health() (status int, text string) {
	r, err := http.Get("http://" + w.app.web.Addr().String() + "/readyz")
	if err != nil {
		return 0, err.Error()
	}
	defer func() { require.NoError(w.t, r.Body.Close()) }()
	b, err := io.ReadAll(r.Body)
	require.NoError(w.t, err)
	return r.StatusCode, string(b)
}

// held pays into the gate and returns when the debit is there. What comes of it goes into the channel.
func (g gate) held(t *testing.T, term *emulator.Terminal) (ended chan error) {
	ended = make(chan error, 1)
	go func() {
		_, err := term.Pay(t.Context(), payment(heldFen), holder{[]string{"123456"}})
		ended <- err
	}()
	<-g.entered
	return ended
}

func TestHealthAfterFailedWrite(t *testing.T) {
	w, d := newDiskWorld(t, mountTmpfs)
	t.Setenv("RINGBACK_HOST__TIMEOUT", "50s") // the end waits so long for a debit that is at the host, and it must not be over
	g := newGate()
	w.startBehind(g)
	one, other := w.terminal("10000001"), w.terminal("10000004")
	require.NoError(t, other.SignOn(t.Context(), "003"))
	held := g.held(t, one)
	d.fill(t, 0, 0)
	r, err := other.Pay(t.Context(), payment(2001), holder{[]string{"123456"}})
	require.Error(t, err)
	require.Empty(t, r.Code, "nothing is answered for what was not written")
	<-w.app.db.Failed()
	status, why := w.health()
	require.Equal(t, http.StatusServiceUnavailable, status)
	require.Contains(t, why, "a write to the store has failed")
	close(g.open)
	require.Error(t, <-held)
	require.ErrorContains(t, w.awaitEnd(), "the journal cannot be written")
	d.free(t)
	w.requireClean("after the switch has ended by itself")
}

func TestHealthAtTheEnd(t *testing.T) {
	w := newWorld(t, 50*time.Second)
	w.stopSwitch()
	g := newGate()
	w.startBehind(g)
	held := g.held(t, w.terminal("10000001"))
	w.stop()
	require.Eventually(t, func() bool {
		status, why := w.health()
		return status == http.StatusServiceUnavailable && why == `{"ready":false,"reason":"the switch ends"}`+"\n"
	}, 10*time.Second, time.Millisecond)
	close(g.open)
	require.ErrorContains(t, <-held, "98", "it is answered all the same")
	require.NoError(t, w.awaitEnd())
}
