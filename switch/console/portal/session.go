package portal

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"time"
)

// The cookies. With TLS each has the prefix __Host- before it, by which a browser takes it from this host only.
const (
	sessionCookie  = "ringback"
	pcCookie       = "ringback-pc"
	languageCookie = "ringback-language"
)

// token is 32 bytes that nobody can guess, as text: a session, or the token of a page that is a device. It is the
// browser's secret: the switch is given a hash of it, so that what is stored opens nothing.
type token string

var b64 = base64.RawURLEncoding

func newToken() token {
	b := make([]byte, 32)
	_, _ = rand.Read(b) // never fails: crypto/rand ends the process first
	return token(b64.EncodeToString(b))
}

// parseToken accepts the form of a token. Whether it is anybody's the switch knows.
func parseToken(s string) (token, bool) {
	b, err := b64.Strict().DecodeString(s)
	return token(s), err == nil && len(b) == 32
}

// derive makes another secret of a token, one for each purpose.
func (t token) derive(purpose string) token {
	mac := hmac.New(sha256.New, []byte(t))
	_, _ = mac.Write([]byte(purpose)) // a hash takes everything
	return token(b64.EncodeToString(mac.Sum(nil)))
}

// public is what the switch knows a session or a page by.
func (t token) public(purpose string) string { return string(t.derive("public " + purpose)) }

// newForm makes the one-time token of a form: a nonce, and a proof that the owner of the session was given it. It keeps
// other sites from sending forms in a payee's name, and it names the message: a form that is sent twice is one message.
func (t token) newForm() string {
	nonce := make([]byte, 12)
	_, _ = rand.Read(nonce)
	return t.formOf(nonce)
}

func (t token) formOf(nonce []byte) string {
	n := b64.EncodeToString(nonce)
	return n + string(t.derive("form " + n)[:22])
}

// ownsForm reports whether a form's token was made for the session.
func (t token) ownsForm(form string) bool {
	const nonce = 16 // characters
	if len(form) < nonce {
		return false
	}
	n, err := b64.Strict().DecodeString(form[:nonce])
	return err == nil && hmac.Equal([]byte(form), []byte(t.formOf(n)))
}

// cookie reads a token that the browser keeps.
func cookie(r *http.Request, name string) (token, bool) {
	c, err := r.Cookie(cookieName(visitOf(r).secure, name))
	if err != nil {
		return "", false
	}
	return parseToken(c.Value)
}

func cookieName(secure bool, name string) string {
	if secure {
		return "__Host-" + name
	}
	return name
}

// keep gives the browser a cookie; life 0 is until it is closed, below 0 drops it.
func keep(w http.ResponseWriter, r *http.Request, name, value string, life time.Duration) {
	secure := visitOf(r).secure
	c := http.Cookie{Name: cookieName(secure, name), Value: value, Path: "/", HttpOnly: true, Secure: secure,
		SameSite: http.SameSiteStrictMode, MaxAge: int(life / time.Second)}
	http.SetCookie(w, &c)
}

// session returns the browser's session, a new one when it has none.
func session(w http.ResponseWriter, r *http.Request) token {
	if t, ok := cookie(r, sessionCookie); ok {
		return t
	}
	t := newToken()
	keep(w, r, sessionCookie, string(t), 0)
	return t
}
