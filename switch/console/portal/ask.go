package portal

import (
	"errors"
	"net/http"
	"slices"

	acquirer "example.com/ringback/switch"
)

func (p *Portal) showForm(w http.ResponseWriter, r *http.Request, f form) {
	p.render(w, r, http.StatusOK, "form", f.name+".title", p.data(r, session(w, r), f, nil))
}

// sendForm hands a form to the switch and shows what it says.
func (p *Portal) sendForm(w http.ResponseWriter, r *http.Request, f form) {
	t, id, ok := p.admit(w, r)
	if !ok {
		return
	}
	pc, _ := cookie(r, pcCookie)
	reply, refused := p.receive(r, acquirer.ChannelWeb, t.public("web"), id, f.request(r, pc))
	if refused != nil {
		p.refuse(w, r, *refused)
		return
	}
	switch reply.Outcome {
	case acquirer.OutcomeTaken:
		http.Redirect(w, r, "/confirm?after="+f.name, http.StatusSeeOther)
	case acquirer.OutcomeRefused:
		p.render(w, r, http.StatusUnprocessableEntity, "form", f.name+".title", p.data(r, t, f, reply.Reasons))
	case acquirer.OutcomeWrongCode:
		p.render(w, r, http.StatusUnprocessableEntity, "form", f.name+".title", p.data(r, t, f, []acquirer.Reason{wrongCode}))
	default:
		p.tell(w, r, reply)
	}
}

// admit lets a form through that this browser's session was given, and not too often. It returns the name of the message.
func (p *Portal) admit(w http.ResponseWriter, r *http.Request) (t token, id string, ok bool) {
	if err := r.ParseForm(); err != nil {
		var large *http.MaxBytesError
		if errors.As(err, &large) {
			p.refuse(w, r, refusal{status: http.StatusRequestEntityTooLarge, slug: "too-large"})
			return "", "", false
		}
		p.refuse(w, r, refusal{status: http.StatusBadRequest, slug: "malformed"})
		return "", "", false
	}
	t, has := cookie(r, sessionCookie)
	form := r.PostFormValue("form")
	if !has || !t.ownsForm(form) {
		p.refuse(w, r, refusal{status: http.StatusForbidden, slug: "stale-form"})
		return "", "", false
	}
	if wait, ok := p.bySession.Take(t.public("limit")); !ok {
		p.refuse(w, r, tooMany(wait))
		return "", "", false
	}
	return t, form, true
}

// tell shows an answer that ends what was asked.
func (p *Portal) tell(w http.ResponseWriter, r *http.Request, reply acquirer.Reply) {
	if reply.Outcome == acquirer.OutcomeLimited {
		w.Header().Set("Retry-After", seconds(retryLimited))
		p.message(w, r, http.StatusTooManyRequests, "limited", reply.Text)
		return
	}
	p.message(w, r, http.StatusOK, "outcome", reply.Text)
}

// afterNames are what a page for a code may be behind.
func afterNames(name string) bool {
	return name == "pc" || slices.ContainsFunc(forms, func(f form) bool { return f.name == name })
}

// afterOf reads what a page for a code is behind.
func afterOf(r *http.Request) string {
	for _, name := range []string{r.PostForm.Get("after"), r.URL.Query().Get("after")} {
		if afterNames(name) {
			return name
		}
	}
	return ""
}

// confirmForm makes the page for a code.
func confirmForm(r *http.Request, t token, by way, reasons []acquirer.Reason) formData {
	d := formData{Name: "confirm", Action: by.confirm, Token: t.newForm(), Resend: by.resend, Second: t.newForm(), After: afterOf(r)}
	number := field{input: inputs["number"], Name: "number", Optional: true}
	if r.Method == http.MethodPost {
		number.Value = echo(r.PostFormValue("number"))
	}
	d.Fields = []field{{input: inputs["code"], Name: "code"}, number}
	d.mark(visitOf(r).language, reasons, func(name string) bool { return r.PostFormValue(name) == "" })
	return d
}

func (p *Portal) showConfirm(w http.ResponseWriter, r *http.Request, by way) {
	d := confirmForm(r, session(w, r), by, nil)
	if r.URL.Query().Get("sent") == "1" {
		d.Notice = "confirm.sent"
	}
	p.render(w, r, http.StatusOK, "confirm", "confirm.title", d)
}

// sendConfirm hands a code to the switch.
func (p *Portal) sendConfirm(w http.ResponseWriter, r *http.Request, by way) {
	t, id, ok := p.admit(w, r)
	if !ok {
		return
	}
	q := form{kind: acquirer.RequestConfirm, fields: []string{"code", "number"}}.request(r, "")
	reply, refused := p.receive(r, by.channel, t.public("web"), id, q)
	if refused != nil {
		p.refuse(w, r, *refused)
		return
	}
	again := func(status int, notice string, reasons ...acquirer.Reason) {
		d := confirmForm(r, t, by, reasons)
		d.Notice = notice
		p.render(w, r, status, "confirm", "confirm.title", d)
	}
	switch reply.Outcome {
	case acquirer.OutcomeConfirmed:
		p.confirmed(w, r, reply)
	case acquirer.OutcomeHalf:
		again(http.StatusOK, "confirm.half")
	case acquirer.OutcomeWrongCode:
		again(http.StatusUnprocessableEntity, "", wrongCode)
	case acquirer.OutcomeRefused:
		again(http.StatusUnprocessableEntity, "", reply.Reasons...)
	default:
		p.tell(w, r, reply)
	}
}

// confirmed shows what the right code opened.
func (p *Portal) confirmed(w http.ResponseWriter, r *http.Request, reply acquirer.Reply) {
	switch afterOf(r) {
	case "see":
		http.Redirect(w, r, "/held", http.StatusSeeOther)
	case "pc":
		http.Redirect(w, r, "/pc?confirmed=1", http.StatusSeeOther)
	default:
		p.message(w, r, http.StatusOK, "confirmed", reply.Text)
	}
}

// sendResend asks for another code.
func (p *Portal) sendResend(w http.ResponseWriter, r *http.Request, by way) {
	t, id, ok := p.admit(w, r)
	if !ok {
		return
	}
	reply, refused := p.receive(r, by.channel, t.public("web"), id, acquirer.Request{Kind: acquirer.RequestResend})
	if refused != nil {
		p.refuse(w, r, *refused)
		return
	}
	if reply.Outcome != acquirer.OutcomeTaken {
		p.tell(w, r, reply)
		return
	}
	to := by.confirm + "?sent=1"
	if after := afterOf(r); after != "" {
		to += "&after=" + after
	}
	http.Redirect(w, r, to, http.StatusSeeOther)
}
