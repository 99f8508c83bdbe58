package main

import (
	"errors"
	"fmt"
	"slices"

	acquirer "example.com/ringback/switch"
	"example.com/ringback/switch/channel/mail"
	"example.com/ringback/switch/channel/spool"
)

// runner is a channel or a device that runs beside the switch.
type runner struct {
	name string
	acquirer.Runner
}

// openChannels makes every channel and device that is configured. Each has a section of [ChannelsConfig], a method here,
// and a part in docs/channels.md.
func (a *App) openChannels() error {
	// The pages last: they offer the devices that there are.
	return errors.Join(a.openSpool(), a.openEmail(), a.openSMS(), a.openVoice(), a.openWebhook(), a.openLetter(), a.openWeb())
}

// openSpool makes the spool folder.
func (a *App) openSpool() error {
	c := a.config.Channels.Spool
	if c.Dir == "" {
		return nil
	}
	s, err := spool.New(spool.Config{Dir: c.Dir, Inbox: a.Enrolments, Receipts: a.Notifier, Log: a.log.With().Str("part", "spool").Logger()})
	if err != nil {
		return err
	}
	a.Notifier.Use(s)
	a.runners = append(a.runners, runner{"spool", s})
	return nil
}

// openEmail makes the channel and the device of e-mail, and opens its listener.
func (a *App) openEmail() error {
	c := a.config.Channels.Email
	if !c.on() {
		return nil
	}
	m, err := c.open(mail.Config{Inbox: a.Enrolments, Receipts: a.Notifier, TagKey: bounceKey(a.db.CodeKey()),
		Log: a.log.With().Str("part", "email").Logger()})
	if err != nil {
		return err
	}
	if c.SmartHost != "" {
		a.Notifier.Use(m)
	}
	a.runners = append(a.runners, runner{"email", m})
	a.closers = append(a.closers, m)
	return nil
}

// paths are the files and folders that the channels name: relative ones count from the file's folder.
func (c *ChannelsConfig) paths() []*string {
	return slices.Concat([]*string{&c.Spool.Dir}, c.Email.paths(), c.SMS.paths(), c.Voice.paths(), c.Webhook.paths(), c.Letter.paths())
}

// missing names what is wrong with the files that the channels need, for the verb check.
func (c ChannelsConfig) missing() (err error) {
	if c.SMS.on() {
		if failed := c.SMS.ready(); failed != nil {
			err = fmt.Errorf("channels.sms: %w", failed)
		}
	}
	if c.Webhook.Enabled {
		if _, failed := c.Webhook.fill(); failed != nil {
			err = errors.Join(err, fmt.Errorf("channels.webhook: %w", failed))
		}
	}
	return errors.Join(err, c.Voice.missing(), c.Letter.missing())
}
