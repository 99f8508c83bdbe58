package portal

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"slices"
	"strings"
	"time"

	acquirer "example.com/ringback/switch"
)

// apiRoute is one operation of the API. The table of them makes the handlers and the OpenAPI document, so that neither
// has one that the other has not.
type apiRoute struct {
	method, path, name, summary string
	form                        form     // what a request asks for; zero for other operations
	answer                      string   // schema of the answer
	statuses                    []int    // of answers and problems
	query                       []string // parameters of the address, each a date
	session                     bool     // a session must be shown
	serve                       func(*Portal, http.ResponseWriter, *http.Request, apiRoute)
}

const apiBase = "/api/v1/"

// Statuses that operations share.
var (
	requestProblems = []int{400, 401, 403, 413, 415, 422, 429, 500, 503}
	lookProblems    = []int{401, 403, 429, 500, 503}
)

var apiRoutes = slices.Concat(requestRoutes(), []apiRoute{
	{method: http.MethodPost, path: apiBase + "sessions", name: "openSession", summary: "Open a session without asking for anything.",
		answer: "Session", statuses: []int{201, 403, 413, 429}, serve: (*Portal).apiSession},
	{method: http.MethodGet, path: apiBase + "status", name: "status", summary: "How the session's last request stands.",
		answer: "Answer", statuses: []int{200, 401, 404, 429, 500, 503}, session: true, serve: (*Portal).apiStatus},
	{method: http.MethodGet, path: apiBase + "held", name: "held", summary: "Everything that is held about the payee; after a confirmed request to see.",
		answer: "Held", statuses: append([]int{200}, lookProblems...), session: true, serve: (*Portal).apiHeld},
	{method: http.MethodGet, path: apiBase + "statement", name: "statement", summary: "The payments to the payee by who paid; after a confirmed request to see.",
		answer: "Statement", statuses: append([]int{200, 422}, lookProblems...), query: []string{"from", "to"}, session: true, serve: (*Portal).apiStatement},
	{method: http.MethodGet, path: "/api/openapi.json", name: "openAPI", summary: "This document.",
		answer: "Document", statuses: []int{200, 429}, serve: (*Portal).apiDocument},
})

// requestRoutes are the operations that hand a request to the switch: one for each form, and those that act on one.
func requestRoutes() (all []apiRoute) {
	summaries := map[string]string{"register": "Register name and card at a number.", "card": "Change the card.",
		"name": "Change the name.", "number": "Change the number.", "devices": "Replace the list of devices, or put devices in front of it.",
		"suspend": "Suspend payments.", "resume": "Resume payments.", "delete": "Delete everything.",
		"see": "Ask to see what is held.", "cancel": "Call off a change that waits, with the code of the message about it.",
		"confirm": "Confirm a request with the code that was sent to the number.", "resend": "Ask for another code."}
	asked := append(slices.Clone(forms), form{"confirm", acquirer.RequestConfirm, []string{"code", "number"}},
		form{"resend", acquirer.RequestResend, nil})
	for _, f := range asked {
		good := http.StatusAccepted
		if f.kind == acquirer.RequestConfirm || f.kind == acquirer.RequestCancel {
			good = http.StatusOK
		}
		all = append(all, apiRoute{method: http.MethodPost, path: apiBase + f.name, name: f.name, summary: summaries[f.name], form: f,
			answer: "Answer", statuses: append([]int{good}, requestProblems...), serve: (*Portal).apiRequest})
	}
	return all
}

func (p *Portal) routeAPI(mux *http.ServeMux) {
	for _, route := range apiRoutes {
		mux.HandleFunc(route.method+" "+route.path, func(w http.ResponseWriter, r *http.Request) { route.serve(p, w, r, route) })
	}
}

// answer is what became of a request.
type answer struct {
	Outcome   acquirer.Outcome  `json:"outcome"`
	Text      string            `json:"text,omitempty"`
	Language  acquirer.Language `json:"language"`
	Effective *time.Time        `json:"effective,omitempty"`
	Again     bool              `json:"again"`             // the same key came before; this is its answer
	Session   string            `json:"session,omitempty"` // a new one, to be shown from now on
}

// apiBody is what a request may hold.
type apiBody struct {
	Number    string `json:"number"`
	NewNumber string `json:"new_number"`
	Name      string `json:"name"`
	Card      string `json:"card"`
	Code      string `json:"code"`
	Devices   []struct {
		Kind    string `json:"kind"`
		Address string `json:"address"`
	} `json:"devices"`
	Front bool `json:"front"`
}

// apiRequest hands a request to the switch.
func (p *Portal) apiRequest(w http.ResponseWriter, r *http.Request, route apiRoute) {
	t, opened, key, refused := p.apiAdmit(r)
	if refused != nil {
		p.refuse(w, r, *refused)
		return
	}
	body, err := readBody(r, route.form)
	if err != nil {
		p.refuse(w, r, bodyRefusal(err))
		return
	}
	reply, refused := p.receive(r, acquirer.ChannelAPI, t.public("api"), string(t.derive("message "+key)), body.request(route.form))
	if refused != nil {
		p.refuse(w, r, *refused)
		return
	}
	a := answerOf(reply)
	if opened {
		a.Session = string(t)
	}
	switch reply.Outcome {
	case acquirer.OutcomeTaken:
		writeJSON(w, http.StatusAccepted, "application/json", a)
	case acquirer.OutcomeRefused:
		p.problem(w, r, problem{Status: http.StatusUnprocessableEntity, slug: "refused", Detail: reply.Text, Session: a.Session,
			Reasons: reasonsOf(reply.Reasons, route.form, body)})
	case acquirer.OutcomeWrongCode:
		p.problem(w, r, problem{Status: http.StatusUnprocessableEntity, slug: "wrong-code", Detail: reply.Text, Session: a.Session,
			Reasons: reasonsOf([]acquirer.Reason{wrongCode}, route.form, body)})
	case acquirer.OutcomeLimited:
		w.Header().Set("Retry-After", seconds(retryLimited))
		p.problem(w, r, problem{Status: http.StatusTooManyRequests, slug: "limited", Detail: reply.Text, Session: a.Session})
	default:
		writeJSON(w, http.StatusOK, "application/json", a)
	}
}

func answerOf(reply acquirer.Reply) answer {
	return answer{Outcome: reply.Outcome, Text: reply.Text, Language: reply.Language, Effective: moment(reply.Effective), Again: reply.Again}
}

// apiAdmit reads the session, a new one when none is shown, and the key that names the message.
func (p *Portal) apiAdmit(r *http.Request) (t token, opened bool, key string, refused *refusal) {
	t, shown, ok := bearer(r)
	if !ok {
		return "", false, "", &refusal{status: http.StatusUnauthorized, slug: "session"}
	}
	key = r.Header.Get("Idempotency-Key")
	if len(key) < minKey || len(key) > maxKey || strings.ContainsFunc(key, func(c rune) bool { return c <= ' ' || c > '~' }) {
		return "", false, "", &refusal{status: http.StatusBadRequest, slug: "key"}
	}
	if !shown {
		t = newToken()
	}
	if wait, ok := p.bySession.Take(t.public("limit")); !ok {
		f := tooMany(wait)
		return "", false, "", &f
	}
	return t, !shown, key, nil
}

// bearer reads the session that a request shows; shown is false when it shows none, ok when it shows something else.
func bearer(r *http.Request) (t token, shown, ok bool) {
	h := r.Header.Get("Authorization")
	if h == "" {
		return "", false, true
	}
	scheme, value, _ := strings.Cut(h, " ")
	t, ok = parseToken(strings.TrimSpace(value))
	return t, true, ok && strings.EqualFold(scheme, "Bearer")
}

// The failures of a body.
var (
	errMediaType = errors.New("body is not application/json")
	errMalformed = errors.New("body is not one JSON object with known members")
)

func bodyRefusal(err error) refusal {
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return refusal{status: http.StatusRequestEntityTooLarge, slug: "too-large"}
	case errors.Is(err, errMediaType):
		return refusal{status: http.StatusUnsupportedMediaType, slug: "media-type"}
	}
	return refusal{status: http.StatusBadRequest, slug: "malformed"}
}

// readBody reads one JSON object that holds nothing but the members of a form.
func readBody(r *http.Request, f form) (apiBody, error) {
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || kind != "application/json" {
		return apiBody{}, errMediaType
	}
	raw, err := io.ReadAll(r.Body)
	if err != nil {
		return apiBody{}, err
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(raw, &members); err != nil || members == nil {
		return apiBody{}, errMalformed
	}
	for name := range members {
		if !slices.Contains(f.fields, name) && (name != "front" || f.kind != acquirer.RequestDevices) {
			return apiBody{}, errMalformed
		}
	}
	var body apiBody
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	if err := d.Decode(&body); err != nil {
		return apiBody{}, errMalformed
	}
	return body, nil
}

// request is what the body asks for, as it was typed.
func (b apiBody) request(f form) acquirer.Request {
	q := acquirer.Request{Kind: f.kind, Number: b.Number, NewNumber: b.NewNumber, Name: b.Name, Card: b.Card, Code: b.Code, Front: b.Front}
	for _, d := range b.Devices {
		q.Devices = append(q.Devices, acquirer.DeviceChoice{Kind: acquirer.DeviceKind(d.Kind), Address: d.Address})
	}
	return q
}

// empty reports whether a member is not there.
func (b apiBody) empty(name string) bool {
	switch name {
	case "number":
		return b.Number == ""
	case "new_number":
		return b.NewNumber == ""
	case "name":
		return b.Name == ""
	case "card":
		return b.Card == ""
	case "code":
		return b.Code == ""
	}
	return len(b.Devices) == 0
}

// apiSession opens a session: for who must not lose the answer to a first request.
func (p *Portal) apiSession(w http.ResponseWriter, _ *http.Request, _ apiRoute) {
	writeJSON(w, http.StatusCreated, "application/json", struct {
		Session string `json:"session"`
	}{string(newToken())})
}

// shown reads the session that an operation needs.
func (p *Portal) shown(w http.ResponseWriter, r *http.Request) (sender string, ok bool) {
	t, shown, ok := bearer(r)
	if !ok || !shown {
		p.refuse(w, r, refusal{status: http.StatusUnauthorized, slug: "session"})
		return "", false
	}
	return t.public("api"), true
}

func (p *Portal) apiStatus(w http.ResponseWriter, r *http.Request, _ apiRoute) {
	sender, ok := p.shown(w, r)
	if !ok {
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), coreTimeout)
	defer cancel()
	reply, err := p.Desk.Standing(ctx, acquirer.ChannelAPI, sender)
	switch {
	case errors.Is(err, acquirer.ErrNotFound):
		p.refuse(w, r, refusal{status: http.StatusNotFound, slug: "no-request"})
	case err != nil:
		p.refuse(w, r, *p.failure(err))
	default:
		writeJSON(w, http.StatusOK, "application/json", answerOf(reply))
	}
}

func (p *Portal) apiHeld(w http.ResponseWriter, r *http.Request, _ apiRoute) {
	sender, ok := p.shown(w, r)
	if !ok {
		return
	}
	h, refused := p.held(r, acquirer.ChannelAPI, sender)
	if refused != nil {
		p.refuse(w, r, *refused)
		return
	}
	writeJSON(w, http.StatusOK, "application/json", h)
}

func (p *Portal) apiStatement(w http.ResponseWriter, r *http.Request, _ apiRoute) {
	sender, ok := p.shown(w, r)
	if !ok {
		return
	}
	from, to, err := period(r.URL.Query().Get("from"), r.URL.Query().Get("to"), time.Now())
	if err != nil {
		p.refuse(w, r, refusal{status: http.StatusUnprocessableEntity, slug: "period"})
		return
	}
	s, refused := p.statement(r, acquirer.ChannelAPI, sender, from, to)
	if refused != nil {
		p.refuse(w, r, *refused)
		return
	}
	writeJSON(w, http.StatusOK, "application/json", s)
}

func (p *Portal) apiDocument(w http.ResponseWriter, _ *http.Request, _ apiRoute) {
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(p.openAPI) // a peer that hung up is no error of ours
}
