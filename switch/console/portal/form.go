package portal

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"unicode"

	acquirer "example.com/ringback/switch"
)

// form is one thing that a payee may ask for: its page is /name, its words begin with the name.
type form struct {
	name   string
	kind   acquirer.RequestKind
	fields []string
}

// forms are all of them but the page of a PC.
var forms = []form{
	{"register", acquirer.RequestRegister, []string{"number", "name", "card"}},
	{"card", acquirer.RequestChangeCard, []string{"number", "card"}},
	{"name", acquirer.RequestChangeName, []string{"number", "name"}},
	{"number", acquirer.RequestChangeNumber, []string{"number", "new_number"}},
	{"devices", acquirer.RequestDevices, []string{"number", "devices"}},
	{"suspend", acquirer.RequestSuspend, []string{"number"}},
	{"resume", acquirer.RequestResume, []string{"number"}},
	{"delete", acquirer.RequestDelete, []string{"number"}},
	{"see", acquirer.RequestSee, []string{"number"}},
	{"cancel", acquirer.RequestCancel, []string{"number", "code"}},
}

// input says how a browser should take a value.
type input struct {
	Type, Mode, Complete string
	Max                  int
	secret               bool // never sent back
}

var inputs = map[string]input{
	"number":     {Type: "tel", Mode: "numeric", Complete: "tel-national", Max: 20},
	"new_number": {Type: "tel", Mode: "numeric", Complete: "tel-national", Max: 20},
	"name":       {Type: "text", Mode: "text", Complete: "name", Max: 100},
	"card":       {Type: "text", Mode: "numeric", Complete: "cc-number", Max: 40, secret: true},
	"code":       {Type: "text", Mode: "numeric", Complete: "one-time-code", Max: 12, secret: true},
}

// field is an input on a page.
type field struct {
	input
	Name, Value, Error string
	Optional           bool
}

// place is one place of the form for a list of devices.
type place struct {
	Number        int
	Kind, Address string
	Kinds         []string // that are offered
}

// formData is what the template of a form shows.
type formData struct {
	Name   string // begins the words
	Action string
	Token  string
	Fields []field
	Places []place  // of the form for a list of devices
	Listed string   // what is wrong with that list
	After  string   // of the page for the code: what the code is for
	Errors []string // that belong to no field
	Notice string
	Resend string // address that asks for another code
	Second string // token of that form
}

// Wrong reports whether anything is marked.
func (d formData) Wrong() bool {
	return len(d.Errors) > 0 || d.Listed != "" || slices.ContainsFunc(d.Fields, func(f field) bool { return f.Error != "" })
}

// Posts reports whether the form offers letters, whose address wants a word more.
func (d formData) Posts() bool {
	return len(d.Places) > 0 && slices.Contains(d.Places[0].Kinds, string(acquirer.DeviceLetter))
}

// request reads what was typed.
func (f form) request(r *http.Request, pc token) acquirer.Request {
	q := acquirer.Request{Kind: f.kind}
	for _, name := range f.fields {
		value := strings.TrimSpace(r.PostFormValue(name))
		switch name {
		case "number":
			q.Number = value
		case "new_number":
			q.NewNumber = value
		case "name":
			q.Name = value
		case "card":
			q.Card = value
		case "code":
			q.Code = value
		case "devices":
			q.Devices = readDevices(r, pc)
		}
	}
	return q
}

// readDevices reads the places that were filled. The address of this browser is its token, whatever was typed.
func readDevices(r *http.Request, pc token) (all []acquirer.DeviceChoice) {
	for i := 1; i <= formDevices; i++ {
		d := acquirer.DeviceChoice{Kind: acquirer.DeviceKind(r.PostFormValue("kind" + strconv.Itoa(i)))}
		switch {
		case d.Kind == "":
			continue
		case d.Kind == acquirer.DevicePC:
			d.Address = pc.public("pc")
		case !d.Kind.ReachesNumbers():
			d.Address = strings.TrimSpace(r.PostFormValue("address" + strconv.Itoa(i)))
		}
		all = append(all, d)
	}
	return all
}

// data makes the form's page: empty for a form that was not sent, with what was typed and what is wrong with it otherwise.
func (p *Portal) data(r *http.Request, t token, f form, reasons []acquirer.Reason) formData {
	d := formData{Name: f.name, Action: "/" + f.name, Token: t.newForm()}
	for _, name := range f.fields {
		in, ok := inputs[name]
		if !ok {
			d.Places = p.places(r)
			continue
		}
		one := field{input: in, Name: name}
		if r.Method == http.MethodPost && !in.secret {
			one.Value = echo(strings.TrimSpace(r.PostFormValue(name)))
		}
		d.Fields = append(d.Fields, one)
	}
	d.mark(visitOf(r).language, reasons, func(name string) bool { return strings.TrimSpace(r.PostFormValue(name)) == "" })
	return d
}

// mark puts the reasons of a refusal beside the fields that they are about.
func (d *formData) mark(l acquirer.Language, reasons []acquirer.Reason, empty func(field string) bool) {
	for _, reason := range reasons {
		text, found := reasonText(l, reason), false
		if fieldOf(reason) == "devices" && len(d.Places) > 0 {
			d.Listed, found = text, true
		}
		for i := range d.Fields {
			f := &d.Fields[i]
			if f.Error == "" && (fieldOf(reason) == f.Name || reason == acquirer.ReasonMissing && !f.Optional && empty(f.Name)) {
				f.Error, found = text, true
			}
		}
		if !found {
			d.Errors = append(d.Errors, text)
		}
	}
}

// places makes the form for a list of devices.
func (p *Portal) places(r *http.Request) (all []place) {
	var kinds []string
	for _, k := range p.Devices {
		if _, has := cookie(r, pcCookie); k != acquirer.DevicePC || has {
			kinds = append(kinds, string(k))
		}
	}
	for i := 1; i <= formDevices; i++ {
		all = append(all, place{Number: i, Kinds: kinds, Kind: r.PostFormValue("kind" + strconv.Itoa(i)),
			Address: echo(r.PostFormValue("address" + strconv.Itoa(i)))})
	}
	return all
}

var reasonFields = map[acquirer.Reason]string{acquirer.ReasonNumber: "number", acquirer.ReasonNewNumber: "new_number",
	acquirer.ReasonName: "name", acquirer.ReasonLookAlike: "name", acquirer.ReasonCardDigits: "card",
	acquirer.ReasonCardBank: "card", acquirer.ReasonCardKind: "card", acquirer.ReasonCardNoPact: "card",
	acquirer.ReasonDevices: "devices", acquirer.ReasonCode: "code", wrongCode: "code"}

// fieldOf names the field that a reason is about; empty for one that is about the whole.
func fieldOf(r acquirer.Reason) string { return reasonFields[r] }

// echo is a value as it may be sent back: nothing that could be a card number, whichever field it was typed into.
func echo(value string) string {
	var digits strings.Builder
	for _, r := range value {
		if unicode.IsDigit(r) {
			digits.WriteRune(r)
		}
	}
	all := digits.String()
	for _, country := range []string{"0086", "86"} {
		if rest, ok := strings.CutPrefix(all, country); ok && len(rest) == 11 {
			all = rest
		}
	}
	if len([]rune(all)) >= 13 || len(value) > 600 {
		return ""
	}
	return value
}

// onPage is a field with the page it is on, as its template wants it.
type onPage struct {
	Field field
	Page  page
}

// On puts the field on a page.
func (f field) On(p page) onPage { return onPage{f, p} }
