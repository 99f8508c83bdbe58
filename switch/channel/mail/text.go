package mail

import (
	"html"
	"regexp"
	"strings"
	"unicode/utf8"
)

// command returns what a person wrote of a text: the first paragraph in front of any quotation and signature, at most
// [maxText] characters, whole lines.
func command(text string) string {
	var kept []string
	size := 0
	for line := range strings.Lines(lineEnds.Replace(text)) {
		if signature(line) {
			break
		}
		line = strings.TrimSpace(line)
		switch {
		case endOfWords(line):
			return strings.Join(kept, "\n")
		case line == "" && len(kept) > 0:
			return strings.Join(kept, "\n")
		case line == "" || strings.HasPrefix(line, ">"):
			continue
		}
		if size += utf8.RuneCountInString(line) + 1; size > maxText+1 {
			break
		}
		kept = append(kept, line)
	}
	return strings.Join(kept, "\n")
}

var lineEnds = strings.NewReplacer("\r\n", "\n", "\r", "\n")

// signature reports whether a line begins a signature: the mark of RFC 3676, section 4.3, with or without its blank.
func signature(line string) bool {
	line = strings.TrimRight(line, "\r\n")
	return line == "-- " || line == "--"
}

// endings begin what is not the sender's own words any more: the heads that mail programs put before what they quote,
// and the lines that telephones put below a text.
var endings = regexp.MustCompile(`^(-{2,}\s*(原始邮件|原始郵件|Original|转发的邮件|回复的邮件|Original Message|Forwarded message|Forwarded Message)\s*-{2,}.*` +
	`|在.{0,80}(写道|寫道)[：:].*|于.{0,80}(写道|寫道)[：:].*|On .{0,120} wrote:|_{10,}` +
	`|(发件人|寄件者|From)\s*[：:].*@.*|发自我的.*|發自我的.*|从我的.{0,20}发送|来自我的.*|Sent from my .*|Get Outlook for .*)$`)

func endOfWords(line string) bool { return endings.MatchString(line) }

// replyMarks stand before a subject when it answers or passes on another.
var replyMarks = regexp.MustCompile(`(?i)^\s*((re|fw|fwd|回复|回覆|答复|答覆|转发|轉寄)\s*(\[\d+\])?\s*[：:]\s*)+`)

// subjectCommand is the command of a message without text.
func subjectCommand(subject string) string {
	subject = replyMarks.ReplaceAllString(strings.Join(strings.Fields(subject), " "), "")
	if utf8.RuneCountInString(subject) > maxText {
		return ""
	}
	return subject
}

// unflow joins the lines of format=flowed (RFC 3676): a line that ends in a blank goes on in the next one of the same
// depth of quotation. delsp: that blank is no part of the text.
func unflow(s string, delsp bool) string {
	var out strings.Builder
	flowing, depth := false, 0
	for line := range strings.Lines(strings.ReplaceAll(s, "\r\n", "\n")) {
		line = strings.TrimSuffix(line, "\n")
		quotes := len(line) - len(strings.TrimLeft(line, ">"))
		body := strings.TrimPrefix(line[quotes:], " ") // space-stuffing, section 4.4
		mark := body == "-- "
		if flowing && (quotes != depth || mark) {
			out.WriteByte('\n')
			flowing = false
		}
		if !flowing {
			out.WriteString(strings.Repeat(">", quotes))
		}
		soft := strings.HasSuffix(body, " ") && !mark
		if soft && delsp {
			body = strings.TrimSuffix(body, " ")
		}
		out.WriteString(body)
		if !soft {
			out.WriteByte('\n')
		}
		flowing, depth = soft, quotes
	}
	return out.String()
}

// The HTML that mail programs write is not parsed but cut: texts within these elements are not the person's, these
// elements end a line, and every other tag is nothing.
var (
	htmlDrop  = regexp.MustCompile(`(?is)<!--.*?-->|<(script|style|head|title|blockquote)\b.*?</(script|style|head|title|blockquote)\s*>`)
	htmlBreak = regexp.MustCompile(`(?i)</?(br|p|div|tr|li|h[1-6]|table|ul|ol|hr|section|pre)\b[^>]*>`)
	htmlTag   = regexp.MustCompile(`(?s)<[a-zA-Z/!?][^>]*>`)
	blankRun  = regexp.MustCompile(`[ \t\r\n]+`)
)

// htmlText is the text of a page. Line ends of the source are blanks, as in a browser.
func htmlText(s string) string {
	s = htmlDrop.ReplaceAllString(s, " ")
	s = blankRun.ReplaceAllString(s, " ")
	s = htmlBreak.ReplaceAllString(s, "\n")
	s = htmlTag.ReplaceAllString(s, "")
	s = decodeText("utf-8", []byte(html.UnescapeString(s)))
	return joinLines(s)
}

// joinLines drops empty lines: elements within elements make more of them than a reader sees.
func joinLines(s string) string {
	var kept []string
	for line := range strings.Lines(s) {
		if line = strings.TrimSpace(line); line != "" {
			kept = append(kept, line)
		}
	}
	return strings.Join(kept, "\n")
}
