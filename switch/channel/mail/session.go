package mail

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	acquirer "example.com/ringback/switch"
	"github.com/emersion/go-smtp"
)

// What peers are told. None of it depends on what is stored about anybody.
var (
	errNoBox    = answerCode(550, 5, 1, 1, "no such mailbox here")
	errNoSender = answerCode(553, 5, 1, 7, "the sender's address cannot be used")
	errTooMany  = answerCode(421, 4, 7, 0, "too many refused recipients")
	errLater    = answerCode(451, 4, 3, 2, "please send it again later")
	errUnread   = answerCode(554, 5, 6, 0, "the message cannot be read")
	errTooLarge = answerCode(552, 5, 3, 4, "the message is too large")
	errEnding   = answerCode(421, 4, 3, 2, "the service is ending")
)

func answerCode(code, a, b, c int, text string) *smtp.SMTPError {
	return &smtp.SMTPError{Code: code, EnhancedCode: smtp.EnhancedCode{a, b, c}, Message: text}
}

// session is one peer's connection between HELO and QUIT. go-smtp calls its methods one at a time.
type session struct {
	server   *server
	conn     *smtp.Conn
	envelope string // MAIL FROM; empty is the null sender
	to       string // RCPT TO
	refusals int
	finished atomic.Bool // Data has seen the end of the message
}

// Reset implements [smtp.Session]: the message is over, or called off.
func (s *session) Reset() {
	s.abandon()
	s.envelope, s.to = "", ""
	s.finished.Store(false)
}

// Logout implements [smtp.Session].
func (s *session) Logout() error {
	s.abandon()
	return nil
}

// abandon hangs up when a message is called off behind its recipient. Its BDAT may still be running, and go-smtp v0.25.1
// would hand the outcome of that one to the next BDAT of the same connection, or wait for ever.
func (s *session) abandon() {
	if s.to != "" && !s.finished.Load() {
		_ = s.conn.Conn().Close() // the peer connects again
	}
}

// Mail implements [smtp.Session].
func (s *session) Mail(from string, _ *smtp.MailOptions) error {
	if from != "" {
		a, err := parseAddress(from)
		if err != nil {
			return errNoSender
		}
		from = a
	}
	s.envelope = from
	return nil
}

// Rcpt implements [smtp.Session]: one mailbox, or a bounce address that was made here.
func (s *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	to = strings.ToLower(to)
	_, bounce := s.server.mail.tags.read(to)
	if !bounce && !slices.Contains(s.server.mail.config.Mailboxes, to) {
		return s.refuse()
	}
	s.to = to
	return nil
}

// refuse counts a recipient that is none and hangs up on who tries many.
func (s *session) refuse() error {
	s.server.mail.counts.add("no-box")
	if s.refusals++; s.refusals < maxRefusals {
		return errNoBox
	}
	s.conn.Reject()
	return errTooMany
}

// Data implements [smtp.Session]. It returns nil only when the message, and the answer to it, need nothing more from the
// peer.
func (s *session) Data(r io.Reader) error {
	raw, err := io.ReadAll(io.LimitReader(r, maxMessage+1))
	s.finished.Store(err == nil || errors.Is(err, smtp.ErrDataTooLarge))
	switch {
	case errors.Is(err, smtp.ErrDataTooLarge) || len(raw) > maxMessage:
		s.server.mail.counts.add("too-large")
		return errTooLarge
	case err != nil:
		return errUnread // the connection broke, or a line was too long: nobody reads this, or the server says more
	}
	ctx, done, ok := s.server.begin()
	if !ok {
		return errEnding
	}
	defer s.layDown(done)
	ctx, cancel := context.WithTimeout(ctx, maxHandling)
	defer cancel()
	return s.server.reply(s.server.mail.take(ctx, delivery{ip: peerIP(s.conn.Conn()), helo: s.conn.Hostname(), envelope: s.envelope, to: s.to, raw: raw}))
}

// layDown lays a message down when its peer has been told: the line goes out behind Data, and the end of the server waits
// for it.
func (s *session) layDown(done func()) {
	if kept := keptOf(s.conn.Conn()); kept != nil {
		kept.answering(done)
		return
	}
	done()
}

// peerIP is the peer's address; nil when it has none.
func peerIP(c net.Conn) net.IP {
	a, ok := c.RemoteAddr().(*net.TCPAddr)
	if !ok {
		return nil
	}
	return a.IP
}

// delivery is one message with its envelope.
type delivery struct {
	ip                 net.IP
	helo, envelope, to string
	raw                []byte
}

// take does what a message asks for: a bounce becomes a receipt, a person's message goes to the inbox and is answered,
// and what no person wrote is dropped. Errors: [errMail], those of [acquirer.Inbox], and those of the answer.
func (m *Mail) take(ctx context.Context, d delivery) error {
	x, err := readMail(d.raw)
	if id, ok := m.tags.read(d.to); ok {
		return m.takeBounce(ctx, id, d, x)
	}
	if err != nil {
		m.counts.add("unread")
		return err
	}
	if why := m.automatic(d.envelope, x); why != "" {
		m.counts.add("dropped")
		m.config.Log.Info().Str("why", why).Msg("a mail that no person wrote was dropped")
		return nil
	}
	p := m.prove(ctx, d.ip, d.helo, d.envelope, x)
	r, err := m.config.Inbox.Receive(ctx, acquirer.Inbound{Channel: acquirer.ChannelEmail, MessageID: x.key(), Sender: x.from,
		Evidence: acquirer.Evidence{Source: d.ip.String(), Checks: p.String()}, Text: x.text})
	if err != nil {
		m.counts.add("not-taken")
		return fmt.Errorf("handing a mail to the inbox: %w", err)
	}
	m.counts.add("taken")
	silent := r.Text == "" || p.forged()
	m.config.Log.Info().Str("outcome", string(r.Outcome)).Bool("again", r.Again).Bool("silent", silent).Stringer("checks", p).Msg("mail taken")
	if silent {
		return nil
	}
	if err := m.answer(ctx, x, d.to, r); err != nil {
		return fmt.Errorf("answering a mail: %w", err)
	}
	return nil
}

// takeBounce makes a receipt of what came to a bounce address. A message that cannot be read, has a sender to whom it
// could be returned, or says nothing for good is dropped.
func (m *Mail) takeBounce(ctx context.Context, id string, d delivery, x *mail) error {
	if x == nil || d.envelope != "" {
		m.counts.add("bounce-dropped")
		return nil
	}
	r, ok := bounced(id, x)
	if !ok {
		m.counts.add("bounce-dropped")
		m.config.Log.Info().Str("notice", id).Msg("a report that says nothing for good was dropped")
		return nil
	}
	r.At = time.Now()
	if err := m.config.Receipts.Receipt(ctx, r); err != nil {
		return fmt.Errorf("noting a bounce: %w", err)
	}
	m.counts.add("bounced")
	m.config.Log.Info().Str("notice", id).Bool("delivered", r.Delivered).Str("report", r.Detail).Msg("a delivery report came")
	return nil
}
