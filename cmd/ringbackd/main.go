// Command ringbackd is the switch: it serves terminals on one side and the UnionPay link on the other, and has the
// operator's verbs beside it. Every verb takes the configuration with -c FILE, also while the switch runs.
//
// Exit status: 0 done, 1 refused or failed, 2 usage. With --json a verb prints one JSON value on standard output;
// everything else goes to standard error.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"
)

// cli is the command line.
type cli struct {
	Serve    serveCmd    `cmd:"" help:"Run the switch."`
	Up       upCmd       `cmd:"" help:"Run the switch and the mock host with the demo world, in the foreground."`
	Init     initCmd     `cmd:"" help:"Write a configuration and a fresh local master key into a folder."`
	Check    checkCmd    `cmd:"" help:"Validate a configuration and name what is missing; starts nothing."`
	Terminal terminalCmd `cmd:"" help:"Register, list and block terminals."`
	Key      keyCmd      `cmd:"" help:"Change the local master key."`
	Payee    payeeCmd    `cmd:"" help:"Register payees by hand, and look after them."`
	Payment  paymentCmd  `cmd:"" help:"Show payments from the journal."`
	Notice   noticeCmd   `cmd:"" help:"Show the outbox, and retry what is dead in it."`
	Audit    auditCmd    `cmd:"" help:"Prove the journal: its hash chain and its invariants."`
	Decode   decodeCmd   `cmd:"" help:"Decode frames: hex on standard input, one a line."`

	Enrolment enrolmentCmd `cmd:"" help:"Show requests of payees, and decide those that wait for a person."`
	Purge     purgeCmd     `cmd:"" help:"Remove what is kept too long."`

	Report      reportCmd      `cmd:"" help:"Say what became of a settlement date's payments, per payee, merchant and terminal."`
	Settle      settleCmd      `cmd:"" help:"Settle a date: cut-off, comparison, totals, payout; and say what waits, and why."`
	Discrepancy discrepancyCmd `cmd:"" help:"Show the worklist, and close what is on it."`

	Operation operationCmd `cmd:"" help:"Show the operators' journal."`
	Request   requestCmd   `cmd:"" help:"Show what waits for a second person."`
	Approve   approveCmd   `cmd:"" help:"Carry out what another operator asked for."`
}

// configFlag is what every verb that works on an installation takes.
type configFlag struct {
	Config string `short:"c" name:"config" placeholder:"FILE" default:"ringbackd.yaml" help:"The configuration (${default})."`
}

// jsonFlag is what every verb that prints data takes.
type jsonFlag struct {
	JSON bool `name:"json" help:"Print one JSON value on standard output."`
}

func main() { os.Exit(run(os.Args[1:], thisCaller())) }

// newParser makes the parser of the command line.
func newParser(exit func(int)) (*kong.Kong, error) {
	return kong.New(new(cli), kong.Name("ringbackd"), kong.UsageOnError(),
		kong.Description("An ISO 8583 acquirer switch that pays a mobile number."), kong.Exit(exit))
}

// run parses and runs one command line of a caller and returns the exit status.
func run(args []string, me caller) (status int) {
	exited := -1
	parser, err := newParser(func(code int) { exited = code; panic(exitNow{}) })
	if err != nil {
		fmt.Fprintln(os.Stderr, "ringbackd:", err)
		return 2
	}
	defer func() { // --help ends through kong's Exit, which must not return
		if r := recover(); r != nil {
			if _, ok := r.(exitNow); !ok {
				panic(r)
			}
			status = exited
		}
	}()
	k, err := parser.Parse(args)
	if err != nil {
		fmt.Fprintln(os.Stderr, "ringbackd:", err)
		return 2
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err = sealMemory(k.Selected().Target.Addr().Interface())
	if err == nil {
		err = runVerb(ctx, k, me)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "ringbackd:", err)
		if errors.Is(err, errUsage) {
			return 2
		}
		return 1
	}
	return 0
}

// runVerb runs the verb that was parsed, if the caller may.
func runVerb(ctx context.Context, k *kong.Context, me caller) error {
	name := k.Selected().Path()
	v, ok := verbs[name]
	if !ok {
		return fmt.Errorf("%w: nothing says who may run %q", errDenied, name)
	}
	a := act{name: name, verb: v, me: me}
	if err := a.guard(ctx, k.Selected().Target.Addr().Interface()); err != nil {
		return err
	}
	k.BindTo(ctx, (*context.Context)(nil))
	return k.Run(a)
}

// exitNow carries kong's exit out of the parser.
type exitNow struct{}

// errUsage marks a value on the command line that cannot be right: exit status 2.
var errUsage = errors.New("usage")

// usage makes an error of exit status 2.
func usage(format string, args ...any) error {
	return fmt.Errorf("%w: %w", errUsage, fmt.Errorf(format, args...))
}
