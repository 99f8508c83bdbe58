package portal

import (
	"crypto/hmac"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	acquirer "example.com/ringback/switch"
)

// pcData is what the page of a PC shows.
type pcData struct {
	formData
	Known     bool   // this browser has a token
	Confirmed bool   // the code was right just now
	Ack       string // proves that the page says what it shows
	Leave     string // token of the form that ends it
	Words     string // texts for the script, as JSON
}

// scriptWords are the texts that the script of the page needs.
var scriptWords = []string{"pc.on", "pc.off", "pc.lost", "pc.from", "pc.count", "pc.other", "pc.allowed", "pc.denied"}

// showPC shows the page: how this browser becomes a device, and, when it is one, what comes.
func (p *Portal) showPC(w http.ResponseWriter, r *http.Request) {
	t := session(w, r)
	p.renderPC(w, r, http.StatusOK, t, nil)
}

var pcForm = form{"pc", acquirer.RequestDevices, []string{"number"}}

func (p *Portal) renderPC(w http.ResponseWriter, r *http.Request, status int, t token, reasons []acquirer.Reason) {
	d := pcData{formData: p.data(r, t, pcForm, reasons), Confirmed: r.URL.Query().Get("confirmed") == "1"}
	if pc, ok := cookie(r, pcCookie); ok {
		d.Known, d.Ack, d.Leave = true, string(pc.derive("ack")), t.newForm()
	}
	words := map[string]string{}
	for _, key := range scriptWords {
		s, err := text(visitOf(r).language, key)
		if err != nil {
			s = key
		}
		words[key] = s
	}
	b, err := json.Marshal(words)
	if err != nil {
		b = []byte("{}")
	}
	d.Words = string(b)
	p.render(w, r, status, "pc", "pc.title", d)
}

// sendPC asks for this browser to be put in front of a payee's devices. Its token follows from the form, so that a form
// that is sent twice has one.
func (p *Portal) sendPC(w http.ResponseWriter, r *http.Request) {
	t, id, ok := p.admit(w, r)
	if !ok {
		return
	}
	pc, has := cookie(r, pcCookie)
	if !has {
		pc = t.derive("pc " + id)
	}
	q := pcForm.request(r, "")
	q.Front, q.Devices = true, []acquirer.DeviceChoice{{Kind: acquirer.DevicePC, Address: pc.public("pc")}}
	reply, refused := p.receive(r, acquirer.ChannelPC, t.public("web"), id, q)
	if refused != nil {
		p.refuse(w, r, *refused)
		return
	}
	switch reply.Outcome {
	case acquirer.OutcomeTaken:
		keep(w, r, pcCookie, string(pc), pcLife)
		http.Redirect(w, r, "/pc/confirm?after=pc", http.StatusSeeOther)
	case acquirer.OutcomeRefused:
		p.renderPC(w, r, http.StatusUnprocessableEntity, t, reply.Reasons)
	default:
		p.tell(w, r, reply)
	}
}

// leavePC forgets the token: nothing comes here any more. The payee's list still names it until it is changed.
func (p *Portal) leavePC(w http.ResponseWriter, r *http.Request) {
	if _, _, ok := p.admit(w, r); !ok {
		return
	}
	keep(w, r, pcCookie, "", -time.Second)
	http.Redirect(w, r, "/pc", http.StatusSeeOther)
}

// stream tells a page of notices as they come (server-sent events, WHATWG HTML section 9.2).
func (p *Portal) stream(w http.ResponseWriter, r *http.Request) {
	pc, ok := cookie(r, pcCookie)
	if !ok {
		p.refuse(w, r, refusal{status: http.StatusUnauthorized, slug: "stale-form"})
		return
	}
	page := pc.public("pc")
	s, missed, ok := p.hub.open(page, visitOf(r).client, r.Header.Get("Last-Event-ID"))
	if !ok {
		p.refuse(w, r, refusal{status: http.StatusServiceUnavailable, slug: "busy", retry: retrySoon})
		return
	}
	defer p.hub.leave(page, s)
	h := w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("X-Accel-Buffering", "no") // a proxy must not hold it back
	out := &writer{w: w, control: http.NewResponseController(w)}
	out.err = out.control.SetReadDeadline(time.Time{}) // the request is read; its page may stay as long as it likes
	out.write(fmt.Appendf(nil, "retry: %d\n\n", streamRetry.Milliseconds()))
	for _, e := range missed {
		out.event(e)
	}
	out.follow(r, s)
}

// writer writes to one stream until a write fails.
type writer struct {
	w       http.ResponseWriter
	control *http.ResponseController
	err     error
}

// follow writes what comes until the page, the stream or its time ends.
func (o *writer) follow(r *http.Request, s *stream) {
	alive := time.NewTicker(keepAlive)
	defer alive.Stop()
	life := time.NewTimer(streamLife)
	defer life.Stop()
	for o.err == nil {
		select {
		case e := <-s.events:
			o.event(e)
		case <-alive.C:
			o.write([]byte(":\n\n"))
		case <-life.C:
			return
		case <-s.gone:
			return
		case <-r.Context().Done():
			return
		}
	}
}

func (o *writer) event(e event) {
	b, err := json.Marshal(e)
	if err != nil {
		o.err = err
		return
	}
	o.write(fmt.Appendf(nil, "id: %s\nevent: notice\ndata: %s\n\n", e.ID, b))
}

// write writes with a deadline of its own: a page that does not read is closed.
func (o *writer) write(b []byte) {
	if o.err != nil {
		return
	}
	if o.err = o.control.SetWriteDeadline(time.Now().Add(streamWrite)); o.err != nil {
		return
	}
	if _, o.err = o.w.Write(b); o.err == nil {
		o.err = o.control.Flush()
	}
}

// acknowledge takes a page's word that it shows an event.
func (p *Portal) acknowledge(w http.ResponseWriter, r *http.Request) {
	pc, ok := cookie(r, pcCookie)
	if !ok || !hmac.Equal([]byte(r.PostFormValue("ack")), []byte(pc.derive("ack"))) {
		p.refuse(w, r, refusal{status: http.StatusForbidden, slug: "stale-form"})
		return
	}
	p.hub.acknowledge(pc.public("pc"), r.PostFormValue("id"))
	w.WriteHeader(http.StatusNoContent)
}
