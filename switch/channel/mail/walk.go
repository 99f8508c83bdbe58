package mail

import (
	"fmt"
	"io"
	"strings"

	message "github.com/emersion/go-message"
)

// walk goes through the parts of a message and keeps what the channel needs of them.
type walk struct {
	parts  int
	plain  *string // the first text/plain that is no attachment
	html   *string // the first text/html that is none
	report *report
}

// entity reads one part and those within it. Parts too many or too deep, and multiparts that do not hold together, are
// [errMail].
func (w *walk) entity(e *message.Entity, depth int) error {
	w.parts++
	if w.parts > maxParts || depth > maxDepth {
		return fmt.Errorf("%w: more than %d parts or %d levels", errMail, maxParts, maxDepth)
	}
	if n := e.Header.Len(); n > maxFields {
		return fmt.Errorf("%w: more than %d header fields", errMail, maxFields)
	}
	media, params, err := e.Header.ContentType()
	if err != nil { // RFC 2045, 5.2: what cannot be read is plain text; so does every mail program
		media, params = "text/plain", nil
	}
	media = strings.ToLower(media)
	if strings.HasPrefix(media, "multipart/") {
		return w.multipart(e, params, depth)
	}
	return w.leaf(e, media, params)
}

func (w *walk) multipart(e *message.Entity, params map[string]string, depth int) error {
	if params["boundary"] == "" {
		return fmt.Errorf("%w: a multipart without a boundary", errMail)
	}
	r := e.MultipartReader()
	for {
		part, err := r.NextPart()
		switch {
		case err == io.EOF:
			return nil
		case part == nil:
			return fmt.Errorf("%w: a part: %s", errMail, kindOf(err))
		}
		if err := w.entity(part, depth+1); err != nil {
			return err
		}
	}
}

// leaf reads a part that holds no others. Attachments, pictures, forwarded messages and second texts are passed over.
func (w *walk) leaf(e *message.Entity, media string, params map[string]string) error {
	disposition, _, err := e.Header.ContentDisposition()
	if err == nil && strings.EqualFold(disposition, "attachment") {
		return nil
	}
	switch {
	case media == "message/delivery-status" && w.report == nil: // within multipart/report, but OpenSMTPD writes multipart/mixed
		r, err := readReport(e.Body)
		w.report = r
		return err
	case media == "text/plain" && w.plain == nil:
		return w.keep(&w.plain, e, params)
	case media == "text/html" && w.html == nil:
		return w.keep(&w.html, e, params)
	}
	return nil
}

// keep decodes a text. A transfer encoding that is unknown or broken leaves what could be read: the command in it is
// judged as any other.
func (w *walk) keep(to **string, e *message.Entity, params map[string]string) error {
	b, err := io.ReadAll(io.LimitReader(e.Body, maxMessage))
	if err != nil && len(b) == 0 {
		return fmt.Errorf("%w: a text: %s", errMail, kindOf(err))
	}
	s := decodeText(params["charset"], b)
	if strings.EqualFold(params["format"], "flowed") && to == &w.plain {
		s = unflow(s, strings.EqualFold(params["delsp"], "yes"))
	}
	*to = &s
	return nil
}

// command is what the person wrote: of the plain text, or else of the HTML.
func (w *walk) command() string {
	if w.plain != nil {
		if s := command(*w.plain); s != "" {
			return s
		}
	}
	if w.html != nil {
		return command(htmlText(*w.html))
	}
	return ""
}
