package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	acquirer "example.com/ringback/switch"
	"example.com/ringback/terminal/emulator"
)

// A terminal with SM4 keys pays through a host that knows 3DES only, with either form of F64: the PIN is translated in
// the security module, and a wrong one is the host's to refuse.
func TestSM4TerminalWithTripleDESHost(t *testing.T) {
	w := newWorld(t, 5*time.Second)
	for i, mac := range []acquirer.MACAlgorithm{acquirer.MACECB, acquirer.MACX919} {
		clear, block, err := w.app.module.NewTMK(acquirer.CipherSM4)
		require.NoError(t, err)
		id := acquirer.TerminalID([]string{"30000001", "30000002"}[i])
		require.NoError(t, w.app.db.AddTerminal(t.Context(), acquirer.Terminal{ID: id, Merchant: "898110000000001",
			Profile: acquirer.Profile{MAC: mac, SM4: true}, TMK: block}))
		term, err := emulator.Open(emulator.Config{TerminalID: string(id), MerchantID: "898110000000001", TMK: clear.Reveal(), SM4: true,
			MAC: emulator.MAC(mac), Addr: w.app.listeners[0].Addr().String(), CheckNumbers: true})
		require.NoError(t, err)
		before, heldBefore := w.balance(goodCard)
		r, err := term.Pay(t.Context(), payment(1234), holder{[]string{"123450", "123456"}})
		require.NoError(t, err)
		require.Equal(t, "王*明", r.PayeeName)
		after, held := w.balance(goodCard)
		require.Equal(t, before-1234, after)
		require.Equal(t, heldBefore+1234, held)
		require.NoError(t, term.Close())
	}
	codes := map[acquirer.ResponseCode]int{}
	for _, row := range w.rows() {
		codes[row.Code]++
	}
	require.Equal(t, map[acquirer.ResponseCode]int{"55": 2, "00": 2}, codes)
}
