package mail

import (
	"bytes"
	"fmt"
	netmail "net/mail"
	"strings"
	"time"

	acquirer "example.com/ringback/switch"
	gomail "github.com/wneessen/go-mail"
)

// letter is a mail to be sent. Every value may be any text: composing makes it harmless.
type letter struct {
	from      netmail.Address
	to        string // a bare address
	replyTo   string // empty: none
	id        string // Message-ID, without brackets
	automatic string // Auto-Submitted (RFC 3834, 5): auto-generated or auto-replied
	language  acquirer.Language
	subject   string
	text      string
	inReplyTo string   // Message-ID with brackets; empty: none
	refers    []string // the same, oldest first
	date      time.Time
}

// compose writes a letter as RFC 5322 text: text/plain in UTF-8, base64, so that no server on the way breaks lines or
// signatures; header texts are encoded words.
func (l letter) compose() ([]byte, error) {
	m := gomail.NewMsg(gomail.WithEncoding(gomail.EncodingB64), gomail.WithCharset(gomail.CharsetUTF8), gomail.WithNoDefaultUserAgent())
	m.FromMailAddress(&l.from)
	m.ToMailAddress(&netmail.Address{Address: l.to})
	if l.replyTo != "" {
		m.ReplyToMailAddress(&netmail.Address{Address: l.replyTo})
	}
	m.Subject(oneLine(l.subject))
	m.SetDateWithValue(l.date)
	m.SetMessageIDWithValue(l.id)
	m.SetBulk() // Precedence: bulk, X-Auto-Response-Suppress: All
	m.SetGenHeader("Auto-Submitted", l.automatic)
	m.SetGenHeader("Content-Language", contentLanguage(l.language))
	if l.inReplyTo != "" {
		m.SetGenHeader(gomail.HeaderInReplyTo, l.inReplyTo)
		m.SetGenHeader(gomail.HeaderReferences, strings.Join(l.refers, " "))
	}
	m.SetBodyString(gomail.TypeTextPlain, lines(l.text))
	var b bytes.Buffer
	if _, err := m.WriteTo(&b); err != nil {
		return nil, fmt.Errorf("composing a mail: %w", err)
	}
	return b.Bytes(), nil
}

func contentLanguage(l acquirer.Language) string {
	if l == acquirer.English {
		return "en"
	}
	return "zh-CN"
}

// oneLine makes a header value of a text: whatever could end or disturb a line is a blank.
func oneLine(s string) string {
	s = strings.Map(func(r rune) rune {
		if control(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, " "))
	return strings.Join(strings.Fields(s), " ")
}

// lines makes a body of a text: line ends are CR LF, and other control characters are blanks.
func lines(s string) string {
	s = strings.NewReplacer("\r\n", "\n", "\r", "\n", "\u2028", "\n", "\u2029", "\n").Replace(strings.ToValidUTF8(s, " "))
	s = strings.Map(func(r rune) rune {
		if control(r) && r != '\n' && r != '\t' {
			return ' '
		}
		return r
	}, s)
	return strings.ReplaceAll(strings.TrimRight(s, "\n")+"\n", "\n", "\r\n")
}
