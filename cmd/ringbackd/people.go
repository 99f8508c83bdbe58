package main

import (
	"crypto/rand"
	"fmt"
	"slices"

	"example.com/ringback/store"
	acquirer "example.com/ringback/switch"
)

// newNotifier makes what sends notices; it has no device yet.
func newNotifier(c Config, db *store.DB) (*acquirer.Notifier, error) {
	templates, err := acquirer.LoadTemplates(c.Notices.Templates)
	if err != nil {
		return nil, err
	}
	number := make([]acquirer.DeviceKind, len(c.Notices.Number))
	for i, kind := range c.Notices.Number {
		number[i] = acquirer.DeviceKind(kind)
	}
	return acquirer.NewNotifier(acquirer.NotifierConfig{Outbox: db, Journal: db, Registry: db, Payouts: db, Templates: templates, Codes: db.CodeKey(),
		NumberDevices: number, Language: acquirer.Language(c.Notices.Language), Limits: c.enrolmentLimits()}), nil
}

// newEnrolments makes what payees' requests go through. Without steps a request that the bank must be asked about waits.
func newEnrolments(c Config, db *store.DB, notifier *acquirer.Notifier, steps ...acquirer.Verifier) (*acquirer.Enrolments, error) {
	numbers, err := acquirer.LoadNumberingPlan()
	if err != nil {
		return nil, err
	}
	issuers, err := loadIssuers(c.Issuers)
	if err != nil {
		return nil, err
	}
	return acquirer.NewEnrolments(acquirer.EnrolmentsConfig{Registry: db, Numbers: numbers, Issuers: issuers, Templates: notifier.Templates,
		Steps: steps, Codes: db.CodeKey(), Random: rand.Reader, Limits: c.enrolmentLimits(), Noticed: notifier.Wake}), nil
}

// tellStuckWork writes into the log what the enrolments' worker cannot do. Of one request it is told every ten minutes at most,
// of the housekeeping once a day.
func (a *App) tellStuckWork(err error) {
	a.log.Error().Err(err).Msg("work on enrolments is put off: a person must look")
}

// wirePeople makes the parts that deal with payees and payers outside a payment, and opens the channels.
func (a *App) wirePeople() (err error) {
	if a.Notifier, err = newNotifier(a.config, a.db); err != nil {
		return err
	}
	rules := acquirer.NewRuleCheck(a.Switch.Numbers, a.Switch.Issuers)
	bank := acquirer.NewBankCheck(a.Network, a.Switch.Reference)
	if a.Enrolments, err = newEnrolments(a.config, a.db, a.Notifier, rules, bank); err != nil {
		return err
	}
	a.Enrolments.Offered = func(k acquirer.DeviceKind) bool { return slices.Contains(a.Notifier.Devices(), k) }
	a.Enrolments.OnStuck = a.tellStuckWork
	if err := a.openChannels(); err != nil {
		return fmt.Errorf("channels: %w", err)
	}
	return nil
}
