package portal

import "net/http"

// Addresses that more than one place knows.
const (
	eventsPath = "/pc/events"
	ackPath    = "/pc/ack"
)

// Handler serves the pages, the API and the streams.
func (p *Portal) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", p.showHome)
	for _, f := range forms {
		mux.HandleFunc("GET /"+f.name, func(w http.ResponseWriter, r *http.Request) { p.showForm(w, r, f) })
		mux.HandleFunc("POST /"+f.name, func(w http.ResponseWriter, r *http.Request) { p.sendForm(w, r, f) })
	}
	mux.HandleFunc("GET /confirm", func(w http.ResponseWriter, r *http.Request) { p.showConfirm(w, r, webWay) })
	mux.HandleFunc("POST /confirm", func(w http.ResponseWriter, r *http.Request) { p.sendConfirm(w, r, webWay) })
	mux.HandleFunc("POST /resend", func(w http.ResponseWriter, r *http.Request) { p.sendResend(w, r, webWay) })
	mux.HandleFunc("GET /held", p.showHeld)
	mux.HandleFunc("GET /held.json", p.downloadHeld)
	mux.HandleFunc("GET /statement", p.showStatement)
	mux.HandleFunc("POST /leave", p.leave)

	mux.HandleFunc("GET /pc", p.showPC)
	mux.HandleFunc("POST /pc", p.sendPC)
	mux.HandleFunc("GET /pc/confirm", func(w http.ResponseWriter, r *http.Request) { p.showConfirm(w, r, pcWay) })
	mux.HandleFunc("POST /pc/confirm", func(w http.ResponseWriter, r *http.Request) { p.sendConfirm(w, r, pcWay) })
	mux.HandleFunc("POST /pc/resend", func(w http.ResponseWriter, r *http.Request) { p.sendResend(w, r, pcWay) })
	mux.HandleFunc("POST /pc/leave", p.leavePC)
	mux.HandleFunc("GET "+eventsPath, p.stream)
	mux.HandleFunc("POST "+ackPath, p.acknowledge)

	p.routeAPI(mux)
	mux.HandleFunc("GET /static/{hash}/{name}", p.serveStatic)
	return p.guard(p.otherwise(mux))
}

// otherwise answers for addresses and methods that nothing serves, in the manner of the rest.
func (p *Portal) otherwise(mux *http.ServeMux) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h, pattern := mux.Handler(r)
		if pattern != "" {
			mux.ServeHTTP(w, r)
			return
		}
		status := &statusOnly{header: http.Header{}}
		h.ServeHTTP(status, r)
		switch status.code {
		case http.StatusMethodNotAllowed:
			w.Header().Set("Allow", status.header.Get("Allow"))
			p.refuse(w, r, refusal{status: status.code, slug: "method"})
		default:
			p.refuse(w, r, refusal{status: http.StatusNotFound, slug: "not-found"})
		}
	})
}

// statusOnly is an answer of which only the head is of interest.
type statusOnly struct {
	header http.Header
	code   int
}

func (s *statusOnly) Header() http.Header         { return s.header }
func (s *statusOnly) WriteHeader(code int)        { s.code = code }
func (s *statusOnly) Write(b []byte) (int, error) { return len(b), nil }
