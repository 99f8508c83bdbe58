package portal

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"strings"
	"time"

	acquirer "example.com/ringback/switch"
)

//go:embed templates
var templateFiles embed.FS

// templates are the pages by name, each with the layout around it.
type templates map[string]*template.Template

func loadTemplates(statics map[string]static) (*templates, error) {
	files, err := fs.Sub(templateFiles, "templates")
	if err != nil {
		return nil, err
	}
	functions := template.FuncMap{"static": func(name string) (string, error) {
		s, ok := statics[name]
		if !ok {
			return "", fmt.Errorf("there is no file %s", name)
		}
		return s.address, nil
	}}
	all := templates{}
	names, err := fs.Glob(files, "*.html")
	if err != nil {
		return nil, err
	}
	for _, file := range names {
		name := strings.TrimSuffix(file, ".html")
		if name == "layout" {
			continue
		}
		t, err := template.New(file).Funcs(functions).Option("missingkey=error").ParseFS(files, "layout.html", file)
		if err != nil {
			return nil, err
		}
		all[name] = t
	}
	return &all, nil
}

// page is what a template sees.
type page struct {
	Language acquirer.Language
	Path     string // of the page, for the switch of languages
	After    string // what the page's code is for
	Title    string
	Leave    string // token of the form that ends the session; empty: there is none
	Script   bool
	Data     any
}

// T is a text of the page in its language.
func (p page) T(key string) (string, error) { return text(p.Language, key) }

// Other is the other language.
func (p page) Other() acquirer.Language {
	if p.Language == acquirer.English {
		return acquirer.Chinese
	}
	return acquirer.English
}

// When writes a time in Beijing time.
func (p page) When(t time.Time) string { return t.In(acquirer.Beijing).Format("2006-01-02 15:04") }

// Yuan writes an amount.
func (p page) Yuan(fen int64) string { return "¥" + acquirer.Fen(fen).String() }

// Place names a place of the list of devices.
func (p page) Place(n int) (string, error) {
	s, err := p.T("field.place")
	return fmt.Sprintf(s, n), err
}

// Wrong says which field is wrong, and why.
func (p page) Wrong(f field) (string, error) {
	name, err := p.T("field." + f.Name)
	form, second := p.T("error.field")
	return fmt.Sprintf(form, name, f.Error), errors.Join(err, second)
}

// Word is a text of a family for a value, such as a state's; the value itself when there is none.
func (p page) Word(family, value string) string {
	if s, err := text(p.Language, family+"."+value); err == nil {
		return s
	}
	return value
}

// render writes a page. It is made whole first, so that an error is not half a page.
func (p *Portal) render(w http.ResponseWriter, r *http.Request, status int, name, title string, data any) {
	v := visitOf(r)
	if l := known(r.URL.Query().Get("lang")); l != "" {
		keep(w, r, languageCookie, string(l), languageLife)
	}
	heading, err := text(v.language, title)
	leave := ""
	if t, has := cookie(r, sessionCookie); has {
		leave = t.newForm()
	}
	var out bytes.Buffer
	if err == nil {
		err = (*p.pages)[name].ExecuteTemplate(&out, "layout", page{Language: v.language, Path: pathOf(r), After: afterOf(r), Title: heading,
			Leave: leave, Script: name == "pc", Data: data})
	}
	if err != nil {
		p.noisy.Error().Err(err).Str("page", name).Msg("a page cannot be made")
		http.Error(w, http.StatusText(http.StatusInternalServerError), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Language", string(v.language))
	w.Header().Set("Vary", "Accept-Language, Cookie")
	w.WriteHeader(status)
	_, _ = w.Write(out.Bytes()) // a peer that hung up is no error of ours
}

// pathOf is the address of the page that a request is about, in our words: what was asked for is never written on a page.
func pathOf(r *http.Request) string {
	_, path, _ := strings.Cut(r.Pattern, " ")
	path = strings.TrimSuffix(strings.ReplaceAll(path, "/resend", "/confirm"), "/leave")
	if path == "" || strings.ContainsRune(path, '{') {
		return "/"
	}
	return path
}

// messageData is a page that only says something.
type messageData struct {
	Name string // begins the words; empty: Text is all
	Text string
	Bad  bool
	Next string // address of the page that goes on
}

// message writes a page that says something: the words of a name, or a text of the switch.
func (p *Portal) message(w http.ResponseWriter, r *http.Request, status int, name, said string) {
	p.render(w, r, status, "message", name+".title", messageData{Name: name, Text: said, Bad: status >= 400, Next: "/"})
}

func (p *Portal) showHome(w http.ResponseWriter, r *http.Request) {
	p.render(w, r, http.StatusOK, "home", "home.title", nil)
}

// leave forgets the session.
func (p *Portal) leave(w http.ResponseWriter, r *http.Request) {
	if _, _, ok := p.admit(w, r); !ok {
		return
	}
	keep(w, r, sessionCookie, "", -time.Second)
	http.Redirect(w, r, "/", http.StatusSeeOther)
}
