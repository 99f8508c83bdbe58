package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	acquirer "example.com/ringback/switch"
)

func TestLetterConfigIsChecked(t *testing.T) {
	dir := t.TempDir()
	_, err := initialise(dir, true)
	require.NoError(t, err)
	base, err := os.ReadFile(filepath.Join(dir, "ringbackd.yaml"))
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "text.ttf"), []byte("this is no font at all"), 0o600))
	for _, c := range []struct{ section, err string }{
		{`dir: letters, sender: [Ringback]`, ""},
		{`dir: letters, sender: [Ringback], at: "23:59"`, ""},
		{`dir: letters`, "channels.letter: sender: 1 to 4 lines"},
		{`dir: letters, printer: "ipps://p.example/ipp/print", sender: [Ringback]`, "one of printer and dir"},
		{`dir: letters, sender: [Ringback], at: "24:00"`, "at: want a time of day"},
		{`dir: letters, sender: [Ringback], at: noon`, "at: want a time of day"},
		{`dir: none/letters, sender: [Ringback]`, "channels.letter.dir: "},
		{`dir: letters, sender: [Ringback], fonts: [none.ttf]`, "channels.letter: fonts: open"},
		{`dir: letters, sender: [Ringback], fonts: [text.ttf]`, "font 1: it is no TrueType font"},
		{`printer: "ipp://p.example/ipp/print", sender: [Ringback]`, "towards loopback"},
		{`printer: "ipps://127.0.0.1:1/ipp/print", ca_file: text.ttf, sender: [Ringback]`, "holds no certificate"},
		{`printer: "ipp://127.0.0.1:1/printers/letters", sender: [Ringback]`,
			"away: channels.letter: ipp://127.0.0.1:1/printers/letters cannot be reached"},
	} {
		path := filepath.Join(dir, "test.yaml")
		require.NoError(t, os.WriteFile(path, fmt.Appendf(nil, "%s\nchannels: {letter: {%s}}\n", base, c.section), 0o600))
		err := (&checkCmd{configFlag: configFlag{Config: path}, Reach: strings.HasPrefix(c.err, "away: ")}).Run()
		if c.err == "" {
			require.NoError(t, err, c.section)
			continue
		}
		require.ErrorContains(t, err, c.err, c.section)
		require.Equal(t, 1, strings.Count(err.Error(), "channels.letter"), "one line: %s", err)
	}
}

// The whole switch as its configuration makes it: what a payee's letter will say waits without a word of it or of the address in
// clear on the disk, and when its time has come it is in the folder.
func TestLetterConfigured(t *testing.T) {
	w := newWorld(t, 3*time.Second)
	w.stopSwitch()
	f, err := os.OpenFile(w.config(), os.O_APPEND|os.O_WRONLY, 0)
	require.NoError(t, err)
	at := time.Now().In(acquirer.Beijing).Add(12 * time.Hour).Truncate(time.Minute)
	_, err = fmt.Fprintf(f, "channels:\n  letter: {dir: letters, sender: [鸣回], at: %q}\n", at.Format("15:04"))
	require.NoError(t, err)
	require.NoError(t, f.Close())
	w.startSwitch()

	n := w.remind("100031;北京市西城区复兴门内大街156号")
	require.Eventually(t, func() bool {
		n, err = w.app.db.NoticeOf(t.Context(), n)
		return err == nil && n.Device == acquirer.DeviceLetter
	}, 10*time.Second, 10*time.Millisecond)
	require.True(t, at.Equal(n.Due), "%s, not %s", n.Due, at)
	require.Equal(t, "10****", n.Address.Masked())
	require.NoDirExists(t, filepath.Join(w.dir, "letters"))
	for _, secret := range []string{"复兴门", "100031;"} {
		require.NotContains(t, w.disk(), secret)
		require.NotContains(t, w.log.String(), secret)
	}

	yesterday := n
	yesterday.Due = at.AddDate(0, 0, -1)
	require.NoError(t, w.app.db.MoveNotice(t.Context(), &n, &yesterday))
	require.Eventually(t, func() bool {
		n, err = w.app.db.NoticeOf(t.Context(), n)
		return err == nil && n.State == acquirer.NoticeHanded
	}, 20*time.Second, 10*time.Millisecond)
	files, err := os.ReadDir(filepath.Join(w.dir, "letters"))
	require.NoError(t, err)
	require.Len(t, files, 1)
	require.Regexp(t, `^letter-[0-9A-F]{12}\.pdf$`, files[0].Name())
}

// remind lets the first payee want letters, and be reminded of a number that was long silent.
func (w *world) remind(address string) acquirer.Notice {
	w.t.Helper()
	to, err := acquirer.NewAddress(acquirer.DeviceLetter, address)
	require.NoError(w.t, err)
	number, err := acquirer.ParseMSISDN(payeeOne)
	require.NoError(w.t, err)
	p, err := w.app.db.PayeeByNumber(w.t.Context(), number)
	require.NoError(w.t, err)
	require.NoError(w.t, w.app.db.ChangePayee(w.t.Context(), acquirer.Effect{Payee: *p, Contact: &acquirer.Contact{
		Language: acquirer.Chinese, Routes: []acquirer.Route{{Kind: acquirer.DeviceLetter, Address: to}}}}))
	n := acquirer.Notice{Payee: p.Ref.ID, Kind: acquirer.NoticeDormant, Copy: int(acquirer.DateOf(p.Alive)), Created: time.Now().AddDate(0, 0, -2)}
	require.NoError(w.t, w.app.db.Remind(w.t.Context(), n))
	w.app.Notifier.Wake()
	return n
}

// disk is every byte of the journal's files.
func (w *world) disk() (all string) {
	w.t.Helper()
	files, err := filepath.Glob(filepath.Join(w.dir, "*.db*"))
	require.NoError(w.t, err)
	require.NotEmpty(w.t, files)
	for _, f := range files {
		b, err := os.ReadFile(f)
		require.NoError(w.t, err)
		all += string(b)
	}
	return all
}
