package dialogue_test

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	acquirer "example.com/ringback/switch"
	"example.com/ringback/switch/channel/voice/dialogue"
	"github.com/stretchr/testify/require"
)

var spokenCases = []struct {
	l        acquirer.Language
	text     string
	expected string
}{
	{"zh", "", ""},
	{"zh", "12.34元", "十二元三角四分"},
	{"zh", "100.05元", "一百元零五分"},
	{"zh", "100.50元", "一百元五角"},
	{"zh", "100.00元", "一百元"},
	{"zh", "0.05元", "五分"},
	{"zh", "0.50元", "五角"},
	{"zh", "0.00元", "零元"},
	{"zh", "2.00元", "两元"},
	{"zh", "10.02元", "十元零二分"},
	{"zh", "12.30元", "十二元三角"},
	{"zh", "100000.00元", "十万元"},
	{"zh", "20002.20元", "两万零二元二角"},
	{"zh", "999999999999.99元", "九千九百九十九亿九千九百九十九万九千九百九十九元九角九分"},
	{"zh", "1000000000000元", "幺零零零，零零零零，零零零零零元"}, // more than any amount
	{"zh", "12.345元", "幺二。三百四十五元"},               // no amount that we write
	{"zh", "11月24日23:48", "十一月二十四日二十三点四十八分"},
	{"zh", "01月02日00:00", "一月二日零点整"},
	{"zh", "12月31日10:05起", "十二月三十一日十点零五分起"},
	{"zh", "15:04", "十五点零四分"},
	{"zh", "验证码123456,用于", "验证码幺二三，四五六，用于"},
	{"zh", "13900139001", "幺三九，零零幺三，九零零幺"},
	{"zh", "参考号632800000002。", "参考号六三二八，零零零零，零零零二。"},
	{"zh", "138****8001", "幺三八，尾号八零零幺"},
	{"zh", "卡621700*********0012", "卡尾号零零幺二"},
	{"zh", "621700***1234", "尾号幺二三四"}, // 13 digits
	{"zh", "王*明(138****8001)", "王某明，幺三八，尾号八零零幺"},
	{"zh", "王*", "王某"},
	{"zh", "*", ""},
	{"zh", "L* M*NG", "L M NG"},
	{"zh", "10分钟内", "十分钟内"},
	{"zh", "2个,2位,2月2日", "两个，两位，二月二日"},
	{"zh", "2至25个汉字", "二至二十五个汉字"},
	{"zh", "请输入6位验证码", "请输入六位验证码"},
	{"zh", "１２３４５６", "幺二三，四五六"},
	{"zh", "买买提·艾力", "买买提，艾力"},
	{"zh", "回复\"确认 123456\"。", "回复，确认，幺二三，四五六。"},
	{"zh", "好😀的[[hack]]<b>%s", "好，的，hack，b，s"},
	{"zh", "\xff坏", "坏"},
	{"fr", "10分钟", "十分钟"}, // any other language is Chinese

	{"en", "12.34 yuan", "twelve yuan and thirty four fen"},
	{"en", "100.05 yuan", "one hundred yuan and five fen"},
	{"en", "100000.00 yuan", "one hundred thousand yuan"},
	{"en", "0.05 yuan", "five fen"},
	{"en", "0.00 yuan", "zero yuan"},
	{"en", "24 Nov 23:48", "November twenty four, twenty three forty eight"},
	{"en", "2 Jan 00:00", "January two, zero o'clock"},
	{"en", "12:05", "twelve zero five"},
	{"en", "Code 123456 to", "Code one two three, four five six to"},
	{"en", "138****8001", "one three eight, ending eight zero zero one"},
	{"en", "card 621700*********0012.", "card ending zero zero one two."},
	{"en", "10 min.", "ten minutes."},
	{"en", "2 to 25 characters", "two to twenty five characters"},
	{"en", "13900139001", "one three nine, zero zero one three, nine zero zero one"},
	{"en", "X13900139001Y", "X one three nine, zero zero one three, nine zero zero one Y"},
	{"en", "the card's bank; Not you?", "the card's bank, Not you."},
	{"en", "'quoted'", "quoted"},
}

func TestSpoken(t *testing.T) {
	for _, v := range spokenCases {
		got := dialogue.Spoken(v.l, v.text)
		require.Equal(t, v.expected, got, v.text)
		require.Equal(t, got, dialogue.Spoken(v.l, got), "spoken text must stay: %s", v.text)
	}
}

func TestDigits(t *testing.T) {
	for _, v := range []struct{ digits, zh, en string }{
		{"", "", ""},
		{"1", "幺", "one"},
		{"0123456789", "零幺二三，四五六七，八九", "zero one two three, four five six seven, eight nine"},
		{"8001", "八零零幺", "eight zero zero one"},
		{"12345", "幺二三四五", "one two three four five"},
		{"123456", "幺二三，四五六", "one two three, four five six"},
		{"1234567", "幺二三四，五六七", "one two three four, five six seven"},
		{"13800138001", "幺三八，零零幺三，八零零幺", "one three eight, zero zero one three, eight zero zero one"},
		{"12a*３", "幺二", "one two"}, // what is no digit is left out
	} {
		require.Equal(t, v.zh, dialogue.Digits(acquirer.Chinese, v.digits), v.digits)
		require.Equal(t, v.en, dialogue.Digits(acquirer.English, v.digits), v.digits)
	}
}

func TestSpokenNumbers(t *testing.T) {
	for _, v := range []struct{ n, zh, en string }{
		{"0", "零", "zero"}, {"1", "一", "one"}, {"2", "两", "two"}, {"10", "十", "ten"}, {"11", "十一", "eleven"}, {"20", "二十", "twenty"},
		{"99", "九十九", "ninety nine"}, {"100", "一百", "one hundred"}, {"101", "一百零一", "one hundred one"},
		{"110", "一百一十", "one hundred ten"}, {"222", "二百二十二", "two hundred twenty two"}, {"1000", "一千", "one thousand"},
		{"1010", "一千零一十", "one thousand ten"}, {"2000", "两千", "two thousand"}, {"9999", "九千九百九十九", "nine thousand nine hundred ninety nine"},
		{"10000", "一万", "ten thousand"}, {"10010", "一万零一十", "ten thousand ten"}, {"11000", "一万一千", "eleven thousand"},
		{"20000", "两万", "twenty thousand"}, {"100000", "十万", "one hundred thousand"}, {"120000", "十二万", "one hundred twenty thousand"},
		{"1000001", "一百万零一", "one million one"}, {"100000000", "一亿", "one hundred million"},
		{"200010000", "两亿零一万", "two hundred million ten thousand"}, {"100000001", "一亿零一", "one hundred million one"},
		{"10000000000", "一百亿", "ten billion"},
	} {
		require.Equal(t, v.zh+"元", dialogue.Spoken(acquirer.Chinese, v.n+"元"))
		require.Equal(t, v.en+" yuan", dialogue.Spoken(acquirer.English, v.n+" yuan"))
	}
}

// Every built-in notice and answer is spoken without a digit or a sign left, in both languages.
func TestSpokenTemplates(t *testing.T) {
	templates, err := acquirer.LoadTemplates("")
	require.NoError(t, err)
	w := acquirer.Words{At: "11月24日23:48", Amount: "12.34", RRN: "632800000002", Payer: "13900139001", Payee: "138****8001", PayeeName: "王*明",
		Number: "138****8001", Card: "621700*********0012", Code: "123456", Stop: "654321", Minutes: "10", Effective: "11月25日23:48"}
	for _, name := range templates.Names() {
		l := acquirer.Language(name[:2])
		_, text, err := templates.Write(l, name[3:], w)
		require.NoError(t, err)
		requireSpoken(t, l, dialogue.Spoken(l, text))
	}
	for _, l := range []acquirer.Language{acquirer.Chinese, acquirer.English} {
		for _, s := range dialogue.Lines(l) {
			requireSpoken(t, l, s)
		}
	}
}

func FuzzSpoken(f *testing.F) {
	for _, v := range spokenCases {
		f.Add(v.text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, l := range []acquirer.Language{acquirer.Chinese, acquirer.English} {
			got := dialogue.Spoken(l, text)
			require.True(t, utf8.ValidString(got))
			require.LessOrEqual(t, len(got), 30*len(text)+1)
			require.Equal(t, got, dialogue.Spoken(l, got))
			require.NotContains(t, got, "[[")
			require.False(t, strings.ContainsFunc(got, func(r rune) bool {
				return !unicode.IsLetter(r) && !unicode.IsMark(r) && !strings.ContainsRune(" ，。,.'’〇", r)
			}), got)
		}
	})
}
