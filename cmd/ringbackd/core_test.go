package main

import (
	"context"
	"crypto/rand"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"example.com/ringback/store"
	acquirer "example.com/ringback/switch"
	"example.com/ringback/switch/hsm"
	"github.com/stretchr/testify/require"
)

// core is registration and notices on a store of their own, for tests of one channel.
type core struct {
	t          *testing.T
	db         *store.DB
	path       string // of the store's file
	enrolments *acquirer.Enrolments
	notifier   *acquirer.Notifier
}

// bank says yes to everybody.
type bank struct{}

func (bank) VerifyAccount(context.Context, acquirer.AccountCheck) (acquirer.ResponseCode, error) {
	return acquirer.CodeApproved, nil
}

// newCore makes a core that reaches numbers by the devices of one kind, which are still to be given to its notifier. It does
// nothing before run.
func newCore(t *testing.T, l acquirer.EnrolmentLimits, reaches acquirer.DeviceKind) *core {
	t.Helper()
	c := &core{t: t, path: filepath.Join(t.TempDir(), "journal.db")}
	path := filepath.Join(t.TempDir(), "master.key")
	require.NoError(t, os.WriteFile(path, []byte(strings.Repeat("5a3c9e71", 8)), 0o600))
	master, err := hsm.LoadMasterKey(path)
	require.NoError(t, err)
	c.db, err = store.Open(t.Context(), store.Config{Path: c.path, Vault: hsm.New(master)})
	require.NoError(t, err)
	numbers, err := acquirer.LoadNumberingPlan()
	require.NoError(t, err)
	issuers, err := acquirer.LoadIssuerTable()
	require.NoError(t, err)
	templates, err := acquirer.LoadTemplates("")
	require.NoError(t, err)
	c.notifier = acquirer.NewNotifier(acquirer.NotifierConfig{Outbox: c.db, Journal: c.db, Registry: c.db, Templates: templates,
		Codes: c.db.CodeKey(), NumberDevices: []acquirer.DeviceKind{reaches}, Limits: l})
	c.enrolments = acquirer.NewEnrolments(acquirer.EnrolmentsConfig{Registry: c.db, Numbers: numbers, Issuers: issuers, Templates: templates,
		Steps: []acquirer.Verifier{acquirer.NewBankCheck(bank{}, func(time.Time) acquirer.RRN { return "632890000001" })},
		Codes: c.db.CodeKey(), Random: rand.Reader, Limits: l, Noticed: c.notifier.Wake})
	return c
}

// run lets the core and the channel run to the end of the test, and then closes the store.
func (c *core) run(channel ...acquirer.Runner) {
	ctx, cancel := context.WithCancel(context.Background())
	var parts sync.WaitGroup
	for _, r := range append([]acquirer.Runner{c.enrolments, c.notifier}, channel...) {
		parts.Go(func() {
			if err := r.Run(ctx); err != nil {
				c.t.Errorf("%T: %v", r, err)
			}
		})
	}
	c.t.Cleanup(func() { cancel(); parts.Wait(); require.NoError(c.t, c.db.Close()) })
}

// payeeOf returns who is registered at a number; nil: nobody.
func (c *core) payeeOf(number string) *acquirer.Payee {
	c.t.Helper()
	n, err := acquirer.ParseMSISDN(number)
	require.NoError(c.t, err)
	p, err := c.db.PayeeByNumber(c.t.Context(), n)
	if err != nil {
		require.ErrorIs(c.t, err, acquirer.ErrNotFound)
		return nil
	}
	return p
}
