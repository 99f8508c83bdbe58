package portal

import (
	"encoding/json"
	"net/http"
	"strconv"
	"time"

	acquirer "example.com/ringback/switch"
)

// seconds writes a time for Retry-After.
func seconds(d time.Duration) string { return strconv.Itoa(int(d / time.Second)) }

// showHeld shows a payee everything that is held. Who has not confirmed to be one is sent to ask for a code.
func (p *Portal) showHeld(w http.ResponseWriter, r *http.Request) {
	h, refused := p.held(r, acquirer.ChannelWeb, session(w, r).public("web"))
	if refused != nil {
		p.refuse(w, r, *refused)
		return
	}
	p.render(w, r, http.StatusOK, "held", "held.title", h)
}

// downloadHeld gives the same as a file.
func (p *Portal) downloadHeld(w http.ResponseWriter, r *http.Request) {
	h, refused := p.held(r, acquirer.ChannelWeb, session(w, r).public("web"))
	if refused != nil {
		p.refuse(w, r, *refused)
		return
	}
	w.Header().Set("Content-Disposition", `attachment; filename="ringback.json"`)
	writeJSON(w, http.StatusOK, "application/json", h)
}

// statementData is what the page of a statement shows.
type statementData struct {
	statementView
	Wrong bool // the days that were asked for are no period
}

func (p *Portal) showStatement(w http.ResponseWriter, r *http.Request) {
	q, now := r.URL.Query(), time.Now()
	from, to, err := period(q.Get("from"), q.Get("to"), now)
	status := http.StatusOK
	if err != nil {
		status = http.StatusUnprocessableEntity
		from, to, _ = period("", "", now) // without an error: it was asked for nothing
	}
	s, refused := p.statement(r, acquirer.ChannelWeb, session(w, r).public("web"), from, to)
	if refused != nil {
		p.refuse(w, r, *refused)
		return
	}
	p.render(w, r, status, "statement", "statement.title", statementData{s, err != nil})
}

// writeJSON writes one value.
func writeJSON(w http.ResponseWriter, status int, kind string, v any) {
	w.Header().Set("Content-Type", kind)
	w.WriteHeader(status)
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	_ = e.Encode(v) // a peer that hung up is no error of ours
}
