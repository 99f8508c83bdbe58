package main

import (
	"fmt"
	"io"
	"time"

	"github.com/alecthomas/kong"
)

// options are the command line.
type options struct {
	Addr string `help:"Address of the host line." default:"127.0.0.1:8600" env:"RINGBACK_HOST_ADDR"`
	HTTP string `name:"http" help:"Address of GET /ledger, GET /books, GET /healthz, POST /cutoff, POST /clearing and POST /keys/reset." default:"127.0.0.1:8601" env:"RINGBACK_HOST_HTTP_ADDR"`
	Dir  string `help:"Data folder; the ledger log goes into DIR/host." default:"./var" env:"RINGBACK_DIR"`

	Demo        bool     `help:"The demo world: its accounts, its public test key, and faults by amount (98.01 to 98.08)."`
	ZMKFile     string   `name:"zmk-file" help:"File with the zone master key, 32 hex digits." placeholder:"FILE"`
	Accounts    string   `help:"CSV file of accounts: pan,pin,expiry,status,institution,limit_fen,balance_fen." placeholder:"FILE"`
	Institution []string `help:"Member that may use the host, by its code; repeat for more. Without it any may." placeholder:"ID"`

	Fault []string `help:"Share of the traffic that goes wrong: KIND=SHARE or KIND=SHARE@DELAY; repeat for more. Kinds: silent late twice badmac close amount lost 96 98 otherlink delay truncated, and each with reversal- or payout- in front." placeholder:"FAULT"`
	Seed  uint64   `help:"Seed that decides which messages meet a fault." default:"1"`

	ClearingDir     string   `help:"Folder of the detail files: each settlement date that ends leaves DIR/MEMBER/INDyymmdd01ACOMN." placeholder:"DIR"`
	ClearingEdition int      `help:"Length of the lines of detail files: 299 or 500." enum:"299,500" default:"299"`
	ClearingFault   []string `help:"What goes wrong with every settlement date; repeat for more. Kinds: missing extra amount duplicate (lines, KIND or KIND=COUNT), totals, cut, half and late (KIND or KIND@DELAY)." placeholder:"FAULT"`
	Cutoff          string   `help:"Time of day in Beijing at which the settlement date ends by itself; without it, on POST /cutoff, on a member's 0820 with 201, and with the calendar day." placeholder:"HH:MM"`
	PayoutsRefused  float64  `help:"Share of payouts that the payee's bank refuses with 42." default:"0"`

	Strict         bool          `help:"Reject messages whose header is not exactly as prescribed."`
	SignOnRequired bool          `help:"Answer 77 on links that have not signed on."`
	DoubleMAC      bool          `name:"double-mac" help:"Hand out double-length MAC keys only."`
	ForgetUnknown  bool          `help:"Do not remember a reversal that comes before its debit."`
	Echo           time.Duration `help:"Time between the host's own echo tests; 0 is none." default:"0s"`
	LogLevel       string        `help:"trace, debug, info, warn, error or disabled." default:"info"`
}

// parse reads the command line. done means that the program has nothing more to
// do and exits with code.
func (o *options) parse(args []string, stdout, stderr io.Writer) (code int, done bool) {
	exited := -1
	parser, err := kong.New(o,
		kong.Name("ringhost"),
		kong.Description("The mock UnionPay host: issuers, balances, zone keys and faults for tests and demonstrations."),
		kong.Writers(stdout, stderr),
		kong.Exit(func(code int) { exited = code }),
	)
	if err != nil {
		say(stderr, "ringhost: "+err.Error())
		return exitFailed, true
	}
	_, err = parser.Parse(args)
	if exited >= 0 {
		return exited, true // --help
	}
	if err != nil {
		say(stderr, "ringhost: "+err.Error()+"\nTry ringhost --help.")
		return exitUsage, true
	}
	return exitDone, false
}

// say writes a line for the operator. Where stderr is gone, nobody listens.
func say(stderr io.Writer, line string) {
	_, _ = fmt.Fprintln(stderr, line)
}
