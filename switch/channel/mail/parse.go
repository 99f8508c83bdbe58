package mail

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"mime"
	netmail "net/mail"
	"strings"

	message "github.com/emersion/go-message"
	"github.com/emersion/go-message/textproto"
)

// errMail is the kind of every failure to read a message: it will fail each time. Errors hold nothing of the message.
var errMail = errors.New("mail cannot be read")

// mail is a message as far as the channel reads it.
type mail struct {
	raw        []byte
	header     message.Header
	from       string   // the one address of the one From line; empty for a report whose sender is not written so
	messageID  string   // with brackets; empty when there is none that can be used
	references []string // ids of References, or else In-Reply-To, oldest first
	text       string   // what the person wrote: the command
	report     *report  // of delivery (RFC 3464), when it is one
}

// readMail takes a message apart. Charsets and transfer encodings are undone; what cannot be is U+FFFD, which no command
// may hold.
func readMail(raw []byte) (*mail, error) {
	e, err := message.ReadWithOptions(bytes.NewReader(raw), &message.ReadOptions{MaxHeaderBytes: maxHeader})
	if e == nil {
		return nil, fmt.Errorf("%w: header: %s", errMail, kindOf(err))
	}
	if n := e.Header.Len(); n > maxFields {
		return nil, fmt.Errorf("%w: more than %d header fields", errMail, maxFields)
	}
	if bytes.IndexByte(headerOf(raw), 0) >= 0 {
		return nil, fmt.Errorf("%w: NUL in the header", errMail)
	}
	m := &mail{raw: raw, header: e.Header}
	m.messageID = firstID(m.value("Message-Id"))
	m.references = allIDs(m.value("References"))
	if len(m.references) == 0 {
		m.references = allIDs(m.value("In-Reply-To"))
	}
	w := walk{}
	if err := w.entity(e, 0); err != nil {
		return nil, err
	}
	m.report = w.report
	m.from, err = m.sender()
	if err != nil && m.report == nil {
		return nil, err
	}
	m.text = w.command()
	if m.text == "" {
		m.text = subjectCommand(decodeWords(m.value("Subject")))
	}
	return m, nil
}

// value is the unfolded text of a field; empty when there is none.
func (m *mail) value(name string) string { return m.header.Get(name) }

// all returns every field of a name.
func (m *mail) all(name string) []string { return m.header.Values(name) }

// sender returns the address of the From line. More than one line or more than one address is refused: mail programs
// differ in which of them they show, and checks in which of them they check.
func (m *mail) sender() (string, error) {
	lines := m.all("From")
	if len(lines) != 1 {
		return "", fmt.Errorf("%w: %d From lines", errMail, len(lines))
	}
	p := netmail.AddressParser{WordDecoder: &words}
	list, err := p.ParseList(lines[0])
	if err != nil || len(list) != 1 {
		return "", fmt.Errorf("%w: From is not one address", errMail)
	}
	a, err := parseAddress(list[0].Address)
	if err != nil {
		return "", fmt.Errorf("%w: From: %w", errMail, err)
	}
	return strings.ToLower(a), nil
}

// key names the message for the inbox: its Message-ID with a hash of the sender, so that nobody else can send a message
// of the same name first. Without a Message-ID that can be used it is a hash of what a person would take for the
// message; lines that servers on the way add do not change it.
func (m *mail) key() string {
	h := sha256.New()
	if m.messageID != "" && len(m.messageID) <= maxMessageID {
		h.Write([]byte(m.from))
		return m.messageID + "#" + hex.EncodeToString(h.Sum(nil)[:8])
	}
	_, body, _ := bytes.Cut(m.raw, []byte("\r\n\r\n"))
	for _, part := range []string{m.from, m.messageID, m.value("Date"), m.value("Subject"), string(body)} {
		fmt.Fprintf(h, "%d:%s\n", len(part), part)
	}
	return "sha256:" + hex.EncodeToString(h.Sum(nil))
}

// headerOf returns the bytes before the first empty line.
func headerOf(raw []byte) []byte {
	header, _, _ := bytes.Cut(raw, []byte("\r\n\r\n"))
	return header
}

// firstID returns the first Message-ID of a text, or nothing.
func firstID(s string) string {
	if ids := allIDs(s); len(ids) > 0 {
		return ids[0]
	}
	return ""
}

// allIDs returns the last Message-IDs of a text, without any character that could end a line or an id.
func allIDs(s string) (ids []string) {
	for _, word := range strings.Fields(s) {
		inner, left := strings.CutPrefix(word, "<")
		inner, right := strings.CutSuffix(inner, ">")
		odd := strings.ContainsFunc(inner, func(r rune) bool { return r <= ' ' || r > '~' || r == '<' || r == '>' })
		if left && right && inner != "" && len(inner) <= maxMessageID && !odd {
			ids = append(ids, word)
		}
	}
	return ids[max(0, len(ids)-maxReferences):]
}

// words decodes encoded words (RFC 2047) in the charsets that texts are read in.
var words = mime.WordDecoder{CharsetReader: func(name string, r io.Reader) (io.Reader, error) {
	b, err := io.ReadAll(r)
	if err != nil {
		return nil, err
	}
	return strings.NewReader(decodeText(name, b)), nil
}}

// decodeWords returns a header text as a person reads it; raw 8-bit text is taken for what it looks like.
func decodeWords(s string) string {
	if out, err := words.DecodeHeader(s); err == nil {
		s = out
	}
	return decodeText("", []byte(s))
}

// kindOf says what kind of thing went wrong, without the words of an error that may quote the message.
func kindOf(err error) string {
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "it ends too early"
	case err != nil && strings.Contains(err.Error(), "maximum size"):
		return "it is too large"
	}
	return "it is malformed"
}

// fields reads one group of header fields, as they stand in a delivery report.
func fields(r *groupReader) (textproto.Header, error) {
	h, err := textproto.ReadHeader(r.buffer)
	if err != nil {
		return h, fmt.Errorf("%w: report: %s", errMail, kindOf(err))
	}
	return h, nil
}
