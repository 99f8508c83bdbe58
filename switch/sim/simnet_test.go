package sim

import (
	"bytes"
	"context"
	"io"
	"net"
	"os"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// lineOf makes a connection in a network of one weather.
func lineOf(t *testing.T, seed uint64, w netWeather) (n *simNet, near, far net.Conn) {
	t.Helper()
	n = newSimNet(fate(seed), func(string) netWeather { return w }, func(string) {}, func(netFrame) {})
	l, err := n.listen("here")
	require.NoError(t, err)
	near, err = n.dial(t.Context(), "t", "here")
	require.NoError(t, err)
	far, err = l.Accept()
	require.NoError(t, err)
	require.NoError(t, l.Close())
	return n, near, far
}

// inBubble runs a test of the network in virtual time.
func inBubble(t *testing.T, f func(t *testing.T)) {
	t.Helper()
	synctest.Test(t, f)
}

func TestSimNetDelivers(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		_, near, far := lineOf(t, 1, netWeather{split: 0.9})
		sent := bytes.Repeat([]byte("0123456789"), 50)
		begin := time.Now()
		n, err := near.Write(sent)
		require.NoError(t, err)
		require.Equal(t, len(sent), n)
		require.Zero(t, time.Since(begin), "a write does not wait for its reader")
		require.NoError(t, near.Close())
		pieces, got := 0, make([]byte, 0, len(sent))
		for buf := make([]byte, 1000); ; pieces++ {
			n, err := far.Read(buf)
			if err != nil {
				require.ErrorIs(t, err, io.EOF)
				break
			}
			got = append(got, buf[:n]...)
		}
		require.Equal(t, sent, got)
		require.Greater(t, pieces, 2)
		require.Greater(t, time.Since(begin), netFastest)
	})
}

func TestSimNetDeadlines(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		_, near, far := lineOf(t, 1, netWeather{})
		begin := time.Now()
		require.NoError(t, near.SetReadDeadline(begin.Add(time.Minute)))
		_, err := near.Read(make([]byte, 1))
		require.ErrorIs(t, err, os.ErrDeadlineExceeded)
		var timeout net.Error
		require.ErrorAs(t, err, &timeout)
		require.True(t, timeout.Timeout())
		require.Equal(t, time.Minute, time.Since(begin))

		require.NoError(t, far.SetReadDeadline(time.Time{}))
		done := make(chan error, 1)
		go func() {
			_, err := far.Read(make([]byte, 1))
			done <- err
		}()
		synctest.Wait()
		require.NoError(t, far.SetReadDeadline(time.Unix(1, 0)), "a deadline reaches who waits already")
		require.ErrorIs(t, <-done, os.ErrDeadlineExceeded)
	})
}

func TestSimNetStalledReader(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		_, near, _ := lineOf(t, 1, netWeather{})
		_, err := near.Write(make([]byte, netWindow))
		require.NoError(t, err)
		begin := time.Now()
		require.NoError(t, near.SetWriteDeadline(begin.Add(5*time.Second)))
		_, err = near.Write([]byte("x"))
		require.ErrorIs(t, err, os.ErrDeadlineExceeded)
		require.Equal(t, 5*time.Second, time.Since(begin))
	})
}

func TestSimNetResets(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		_, near, far := lineOf(t, 7, netWeather{reset: 1})
		var err error
		for i := 0; i < 2*netDoom && err == nil; i++ {
			_, err = near.Write([]byte("x"))
			idle(netSlowest)
		}
		require.ErrorIs(t, err, syscall.ECONNRESET)
		read, err := io.ReadAll(far)
		require.ErrorIs(t, err, syscall.ECONNRESET)
		require.Less(t, len(read), netDoom)
	})
}

func TestSimNetBlackHole(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		_, near, far := lineOf(t, 7, netWeather{hole: 1})
		_, err := near.Write(make([]byte, netDoom+1))
		require.NoError(t, err, "who writes into a black hole does not see it")
		require.NoError(t, near.Close())
		require.NoError(t, far.SetReadDeadline(time.Now().Add(time.Hour)))
		_, err = far.Read(make([]byte, 1))
		require.ErrorIs(t, err, os.ErrDeadlineExceeded, "not even the end comes through")
	})
}

func TestSimNetCut(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		for seed := range uint64(8) {
			n, near, far := lineOf(t, seed, netWeather{})
			_, err := near.Write([]byte("x"))
			require.NoError(t, err)
			n.cut("t", true)
			idle(time.Second)
			_, err = io.ReadAll(far)
			if err != nil {
				require.ErrorIs(t, err, syscall.ECONNRESET)
			}
			_, err = far.Write([]byte("y"))
			require.ErrorIs(t, err, syscall.ECONNRESET)
		}
	})
}

func TestSimNetRefuses(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		n, _, _ := lineOf(t, 1, netWeather{})
		_, err := n.dial(t.Context(), "t", "nowhere")
		require.ErrorIs(t, err, syscall.ECONNREFUSED)
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		_, err = n.dial(ended, "t", "here")
		require.ErrorIs(t, err, context.Canceled)
		_, err = n.listen("here")
		require.NoError(t, err)
		_, err = n.listen("here")
		require.ErrorIs(t, err, syscall.EADDRINUSE)
	})
}
