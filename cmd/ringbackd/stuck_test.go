package main

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	acquirer "example.com/ringback/switch"
	"github.com/stretchr/testify/require"
)

// closedRegistry opens no request.
type closedRegistry struct{ acquirer.Registry }

func (closedRegistry) Enrolment(_ context.Context, id acquirer.EnrolmentID) (*acquirer.Enrolment, error) {
	return nil, fmt.Errorf("row %d of enrolment does not open: %w", id, acquirer.ErrKey)
}

// A request that does not open stands in the log, without whose it is, and the switch goes on.
func TestRequestThatDoesNotOpenIsLogged(t *testing.T) {
	const number = "13900139123"
	w := newWorld(t, time.Second, func(a *App) { a.Enrolments.Registry = closedRegistry{a.db} })
	_, err := w.app.Enrolments.Receive(t.Context(), acquirer.Inbound{Channel: acquirer.ChannelSMS, MessageID: "1", Sender: number, Text: "暂停"})
	require.NoError(t, err)
	const told = "work on enrolments is put off: a person must look"
	require.Eventually(t, func() bool { return strings.Contains(w.log.String(), told) }, 20*time.Second, time.Millisecond)
	require.Contains(t, w.log.String(), "of enrolment does not open")
	require.NotContains(t, w.log.String(), number)
	require.NoError(t, w.app.ready())
	w.stopSwitch()
}
