package main

import (
	"context"
	"errors"
	"time"

	"example.com/ringback/provider"
	acquirer "example.com/ringback/switch"
)

// ClearingConfig says where the host's detail files come and when dates are settled. Without it nothing is settled but by
// "ringbackd settle", which needs Dir.
type ClearingConfig struct {
	Dir  string `koanf:"dir"`                                      // where the host's detail files are put; empty: nowhere
	Auto bool   `koanf:"auto"`                                     // settle each date when the host has told its cut-off (0820/202)
	Time string `koanf:"time" validate:"omitempty,datetime=15:04"` // settle each day at this time of Asia/Shanghai; empty: not by the clock
}

// hostWord hands what the host says of settlement to the switch, which is made after the line to the host.
type hostWord struct{ app *App }

func (h hostWord) CutOff(ctx context.Context, date acquirer.Date, phase acquirer.CutOffPhase) error {
	return h.app.Switch.CutOff(ctx, date, phase)
}

func (h hostWord) PaidOut(ctx context.Context, p acquirer.Payout) (acquirer.ResponseCode, error) {
	code, err := h.app.Switch.PaidOut(ctx, p)
	if err == nil {
		h.app.Notifier.Wake()
	}
	return code, err
}

// settlement is what the switch needs to settle.
func (a *App) settlement() acquirer.SettlementConfig {
	log := a.log.With().Str("part", "settlement").Logger()
	return acquirer.SettlementConfig{Ledger: a.db, Centre: a.Network, Orders: a.Network,
		Automatic: a.config.Clearing.Auto,
		Progress:  func(date acquirer.Date, text string) { log.Info().Int("date", int(date)).Msg(text) }}
}

// openClearing makes what watches the folder of detail files, and the daily clock.
func (a *App) openClearing() {
	c := a.config.Clearing
	if c.Dir != "" {
		folder := &provider.DropFolder{Dir: c.Dir, Institution: a.config.Host.Institution, Books: a.Switch,
			Log: a.log.With().Str("part", "clearing").Logger()}
		if a.config.Demo { // the mock host gives a file its name when it is whole
			folder.Limits = provider.Limits{FilePoll: 100 * time.Millisecond, FileStill: 300 * time.Millisecond}
		}
		a.runners = append(a.runners, runner{"detail files", folder})
	}
	if c.Time != "" {
		a.runners = append(a.runners, runner{"daily settlement", dailySettlement{a}})
	}
}

// dailySettlement asks for the settlement of the open date once a day.
type dailySettlement struct{ app *App }

// Run implements [acquirer.Runner].
func (d dailySettlement) Run(ctx context.Context) error {
	for {
		timer := time.NewTimer(time.Until(nextDaily(time.Now(), d.app.config.Clearing.Time)))
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return nil
		}
		date, err := openDate(ctx, d.app.installation)
		if err == nil {
			_, err = acquirer.AskSettlement(ctx, d.app.db, date, time.Now())
		}
		if err != nil && ctx.Err() == nil {
			return err
		}
	}
}

// nextDaily is the next moment after now at which clocks in Beijing show hhmm.
func nextDaily(now time.Time, hhmm string) time.Time {
	at, err := time.Parse("15:04", hhmm)
	if err != nil {
		panic(err) // the configuration was checked
	}
	next := acquirer.DateOf(now).Time().Add(time.Duration(at.Hour())*time.Hour + time.Duration(at.Minute())*time.Minute)
	if !next.After(now) {
		next = next.AddDate(0, 0, 1)
	}
	return next
}

// openDate is the settlement date of the last debit that the host approved; without one, today.
func openDate(ctx context.Context, i *installation) (acquirer.Date, error) {
	date, err := i.db.LastSettlementDate(ctx)
	if errors.Is(err, acquirer.ErrNotFound) {
		return acquirer.DateOf(time.Now()), nil
	}
	return date, err
}
