package mockhost

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"example.com/ringback/spec/cups"
)

func TestDebitMovesIntoHeld(t *testing.T) {
	r := start(t, nil)
	c := r.client()
	m := c.newDebit(payer, 1234)
	a := c.ask(m)
	require.Equal(t, "0210", a.MTI())
	require.Equal(t, "00", a.Get(39))
	require.Equal(t,
		[]int{2, 3, 4, 7, 11, 12, 13, 14, 15, 18, 19, 25, 32, 33, 37, 38, 39, 41, 42, 49, 60, 100, 102, 103, 128}, a.Fields())
	for _, id := range []int{2, 3, 4, 7, 11, 12, 13, 14, 18, 25, 32, 33, 37, 41, 42, 49, 102, 103} {
		require.Equal(t, m.Get(id), a.Get(id), "field %d", id)
	}
	require.Equal(t, beijing(time.Now()).Format("0102"), a.Get(15))
	require.Equal(t, "000001", a.Get(38))
	require.Equal(t, "000005000700000000000000000000", a.Get(60))
	require.Equal(t, "01020000", a.Get(100))
	require.Equal(t, member, a.Header().Dest)
	require.Equal(t, CentreID, a.Header().Source)
	require.Equal(t, AccountTotals{payer, 100_000_000 - 1234, 1234}, r.account(payer))
	require.Equal(t, AccountTotals{payee, 0, 0}, r.account(payee))
	require.EqualValues(t, 1, r.totals().Debits)
}

func TestDebitCodes(t *testing.T) {
	set := func(id int, value string) func(*client, *cups.Message) {
		return func(_ *client, m *cups.Message) { m.Set(id, value) }
	}
	pan := func(value string) func(*client, *cups.Message) {
		return func(c *client, m *cups.Message) {
			m.Set(2, value)
			m.Set(102, value)
			c.setPIN(m, "123456")
		}
	}
	for _, v := range []struct {
		name, code string
		change     func(*client, *cups.Message)
	}{
		{"another processing code", "40", set(3, "000000")},
		{"zero amount", "13", set(4, "000000000000")},
		{"unattended", "30", set(25, "02")},
		{"foreign currency", "30", set(49, "840")},
		{"not PIN with card number", "99", set(53, "1000000000000000")},
		{"account is not the card", "30", set(102, poor)},
		{"payee's account is no card", "30", set(103, "BOOK7")},
		{"another usage", "30", set(48, "AO00207")},
		{"another business", "30", set(48, "ASAO00210")},
		{"broken usage", "30", set(48, "ASAO0020")},
		{"no payee's number", "30", set(104, "PR01113800138099")},
		{"short payer's number", "30", set(104, "PE01113800138001PR0101380013809")},
		{"broken numbers", "30", set(104, "PE0111380013800")},
		{"another card's track", "30", set(35, poor+"=30121010000")},
		{"track without separator", "30", set(35, payer)},
		{"card's own track", "00", set(35, payer+"=30121010000")},
		{"card's own track, chip separator", "00", set(35, payer+"D30121010000")},
		{"no such card", "14", pan("6222020000000000099")},
		{"no such issuer", "15", pan("4000000000000002")},
		{"issuer's card, another length", "15", pan("622202000000018")},
		{"over the balance", "51", pan(poor)},
		{"expired", "54", pan("6222020000000000026")},
		{"lost", "41", pan("6222020000000000034")},
		{"stolen", "43", pan("6222020000000000042")},
		{"pick up", "04", pan("6222020000000000059")},
		{"no transfers", "57", pan("6222020000000000067")},
		{"inactive", "62", pan("6222020000000000075")},
		{"over the limit", "61", pan("6222020000000000083")},
		{"wrong PIN", "55", func(c *client, m *cups.Message) { c.setPIN(m, "654321") }},
		{"PIN of another card", "99", func(c *client, m *cups.Message) {
			m.Set(2, poor)
			c.setPIN(m, "123456")
			m.Set(2, payer)
		}},
	} {
		t.Run(v.name, func(t *testing.T) {
			r := start(t, func(c *Config) { c.Accounts = append(c.Accounts, oddAccounts()...) })
			c := r.client()
			m := c.newDebit(payer, 101)
			v.change(c, m)
			a := c.ask(m)
			require.Equal(t, v.code, a.Get(39))
			require.Equal(t, v.code == "00", a.Has(38))
			if v.code != "00" {
				require.Zero(t, r.totals().Debits)
			}
		})
	}
}

// oddAccounts have one trait each.
func oddAccounts() []Account {
	list := make([]Account, 5)
	for i, pan := range []string{
		"6222020000000000042", "6222020000000000059", "6222020000000000067", "6222020000000000075", "6222020000000000083",
	} {
		list[i] = Account{PAN: pan, PIN: "123456", Expiry: "9912", Status: StatusNormal, BalanceFen: 1000}
	}
	list[0].Status, list[1].Status, list[2].Status, list[3].Status = StatusStolen, StatusPickUp, StatusNoTransfer, StatusInactive
	list[4].LimitFen = 100
	return list
}

func TestDebitNeedsItsFields(t *testing.T) {
	r := start(t, nil)
	c := r.client()
	for _, id := range []int{2, 3, 4, 7, 11, 12, 13, 18, 22, 25, 26, 32, 37, 41, 42, 43, 48, 49, 52, 53, 60, 102, 103, 104} {
		m := c.newDebit(payer, 100)
		m.Unset(id)
		c.send(c.seal(m))
		a := c.receive()
		require.Equal(t, "30", a.Get(39), "field %d", id)
		c.checkMAC(a)
	}
	require.Zero(t, r.totals().Debits)
}

func TestDebitWithoutRightMAC(t *testing.T) {
	r := start(t, nil)
	c := r.client()
	for name, change := range map[string]func(*cups.Message){
		"altered":    func(m *cups.Message) { m.Set(4, "000000000001") },
		"missing":    func(m *cups.Message) { m.Unset(128) },
		"lower case": func(m *cups.Message) { m.Set(128, "abcdefab") },
		"stranger":   func(m *cups.Message) { m.Set(33, "99999999") },
		"no F33":     func(m *cups.Message) { m.Unset(33) },
	} {
		m := c.seal(c.newDebit(payer, 100))
		change(m)
		c.send(m)
		a := c.receive()
		require.Equal(t, "A0", a.Get(39), name)
		require.Equal(t, m.Get(33) == member, a.Has(128), name)
	}
	require.Zero(t, r.totals().Debits)
	require.Equal(t, "00", c.debit(payer, 100).Get(39), "a refusal for the MAC takes no key")
}

func TestDebitBeforeKeys(t *testing.T) {
	c := start(t, nil).link()
	c.send(c.seal(c.newDebit(payer, 100)))
	a := c.receive()
	require.Equal(t, "A0", a.Get(39))
	require.False(t, a.Has(128))
}

func TestDebitTwice(t *testing.T) {
	r := start(t, nil)
	c := r.client()
	m := c.newDebit(payer, 100)
	require.Equal(t, "00", c.ask(m).Get(39))
	require.Equal(t, "94", c.ask(m).Get(39))
	declined := c.newDebit(poor, 101)
	require.Equal(t, "51", c.ask(declined).Get(39))
	require.Equal(t, "94", c.ask(declined).Get(39))
	require.EqualValues(t, 1, r.totals().Debits)
	require.EqualValues(t, 100, r.account(payer).HeldFen)
}

func TestPINTries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, nil)
		c := r.client()
		try := func(pin string) string {
			m := c.newDebit(payer, 100)
			c.setPIN(m, pin)
			return c.ask(m).Get(39)
		}
		require.Equal(t, []string{"55", "55", "00"}, []string{try("000000"), try("000000"), try("123456")})
		require.Equal(t, []string{"55", "55", "75"}, []string{try("000000"), try("000000"), try("000000")})
		require.Equal(t, "75", try("123456"), "locked for the right PIN too")
		require.NoError(t, c.conn.Close())
		time.Sleep(24 * time.Hour)
		d := r.another(c)
		require.Equal(t, "00", d.debit(payer, 100).Get(39), "the next day")
	})
}

func TestSignOnRequired(t *testing.T) {
	r := start(t, func(c *Config) { c.SignOnRequired = true })
	c := r.link()
	c.send(c.seal(c.newDebit(payer, 100)))
	require.Equal(t, "77", c.receive().Get(39))
	c = r.client()
	require.Equal(t, "00", c.debit(payer, 100).Get(39))
	require.Equal(t, "00", c.manage("002", "").Get(39))
	require.Equal(t, "77", c.debit(payer, 100).Get(39))
}

func TestStrangers(t *testing.T) {
	r := start(t, func(c *Config) { c.Institutions = []string{"11110000"} })
	c := r.link()
	require.Equal(t, "31", c.manage("001", "").Get(39))
	c.send(c.seal(c.newDebit(payer, 100)))
	require.Equal(t, "31", c.receive().Get(39))
}

func TestSettlementDate(t *testing.T) {
	day := time.Date(2026, 12, 31, 23, 0, 0, 0, time.UTC)
	r := start(t, func(c *Config) { c.Settlement = func(time.Time) time.Time { return day } })
	c := r.client()
	m := c.newDebit(payer, 100)
	require.Equal(t, "1231", c.ask(m).Get(15))
	require.Equal(t, "1231", c.ask(c.newReversal(m)).Get(15))
}

func TestUnsupported(t *testing.T) {
	c := start(t, nil).client()
	m := c.newDebit(payer, 100)
	m.Set(0, "0620")
	c.send(m)
	a := c.receive()
	require.Equal(t, "0630", a.MTI())
	require.Equal(t, "40", a.Get(39))
	for mti, want := range map[string]string{
		"0100": "0110", "0101": "0110", "0220": "0230", "0421": "0430", "0520": "0530", "0210": "", "0230": "", "0xyz": "",
	} {
		got, ok := answerMTI(mti)
		require.Equal(t, want, got)
		require.Equal(t, want != "", ok)
	}
}

func TestLogsNoSecrets(t *testing.T) {
	var out strings.Builder
	lines := &lockedWriter{w: &out}
	r := start(t, func(c *Config) { c.Log = lines.logger() })
	c := r.client()
	m := c.newDebit(payer, 100)
	require.Equal(t, "00", c.ask(m).Get(39))
	require.Equal(t, "00", c.ask(c.newReversal(m)).Get(39))
	text := lines.text(&out)
	require.Contains(t, text, "622202*********0018")
	require.NotContains(t, text, payer)
	require.NotContains(t, text, "13800138")
	require.NotContains(t, text, "123456")
}
