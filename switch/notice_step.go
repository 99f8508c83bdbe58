package acquirer

import (
	"strings"
	"time"
)

// NoticeStep is one thing that happened to a notice: a row of its history, which holds no address and no text.
type NoticeStep struct {
	At        time.Time
	Device    DeviceKind  // that it chose, waits for, failed at or went by; empty: none
	Try       int         // of that device, 1 the first; 0: before any
	State     NoticeState // of the notice from here on
	Detail    string      // why; holds no personal data
	Reference string      // the peer's name for the message, see [Handed]
}

// StepTo returns what an [Outbox] keeps of a move from n to next; ok is false when that is nothing. That a try begins is
// nothing: its outcome is told, and Tries remembers one whose outcome nobody heard. A device that is down or not
// configured, or a receiver who is away, is told of once and not at every look, so that the history of a notice is as short as its fate.
func (n Notice) StepTo(next Notice, at time.Time) (s NoticeStep, ok bool) {
	moved := next.State != n.State || next.Device != n.Device || next.Turn != n.Turn
	down := ErrDeviceDown.Error()
	if !moved && (next.Tries < n.Tries && next.Detail == n.Detail || strings.Contains(n.Detail, down) && strings.Contains(next.Detail, down)) {
		return NoticeStep{}, false // still away, or still down, if for another reason
	}
	paused := next.Tries > next.Start && !next.Due.Equal(n.Due) // one that is put off before any try is not told of
	if !moved && !paused && next.Detail == n.Detail {
		return NoticeStep{}, false
	}
	s = NoticeStep{At: at, Device: next.Device, Try: next.Tries - next.Start, State: next.State, Detail: next.Detail}
	if next.Receipt != n.Receipt {
		s.Reference = next.Receipt
	}
	switch {
	case n.State == NoticeDead: // an operator's word
		s.Try = 0
	case n.Device == "" && next.Device != "": // chosen: what went before is told in the step before
		s.Detail = ""
	case n.Device != "" && next.Device == "": // given up
		s.Device, s.Try = n.Device, n.Tries-n.Start
	}
	return s, true
}
