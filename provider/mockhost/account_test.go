package mockhost

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestDemoAccounts(t *testing.T) {
	want := map[string]string{
		"6222020000000000018": "3012 normal 100000000", "6225880000000019": "3012 normal 100",
		"6222020000000000026": "2001 normal 100000", "6222020000000000034": "3012 lost 100000",
		"6217000000000000012": "3012 normal 0", "6228480000000000018": "3012 normal 0",
		"6216610000000000016": "3012 normal 0", "6212260000000000018": "3012 normal 0",
		"6227000000000000011": "3012 normal 0",
	}
	got := map[string]string{}
	for _, a := range DemoAccounts() {
		require.NoError(t, a.check())
		require.Equal(t, "123456", a.PIN)
		got[a.PAN] = fmt.Sprintf("%s %s %d", a.Expiry, a.Status, a.BalanceFen)
	}
	require.Equal(t, want, got)
}

const accountsHead = "pan,pin,expiry,status,institution,limit_fen,balance_fen\n"

func TestParseAccounts(t *testing.T) {
	got, err := ParseAccounts(strings.NewReader(accountsHead + "6222020000000000018,1234,3012,lost,01020000,500,100\n"))
	require.NoError(t, err)
	require.Equal(t, []Account{{"6222020000000000018", "1234", "3012", StatusLost, "01020000", 500, 100, ""}}, got)
	for _, text := range []string{
		"", "pan,pin\n",
		accountsHead + "622202,1234,3012,lost,,0,0\n",
		accountsHead + "6222020000000000018,12,3012,lost,,0,0\n",
		accountsHead + "6222020000000000018,1234,3013,lost,,0,0\n",
		accountsHead + "6222020000000000018,1234,3012,found,,0,0\n",
		accountsHead + "6222020000000000018,1234,3012,lost,ICBC,0,0\n",
		accountsHead + "6222020000000000018,1234,3012,lost,,0,-1\n",
		accountsHead + "6222020000000000018,1234,3012,lost,,0,1.50\n",
		accountsHead + "6222020000000000018,1234,3012,lost,,0\n",
		accountsHead + "6222020000000000018,1234,3012,lost,,0,9999999999999999\n",
	} {
		_, err := ParseAccounts(strings.NewReader(text))
		require.ErrorIs(t, err, ErrConfig, text)
		require.NotContains(t, err.Error(), "6222020000000000018")
	}
}

func TestBadConfig(t *testing.T) {
	for name, change := range map[string]func(*Config){
		"short master key":     func(c *Config) { c.ZMK = c.ZMK[:8] },
		"single master key":    func(c *Config) { c.ZMK = append(c.ZMK[:8:8], c.ZMK[:8]...) },
		"card twice":           func(c *Config) { c.Accounts = append(c.Accounts, c.Accounts[0]) },
		"account without PIN":  func(c *Config) { c.Accounts[0].PIN = "" },
		"unknown fault":        func(c *Config) { c.Faults = []Fault{{Kind: "loud"}} },
		"more than everything": func(c *Config) { c.Faults = []Fault{{Kind: FaultLost, Share: 1.5}} },
	} {
		cfg := demoConfig(t)
		change(&cfg)
		_, err := Open(cfg)
		require.ErrorIs(t, err, ErrConfig, name)
	}
}

func TestSecretsDoNotPrint(t *testing.T) {
	a := DemoAccounts()[0]
	for _, text := range []string{fmt.Sprint(a), fmt.Sprintf("%+v", a), fmt.Sprintf("%#v", a), fmt.Sprintf("%#v", zoneKey("12345678"))} {
		require.NotContains(t, text, a.PAN)
		require.NotContains(t, text, a.PIN)
		require.NotContains(t, text, "12345678")
	}
}
