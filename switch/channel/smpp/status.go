package smpp

import (
	"fmt"

	acquirer "example.com/ringback/switch"
	"github.com/linxGnu/gosmpp/data"
)

// The answers to a deliver_sm. What the switch cannot do now it refuses as a temporary error of the application, and the
// centre sends it again; what it never can it refuses for good.
const (
	statusOK     = data.ESME_ROK
	statusLater  = data.ESME_RX_T_APPN
	statusNever  = data.ESME_RX_P_APPN
	statusReject = data.ESME_RX_R_APPN
)

// throttled reports whether the centre says that it got too much at once.
func throttled(s data.CommandStatusType) bool {
	return s == data.ESME_RTHROTTLED || s == data.ESME_RMSGQFUL
}

// permanent reports whether the centre will never take the message for this receiver. All others may pass, also those
// that come of a wrong configuration: an operator can mend them before the notice goes to the next device.
func permanent(s data.CommandStatusType) bool {
	switch s {
	case data.ESME_RINVDSTADR, data.ESME_RINVDSTTON, data.ESME_RINVDSTNPI, data.ESME_RINVADR, data.ESME_RINVMSGLEN,
		data.ESME_RINVEXPIRY, data.ESME_RX_P_APPN, data.ESME_RX_R_APPN:
		return true
	}
	return false
}

// refused makes the error of a submit_sm that was answered with a status.
func refused(s data.CommandStatusType) error {
	if permanent(s) {
		return fmt.Errorf("centre refused: %s: %w", statusText(s), acquirer.ErrUndeliverable)
	}
	return fmt.Errorf("centre refused: %s", statusText(s))
}

// statusText names a command_status as the standard does, and others by number only.
func statusText(s data.CommandStatusType) string {
	if uint32(s) > uint32(data.ESME_RUNKNOWNERR) {
		return fmt.Sprintf("0x%08X", uint32(s))
	}
	return fmt.Sprintf("0x%08X %s", uint32(s), s)
}
