package mockhost

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"example.com/ringback/spec"
	"example.com/ringback/spec/cups"
)

// newQuestion asks whether a name and a card belong together.
func (c *client) newQuestion(pan, name string) *cups.Message {
	m := cups.New("0100")
	m.SetHeader(cups.NewHeader(CentreID, member))
	for id, value := range map[int]string{2: pan, 3: "330000", 7: "1124120000", 11: c.next(), 12: "120000", 13: "1124", 18: "6012", 22: "012",
		25: "00", 32: member, 33: member, 37: "112499900001", 41: member, 42: member + "0000000", 43: strings.Repeat("X", 40), 48: "ASAO00207",
		49: "156", 60: "000000000300"} {
		m.Set(id, value)
	}
	m.SetBytes(61, cups.Holder{Name: spec.EncodeGBK(name), Phone: "13800138001"}.AppendAsk(nil))
	return m
}

func TestVerify(t *testing.T) {
	r := start(t, func(c *Config) {
		c.Accounts = append(c.Accounts,
			Account{PAN: "6217000000000000020", PIN: "1234", Expiry: "3012", Status: StatusNormal, Name: "王小明"},
			Account{PAN: "6217000000000000038", PIN: "1234", Expiry: "3012", Status: StatusLost, Name: "王小明"},
			Account{PAN: "6217000000000000046", PIN: "1234", Expiry: "2001", Status: StatusNormal, Name: "王小明"})
	})
	c := r.client()
	before := r.totals()
	for _, v := range []struct{ pan, name, code, shown string }{
		{payee, "王小明", "00", "*小明"},
		{"6228480000000000018", "李明", "00", "*明"},
		{"6216610000000000016", "欧阳小明", "00", "*小明"},
		{"6212260000000000018", "买买提·艾力", "00", "*艾力"},
		{payee, "王大明", "05", ""},
		{payee, "王小", "05", ""},
		{"6217000000000000020", "王小明", "00", "*小明"},
		{"6217000000000000038", "王小明", "41", ""},
		{"6217000000000000046", "王小明", "54", ""},
		{"6217000000000000053", "王小明", "14", ""},
		{"4000000000000002", "王小明", "15", ""},
		{payer, "王小明", "40", ""}, // its issuer verifies no names
	} {
		a := c.ask(c.newQuestion(v.pan, v.name))
		require.Equal(t, "0110", a.MTI())
		require.Equal(t, v.code, a.Get(39), v)
		require.NotEmpty(t, a.Get(15))
		require.Equal(t, v.shown != "", a.Has(61), v)
		if v.shown != "" {
			h, err := cups.ParseAnswer(a.Bytes(61))
			require.NoError(t, err)
			require.Equal(t, spec.EncodeGBK(v.shown), h.Name)
		}
	}
	require.Equal(t, before, r.totals(), "a question moves nothing")
}

func TestVerifyRefuses(t *testing.T) {
	c := start(t, nil).client()
	for code, change := range map[string]func(*cups.Message){
		"40": func(m *cups.Message) { m.SetBytes(52, make([]byte, 8)) },
		"05": func(m *cups.Message) { m.Unset(61) },
		"30": func(m *cups.Message) { m.SetBytes(61, []byte("x")) },
	} {
		m := c.newQuestion(payee, "王小明")
		change(m)
		require.Equal(t, code, c.ask(m).Get(39))
	}
	m := c.newQuestion(payee, "王小明")
	m.Set(3, "310000")
	require.Equal(t, "40", c.ask(m).Get(39))
	m = c.newQuestion(payee, "王小明")
	m.Unset(43)
	require.Equal(t, "30", c.ask(m).Get(39))
	m = c.newQuestion(payee, "王小明")
	m.SetBytes(128, []byte("00000000"))
	c.send(m)
	require.Equal(t, "A0", c.receive().Get(39))
}

func TestAccountsWithNames(t *testing.T) {
	got, err := ParseAccounts(strings.NewReader("pan,pin,expiry,status,institution,limit_fen,balance_fen,name\n6217000000000000012,1234,3012,normal,01050000,0,100,王小明\n"))
	require.NoError(t, err)
	require.Equal(t, "王小明", got[0].Name)
	_, err = ParseAccounts(strings.NewReader("pan,pin,expiry,status,institution,limit_fen,balance_fen,holder\n"))
	require.ErrorIs(t, err, ErrConfig)
}
