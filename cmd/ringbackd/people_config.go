package main

import (
	"errors"
	"slices"
	"time"

	acquirer "example.com/ringback/switch"
)

// EnrolmentConfig are the figures of payees' registrations and changes. They apply to every channel together.
type EnrolmentConfig struct {
	Wait        time.Duration `koanf:"wait" validate:"gte=0"` // from a confirmed change of card or number to its effect
	CodeLife    time.Duration `koanf:"code_life" validate:"gte=1m,lte=1h"`
	CodeTries   int           `koanf:"code_tries" validate:"gt=0,lte=10"`
	Lock        time.Duration `koanf:"lock" validate:"gte=1h"`
	Resends     int           `koanf:"resends" validate:"gte=0"`
	Approval    time.Duration `koanf:"approval" validate:"gte=1h"`   // how long an operator may take
	BankTime    time.Duration `koanf:"bank_time" validate:"gte=1m"`  // how long the bank is asked again
	SessionLife time.Duration `koanf:"session_life" validate:"gt=0"` // how long a page may show what is held
	Dormant     time.Duration `koanf:"dormant" validate:"gte=0"`     // how long a number may be silent; 0: for ever
	Remind      time.Duration `koanf:"remind" validate:"gte=0"`      // how long before that it is reminded

	CodesPerDay   int           `koanf:"codes_per_day" validate:"gt=0"` // to one number
	CodeGap       time.Duration `koanf:"code_gap" validate:"gte=0"`
	SenderPerDay  int           `koanf:"sender_per_day" validate:"gt=0"`
	SourcePerDay  int           `koanf:"source_per_day" validate:"gt=0"`
	GatewayPerDay int           `koanf:"gateway_per_day" validate:"gt=0"`
	AnswersPerDay int           `koanf:"answers_per_day" validate:"gt=0"`
	HelpsPerDay   int           `koanf:"helps_per_day" validate:"gt=0"`
}

// NoticesConfig is how people are told.
type NoticesConfig struct {
	// Number are the devices that reach a mobile number, in the order in which they are tried.
	Number    []string `koanf:"number" validate:"min=1,unique,dive,oneof=sms voice spool"`
	Language  string   `koanf:"language" validate:"oneof=zh en"` // of notices to payers
	Templates string   `koanf:"templates"`                       // folder of texts that replace the built-in ones
	PayerDay  int      `koanf:"payer_per_day" validate:"gt=0"`   // notices of debits to one payer's number
}

// RetentionConfig is how long personal data are kept.
type RetentionConfig struct {
	Enrolments time.Duration `koanf:"enrolments" validate:"gte=48h"` // from their end
	Notices    time.Duration `koanf:"notices" validate:"gte=96h"`    // their addresses
	Messages   time.Duration `koanf:"messages" validate:"gte=24h"`   // ids, against doubles
	Journal    time.Duration `koanf:"journal" validate:"gte=720h"`   // the personal part of payments
}

// ChannelsConfig are the channels and devices. Each is off until it is configured.
type ChannelsConfig struct {
	Email   EmailConfig   `koanf:"email"`
	Spool   SpoolConfig   `koanf:"spool"`
	SMS     SMSConfig     `koanf:"sms"`
	Voice   VoiceConfig   `koanf:"voice"`
	Webhook WebhookConfig `koanf:"webhook"`
	Letter  LetterConfig  `koanf:"letter"`
}

// SpoolConfig is the spool folder; off while Dir is empty.
type SpoolConfig struct {
	Dir string `koanf:"dir"`
}

func defaultEnrolment() EnrolmentConfig {
	l := acquirer.EnrolmentLimits{}.WithDefaults()
	return EnrolmentConfig{Wait: l.Wait, CodeLife: l.CodeLife, CodeTries: l.CodeTries, Lock: l.Lock, Resends: l.Resends,
		Approval: l.Approval, BankTime: l.BankTime, SessionLife: l.SessionLife, Dormant: l.Dormant, Remind: l.Remind,
		CodesPerDay: l.CodesPerDay, CodeGap: l.CodeGap, SenderPerDay: l.SenderPerDay, SourcePerDay: l.SourcePerDay, GatewayPerDay: l.GatewayPerDay,
		AnswersPerDay: l.AnswersPerDay, HelpsPerDay: l.HelpsPerDay}
}

func defaultNotices() NoticesConfig {
	return NoticesConfig{Number: []string{"sms", "voice", "spool"}, Language: "zh", PayerDay: acquirer.EnrolmentLimits{}.WithDefaults().NoticesPerDay}
}

func defaultRetention() RetentionConfig {
	l := acquirer.EnrolmentLimits{}.WithDefaults()
	return RetentionConfig{Enrolments: l.EnrolmentsKept, Notices: l.NoticesKept, Messages: l.MessagesKept, Journal: l.JournalKept}
}

// enrolmentLimits translates the configuration for the flows. There 0 is the default, and below it is none.
func (c Config) enrolmentLimits() acquirer.EnrolmentLimits {
	e, r := c.Enrolment, c.Retention
	none := func(d time.Duration) time.Duration {
		if d == 0 {
			return -1
		}
		return d
	}
	resends := e.Resends
	if resends == 0 {
		resends = -1
	}
	return acquirer.EnrolmentLimits{Wait: none(e.Wait), CodeLife: e.CodeLife, CodeTries: e.CodeTries, Lock: e.Lock, Resends: resends,
		Approval: e.Approval, BankTime: e.BankTime, SessionLife: e.SessionLife, Dormant: none(e.Dormant), Remind: none(e.Remind),
		CodesPerDay: e.CodesPerDay, CodeGap: none(e.CodeGap), SenderPerDay: e.SenderPerDay, SourcePerDay: e.SourcePerDay, GatewayPerDay: e.GatewayPerDay,
		AnswersPerDay: e.AnswersPerDay, HelpsPerDay: e.HelpsPerDay, NoticesPerDay: c.Notices.PayerDay,
		EnrolmentsKept: r.Enrolments, NoticesKept: r.Notices, MessagesKept: r.Messages, JournalKept: r.Journal}
}

// peopleProblems are what validation of single values cannot see.
func (c Config) peopleProblems() (out []error) {
	if c.Enrolment.Dormant > 0 && c.Enrolment.Remind >= c.Enrolment.Dormant {
		out = append(out, errors.New("enrolment.remind: not shorter than enrolment.dormant, so that everybody would be reminded at once"))
	}
	if c.Channels.Spool.Dir != "" && !slices.Contains(c.Notices.Number, "spool") {
		out = append(out, errors.New("notices.number: spool is not in it, so that no notice would ever go to channels.spool.dir"))
	}
	if c.Channels.SMS.on() && !slices.Contains(c.Notices.Number, "sms") {
		out = append(out, errors.New("notices.number: sms is not in it, so that no notice would ever go by channels.sms"))
	}
	if c.Channels.Voice.on() && c.Channels.Voice.Proxy != "" && !slices.Contains(c.Notices.Number, "voice") {
		out = append(out, errors.New("notices.number: voice is not in it, so that no notice would ever go by channels.voice"))
	}
	return slices.Concat(out, c.Channels.SMS.problems(), c.Channels.Voice.problems(), c.Channels.Webhook.problems(c.Production), c.Channels.Letter.problems())
}
