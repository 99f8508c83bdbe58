package mail

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"time"

	acquirer "example.com/ringback/switch"
	"github.com/emersion/go-smtp"
	"github.com/rs/zerolog"
)

// server is the SMTP server. go-smtp speaks the protocol; what it leaves open is here: how many may connect, how long a
// connection may live, and how to end without cutting a message off.
type server struct {
	mail     *Mail
	smtp     *smtp.Server
	listener *listener
	failed   chan error // the first failure that must end the process

	mu     sync.Mutex
	ending bool
	base   context.Context // of every message in hand
	hands  sync.WaitGroup  // messages in hand
}

func newServer(m *Mail) *server {
	s := &server{mail: m, failed: make(chan error, 1)}
	s.smtp = smtp.NewServer(smtp.BackendFunc(func(c *smtp.Conn) (smtp.Session, error) {
		return &session{server: s, conn: c}, nil
	}))
	s.smtp.Domain = m.config.Domain
	s.smtp.MaxRecipients = 1
	s.smtp.MaxMessageBytes = maxMessage
	s.smtp.MaxLineLength = maxLine
	s.smtp.ReadTimeout = maxCommandTime
	s.smtp.WriteTimeout = maxWriteTime
	s.smtp.ErrorLog = serverLog{m.config.Log}
	if m.config.Certificate != nil {
		s.smtp.TLSConfig = &tls.Config{Certificates: []tls.Certificate{*m.config.Certificate}, MinVersion: tls.VersionTLS12}
	}
	return s
}

func (s *server) listen(address string) error {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	s.listener = newListener(l, s.mail.config)
	return nil
}

// run serves until ctx ends or a store fails. Then: no new connections, messages in hand are given [maxDrain], the
// connections are closed, and all goroutines are waited for.
func (s *server) run(ctx context.Context) error {
	base, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	s.mu.Lock()
	s.base = base
	s.mu.Unlock()
	served := make(chan error, 1)
	go func() { served <- s.smtp.Serve(s.listener) }()
	var err error
	select {
	case <-ctx.Done():
	case err = <-s.failed:
	case err = <-served:
		served <- nil
	}
	closed := s.listener.Close()
	if e := <-served; e != nil && !errors.Is(e, net.ErrClosed) {
		err = errors.Join(err, e)
	}
	s.drain(cancel)
	s.listener.hangUp()
	// With every connection closed this waits for the last lines of their goroutines only.
	if e := s.smtp.Shutdown(base); e != nil && !errors.Is(e, net.ErrClosed) && !errors.Is(e, context.Canceled) {
		closed = errors.Join(closed, e)
	}
	if errors.Is(closed, net.ErrClosed) {
		closed = nil
	}
	return errors.Join(err, closed)
}

// drain takes no more messages and waits for those in hand; after [maxDrain] they are called off.
func (s *server) drain(cancel func()) {
	s.mu.Lock()
	s.ending = true
	s.mu.Unlock()
	timer := time.AfterFunc(maxDrain, cancel)
	s.hands.Wait()
	timer.Stop()
}

// begin takes a message in hand; ok is false when the server is ending. done lays it down.
func (s *server) begin() (ctx context.Context, done func(), ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ending || s.base == nil {
		return nil, nil, false
	}
	s.hands.Add(1)
	return s.base, s.hands.Done, true
}

// reply turns what became of a message into what the peer is told. A store that failed ends the server.
func (s *server) reply(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, errMail) || errors.Is(err, acquirer.ErrInbound):
		s.mail.config.Log.Info().Err(err).Msg("mail refused")
		return errUnread
	case errors.Is(err, acquirer.ErrStore):
		select {
		case s.failed <- err:
		default:
		}
	}
	s.mail.config.Log.Warn().Err(err).Msg("mail put off: its sender will send it again")
	return errLater
}

// serverLog takes what go-smtp has to say: broken connections, and panics, which it answers with 421.
type serverLog struct{ log zerolog.Logger }

// maxLog is the longest line that is taken over.
const maxLog = 4000

func (l serverLog) Printf(format string, v ...any) { l.write(fmt.Sprintf(format, v...)) }
func (l serverLog) Println(v ...any)               { l.write(fmt.Sprintln(v...)) }

func (l serverLog) write(s string) {
	s = strings.ToValidUTF8(s[:min(len(s), maxLog)], "")
	if strings.HasPrefix(s, "panic") {
		l.log.Error().Str("error", s).Msg("a fault in handling mail")
		return
	}
	l.log.Debug().Str("error", s).Msg("a mail connection broke")
}
