package emulator

import (
	"io"
	"strings"

	"example.com/ringback/spec"
)

// Language is that of a receipt.
type Language string

// The languages of a receipt.
const (
	Chinese Language = "zh"
	English Language = "en"
)

// Copy tells who gets the receipt.
type Copy byte

// The copies of a receipt.
const (
	HolderCopy Copy = iota
	MerchantCopy
)

// Columns is the width of the paper.
const Columns = 32

// Print writes a receipt as the terminal's printer would: lines of at most Columns columns, of which a Chinese
// character takes two. Only the merchant's copy has room for a signature.
func (r Receipt) Print(w io.Writer, lang Language, who Copy) error {
	t := words(lang)
	p := &paper{}
	p.centre(t["title"])
	if who == MerchantCopy {
		p.centre(t["shop"])
	} else {
		p.centre(t["holder"])
	}
	p.rule()
	p.row(t["merchant"], r.Merchant)
	p.row(t["terminal"], r.Terminal)
	p.row(t["operator"], r.Operator)
	p.rule()
	p.row(t["payee"], r.PayeeName)
	p.row(t["payeeNumber"], r.Payee)
	p.row(t["payerNumber"], r.Payer)
	p.row(t["card"], r.Card)
	p.optional(t["memo"], r.Memo)
	p.row(t["amount"], "RMB "+Yuan(r.AmountFen))
	p.rule()
	p.row(t["batch"], r.Batch)
	p.row(t["stan"], r.STAN)
	p.optional(t["rrn"], r.RRN)
	p.optional(t["auth"], r.AuthCode)
	p.optional(t["settle"], r.SettleDate)
	p.optional(t["time"], strings.Replace(r.Time, "T", " ", 1))
	p.row(t["result"], r.resultText(lang))
	p.rule()
	if who == MerchantCopy {
		p.line(t["signature"])
		p.line("")
		p.rule()
	}
	p.centre(t["thanks"])
	_, err := io.WriteString(w, p.text.String())
	return err
}

// resultText is the last word on the payment.
func (r Receipt) resultText(lang Language) string {
	t := words(lang)
	switch {
	case r.Undone:
		return t["undone"]
	case r.Outcome == Approved:
		return t["approved"]
	case r.Outcome == Unknown:
		return t["unknown"]
	case r.Code == "":
		return t["refused"]
	}
	return t["refused"] + " " + r.Code
}

// words are the fixed texts of a receipt.
func words(lang Language) map[string]string {
	if lang == English {
		return map[string]string{
			"title": "PAY-BY-PHONE RECEIPT", "holder": "CARDHOLDER COPY", "shop": "MERCHANT COPY",
			"merchant": "Merchant", "terminal": "Terminal", "operator": "Operator",
			"payee": "Payee", "payeeNumber": "Payee's phone", "payerNumber": "Payer's phone", "card": "Card",
			"memo": "For", "amount": "Amount", "batch": "Batch", "stan": "Trace no.", "rrn": "Reference",
			"auth": "Auth. code", "settle": "Settlement", "time": "Time", "result": "Result",
			"approved": "APPROVED", "refused": "DECLINED", "unknown": "UNKNOWN", "undone": "UNDONE",
			"signature": "Signature:", "thanks": "Please keep this receipt",
		}
	}
	return map[string]string{
		"title": "手机号付款签购单", "holder": "持卡人存根", "shop": "商户存根",
		"merchant": "商户编号", "terminal": "终端编号", "operator": "操作员号",
		"payee": "收款人", "payeeNumber": "收款手机", "payerNumber": "付款手机", "card": "付款卡号",
		"memo": "附言", "amount": "金额", "batch": "批次号", "stan": "凭证号", "rrn": "参考号",
		"auth": "授权码", "settle": "清算日期", "time": "交易时间", "result": "交易结果",
		"approved": "交易成功", "refused": "交易失败", "unknown": "结果未知", "undone": "已撤销",
		"signature": "持卡人签名:", "thanks": "请妥善保管此单据",
	}
}

// paper is what comes out of the printer.
type paper struct{ text strings.Builder }

func (p *paper) line(s string) {
	p.text.WriteString(strings.TrimRight(s, " "))
	p.text.WriteByte('\n')
}

func (p *paper) rule() { p.line(strings.Repeat("-", Columns)) }

func (p *paper) centre(s string) { p.line(strings.Repeat(" ", max(0, Columns-columns(s))/2) + s) }

// row puts a label on the left and a value on the right; a value that does not fit goes onto lines of its own.
func (p *paper) row(label, value string) {
	gap := Columns - columns(label) - columns(value)
	if gap >= 1 {
		p.line(label + strings.Repeat(" ", gap) + value)
		return
	}
	p.line(label)
	for _, part := range wrap(value, Columns) {
		p.line(strings.Repeat(" ", Columns-columns(part)) + part)
	}
}

// optional is row for a value that may be missing.
func (p *paper) optional(label, value string) {
	if value != "" {
		p.row(label, value)
	}
}

// columns is the width on the paper. Printers work in GBK, where the bytes of a character are its columns.
func columns(s string) int { return len(spec.EncodeGBK(s)) }

// wrap cuts a text into pieces of at most width columns, between characters.
func wrap(s string, width int) (parts []string) {
	start, used := 0, 0
	for i, r := range s {
		n := columns(string(r))
		if used+n > width {
			parts = append(parts, s[start:i])
			start, used = i, 0
		}
		used += n
	}
	return append(parts, s[start:])
}
