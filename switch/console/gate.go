package console

import (
	"net/http"
	"strconv"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"example.com/ringback/switch/console/budget"
)

// gate refuses requests.
type gate struct {
	noisy    zerolog.Logger
	admit    func(commonName string) bool // nil: everybody
	refused  *prometheus.CounterVec       // nil: not counted
	requests *budget.Budget[client]
}

// bounded refuses a client that asks too often.
func (g *gate) bounded(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, ok := g.requests.Take(clientOf(r.RemoteAddr)); !ok {
			w.Header().Set("Retry-After", "1")
			g.refuse(w, r, http.StatusTooManyRequests, "")
			return
		}
		next.ServeHTTP(w, r)
	})
}

// forOperators refuses who is not admitted by name.
func (g *gate) forOperators(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if name := commonName(r); g.admit != nil && (name == "" || !g.admit(name)) {
			g.refuse(w, r, http.StatusForbidden, name)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// commonName is that of the certificate which the client has proven; empty: none.
func commonName(r *http.Request) string {
	if r.TLS == nil || len(r.TLS.VerifiedChains) == 0 {
		return ""
	}
	return r.TLS.VerifiedChains[0][0].Subject.CommonName
}

func (g *gate) refuse(w http.ResponseWriter, r *http.Request, status int, name string) {
	if g.refused != nil {
		g.refused.WithLabelValues(strconv.Itoa(status)).Inc()
	}
	g.noisy.Warn().Str("peer", r.RemoteAddr).Str("name", name).Int("status", status).Msg("HTTP request refused")
	http.Error(w, http.StatusText(status), status)
}
