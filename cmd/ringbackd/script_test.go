package main

import (
	"errors"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	acquirer "example.com/ringback/switch"
	"example.com/ringback/terminal"
	"github.com/rogpeppe/go-internal/testscript"
	"github.com/stretchr/testify/require"
)

// The scripts of testdata run this program as a process of its own: what they show is what an operator sees.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"ringbackd": main, "ringbackd-as": mainAs, "ringbackd-spoilt": spoilt})
}

// mainAs runs the program as if another account did: ringbackd-as 2001 terminal list.
func mainAs() {
	uid, err := strconv.Atoi(os.Args[1])
	if err != nil {
		panic(err)
	}
	os.Exit(run(os.Args[2:], caller{uid: uid, sudo: os.Getenv("SUDO_UID")}))
}

func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{Dir: "testdata", RequireExplicitExec: true,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"exits": exits}})
}

// exits runs a command that must end with the exit status in front of it: exits 2 ringbackd nonsense.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits status command ...")
	}
	err := ts.Exec(args[1], args[2:]...)
	var exit *exec.ExitError
	if !errors.As(err, &exit) || strconv.Itoa(exit.ExitCode()) != args[0] {
		ts.Fatalf("ended with %v, not %s", err, args[0])
	}
}

func TestConfig(t *testing.T) {
	base := "store: {path: a.db}\nkeys: {master_file: /m.key}\nhost: {zmk_file: z.key}\n"
	for _, c := range []struct {
		name, yaml, env, value, problem string
	}{
		{"defaults", base, "", "", ""},
		{"unknown key", base + "terminals: {addr: x}\n", "", "", "terminals"},
		{"unknown key inside", base + "limits: {max: 5}\n", "", "", "max"},
		{"unknown variable", base, "RINGBACK_LIMITS__NOSUCH", "1", "nosuch"},
		{"variable", base, "RINGBACK_LIMITS__LOOKUP_MISS", "4", ""},
		{"variable of another program", base, "RINGBACK_HOST_HTTP_ADDR", "127.0.0.1:1", ""},
		{"wrong type", base + "limits: {in_flight: many}\n", "", "", "in_flight"},
		{"missing", "host: {zmk_file: z}\n", "", "", "store.path: required"},
		{"bad address", base, "RINGBACK_TERMINAL_ADDR", "nowhere", "terminal.addr"},
		{"institution", "store: {path: a}\nkeys: {master_file: m}\nhost: {zmk_file: z, institution: \"1\"}\n", "", "", "host.institution"},
		{"host timeout", "store: {path: a}\nkeys: {master_file: m}\nhost: {zmk_file: z, timeout: 60s}\n", "", "", "host.timeout: lte 55s"},
		{"host timeout at the border", "store: {path: a}\nkeys: {master_file: m}\nhost: {zmk_file: z, timeout: 55s}\n", "", "", ""},
		{"TLS without certificate", base + "terminal: {tls: {addr: \"127.0.0.1:1\"}}\n", "", "", "terminal.tls.certfile"},
		{"no clear listener", base + "terminal: {addr: \"\", tls: {addr: \":1\", cert_file: c, key_file: k}}\n", "", "", ""},
		{"no listener", base + "terminal: {addr: \"\"}\n", "", "", "no terminal could connect"},
		{"no listener by the environment", base, "RINGBACK_TERMINAL_ADDR", "", "no terminal could connect"},
		{"a rate below none", base + "terminal: {rate_per_terminal: -1}\n", "", "", "terminal.rateperterminal"},
		{"rates", base + "terminal: {max_per_address: 1, accepts_per_second: 1, rate_per_terminal: 1, rate_per_connection: 1, rate_of_strangers: 1}\n", "", "", ""},
		{"demo in production", base + "production: true\ndemo: true\n", "", "", "refused while production"},
		{"core files in production", base + "production: true\ndebug: {core_files: true}\n", "", "", "debug.core_files: refused while production"},
		{"core files", base + "debug: {core_files: true}\n", "", "", ""},
		{"a look-up that can never be made", base + "limits: {lookup_bucket: 1, lookup_hit: 2}\n", "", "", "lookup_hit"},
		{"a look-up that no payer can ever make", base + "limits: {payer_bucket: 1, payer_hit: 2}\n", "", "", "payer_hit"},
		{"a payer's bucket at the border", base + "limits: {payer_bucket: 2, payer_hit: 2}\n", "", "", ""},
		{"no payer's bucket", base + "limits: {payer_bucket: 0, payer_hit: 2}\n", "", "", ""},
		{"a payer's bucket below none", base + "limits: {payer_bucket: -1}\n", "", "", "payerbucket"},
		{"not YAML", "a: [", "", "", "reading"},
		{"a key in place of a configuration", strings.Repeat("0123456789abcdef", 4), "", "", "c.yaml: is no configuration"},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := t.TempDir() + "/c.yaml"
			require.NoError(t, os.WriteFile(path, []byte(c.yaml), 0o600))
			if c.env != "" {
				t.Setenv(c.env, c.value)
			}
			config, err := loadConfig(path)
			if c.problem != "" {
				require.ErrorContains(t, err, c.problem)
				require.NotContains(t, err.Error(), "0123456", "not a digit of a key")
				return
			}
			require.NoError(t, err)
			require.True(t, strings.HasPrefix(config.Host.ZMKFile, "/"), "relative paths count from the file")
			if c.env == "RINGBACK_LIMITS__LOOKUP_MISS" {
				require.Equal(t, 4, config.Limits.LookupMiss)
			}
		})
	}
}

// A new installation guards names with both budgets and suspends who harvests; the demo world has the budget of the
// protocol and no more, for its payers share one number.
func TestLimitsOfAnInstallation(t *testing.T) {
	bucket := acquirer.BudgetLimits{Capacity: 20, RefillPerHour: 12, Hit: 1, Miss: 5}
	for demo, want := range map[bool]acquirer.Limits{
		false: {Budget: bucket, PayerBudget: bucket, SuspendOnMisses: true},
		true:  {Budget: acquirer.BudgetLimits{Capacity: 100, RefillPerHour: 100, Hit: 1, Miss: 4}},
	} {
		path, err := initialise(t.TempDir(), demo)
		require.NoError(t, err)
		config, err := loadConfig(path)
		require.NoError(t, err)
		got := config.limits().WithDefaults()
		require.Equal(t, want.Budget, got.Budget)
		require.Equal(t, want.SuspendOnMisses, got.SuspendOnMisses)
		require.Equal(t, want.PayerBudget.Capacity, got.PayerBudget.Capacity)
		if !demo {
			require.Equal(t, want.PayerBudget, got.PayerBudget)
		}
	}
}

// The figures of the terminals' side reach the server; those that are not set are its own.
func TestTerminalLimits(t *testing.T) {
	c := defaultConfig().Terminal
	require.Equal(t, terminal.Limits{}, c.limits())
	c.MaxConnections, c.MaxPerAddress, c.AcceptsPerSecond = 1, 2, 3
	c.RatePerTerminal, c.RatePerConnection, c.RateOfStrangers, c.IdleTimeout = 4, 5, 6, 7
	require.Equal(t, terminal.Limits{MaxConnections: 1, PerAddress: 2, AcceptsPerSecond: 3, TerminalRate: 4, ConnectionRate: 5,
		StrangerRate: 6, IdleTimeout: 7}, c.limits())
}

func TestParseProfile(t *testing.T) {
	for _, c := range []struct {
		text string
		ok   bool
	}{{"ecb", true}, {"x919", true}, {"ecb,single-mak,keyed", true}, {"x919,single-des", true}, {"x919,single-mak", false}, {"", false}, {"ecb,", false}, {"fast", false}} {
		p, err := parseProfile(c.text)
		require.Equal(t, c.ok, err == nil, c.text)
		if err == nil {
			back, err := parseProfile(profileText(p))
			require.NoError(t, err)
			require.Equal(t, p, back)
		}
	}
}

func TestParseDate(t *testing.T) {
	for text, ok := range map[string]bool{"2026-11-24": true, "20261124": true, "2026-13-01": false, "today": false, "": false, "2026112": false} {
		_, err := parseDate(text)
		require.Equal(t, ok, err == nil, text)
	}
}
