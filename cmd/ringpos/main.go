package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"
)

// cli is the command line.
type cli struct {
	Pay     payCmd     `cmd:"" help:"Pay a mobile number: look-up, debit, receipt."`
	Inquire inquireCmd `cmd:"" help:"Look up the name behind a mobile number, phase 1 alone."`
	Undo    undoCmd    `cmd:"" help:"Send the undo that is owed, or one for the debit that --stan names."`
	Settle  settleCmd  `cmd:"" help:"Settle the batch: totals, details where the switch counts otherwise, end."`
	SignOn  signOnCmd  `cmd:"" help:"Fetch new working keys and a batch number."`
	SignOff signOffCmd `cmd:"" help:"End the session and forget the working keys."`
	Echo    echoCmd    `cmd:"" help:"Ask whether the switch is there."`
	Demo    demoCmd    `cmd:"" help:"Run a whole day between programs of its own and explain it."`
	Crash   crashCmd   `cmd:"" help:"Kill a switch and a host of its own under load, again and again, and compare the books."`
}

// env is what a verb works with.
type env struct {
	ctx    context.Context
	stdin  io.Reader
	stdout io.Writer
	stderr io.Writer
}

// errUsage marks a value on the command line that cannot be right: exit status 2.
var errUsage = errors.New("usage")

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(&env{ctx: ctx, stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr}, os.Args[1:])
	stop()
	os.Exit(code)
}

// run parses and runs one command line and returns the exit status.
func run(e *env, args []string) int {
	if len(args) == 0 { // the usage, but as an error
		e.parse([]string{"--help"}, e.stderr)
		return 2
	}
	k, code := e.parse(args, e.stdout)
	if k == nil {
		return code
	}
	if err := k.Run(e); errors.Is(err, errUsage) {
		return e.fail(err, 2)
	} else if err != nil {
		return e.fail(err, 1)
	}
	return 0
}

// parse reads a command line. Without a verb to run it returns nil and the exit status.
func (e *env) parse(args []string, help io.Writer) (*kong.Context, int) {
	exited := -1
	parser, err := kong.New(&cli{}, kong.Name("ringpos"), kong.Description("A POS terminal that pays a mobile number."),
		kong.Writers(help, e.stderr), kong.Exit(func(code int) { exited = code }))
	if err != nil {
		return nil, e.fail(err, 1)
	}
	k, err := parser.Parse(args)
	if exited >= 0 { // --help
		return nil, exited
	}
	if err != nil {
		e.say("ringpos: %v", err)
		e.say("Try ringpos --help.")
		return nil, 2
	}
	return k, 0
}

// fail tells what went wrong. Where standard error is gone, nobody listens.
func (e *env) fail(err error, code int) int {
	e.say("ringpos: %v", err)
	return code
}

// say writes a line for people.
func (e *env) say(format string, args ...any) {
	_, _ = fmt.Fprintf(e.stderr, format+"\n", args...)
}
