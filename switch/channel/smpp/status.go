package smpp

import (
	"fmt"

	"example.com/ringback/switch/channel/sms"
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

var answers = [...]data.CommandStatusType{sms.Taken: statusOK, sms.Later: statusLater, sms.Never: statusNever, sms.Reject: statusReject}

// fate says what a status means for a part. All that is neither too much nor for ever may pass, also what comes of a wrong
// configuration: an operator can mend it before the notice goes to the next device.
func fate(s data.CommandStatusType) sms.Fate {
	switch s {
	case data.ESME_ROK:
		return sms.Accepted
	case data.ESME_RTHROTTLED, data.ESME_RMSGQFUL:
		return sms.TooMuch
	case data.ESME_RINVDSTADR, data.ESME_RINVDSTTON, data.ESME_RINVDSTNPI, data.ESME_RINVADR, data.ESME_RINVMSGLEN,
		data.ESME_RINVEXPIRY, data.ESME_RX_P_APPN, data.ESME_RX_R_APPN:
		return sms.Undeliverable
	}
	return sms.Failed
}

// statusText names a command_status as the standard does, and others by number only.
func statusText(s data.CommandStatusType) string {
	if uint32(s) > uint32(data.ESME_RUNKNOWNERR) {
		return fmt.Sprintf("0x%08X", uint32(s))
	}
	return fmt.Sprintf("0x%08X %s", uint32(s), s)
}
