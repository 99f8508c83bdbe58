package provider

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	acquirer "example.com/ringback/switch"

	"example.com/ringback/spec/cups"
)

// FuzzReceive hands arbitrary frames to a network with one debit in flight. Whatever comes, nothing panics, and the
// debit is approved by nothing but the answer with the right MAC.
func FuzzReceive(f *testing.F) {
	w := newWorld(f, 1)
	require.NoError(f, w.loadKeys(f.Context()))
	request, err := w.encodeDebit(debit(f, 42))
	require.NoError(f, err)
	genuine, err := w.host.sign(approve(request)).Pack()
	require.NoError(f, err)
	forged, err := approve(request).set(128, "00000000").Pack()
	require.NoError(f, err)
	reset, err := macReset.message().Pack()
	require.NoError(f, err)
	for _, seed := range [][]byte{genuine, forged, reset, {}, []byte("0000"), rejected(genuine, "00045"), rejected(nil, "00015"),
		[]byte(wire("0820", []wireField{{7, "1124150405"}, {11, "000001"}, {70, "301"}}))} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, frame []byte) {
		w := newWorld(t, 1)
		require.NoError(t, w.loadKeys(t.Context()))
		l := &link{addr: "fuzz", net: w.Network, requests: make(chan *cups.Message, 4)}
		waiter, err := w.pending.register(keyOf(request))
		require.NoError(t, err)
		w.receive(l, frame)
		for range len(w.Network.late) {
			w.handOver(t.Context(), <-w.Network.late)
		}
		for range len(l.requests) {
			m := <-l.requests
			_, _ = encodeWire(encodeNetworkResponse(m, w.manage(t.Context(), m)))
		}
		for range len(w.zone.inbox) {
			d := <-w.zone.inbox
			if r, err := decodeKeyReset(d.message); err == nil {
				_ = w.takeKey(t.Context(), d.message, &r)
			}
		}
		ctx, cancel := context.WithDeadline(t.Context(), time.Unix(0, 0))
		defer cancel()
		answer, err := w.await(ctx, waiter)
		if err == nil {
			err = w.believe(request, answer, true)
		}
		if err != nil {
			require.ErrorIs(t, err, acquirer.ErrUnknown)
			return
		}
		require.Equal(t, string(cups.MAB(mustUnpack(t, genuine))), string(cups.MAB(answer)), "an altered answer was believed")
	})
}

func mustUnpack(t *testing.T, frame []byte) *cups.Message {
	m, err := cups.Unpack(frame)
	require.NoError(t, err)
	return m
}
