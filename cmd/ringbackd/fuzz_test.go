package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode"

	acquirer "example.com/ringback/switch"
	"github.com/stretchr/testify/require"
)

// FuzzConfig reads any file as a configuration. What is accepted is whole and keeps its promises.
func FuzzConfig(f *testing.F) {
	base := "store: {path: a.db}\nkeys: {master_file: m.key}\nhost: {zmk_file: z.key}\n"
	for _, text := range []string{plainYAML, demoYAML + addressYAML(), base, base + "production: true\ndemo: true\n", base + "limits: {token_life: 5m}\n",
		base + "host: {addrs: [a:1, \"[::1]:2\"], timeout: 55s}\n", "a: &a [*a]\n", "store: 5\n", "[]\n", "\t", "? {a: b}\n: c\n",
		base + "issuers: {uncontracted: [\"01020000\"]}\ndebug: {core_files: yes}\n"} {
		f.Add([]byte(text))
	}
	path := filepath.Join(f.TempDir(), "ringbackd.yaml")
	f.Fuzz(func(t *testing.T, text []byte) {
		require.NoError(t, os.WriteFile(path, text, 0o600))
		c, err := loadConfig(path)
		if err != nil {
			require.ErrorContains(t, err, path)
			return
		}
		require.NoError(t, validate(c))
		for _, p := range []string{c.Store.Path, c.Keys.MasterFile, c.Host.ZMKFile} {
			require.True(t, filepath.IsAbs(p), p)
		}
		require.False(t, c.Production && (c.Demo || c.Debug.CoreFiles))
		require.NotEmpty(t, c.Host.Addrs)
		l := c.limits()
		require.Positive(t, l.HostTimeout)
		require.Positive(t, l.MaxAmount)
		require.LessOrEqual(t, l.MaxAmount, acquirer.MaxFen)
		require.LessOrEqual(t, l.Budget.Hit, l.Budget.Capacity)
	})
}

// FuzzArguments reads any text as what an operator types: what is accepted means one thing, and is sound.
func FuzzArguments(f *testing.F) {
	f.Add("ecb,single-mak", "2026-11-24", "13800138001", "王小明", "6217000000000000012", "01088886666")
	f.Add("x919,keyed", "20261124", "+8613800138001", " 买买提•艾力 ", "6228480000000000018", "")
	f.Add("x919,single-mak", "2-0-2-6-1-1-2-4", "8613800138001", "李\x1b[2J", "6217000000000000012", "0108888666600001")
	f.Add("", "20260230", "13800138001x", strings.Repeat("王", 26), "", "1")
	f.Fuzz(func(t *testing.T, profile, date, number, name, card, line string) {
		if p, err := parseProfile(profile); err == nil {
			again, err := parseProfile(profileText(p))
			require.NoError(t, err)
			require.Equal(t, p, again)
		}
		if d, err := parseDate(date); err == nil {
			require.Equal(t, strings.ReplaceAll(date, "-", ""), fmt.Sprintf("%08d", d))
			require.Equal(t, d, acquirer.DateOf(d.Time()))
		}
		if p, err := newPayee(number, name, card, acquirer.PayeeActive); err == nil {
			require.True(t, strings.HasSuffix(number, p.Number.Reveal()))
			require.True(t, p.Card.Luhn())
			require.True(t, strings.IndexFunc(p.Name, func(r rune) bool { return !unicode.IsPrint(r) }) < 0, "%q", p.Name)
			if strings.IndexFunc(p.Name, func(r rune) bool { return !unicode.IsLetter(r) }) < 0 {
				require.NotEqual(t, p.Name, acquirer.MaskName(p.Name))
			}
		}
		if term, err := newTerminal("10000001", "898110000000001", line, profile); err == nil {
			require.Equal(t, line, term.Line)
			require.Regexp(t, "^[0-9]{0,16}$", line)
		}
	})
}
