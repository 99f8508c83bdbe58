package acquirer

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"
)

// A payer is not told of a debit that was undone before the notice went out, and is told of the undo when it may have
// gone out.
func TestNoticeOfAnUndoneDebit(t *testing.T) {
	debited := func(s NoticeState) [2]any { return [2]any{NoticeDebited, s} }
	undone := [2]any{NoticeUndone, NoticeQueued}
	for _, c := range []struct {
		name   string
		answer func(context.Context, AuthorizationRequest) (Authorization, error)
		device func(*Notice)
		host   ResponseCode // to the reversal
		want   [][2]any
	}{
		{"before it was tried", answer("00"), func(*Notice) {}, "00", [][2]any{debited(NoticeWithdrawn)}},
		{"while a device has it", answer("00"), func(n *Notice) { n.Tries = 1 }, "00", [][2]any{debited(NoticeWithdrawn), undone}},
		{"after it was sent", answer("00"), func(n *Notice) { n.Tries, n.Sent = 1, n.Created }, "00", [][2]any{debited(NoticeQueued), undone}},
		{"after it was sent, and the host contradicts itself", answer("00"), func(n *Notice) { n.Tries, n.Sent = 1, n.Created }, "25",
			[][2]any{debited(NoticeQueued)}},
		{"that never stood", answer("96"), nil, "00", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			w.net.authorize = c.answer
			_, err := w.Debit(t.Context(), w.request(t, 1, 1234), nothing)
			require.NoError(t, err)
			_, err = w.Debit(t.Context(), w.request(t, 2, 1234), nothing) // of another payment
			require.NoError(t, err)
			others := len(w.mem.notices) / 2
			if c.device != nil {
				c.device(&w.mem.notices[0])
			}
			tx := undo(t, w, 1)
			require.Equal(t, Reversing, tx.State)
			require.LessOrEqual(t, len(w.mem.notices), 2, "nobody is told that it is undone before it is")
			w.runQueue(t, c.host)
			var got [][2]any
			left := 0
			for _, n := range w.mem.notices {
				if n.Transaction == tx.ID {
					got = append(got, [2]any{n.Kind, n.State})
				} else {
					require.Equal(t, NoticeQueued, n.State)
					left++
				}
			}
			require.Equal(t, c.want, got)
			require.Equal(t, others, left)
		})
	}
}
