package provider

import (
	"context"
	"net"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	acquirer "example.com/ringback/switch"

	"example.com/ringback/spec/cups"
)

// listen has the host double answer on loopback and returns a network that is signed on to it.
func listen(t testing.TB, links int, options ...func(*Config)) *world {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	w := newWorld(t, links, append(options, func(c *Config) {
		c.Dial = nil
		c.Limits.RetryFirst = 10 * time.Millisecond
		for i := range c.Addrs {
			c.Addrs[i] = listener.Addr().String()
		}
	})...)
	accepted := make(chan struct{})
	go func() {
		defer close(accepted)
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			l := &hostLink{Conn: c, host: w.host, stop: make(chan struct{})}
			w.host.mu.Lock()
			w.host.links = append(w.host.links, l)
			w.host.mu.Unlock()
			go l.serve()
		}
	}()
	t.Cleanup(func() {
		require.NoError(t, listener.Close())
		<-accepted
		for _, l := range w.host.links {
			_ = l.Close()
		}
	})
	w.start(t)
	require.Eventually(t, func() bool { return len(w.candidates(0)) == links }, 5*time.Second, time.Millisecond)
	return w
}

// requireGoroutines waits until there are no more goroutines than floor, and the one that looks.
func requireGoroutines(t *testing.T, floor int) {
	require.Eventually(t, func() bool { return runtime.NumGoroutine() <= floor+1 }, 5*time.Second, time.Millisecond)
}

// TestAnswerThenClose has the host answer and close at once, 200 times: every answer is delivered.
func TestAnswerThenClose(t *testing.T) {
	w := listen(t, 1)
	w.host.debits(func(l *hostLink, m *cups.Message) { good(l, m); _ = l.Close() })
	for seq := range int64(200) {
		a, err := w.authorize(t, seq+1)
		require.NoError(t, err)
		require.Equal(t, acquirer.CodeApproved, a.Code)
		// A debit written before the end of the link is noticed would be unknown, and rightly.
		require.Eventually(t, func() bool {
			return w.Stats().Reconnects == uint64(seq+1) && w.Ready() == nil
		}, 5*time.Second, time.Millisecond)
	}
}

// TestDropUnderLoad cuts the links under 300 requests, again and again; no goroutine stays behind.
func TestDropUnderLoad(t *testing.T) {
	w := listen(t, 2)
	floor := runtime.NumGoroutine()
	for round := range int64(10) {
		read := make(chan *hostLink, 300)
		w.host.debits(func(l *hostLink, _ *cups.Message) { read <- l })
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		var wg sync.WaitGroup
		for i := range int64(300) {
			wg.Go(func() {
				_, err := w.Authorize(ctx, debit(t, round*300+i+1))
				require.True(t, isKind(err, acquirer.ErrUnknown) || isKind(err, acquirer.ErrNotSent))
			})
		}
		for range 50 { // or as many as a busy machine gets through in the time
			select {
			case <-read:
			case <-ctx.Done():
			}
		}
		_, _ = w.host.link(0).Close(), w.host.link(1).Close()
		wg.Wait()
		cancel()
		require.Eventually(t, func() bool { return len(w.candidates(0)) == 2 }, 30*time.Second, time.Millisecond)
	}
	require.Zero(t, w.Stats().InFlight)
	requireGoroutines(t, floor)
}

// TestDuplicatesChangeNothing answers 2,000 debits twice.
func TestDuplicatesChangeNothing(t *testing.T) {
	w := listen(t, 2)
	w.host.debits(func(l *hostLink, m *cups.Message) { good(l, m); good(l, m) })
	floor := runtime.NumGoroutine()
	var wg sync.WaitGroup
	for lane := range int64(8) {
		wg.Go(func() {
			for i := range int64(250) {
				a, err := w.authorize(t, lane*250+i+1)
				require.NoError(t, err)
				require.Equal(t, acquirer.CodeApproved, a.Code)
			}
		})
	}
	wg.Wait()
	require.Eventually(t, func() bool {
		s := w.Stats()
		return s.Late == 2000 && len(w.lateOnes())+int(s.Overflow) == 2000
	}, 5*time.Second, time.Millisecond)
	requireGoroutines(t, floor)
}

// TestStopReadingOnTCP fills the socket's buffers of a host that does not read: the link is closed in time.
func TestStopReadingOnTCP(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer listener.Close()
	c, err := net.Dial("tcp", listener.Addr().String())
	require.NoError(t, err)
	w := newWorld(t, 1)
	w.limits.Write, w.limits.Linger = 200*time.Millisecond, 100*time.Millisecond
	l, err := w.newLink("loopback", c)
	require.NoError(t, err)
	begin := time.Now()
	for junk := make([]byte, 1<<16); err == nil; {
		err = l.write(junk)
	}
	require.NotErrorIs(t, err, acquirer.ErrNotSent)
	<-l.ended
	require.Less(t, time.Since(begin), 3*time.Second)
	require.ErrorIs(t, l.write([]byte("0000")), acquirer.ErrNotSent)
}
