package mail

import (
	"bufio"
	"fmt"
	"io"
	"regexp"
	"strings"

	acquirer "example.com/ringback/switch"
)

// The actions of a delivery report (RFC 3464, 2.3.3) that say something about a notice.
const (
	actionFailed    = "failed"
	actionDelayed   = "delayed"
	actionDelivered = "delivered"
)

// report is what a delivery report says of its one recipient: device mail has one.
type report struct {
	action string // lower case
	status string // RFC 3463: 5.1.1; empty when it is none
}

var statusCode = regexp.MustCompile(`\b[245]\.[0-9]{1,3}\.[0-9]{1,3}\b`)

// maxGroups of a report are read: the one about the message and those of recipients.
const maxGroups = 10

type groupReader struct{ buffer *bufio.Reader }

// readReport reads message/delivery-status: a group of fields about the message, then one for each recipient. A failed
// recipient counts before any other.
func readReport(body io.Reader) (*report, error) {
	r := groupReader{bufio.NewReader(io.LimitReader(body, maxMessage))}
	var found *report
	for range maxGroups {
		h, err := fields(&r)
		if err != nil {
			return nil, err
		}
		action := strings.ToLower(strings.TrimSpace(h.Get("Action")))
		if action != "" && (found == nil || action == actionFailed) {
			found = &report{action, statusCode.FindString(h.Get("Status"))}
		}
		if _, err := r.buffer.Peek(1); err != nil {
			break
		}
	}
	if found == nil {
		return nil, fmt.Errorf("%w: report: no recipient in it", errMail)
	}
	return found, nil
}

// outcome is what the report says for good. ok is false when it says nothing for good: a delay, or that the message went
// on to a server that sends no reports. A status that says "for now" (4.x.x) beside failed is a failure all the same:
// the reporting server has given up.
func (r *report) outcome() (delivered, ok bool) {
	return r.action == actionDelivered, r.action == actionDelivered || r.action == actionFailed
}

// detail is the report for the operator.
func (r *report) detail() string {
	return strings.TrimSpace("mail " + r.action + " " + r.status)
}

// bounced makes a receipt of a message to a bounce address. Servers that report in words of their own are heard when
// they name the failed recipient (X-Failed-Recipients). ok is false when the message says nothing for good.
func bounced(id string, m *mail) (r acquirer.Receipt, ok bool) {
	r = acquirer.Receipt{Device: acquirer.DeviceEmail, Notice: id}
	if m.report != nil {
		r.Delivered, ok = m.report.outcome()
		r.Detail = m.report.detail()
		return r, ok
	}
	r.Detail = "mail failed"
	return r, m.value("X-Failed-Recipients") != ""
}
