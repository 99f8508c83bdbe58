package hsm

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	acquirer "example.com/ringback/switch"
)

var tokenNonce = []byte("twelve bytes")

func TestConfirmationOpensInItsHourAndTheNext(t *testing.T) {
	start := time.Date(2026, 3, 1, 12, 0, 0, 0, acquirer.Beijing)
	for _, v := range []struct {
		sealed, opened time.Duration // from start
		ok             bool
	}{
		{0, 0, true},
		{0, time.Hour - 1, true},
		{time.Hour - 1, time.Hour, true}, // over the border
		{0, 2*time.Hour - 1, true},
		{0, 2 * time.Hour, false},
		{time.Hour - 1, 2 * time.Hour, false},
		{time.Hour, time.Hour - 1, false}, // of an hour to come
		{time.Hour, 0, false},
		{0, 24 * time.Hour, false},
	} {
		m := newModule(t) // a cold cache each time
		sealed, err := m.SealConfirmation(start.Add(v.sealed), tokenNonce, []byte("plain"), []byte("bound"))
		require.NoError(t, err)
		plain, err := m.OpenConfirmation(start.Add(v.opened), tokenNonce, sealed, []byte("bound"))
		if !v.ok {
			require.ErrorIs(t, err, acquirer.ErrConfirmation, "%v %v", v.sealed, v.opened)
			require.Nil(t, plain)
			continue
		}
		require.NoError(t, err, "%v %v", v.sealed, v.opened)
		require.Equal(t, "plain", string(plain))
	}
}

// Seals of many hours, in and out of order, on one module: what is cached must not decide.
func TestConfirmationRotation(t *testing.T) {
	m := newModule(t)
	start := time.Date(2026, 12, 31, 20, 30, 0, 0, acquirer.Beijing)
	var texts [8][]byte
	for i := range texts {
		sealed, err := m.SealConfirmation(start.Add(time.Duration(i)*time.Hour), tokenNonce, []byte{byte(i)}, nil)
		require.NoError(t, err)
		texts[i] = sealed
	}
	for _, now := range []int{7, 0, 3, 2, 5, 4, 1, 6} {
		for i, sealed := range texts {
			plain, err := m.OpenConfirmation(start.Add(time.Duration(now)*time.Hour), tokenNonce, sealed, nil)
			if i == now || i == now-1 {
				require.NoError(t, err)
				require.Equal(t, []byte{byte(i)}, plain)
			} else {
				require.ErrorIs(t, err, acquirer.ErrConfirmation)
			}
		}
	}
}

func TestConfirmationIsBound(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	m := newModule(t)
	sealed, err := m.SealConfirmation(now, tokenNonce, []byte("plain"), []byte("bound"))
	require.NoError(t, err)
	refuse := func(m *Module, nonce, sealed []byte, bound string) {
		t.Helper()
		_, err := m.OpenConfirmation(now, nonce, sealed, []byte(bound))
		require.ErrorIs(t, err, acquirer.ErrConfirmation)
	}
	refuse(moduleOf(t, 0x11), tokenNonce, sealed, "bound")
	refuse(m, []byte("twelve bytez"), sealed, "bound")
	refuse(m, tokenNonce[:11], sealed, "bound")
	refuse(m, nil, sealed, "bound")
	refuse(m, tokenNonce, sealed, "bount")
	refuse(m, tokenNonce, sealed, "")
	refuse(m, tokenNonce, sealed[:len(sealed)-1], "bound")
	refuse(m, tokenNonce, nil, "bound")
	for i := range sealed {
		sealed[i] ^= 0x40
		refuse(m, tokenNonce, sealed, "bound")
		sealed[i] ^= 0x40
	}
	_, err = m.SealConfirmation(now, tokenNonce[:8], nil, nil)
	require.ErrorContains(t, err, "8 bytes, not 12")
}

// Two nodes of one master key confirm for each other.
func TestConfirmationOfAnotherNode(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	sealed, err := newModule(t).SealConfirmation(now, tokenNonce, []byte("plain"), nil)
	require.NoError(t, err)
	plain, err := newModule(t).OpenConfirmation(now, tokenNonce, sealed, nil)
	require.NoError(t, err)
	require.Equal(t, "plain", string(plain))
}
