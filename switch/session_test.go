package acquirer

import (
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// The MAK of a session that a block has ended verifies undos for two days, and nothing else.
func TestAuthenticateUndo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		data := []byte("0400...")
		mac, err := w.HSM.MAC(w.term.Session.MAK, MACECB, data)
		require.NoError(t, err)
		codes := func() []ResponseCode {
			_, any := w.Authenticate(w.term, data, mac, time.Now())
			_, undo := w.AuthenticateUndo(w.term, data, mac, time.Now())
			_, forged := w.AuthenticateUndo(w.term, data, [8]byte{1}, time.Now())
			return []ResponseCode{CodeOf(any), CodeOf(undo), CodeOf(forged)}
		}
		require.Equal(t, []ResponseCode{CodeApproved, CodeApproved, CodeMAC}, codes())
		w.term.Session.SignedOn, w.term.Session.Ended = false, time.Now()
		require.Equal(t, []ResponseCode{CodeSignOn, CodeApproved, CodeMAC}, codes())
		time.Sleep(EndedKeyLife - time.Nanosecond)
		require.Equal(t, []ResponseCode{CodeSignOn, CodeApproved, CodeMAC}, codes())
		time.Sleep(time.Nanosecond)
		require.Equal(t, []ResponseCode{CodeSignOn, CodeSignOn, CodeSignOn}, codes())
		w.term.Session.Ended, w.term.Session.MAK = time.Now(), KeyBlock{}
		require.Equal(t, []ResponseCode{CodeSignOn, CodeSignOn, CodeSignOn}, codes())
	})
}

// A sign-on after a block begins anew: the MAK of the ended session is no key of a message in flight.
func TestSignOnAfterBlock(t *testing.T) {
	w := newWorld(t)
	old := w.term.Session.MAK
	w.term.Session.SignedOn, w.term.Session.Ended = false, time.Now()
	_, err := w.SignOn(t.Context(), w.term, SignOnDouble)
	require.NoError(t, err)
	require.True(t, w.term.Session.OldMAK.Zero())
	require.True(t, w.term.Session.Ended.IsZero())
	require.NotEqual(t, old, w.term.Session.MAK)
	require.Equal(t, w.term.Session, w.mem.terminals[w.term.ID].Session)
}

// A terminal that is blocked while its sign-on or sign-off is under way gets 58 and no key.
func TestBlockDuringSignOn(t *testing.T) {
	w := newWorld(t)
	blocked := *w.term
	blocked.Blocked, blocked.Session = true, Session{Batch: 7, MAK: w.term.Session.MAK, Ended: time.Now()}
	w.mem.terminals[blocked.ID] = blocked
	before := w.term.Session
	_, err := w.SignOn(t.Context(), w.term, SignOnDouble)
	require.Equal(t, CodeBlocked, CodeOf(err))
	require.Equal(t, CodeBlocked, CodeOf(w.SignOff(t.Context(), w.term)))
	require.Equal(t, before, w.term.Session)
	require.Equal(t, blocked.Session, w.mem.terminals[blocked.ID].Session)
}

// Alarms of a terminal and kind are counted as they come, and made durable and told of once a minute.
func TestRaiseAlarm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		var heard []string
		w.OnAlarm = func(a Alarm) { heard = append(heard, fmt.Sprintf("%s %s %d", a.Terminal, a.Kind, a.Count)) }
		raise := func(id TerminalID, kind AlarmKind, times int) {
			for range times {
				require.NoError(t, w.RaiseAlarm(t.Context(), Alarm{Terminal: id, Kind: kind, At: time.Now()}))
			}
		}
		raise("10000001", AlarmTraceBack, 100)
		raise("10000001", AlarmSecondSignOn, 2)
		raise("10000002", AlarmTraceBack, 1)
		time.Sleep(AlarmEvery - time.Nanosecond)
		raise("10000001", AlarmTraceBack, 1)
		require.Equal(t, []string{"10000001 trace-back 1", "10000001 second-sign-on 1", "10000002 trace-back 1"}, heard)
		time.Sleep(time.Nanosecond)
		heard = nil
		raise("10000001", AlarmTraceBack, 2)
		require.Equal(t, []string{"10000001 trace-back 101"}, heard)
		require.Equal(t, map[AlarmKind]uint64{AlarmTraceBack: 104, AlarmSecondSignOn: 2, AlarmLookUps: 0}, w.Alarms())
		require.Len(t, w.mem.alarms, 4)
	})
}

// An alarm that cannot be written ends the process.
func TestRaiseAlarmStoreError(t *testing.T) {
	w := newWorld(t)
	w.mem.broken = errors.New("disk")
	require.ErrorIs(t, w.RaiseAlarm(t.Context(), Alarm{Terminal: w.term.ID, Kind: AlarmTraceBack, At: time.Now()}), ErrStore)
	require.ErrorIs(t, w.Run(t.Context()), ErrStore)
}
