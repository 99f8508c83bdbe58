package letter

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	acquirer "example.com/ringback/switch"
)

var sender = []string{"鸣回手机号支付服务中心", "100032 北京市西城区金融大街甲9号", "电话 010-5550 0100"}

const home = "100031;北京市西城区复兴门内大街156号;3号楼2单元502室"

var morning = time.Date(2026, 11, 25, 7, 0, 0, 0, acquirer.Beijing)

// loaded is the built-in font, unpacked once for all tests.
var loaded = sync.OnceValues(func() (*face, error) { return load(nil) })

func theFace(t testing.TB) *face {
	t.Helper()
	f, err := loaded()
	require.NoError(t, err)
	return f
}

func address(t testing.TB, s string) acquirer.Address {
	t.Helper()
	a, err := acquirer.NewAddress(acquirer.DeviceLetter, s)
	require.NoError(t, err)
	return a
}

// payment is the n-th payment of a day: 10 minutes, and 1.01 yuan, more than the one before.
func payment(t testing.TB, n int, payer string) acquirer.Message {
	t.Helper()
	number, err := acquirer.ParseMSISDN(payer)
	require.NoError(t, err)
	rrn := acquirer.RRN(fmt.Sprintf("6328%08d", n))
	return acquirer.Message{ID: string(rrn) + "-2", Kind: acquirer.NoticePaidOut, To: address(t, home), Language: acquirer.Chinese, Name: "王小明",
		Subject: "到账通知", Text: "到账", Payer: number, RRN: rrn, Amount: acquirer.Fen(101 * n),
		Paid: morning.Add(-24*time.Hour + time.Duration(n)*10*time.Minute)}
}

// day is some payments of three payers, and news.
func day(t testing.TB) []acquirer.Message {
	t.Helper()
	all := []acquirer.Message{{ID: "2026112400000001-11.2", Kind: acquirer.NoticeStaged, To: address(t, home), Language: acquirer.Chinese, Name: "王小明",
		Subject: "变更提醒", Text: "号码138****8001已申请变更收款卡,新卡622848*********0018,11月25日23:48起生效,此前仍按原信息收款。非本人操作请立即回复\"取消 654321\"。",
		Created: morning.Add(-9 * time.Hour)}}
	for n, payer := range []string{"13900139001", "13600136005", "13900139001", "18600186003", "13900139001", "13600136005", "13900139001"} {
		all = append(all, payment(t, n+1, payer))
	}
	all[1].Memo, all[4].Memo, all[3].Memo = "房租", "谢谢老板，下次再来，祝生意兴隆，财源广进，身体健康，阖家欢乐", "lunch"
	return all
}

// pdf makes a letter and leaves it in a file.
func pdf(t testing.TB, all []acquirer.Message) (path string) {
	t.Helper()
	text, err := newSheet(all, sender, morning).write(theFace(t))
	require.NoError(t, err)
	path = filepath.Join(t.TempDir(), "letter.pdf")
	require.NoError(t, os.WriteFile(path, text, 0o600))
	return path
}

// seen runs a program on a letter that knows nothing of how it was made.
func seen(t testing.TB, program string, args ...string) string {
	t.Helper()
	if _, err := exec.LookPath(program); err != nil {
		t.Skipf("%s is not installed", program)
	}
	out, err := exec.CommandContext(t.Context(), program, args...).CombinedOutput()
	require.NoError(t, err, string(out))
	return string(out)
}

// The font is the one that was published, whole.
func TestFontIsAsPublished(t *testing.T) {
	ttf, err := unpack()
	require.NoError(t, err)
	sum := sha256.Sum256(ttf)
	require.Equal(t, "d45f67f0a7c0ca3f256950777ce6a61cc7ce5f9696d02900cbbaac25f8aa7d16", hex.EncodeToString(sum[:]))
	licence, err := os.ReadFile("font/OFL.txt")
	require.NoError(t, err)
	require.Contains(t, string(licence), "SIL OPEN FONT LICENSE Version 1.1")
}

func TestOwnFont(t *testing.T) {
	ttf, err := unpack()
	require.NoError(t, err)
	f, err := load([][]byte{ttf})
	require.NoError(t, err)
	require.Len(t, f.glyphs, 2)
	for name, bad := range map[string][]byte{"text": []byte("no font at all, but long enough"), "short": {0, 1, 0, 0}, "cut": ttf[:4000],
		"collection": append([]byte("ttcf"), ttf[4:1000]...)} {
		_, err := load([][]byte{bad})
		require.ErrorContains(t, err, "font 1: it is no TrueType font", name)
	}
}

func TestPage(t *testing.T) {
	path := pdf(t, day(t))
	if keep := os.Getenv("RINGBACK_SCREENSHOTS"); keep != "" {
		seen(t, "pdftoppm", "-png", "-r", "80", "-gray", "-singlefile", path, filepath.Join(keep, "letter"))
	}
	text := seen(t, "pdftotext", "-layout", path, "-")
	for _, want := range []string{"100031", "北京市西城区复兴门内大街156号", "3号楼2单元502室", "王小明 收", "2026年11月25日", "第1页，共1页",
		"付款人 139 0013 9001", "付款人 136 0013 6005", "付款人 186 0018 6003", "7笔", "¥ 28.28", "632800000001-2", "2026112400000001-11.2", "取消 654321", "房租", "lunch", "阖家欢乐"} {
		require.Contains(t, text, want)
	}
	order := regexp.MustCompile(`(?s)136 0013 6005.*632800000002-2.*632800000006-2.*139 0013 9001.*632800000001-2.*632800000003-2.*186 0018 6003.*632800000004-2`)
	require.Regexp(t, order, text, "by the number that paid, each in the order of time")
	require.Regexp(t, `付款人 139 0013 9001\s+4笔\s+16.16`, text)
	require.Regexp(t, `2026-11-24 07:20\s+632800000002-2\s+2.02`, text)
}

// The address stands in the window of the envelope and nothing else does, and nothing is printed where no printer reaches.
func TestWindow(t *testing.T) {
	path := pdf(t, day(t))
	const mm = 72 / 25.4
	region := func(x, y, w, h float64) string {
		at := func(v float64) string { return fmt.Sprint(int(v * mm)) }
		return seen(t, "pdftotext", "-r", "72", "-x", at(x), "-y", at(y), "-W", at(w), "-H", at(h), "-layout", path, "-")
	}
	window := region(20, 45, 85, 45)
	lines := strings.Split(strings.TrimSpace(window), "\n")
	require.Equal(t, append([]string{strings.Join(sender, " · ")}, append(strings.Split(home, ";"), "王小明 收")...), trimmed(lines))
	require.Empty(t, trimmed(strings.Split(region(0, 90, 210, 8), "\n")), "below the window nothing")
	require.Empty(t, trimmed(strings.Split(region(106, 45, 27, 45), "\n")), "beside it nothing")
}

func trimmed(lines []string) (out []string) {
	for _, line := range lines {
		if line = strings.TrimSpace(strings.Trim(line, "\f")); line != "" {
			out = append(out, line)
		}
	}
	return out
}

func TestFontIsEmbeddedAsASubset(t *testing.T) {
	path := pdf(t, day(t))
	fonts := seen(t, "pdffonts", path)
	rows := trimmed(strings.Split(fonts, "\n"))
	require.Len(t, rows, 3, fonts)
	require.Regexp(t, `CID TrueType\s+Identity-H\s+yes`, rows[2], "embedded")
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.Less(t, info.Size(), int64(200_000), "the characters that it needs, not all")
}

func TestPages(t *testing.T) {
	for n, want := range map[int]int{1: 1, 15: 1, 20: 2, 60: 3, 500: 14} {
		var all []acquirer.Message
		for i := range n {
			all = append(all, payment(t, i+1, []string{"13900139001", "13600136005", "18600186003"}[i%3]))
		}
		path := pdf(t, all)
		text := seen(t, "pdftotext", "-layout", path, "-")
		pages := strings.Split(strings.TrimSuffix(text, "\f"), "\f")
		require.Len(t, pages, want, n)
		for i, page := range pages {
			require.Contains(t, page, fmt.Sprintf("第%d页，共%d页", i+1, want))
			require.Contains(t, page, numberOf(all), "each sheet says which letter it is of")
			if n > 3 || i == 0 {
				require.Regexp(t, `付款人 1`, page, "and whose payments stand on it")
			}
		}
		for _, m := range all {
			require.Equal(t, 1, strings.Count(text, m.ID), m.ID)
		}
		require.Equal(t, 2, strings.Count(text, "¥ "), "the sum stands above and below")
	}
}

// Nothing is drawn over the foot, and no head is the last of a page, whatever the number of rows.
func TestPaginate(t *testing.T) {
	f := theFace(t)
	for n := 1; n < 140; n += 1 + n/30 {
		var all []acquirer.Message
		for i := range n {
			m := payment(t, i+1, fmt.Sprintf("139001390%02d", i/7))
			m.Memo = strings.Repeat("谢谢老板。", i%9)
			all = append(all, m)
		}
		s := newSheet(all, sender, morning)
		blocks := s.blocks(newPen(f))
		pages := paginate(blocks)
		rows := 0
		for i, page := range pages {
			y := otherTop
			if i == 0 {
				y = firstTop
			}
			for _, b := range page {
				y += b.height
				if len(b.again) == 2 {
					rows++
				}
			}
			require.LessOrEqual(t, y, bottom+0.01, "%d rows, page %d", n, i+1)
			require.False(t, page[len(page)-1].keep, "%d rows, page %d", n, i+1)
		}
		require.Equal(t, n, rows)
	}
}

// A character that the text copied from a PDF shows wrong beyond U+FFFF is printed right: it is compared as a picture with
// itself, with another and with the sign for what is missing.
func TestRareCharacters(t *testing.T) {
	f := theFace(t)
	const rarest = "䶮㛃堃\U0002C35B\U00020087〇镕喆"
	p := newPen(f)
	for _, r := range rarest {
		require.Equal(t, r, p.glyph(r).as)
	}
	require.Equal(t, missing, p.glyph('\U00020BB7').as, "which this font has not")
	picture := func(name string) string {
		m := payment(t, 1, "13900139001")
		m.Name = name
		path := pdf(t, []acquirer.Message{m})
		out := strings.TrimSuffix(path, ".pdf")
		seen(t, "pdftoppm", "-gray", "-r", "200", "-x", "190", "-y", "490", "-W", "200", "-H", "250", "-singlefile", path, out)
		b, err := os.ReadFile(out + ".pgm")
		require.NoError(t, err)
		return string(b)
	}
	rare := picture("\U0002C35B")
	require.Equal(t, rare, picture("\U0002C35B"))
	for _, other := range []string{"\U00020BB7", "〓", "", "\u2C35", "王"} {
		require.NotEqual(t, rare, picture(other), other)
	}
}

// A font of the operator's own is asked first; what it lacks, here digits and letters, comes from the built-in one, in the
// same line.
func TestTwoFonts(t *testing.T) {
	own, err := os.ReadFile("/usr/share/fonts/truetype/droid/DroidSansFallbackFull.ttf")
	if err != nil {
		t.Skip("fonts-droid-fallback is not installed")
	}
	f, err := load([][]byte{own})
	require.NoError(t, err)
	text, err := newSheet(day(t), sender, morning).write(f)
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), "letter.pdf")
	require.NoError(t, os.WriteFile(path, text, 0o600))
	require.Len(t, trimmed(strings.Split(seen(t, "pdffonts", path), "\n")), 4)
	require.Contains(t, seen(t, "pdftotext", "-layout", path, "-"), "付款人 139 0013 9001")
}

func TestEnglishLetter(t *testing.T) {
	all := []acquirer.Message{payment(t, 1, "13900139001")}
	all[0].Language, all[0].Name = acquirer.English, "LI MING"
	text := seen(t, "pdftotext", "-layout", pdf(t, all), "-")
	for _, want := range []string{"Dear LI MING,", "Paid by 139 0013 9001", "1 payment ", "25 November 2026", "Page 1 of 1"} {
		require.Contains(t, text, want)
	}
}

// One who is forgotten is still told that he is, at the address of then.
func TestNewsWithoutAName(t *testing.T) {
	m := day(t)[0]
	m.Name = ""
	text := seen(t, "pdftotext", "-layout", pdf(t, []acquirer.Message{m}), "-")
	require.Contains(t, text, "收款人 收")
	require.NotContains(t, text, "¥")
}

func TestWrap(t *testing.T) {
	p := newPen(theFace(t))
	for _, s := range []string{"", "王", strings.Repeat("王", 200), strings.Repeat("a", 500), strings.Repeat("word ", 80), strings.Repeat("王，", 90),
		"一行\n又一行", strings.Repeat("，", 60), "mixed 王小明 paid 12.34元，谢谢"} {
		lines := p.wrap(s, 10, 60)
		require.Equal(t, strings.NewReplacer(" ", "", "\n", "").Replace(s), strings.ReplaceAll(strings.Join(lines, ""), " ", ""), "%q", lines)
		for _, line := range lines {
			if !strings.ContainsAny(line, closing) {
				require.LessOrEqual(t, p.width(10, line), 60.0, line)
			}
		}
	}
	require.Equal(t, []string{"one", "two"}, p.wrap("one two", 10, 9))
	require.NoError(t, p.err)
}

func TestNumberOfALetter(t *testing.T) {
	all := day(t)
	number := numberOf(all)
	require.Regexp(t, `^[0-9A-F]{12}$`, number)
	require.Equal(t, number, numberOf(day(t)), "the same notices, the same letter")
	require.NotEqual(t, number, numberOf(all[1:]))
	require.Regexp(t, ours, nameOf(number))
}

func TestNext(t *testing.T) {
	l, err := New(Config{Dir: t.TempDir(), At: 7 * time.Hour, Sender: sender, Log: zerolog.Nop()})
	require.NoError(t, err)
	for at, want := range map[time.Time]time.Time{
		morning:                            morning,
		morning.Add(time.Nanosecond):       morning.Add(24 * time.Hour),
		morning.Add(-time.Nanosecond):      morning,
		morning.Add(-8 * time.Hour):        morning, // the evening before, in Beijing
		morning.Add(15 * time.Hour).UTC():  morning.Add(24 * time.Hour),
		morning.Add(18 * time.Hour).UTC():  morning.Add(24 * time.Hour), // past midnight in Beijing, not in London
		morning.AddDate(0, 1, 5):           morning.AddDate(0, 1, 5),
		morning.AddDate(0, 1, 5).Add(1e10): morning.AddDate(0, 1, 6),
	} {
		require.True(t, want.Equal(l.Next(at)), "%s: %s", at, l.Next(at))
		require.True(t, l.Next(l.Next(at)).Equal(l.Next(at)))
	}
}

func TestTakes(t *testing.T) {
	l := &Letter{}
	for _, k := range []acquirer.NoticeKind{acquirer.NoticePaidOut, acquirer.NoticeStaged, acquirer.NoticeActive, acquirer.NoticeRefused, acquirer.NoticeCancelled, acquirer.NoticeDormant} {
		require.True(t, l.Takes(k), k)
	}
	for _, k := range []acquirer.NoticeKind{acquirer.NoticeCode, acquirer.NoticeHeld, acquirer.NoticeDebited, acquirer.NoticeUndone, 99} {
		require.False(t, l.Takes(k), k)
	}
}

func TestNewRefuses(t *testing.T) {
	good := Config{Dir: "x", At: 7 * time.Hour, Sender: sender}
	for want, spoil := range map[string]func(*Config){
		"one of printer and dir": func(c *Config) { c.Printer = "ipp://127.0.0.1/printers/x" },
		"not both":               func(c *Config) { c.Dir = "" },
		"time of day":            func(c *Config) { c.At = 24 * time.Hour },
		"at: a time":             func(c *Config) { c.At = time.Second },
		"1 to 4 lines":           func(c *Config) { c.Sender = nil },
		"line is empty":          func(c *Config) { c.Sender = []string{"a", " "} },
		"towards loopback":       func(c *Config) { c.Dir, c.Printer = "", "ipp://printer.example/ipp/print" },
		"want ipps://":           func(c *Config) { c.Dir, c.Printer = "", "http://127.0.0.1/" },
		"printer: want":          func(c *Config) { c.Dir, c.Printer = "", "ipps://user:word@printer.example/" },
	} {
		c := good
		spoil(&c)
		_, err := New(c)
		require.ErrorContains(t, err, want)
		require.NotContains(t, err.Error(), "word@")
	}
	_, err := New(good)
	require.NoError(t, err)
	_, err = New(Config{Printer: "ipps://printer.example/ipp/print", Sender: sender})
	require.NoError(t, err)
}

// A letter in the folder is whole, its owner's only, and named by nothing of anybody.
func TestFolder(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "letters")
	l, err := New(Config{Dir: dir, At: 7 * time.Hour, Sender: sender, Log: zerolog.Nop()})
	require.NoError(t, err)
	l.face = func() (*face, error) { return theFace(t), nil }
	require.NoError(t, l.Ready(t.Context()))
	for range 2 { // again, behind a crash: the same letter
		h, err := l.SendAll(t.Context(), day(t))
		require.NoError(t, err)
		require.Equal(t, acquirer.Handed{}, h)
	}
	h, err := l.Send(t.Context(), payment(t, 9, "13900139001"))
	require.NoError(t, err)
	require.Empty(t, h.Reference)
	files, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, files, 2)
	for _, f := range files {
		require.Regexp(t, `^letter-[0-9A-F]{12}\.pdf$`, f.Name())
		info, err := f.Info()
		require.NoError(t, err)
		require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
		b, err := os.ReadFile(filepath.Join(dir, f.Name()))
		require.NoError(t, err)
		require.True(t, strings.HasPrefix(string(b), "%PDF-") && strings.Contains(string(b[len(b)-16:]), "%%EOF"))
	}
	require.NoError(t, os.RemoveAll(dir))
	require.NoError(t, os.WriteFile(dir, nil, 0o600))
	require.ErrorIs(t, l.Ready(t.Context()), acquirer.ErrDeviceDown)
	_, err = l.Send(t.Context(), payment(t, 9, "13900139001"))
	require.ErrorIs(t, err, acquirer.ErrDeviceDown)
}

func TestFolderIsBounded(t *testing.T) {
	dir := t.TempDir()
	for i := range maxOut {
		require.NoError(t, os.WriteFile(filepath.Join(dir, fmt.Sprint(i)), nil, 0o600))
	}
	require.ErrorIs(t, roomIn(dir), acquirer.ErrDeviceDown)
	require.NoError(t, os.Remove(filepath.Join(dir, "0")))
	require.NoError(t, roomIn(dir))
}

// Eight letters at once share one font.
func TestAtOnce(t *testing.T) {
	f, all := theFace(t), day(t)
	var wg sync.WaitGroup
	sizes := make([]int, acquirer.SendsAtOnce)
	for i := range sizes {
		wg.Go(func() {
			b, err := newSheet(all, sender, morning).write(f)
			if err == nil {
				sizes[i] = len(b)
			}
		})
	}
	wg.Wait()
	for _, n := range sizes {
		require.Equal(t, sizes[0], n)
		require.NotZero(t, n)
	}
}

func BenchmarkLetter(b *testing.B) {
	f, all := theFace(b), day(b)
	for b.Loop() {
		_, err := newSheet(all, sender, morning).write(f)
		require.NoError(b, err)
	}
}
