// Package webhook is the device for businesses: a notice goes as a signed JSON event by HTTPS to an address that the payee
// gave.
//
// The address is the payee's word, so that the switch calls where a stranger points. What follows from it is held here:
// TLS with a verified certificate, no address inside anybody's network, looked at where the connection is made, no
// redirect, no proxy, every wait and every size bounded, and of an answer only the status and Retry-After.
package webhook

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"

	acquirer "example.com/ringback/switch"
	"github.com/rs/zerolog"
)

// The headers of a call beside those of HTTP.
const (
	signatureHeader = "Ringback-Signature" // t=Unix seconds,v1=hex of HMAC-SHA-256 over "t.body"
	keyHeader       = "Idempotency-Key"    // the event's id, the same each time it is sent
)

// Config is what a [Webhook] is made of. All may be left out.
type Config struct {
	// Secrets are the receivers' secrets by host, or host:port where the address has a port. A secret in the address,
	// behind '#', goes before. A receiver without one is not called.
	Secrets map[string]acquirer.Key
	// AllowHTTP calls addresses that begin with http:// too. For tests: what is sent can be read and changed on its way.
	AllowHTTP bool
	// Allow are networks that may be called although they are not public: receivers beside the switch.
	Allow []netip.Prefix
	// Roots verify receivers' certificates; nil means those of the system.
	Roots *x509.CertPool
	// Lookup returns the addresses of a name; nil asks the system's resolver.
	Lookup func(ctx context.Context, name string) ([]netip.Addr, error)
	Log    zerolog.Logger // the zero value logs nothing
	Limits Limits
}

// Webhook is the device. It is safe for concurrent use and keeps no connection open between calls.
type Webhook struct {
	Config
	client *http.Client
}

var _ acquirer.Device = (*Webhook)(nil)

// New returns a webhook. It starts nothing.
func New(c Config) *Webhook {
	c.Limits = c.Limits.WithDefaults()
	if c.Lookup == nil {
		c.Lookup = func(ctx context.Context, name string) ([]netip.Addr, error) {
			return net.DefaultResolver.LookupNetIP(ctx, "ip", name)
		}
	}
	w := &Webhook{Config: c}
	w.client = &http.Client{
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{ // no Proxy: it would be asked to connect behind the guard's back
			DialContext: w.dial, DisableKeepAlives: true, DisableCompression: true,
			TLSClientConfig:     &tls.Config{RootCAs: c.Roots, MinVersion: tls.VersionTLS12},
			TLSHandshakeTimeout: c.Limits.Connect, MaxResponseHeaderBytes: maxHeader,
		},
	}
	return w
}

// Kind implements [acquirer.Device].
func (w *Webhook) Kind() acquirer.DeviceKind { return acquirer.DeviceWebhook }

// event is the body of a call.
type event struct {
	ID       string    `json:"id"`
	Kind     string    `json:"kind"`
	Text     string    `json:"text"`
	Language string    `json:"language"`
	Created  time.Time `json:"created"`
}

// Send implements [acquirer.Device]: one call. 2xx is delivered; 4xx is for ever, but for 408, 425 and 429; all else is for
// now, with the receiver's Retry-After. Errors name neither address nor text.
func (w *Webhook) Send(ctx context.Context, m acquirer.Message) (acquirer.Handed, error) {
	t, err := w.parse(m.To.Reveal())
	if err != nil {
		return acquirer.Handed{}, fmt.Errorf("%w: %w", err, acquirer.ErrUndeliverable)
	}
	body, err := json.Marshal(event{m.ID, m.Kind.String(), m.Text, string(m.Language), m.Created.UTC().Truncate(time.Second)})
	if err != nil {
		return acquirer.Handed{}, fmt.Errorf("writing the event: %w", err)
	}
	ctx, stop := context.WithTimeout(ctx, w.Limits.Answer)
	defer stop()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, t.url, bytes.NewReader(body))
	if err != nil {
		return acquirer.Handed{}, fmt.Errorf("address cannot be called: %w", acquirer.ErrUndeliverable)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "Ringback")
	req.Header.Set(keyHeader, m.ID)
	req.Header.Set(signatureHeader, sign(t.secret, time.Now(), body))
	resp, err := w.client.Do(req)
	if err != nil {
		return acquirer.Handed{}, reason(err)
	}
	defer w.drain(resp, stop)
	w.Log.Debug().Str("notice", m.ID).Int("status", resp.StatusCode).Msg("receiver answered")
	return acquirer.Handed{Delivered: resp.StatusCode/100 == 2}, w.judge(resp)
}

// judge says what a status means.
func (w *Webhook) judge(resp *http.Response) error {
	switch s := resp.StatusCode; {
	case s/100 == 2:
		return nil
	case s/100 == 4 && s != http.StatusRequestTimeout && s != http.StatusTooEarly && s != http.StatusTooManyRequests:
		return fmt.Errorf("receiver answered %d: %w", s, acquirer.ErrUndeliverable)
	default:
		err := fmt.Errorf("receiver answered %d", s)
		if after := retryAfter(resp.Header.Get("Retry-After"), time.Now()); after > 0 {
			return &acquirer.RetryLater{After: min(after, w.Limits.RetryMax), Err: err}
		}
		return err
	}
}

// drain reads a little of an answer, so that the receiver can finish its words; nothing hangs on it.
func (w *Webhook) drain(resp *http.Response, stop func()) {
	t := time.AfterFunc(w.Limits.Drain, stop)
	defer t.Stop()
	_, _ = io.CopyN(io.Discard, resp.Body, maxBody) // the status was all
	_ = resp.Body.Close()
}

// retryAfter reads the header of that name (RFC 9110, section 10.2.3): seconds or a date. 0: none that can be read.
func retryAfter(v string, now time.Time) time.Duration {
	if s, err := strconv.ParseUint(v, 10, 31); err == nil {
		return time.Duration(s) * time.Second
	}
	if at, err := http.ParseTime(v); err == nil {
		return max(at.Sub(now), 0)
	}
	return 0
}

// sign makes the signature's header.
func sign(secret acquirer.Key, now time.Time, body []byte) string {
	t := strconv.FormatInt(now.Unix(), 10)
	h := hmac.New(sha256.New, secret.Reveal())
	h.Write([]byte(t + "."))
	h.Write(body)
	return "t=" + t + ",v1=" + hex.EncodeToString(h.Sum(nil))
}

// target is where a call goes.
type target struct {
	url    string
	secret acquirer.Key
}

// parse takes an address apart: https://host[:port]/path[?query][#secret]. No error holds a part of it.
func (w *Webhook) parse(address string) (target, error) {
	plain, secret, _ := strings.Cut(address, "#")
	u, err := url.Parse(plain)
	switch {
	case err != nil || u.Opaque != "" || u.Hostname() == "":
		return target{}, errors.New("address is no URL")
	case u.Scheme != "https" && !(w.AllowHTTP && u.Scheme == "http"):
		return target{}, errors.New("address is not https")
	case u.User != nil:
		return target{}, errors.New("address holds a user")
	}
	key, ok := acquirer.NewKey([]byte(secret)), secret != ""
	if !ok {
		key, ok = w.Secrets[strings.ToLower(u.Host)]
	}
	if n := len(key.Reveal()); !ok || n < MinSecret || n > MaxSecret {
		return target{}, fmt.Errorf("receiver has no secret of %d to %d bytes", MinSecret, MaxSecret)
	}
	return target{u.String(), key}, nil
}

// reason says in words of our own why a call failed: the library's hold the address.
func reason(err error) error {
	var (
		forbidden *forbiddenError
		name      *net.DNSError
		cert      *tls.CertificateVerificationError
		timeout   net.Error
	)
	switch {
	case errors.As(err, &forbidden):
		return fmt.Errorf("%w: %w", forbidden, acquirer.ErrUndeliverable)
	case errors.As(err, &name):
		return errors.New("receiver's name was not found")
	case errors.As(err, &cert):
		return errors.New("receiver's certificate is not good")
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return errors.New("receiver did not answer in time")
	case errors.Is(err, context.Canceled):
		return context.Canceled
	}
	return errors.New("connection to the receiver failed")
}
