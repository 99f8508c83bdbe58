package letter

import (
	"fmt"
	"strings"
	"time"

	acquirer "example.com/ringback/switch"
)

// words are the fixed texts of a letter in one language.
type words struct {
	to, nobody, dear        string // to is behind the recipient's name
	number, date            string
	payments, count, total  string
	news, paid, again       string
	time, ref, memo, amount string
	payer, continued        string
	page                    string
	day                     string // layout of a date
}

var languages = map[acquirer.Language]words{
	acquirer.Chinese: {to: "%s 收", nobody: "收款人", dear: "%s，您好：",
		number: "信函编号", date: "日期", payments: "到账通知", count: "%d笔", total: "合计", news: "重要通知",
		paid:  "以下款项已付至您的收款卡，按付款人的手机号归类。",
		again: "每笔款项以参考号为准：同一参考号如在另一封信函中再次出现，仍是同一笔款项。",
		time:  "付款时间", ref: "参考号", memo: "附言", amount: "金额（元）", payer: "付款人 %s", continued: "（续）",
		page: "第%d页，共%d页", day: "2006年1月2日"},
	acquirer.English: {to: "%s", nobody: "To the payee", dear: "Dear %s,",
		number: "Letter", date: "Date", payments: "Payments to you", count: "%d payments", total: "Total", news: "Please note",
		paid:  "These payments went to your card. They are sorted by the mobile number that paid.",
		again: "A payment is known by its reference: one that comes again in another letter is the same payment.",
		time:  "Time", ref: "Reference", memo: "Message", amount: "Amount (CNY)", payer: "Paid by %s", continued: " (continued)",
		page: "Page %d of %d", day: "2 January 2006"},
}

// wordsOf are those of a language; any but English is Chinese.
func wordsOf(l acquirer.Language) words {
	if w, ok := languages[l]; ok {
		return w
	}
	return languages[acquirer.Chinese]
}

// counted is how many payments there are, in words.
func (w words) counted(n int) string {
	s := fmt.Sprintf(w.count, n)
	if n == 1 {
		s = strings.TrimSuffix(s, "s")
	}
	return s
}

// grouped writes a mobile number as people read it: 139 0013 9001.
func grouped(number acquirer.MSISDN) string {
	s := number.Reveal()
	if len(s) != 11 {
		return s
	}
	return s[:3] + " " + s[3:7] + " " + s[7:]
}

// moment writes when a payment was made, in both languages alike.
func moment(t time.Time) string { return t.In(acquirer.Beijing).Format("2006-01-02 15:04") }
