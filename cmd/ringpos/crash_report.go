package main

import (
	"errors"
	"fmt"
	"io"
	"sort"
	"strings"
	"time"
)

// storiesTold is how many differences are told with the whole story of their payment.
const storiesTold = 20

// crashReport is what a crash test found out.
type crashReport struct {
	Rounds    int    `json:"rounds"`
	Seed      uint64 `json:"seed"`
	Terminals int    `json:"terminals"`

	SwitchKills   int       `json:"switch_kills"`
	Stillborn     int       `json:"stillborn"` // of these, while it was starting
	HostKills     int       `json:"host_kills"`
	TerminalKills int       `json:"terminal_kills"`
	Tills         tillTally `json:"tills"`

	Payments   int   `json:"payments"` // rows of the journal
	Approved   int   `json:"approved"`
	Declined   int   `json:"declined"`
	Reversed   int   `json:"reversed"`
	Tombstones int   `json:"tombstones"`
	Debits     int   `json:"debits"`     // that the host ever approved
	Exceptions int   `json:"exceptions"` // rows that a person is asked to look at
	HeldFen    int64 `json:"held_fen"`
	TotalFen   int64 `json:"total_fen"`

	Restart     timing  `json:"restart"` // of the switch, from SIGKILL to ready
	PickUp      timing  `json:"pick_up"` // from the start of a switch until a debit found at the host is being undone
	Late        int     `json:"late"`    // pick-ups that took more than pickUpAim
	HealSeconds float64 `json:"heal_seconds"`
	Seconds     float64 `json:"seconds"`

	Differences []difference `json:"differences"`
	stories     string
}

// timing sums up times of a kind.
type timing struct {
	Count      int     `json:"count"`
	MeanMillis float64 `json:"mean_ms"`
	MaxMillis  float64 `json:"max_ms"`
}

func (t *timing) add(d time.Duration) {
	ms := float64(d) / float64(time.Millisecond)
	t.MeanMillis += (ms - t.MeanMillis) / float64(t.Count+1)
	t.Count++
	t.MaxMillis = max(t.MaxMillis, ms)
}

// add sums up tills.
func (t *tillTally) add(o tillTally) {
	t.Approved += o.Approved
	t.Refused += o.Refused
	t.Unknown += o.Unknown
	t.Undone += o.Undone
	t.Cuts += o.Cuts
	t.Repeats += o.Repeats
	t.Losses += o.Losses
	t.Replays += o.Replays
}

// count takes the figures from the books and the lives of the switch.
func (r *crashReport) count(b *books, lives []life) {
	states := map[string]*int{rowApproved: &r.Approved, rowDeclined: &r.Declined, rowReversed: &r.Reversed, rowTombstone: &r.Tombstones}
	for _, row := range b.Journal {
		if n := states[row.State]; n != nil {
			*n++
		}
		if row.Exception != "" {
			r.Exceptions++
		}
	}
	r.Payments, r.Debits, r.TotalFen = len(b.Journal), len(b.Debits), b.After.TotalFen
	for _, a := range b.After.Accounts {
		r.HeldFen += a.HeldFen
	}
	for i := 1; i < len(lives); i++ {
		if !lives[i].ready.IsZero() {
			r.Restart.add(lives[i].ready.Sub(lives[i-1].killed))
		}
	}
	r.pickUps(b.Journal, lives)
}

// pickUps measures what became of the debits that a switch left at the host when it was killed: a later life gave them
// up. The time counts from the start of that life, or of an earlier one that was ready and had not done it. lives is not
// empty.
func (r *crashReport) pickUps(rows []journalRow, lives []life) {
	for _, row := range rows {
		next, done := lifeAt(lives, row.Opened)+1, lifeAt(lives, row.Left)
		if next > done {
			continue
		}
		for next < done && lives[next].ready.IsZero() {
			next++
		}
		took := row.Left.Sub(lives[next].started)
		r.PickUp.add(took)
		if took > pickUpAim {
			r.Late++
		}
	}
}

// lifeAt returns which life it was at a time; the first for any before it.
func lifeAt(lives []life, at time.Time) int {
	after := sort.Search(len(lives), func(i int) bool { return lives[i].started.After(at) })
	return max(after-1, 0)
}

// verdict is nil only if all was as it must be.
func (r *crashReport) verdict() error {
	var err error
	if len(r.Differences) > 0 {
		err = fmt.Errorf("%w: %d differences", errBooks, len(r.Differences))
	}
	if limit := float64(pickUpLimit.Milliseconds()); r.PickUp.MaxMillis > limit {
		err = errors.Join(err, fmt.Errorf("a restarted switch took %.0f ms to take up a debit, %.0f at most", r.PickUp.MaxMillis, limit))
	}
	return err
}

// tellStories asks the switch for the stories of the payments that the books differ on.
func (c *crash) tellStories() string {
	var text strings.Builder
	for _, d := range firstOf(c.report.Differences, storiesTold) {
		fmt.Fprintf(&text, "\n%s %s: %s\n", d.Kind, d.RRN, d.Text)
		if d.RRN == "" || d.Kind == wrongNoRow { // there is nothing to tell
			continue
		}
		story, err := c.desk.ask(nil, "payment", "show", d.RRN, "-c", c.desk.config())
		if err != nil {
			story = []byte(err.Error() + "\n")
		}
		text.Write(story)
	}
	return text.String()
}

// print writes the report for people.
func (r *crashReport) print(w io.Writer) error {
	var out strings.Builder
	line := func(name, format string, args ...any) {
		fmt.Fprintf(&out, "%-22s "+format+"\n", append([]any{name}, args...)...)
	}
	line("kills", "%d rounds: switch %d (%d while starting), host %d, terminals %d", r.Rounds, r.SwitchKills, r.Stillborn, r.HostKills, r.TerminalKills)
	line("payments", "%d: %d approved, %d declined, %d reversed, %d undone before they came", r.Payments, r.Approved, r.Declined, r.Reversed, r.Tombstones)
	line("at the terminals", "%d approved, %d refused, %d of unknown outcome; %d undone by the clerk", r.Tills.Approved, r.Tills.Refused, r.Tills.Unknown, r.Tills.Undone)
	line("on their lines", "%d debits repeated, %d replayed later, %d connections lost behind a debit", r.Tills.Repeats, r.Tills.Replays, r.Tills.Losses)
	line("at the host", "%d debits, %d of them undone; %d fen held of %d", r.Debits, r.Debits-r.Approved, r.HeldFen, r.TotalFen)
	line("for a person", "%d payments", r.Exceptions)
	line("switch, kill to ready", "mean %.0f ms, at most %.0f ms", r.Restart.MeanMillis, r.Restart.MaxMillis)
	line("debits taken up", "%d found at the host by a restarted switch: mean %.0f ms, at most %.0f ms; %d after more than %v",
		r.PickUp.Count, r.PickUp.MeanMillis, r.PickUp.MaxMillis, r.Late, pickUpAim)
	line("time", "%.0f s, %.1f s of them to heal; seed %d, %d terminals", r.Seconds, r.HealSeconds, r.Seed, r.Terminals)
	if r.verdict() == nil {
		line("books", "receipts, journal and host ledger agree")
	} else {
		line("books", "%d DIFFERENCES", len(r.Differences))
	}
	_, err := io.WriteString(w, out.String()+r.stories)
	return err
}
