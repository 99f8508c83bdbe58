package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"time"
)

// crashCmd runs the crash test.
type crashCmd struct {
	Rounds    int    `default:"200" help:"How often something is killed (${default})."`
	Seed      uint64 `default:"1" help:"Decides who is killed and when, and what the terminals do; the rest is up to the machine."`
	Terminals int    `default:"20" help:"Terminals at work (${default})."`
	Dir       string `placeholder:"DIR" help:"Work in DIR, new or empty, and keep it; else a folder that is kept only if something is wrong."`
	JSON      bool   `name:"json" help:"Print the report as one JSON value on standard output."`
}

// Figures of the crash test.
const (
	// crashHostTimeout is host.timeout of the switch; crashAnswerTimeout, what a terminal waits, is longer.
	crashHostTimeout   = time.Second
	crashAnswerTimeout = 3 * time.Second
	// A round's kill comes between crashEarliest and crashLatest after the round began.
	crashEarliest = 20 * time.Millisecond
	crashLatest   = 400 * time.Millisecond
	// One restart of the switch in stillbornEvery is killed again within crashInfancy, while it takes up what it finds.
	stillbornEvery = 5
	crashInfancy   = 80 * time.Millisecond
	// crashRoundLimit bounds a round, preparing and comparing included.
	crashRoundLimit = 4 * startLimit
	// crashSettleLimit bounds how long the terminals may take to hand over what they owe, crashDrainLimit how long the
	// switch may take to work off its reversals afterwards: the pause between two tries of one grows from 5 s.
	crashSettleLimit = 30 * time.Second
	crashDrainLimit  = 150 * time.Second
	// pickUpAim is within what a restarted switch should have taken up every debit that it finds at the host,
	// pickUpLimit what fails the test.
	pickUpAim   = time.Second
	pickUpLimit = 5 * time.Second
	// maxCrashRounds and maxCrashTerminals bound what may be asked for.
	maxCrashRounds    = 10_000
	maxCrashTerminals = 500
)

// Validate is called by kong before the verb runs.
func (c *crashCmd) Validate() error {
	switch {
	case c.Rounds < 1 || c.Rounds > maxCrashRounds:
		return fmt.Errorf("--rounds is not from 1 to %d", maxCrashRounds)
	case c.Terminals < 1 || c.Terminals > maxCrashTerminals:
		return fmt.Errorf("--terminals is not from 1 to %d", maxCrashTerminals)
	}
	return nil
}

// errBooks is the result of a crash test whose books do not agree.
var errBooks = errors.New("the books do not agree")

// Run kills, heals and compares. It returns nil only when all books agree.
func (c *crashCmd) Run(e *env) error {
	limit := crashSettleLimit + crashDrainLimit + time.Duration(c.Rounds+1)*crashRoundLimit
	ctx, cancel := context.WithTimeout(e.ctx, limit)
	defer cancel()
	dir, err := c.folder()
	if err != nil {
		return err
	}
	r := newCrash(ctx, e, c, dir)
	report, err := r.test()
	if err = errors.Join(err, r.stop()); err == nil {
		err = c.print(e, report)
	}
	if err == nil && c.Dir == "" {
		return os.RemoveAll(dir)
	}
	e.say("kept: %s", dir)
	return err
}

// print writes the report, for people to standard error where --json takes the output, and returns the verdict.
func (c *crashCmd) print(e *env, r *crashReport) error {
	var err error
	if c.JSON {
		err = errors.Join(r.print(e.stderr), e.printJSON(r))
	} else {
		err = r.print(e.stdout)
	}
	if r.verdict() != nil {
		e.say("again: ringpos crash --rounds %d --seed %d --terminals %d", c.Rounds, c.Seed, c.Terminals)
	}
	return errors.Join(err, r.verdict())
}

// folder makes the folder to work in. One that holds something is refused: books of two runs would be mixed.
func (c *crashCmd) folder() (string, error) {
	if c.Dir == "" {
		return os.MkdirTemp("", "ringback-crash-")
	}
	dir, err := filepath.Abs(c.Dir)
	if err != nil {
		return "", err
	}
	there, err := os.ReadDir(dir)
	switch {
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return "", err
	case len(there) > 0:
		return "", fmt.Errorf("%w: %s is not empty", errUsage, dir)
	}
	return dir, os.MkdirAll(dir, 0o700)
}

// crash is a crash test under way.
type crash struct {
	ctx  context.Context
	dir  string
	cmd  *crashCmd
	say  func(format string, args ...any) // progress, for people
	plan *rand.Rand                       // who is killed, and when

	desk   *demo // the operator's verbs and the host's ledger
	addrs  crashAddrs
	host   *process
	daemon *process
	tills  []*till
	lives  []life // of the switch, the present one last
	report *crashReport
	before ledger
}

// crashAddrs is where the programs listen, in every life.
type crashAddrs struct{ host, hostHTTP, terminal, http string }

// life is one process of the switch.
type life struct {
	started time.Time // before it existed
	ready   time.Time // it said so; zero: it was killed before
	killed  time.Time // the signal was sent
	gone    time.Time // it did nothing any more
}

func newCrash(ctx context.Context, e *env, c *crashCmd, dir string) *crash {
	return &crash{ctx: ctx, dir: dir, cmd: c, say: e.say, plan: rand.New(rand.NewPCG(c.Seed, 0)),
		desk: &demo{ctx: ctx, dir: dir}, report: &crashReport{Rounds: c.Rounds, Seed: c.Seed, Terminals: c.Terminals}}
}

// test is the whole test. The report is whole if the error is nil; what differs is in it.
func (c *crash) test() (*crashReport, error) {
	began := time.Now()
	for _, part := range []func() error{c.prepare, c.rounds, c.heal} {
		if err := part(); err != nil {
			return nil, err
		}
	}
	after, err := c.desk.ledger()
	if err != nil {
		return nil, err
	}
	if err := c.stop(); err != nil { // a clean end, so that what is compared is what is on the disk
		return nil, err
	}
	b, err := c.gather(after)
	if err != nil {
		return nil, err
	}
	c.report.count(b, c.lives)
	c.report.Differences = compare(b)
	c.report.Seconds = time.Since(began).Seconds()
	c.report.stories = c.tellStories()
	return c.report, c.keep(b)
}

// rounds kills and restarts, again and again, while the terminals work.
func (c *crash) rounds() error {
	work := startLoad(c.ctx, c.tills)
	var err error
	for n := 1; n <= c.cmd.Rounds && err == nil; n++ {
		if err = errors.Join(c.round(), work.err()); err != nil {
			err = fmt.Errorf("round %d: %w", n, err)
		}
		if n%20 == 0 {
			c.say("round %d of %d: switch killed %d times, host %d, terminals %d", n, c.cmd.Rounds,
				c.report.SwitchKills, c.report.HostKills, c.report.TerminalKills)
		}
	}
	return errors.Join(err, work.finish())
}

// round lets everything run for a moment, kills, and brings back what was killed.
func (c *crash) round() error {
	if err := c.wait(crashEarliest, crashLatest); err != nil {
		return err
	}
	who := c.plan.IntN(100)
	killSwitch, killHost := who < 75, who >= 50 // the switch, both, the host
	c.cutTills()
	if err := c.kill(killSwitch, killHost); err != nil {
		return err
	}
	if killHost {
		if err := c.startHost(); err != nil {
			return err
		}
	}
	if killSwitch {
		return c.restartSwitch()
	}
	return c.awaitHostLink()
}

// wait lets a time pass that is chosen by chance.
func (c *crash) wait(least, most time.Duration) error {
	pause := time.NewTimer(least + time.Duration(c.plan.Int64N(int64(most-least)+1)))
	defer pause.Stop()
	select {
	case <-pause.C:
		return nil
	case <-c.ctx.Done():
		return c.ctx.Err()
	}
}

// restartSwitch brings the switch back, sometimes only at the second attempt.
func (c *crash) restartSwitch() error {
	if c.plan.IntN(stillbornEvery) == 0 {
		if err := errors.Join(c.launchSwitch(), c.wait(0, crashInfancy)); err != nil {
			return err
		}
		if err := c.kill(true, false); err != nil {
			return err
		}
		c.report.Stillborn++
	}
	return c.startSwitch()
}

// cutTills takes the power of up to three terminals, in every third round.
func (c *crash) cutTills() {
	if c.plan.IntN(3) > 0 {
		return
	}
	for range 1 + c.plan.IntN(3) {
		if c.tills[c.plan.IntN(len(c.tills))].cut() {
			c.report.TerminalKills++
		}
	}
}

// heal lets the terminals deliver what they owe and the switch work off its reversals.
func (c *crash) heal() error {
	began := time.Now()
	ctx, cancel := context.WithTimeout(c.ctx, crashSettleLimit)
	defer cancel()
	for _, t := range c.tills {
		if err := t.settle(ctx); err != nil {
			return err
		}
	}
	err := c.drain()
	c.report.HealSeconds = time.Since(began).Seconds()
	return err
}

// drain waits until the journal has nothing unfinished, at most crashDrainLimit: what is left then is a difference.
func (c *crash) drain() error {
	limit := time.NewTimer(crashDrainLimit)
	defer limit.Stop()
	again := time.NewTicker(500 * time.Millisecond)
	defer again.Stop()
	for {
		open, err := c.unfinished()
		if err != nil || open == 0 {
			return err
		}
		select {
		case <-again.C:
		case <-limit.C:
			return nil
		case <-c.ctx.Done():
			return c.ctx.Err()
		}
	}
}

// unfinished counts the payments that are at the host or still to be undone.
func (c *crash) unfinished() (n int, err error) {
	for _, state := range []string{"sent", "reversing"} {
		var rows []journalRow
		if err := c.desk.askJSON(&rows, "payment", "list", "--state", state); err != nil {
			return 0, err
		}
		n += len(rows)
	}
	return n, nil
}
