package portal

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// policy is what a page may load: its own styles and script, and nothing that is written into it. Script cannot write
// markup either.
const policy = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; " +
	"base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"

// guard stands before every handler: it sets the headers, knows the client, and refuses what comes too often, from
// another site or too large.
func (p *Portal) guard(next http.Handler) http.Handler {
	origin := http.NewCrossOriginProtection()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.requests.Add(1)
		r = p.visiting(r)
		v := visitOf(r)
		secureHeaders(w.Header(), v.secure)
		if wait, ok := p.allow(r, v); !ok {
			p.refuse(w, r, tooMany(wait))
			return
		}
		if err := origin.Check(r); err != nil {
			p.refuse(w, r, refusal{status: http.StatusForbidden, slug: "cross-origin"})
			return
		}
		if r.Method == http.MethodPost && r.ContentLength > maxBody {
			p.refuse(w, r, refusal{status: http.StatusRequestEntityTooLarge, slug: "too-large"})
			return
		}
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		next.ServeHTTP(w, r)
	})
}

func secureHeaders(h http.Header, secure bool) {
	h.Set("Content-Security-Policy", policy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=()")
	h.Set("Cache-Control", "no-store")
	if secure {
		h.Set("Strict-Transport-Security", "max-age=31536000")
	}
}

// allow counts a request against its client.
func (p *Portal) allow(r *http.Request, v visit) (wait time.Duration, ok bool) {
	if wait, ok = p.byClient.Take(v.client); !ok || r.Method == http.MethodGet || r.Method == http.MethodHead {
		return wait, ok
	}
	if r.URL.Path == ackPath { // a page says that it shows an event, as often as there are events
		return 0, true
	}
	return p.postsByClient.Take(v.client)
}

// refusal is why a request is not served, before the switch hears of it or because the switch cannot answer.
type refusal struct {
	status int
	slug   string // names the problem in the API and its words on a page
	retry  time.Duration
}

func tooMany(wait time.Duration) refusal {
	return refusal{status: http.StatusTooManyRequests, slug: "too-many", retry: wait}
}

// refuse answers in the manner of the path.
func (p *Portal) refuse(w http.ResponseWriter, r *http.Request, f refusal) {
	if f.status == http.StatusTooManyRequests {
		p.limited.Add(1)
	}
	p.noisy.Debug().Str("method", r.Method).Int("status", f.status).Str("why", f.slug).Msg("request refused")
	if f.retry > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(max(1, int((f.retry+time.Second-1)/time.Second))))
	}
	switch {
	case strings.HasPrefix(r.URL.Path, "/api/"):
		p.problem(w, r, problem{Status: f.status, slug: f.slug})
	case r.URL.Path == eventsPath, r.URL.Path == ackPath:
		http.Error(w, http.StatusText(f.status), f.status)
	default:
		p.message(w, r, f.status, "error."+f.slug, "")
	}
}
