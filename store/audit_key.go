package store

import (
	"context"
	"errors"
	"fmt"

	acquirer "example.com/ringback/switch"
)

// keyTexts find two rows with one key, within a business date ($1 and $2 are not there) and across a date and the one
// before it. In the file an index guards the first kind; the audit trusts no index to be there.
var keyTexts = [...]struct{ what, within, across string }{
	{"terminal key",
		`SELECT min(id), max(id) FROM txn GROUP BY biz_date, merchant, terminal, batch, stan HAVING count(*) > 1`,
		`SELECT a.id, b.id FROM txn a JOIN txn b ON b.biz_date = $1 AND b.merchant = a.merchant AND b.terminal = a.terminal
			AND b.batch = a.batch AND b.stan = a.stan WHERE a.biz_date = $2`},
	{"token",
		`SELECT min(id), max(id) FROM txn WHERE state <> 1 AND token IS NOT NULL GROUP BY biz_date, token HAVING count(*) > 1`,
		`SELECT a.id, b.id FROM txn a JOIN txn b ON b.biz_date = $1 AND b.token = a.token AND b.state <> 1 AND b.token IS NOT NULL
			WHERE a.biz_date = $2 AND a.state <> 1 AND a.token IS NOT NULL`},
	{"host key",
		`SELECT min(id), max(id) FROM txn WHERE host_time IS NOT NULL GROUP BY host_time, host_stan, biz_date HAVING count(*) > 1`,
		""}, // F7 holds month and day: it cannot be the same on two dates
}

// nextDate is the first business date behind another; 0: there is none.
const nextDate = `SELECT coalesce(min(biz_date), 0) FROM txn WHERE biz_date > $1`

// keys proves that no key is used twice.
func (a *auditor) keys(ctx context.Context) error {
	for _, k := range keyTexts {
		if err := a.twice(ctx, k.what, k.within); err != nil {
			return err
		}
	}
	for date := acquirer.Date(0); ; {
		if err := a.tx.QueryRowContext(ctx, nextDate, int64(date)).Scan(&date); err != nil || date == 0 {
			return err
		}
		for _, k := range keyTexts {
			if k.across == "" {
				continue
			}
			if err := a.twice(ctx, k.what, k.across, int64(date.Before()), int64(date)); err != nil {
				return err
			}
		}
	}
}

// twice notes the pairs that a text finds.
func (a *auditor) twice(ctx context.Context, what, text string, args ...any) (err error) {
	rows, err := a.tx.QueryContext(ctx, text, args...)
	if err != nil {
		return fmt.Errorf("%q: %w", text, err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var one, other acquirer.ID
		if err := rows.Scan(&one, &other); err != nil {
			return err
		}
		a.broken(one, 0, "has its %s in common with %s", what, other.RRN())
	}
	return rows.Err()
}
