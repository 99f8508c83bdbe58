package acquirer

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"text/template"
	"unicode"
	"unicode/utf8"
)

// textFiles are the built-in texts, a file each, in a folder per language: the first line is the subject, then an empty
// line, then the text. They are templates over [Words].
//
//go:embed text/*/*.txt
var textFiles embed.FS

// Words are what a template may use. Each is ready to print; empty where the notice has no such thing.
type Words struct {
	At, Amount, RRN, Memo          string // of a payment
	Payer, Payee, PayeeName        string
	Number, NewNumber, Name, Card  string // of an enrolment or a payee
	Kind, Reasons, Status          string
	Code, Stop, Minutes, Effective string
}

// sampleWords has every word filled, for trying templates.
var sampleWords = Words{At: "11月24日23:48", Amount: "12.34", RRN: "632800000002", Memo: "房租", Payer: "13900139001",
	Payee: "138****8001", PayeeName: "王*明", Number: "138****8001", NewNumber: "139****9001", Name: "王*明",
	Card: "621700*********0012", Kind: "变更收款卡", Reasons: "卡号有误", Status: "可收款", Code: "123456", Stop: "654321",
	Minutes: "10", Effective: "11月25日23:48"}

// Templates are the texts of all notices and replies.
type Templates struct{ texts map[string]*text }

// text is one text: subject and body.
type text struct{ subject, body *template.Template }

// LoadTemplates reads the built-in texts and then, where dir is not empty, those of a folder that replace them: files of
// the same names, such as zh/debited.txt. Each is tried. The error names every file that cannot be used and says why.
func LoadTemplates(dir string) (*Templates, error) {
	t := &Templates{texts: map[string]*text{}}
	own, err := fs.Sub(textFiles, "text")
	if err != nil {
		return nil, err
	}
	if err := t.read(own, false); err != nil || dir == "" {
		return t, err
	}
	if err := t.read(os.DirFS(dir), true); err != nil {
		return nil, fmt.Errorf("templates in %s: %w", filepath.Clean(dir), err)
	}
	return t, nil
}

// read takes every file of a folder; with replace each must have a name that is there already.
func (t *Templates) read(folder fs.FS, replace bool) error {
	var wrong []error
	err := fs.WalkDir(folder, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		key := strings.TrimSuffix(name, ".txt")
		if path.Ext(name) != ".txt" || replace && t.texts[key] == nil {
			wrong = append(wrong, fmt.Errorf("%s: there is no such text", name))
			return nil
		}
		b, err := fs.ReadFile(folder, name)
		if err != nil {
			return err
		}
		parsed, err := parseText(string(b))
		if err != nil {
			wrong = append(wrong, fmt.Errorf("%s: %w", name, err))
			return nil
		}
		t.texts[key] = parsed
		return nil
	})
	return errors.Join(append(wrong, err)...)
}

// parseText reads and tries one file.
func parseText(s string) (*text, error) {
	subject, body, ok := strings.Cut(strings.TrimSpace(strings.ReplaceAll(s, "\r\n", "\n")), "\n\n")
	if !ok {
		return nil, errors.New("it must be a subject, an empty line and a text")
	}
	var t text
	var err error
	if t.subject, err = template.New("subject").Option("missingkey=error").Parse(subject); err != nil {
		return nil, err
	}
	if t.body, err = template.New("text").Option("missingkey=error").Parse(strings.TrimSpace(body)); err != nil {
		return nil, err
	}
	head, text, err := t.write(sampleWords)
	if err != nil {
		return nil, err
	}
	if err := errors.Join(checkText(head, maxSubject), checkText(text, maxText)); err != nil {
		return nil, err
	}
	if _, _, err := t.write(Words{}); err != nil {
		return nil, err
	}
	return &t, nil
}

// link finds what a phone would make a link of. A notice never holds one: a receiver who learns that notices have links
// can be sent anywhere.
var link = regexp.MustCompile(`(?i)https?:|www\.|[a-z0-9-]\.(com|cn|net|org|cc|top|xyz|info)\b|t\.me/`)

// checkText judges what a template wrote.
func checkText(s string, longest int) error {
	switch n := utf8.RuneCountInString(s); {
	case strings.TrimSpace(s) == "":
		return errors.New("it writes nothing")
	case n > longest:
		return fmt.Errorf("it writes %d characters, %d at most", n, longest)
	case link.MatchString(s):
		return errors.New("it holds a link")
	case strings.ContainsFunc(s, func(r rune) bool { return r == utf8.RuneError || r != '\n' && unicode.IsControl(r) }):
		return errors.New("it holds control characters")
	}
	return nil
}

func (t *text) write(w Words) (subject, body string, err error) {
	var head, text strings.Builder
	err = errors.Join(t.subject.Execute(&head, w), t.body.Execute(&text, w))
	return head.String(), text.String(), err
}

// Write makes subject and text from a template. A memo that a payer typed is the only part that is not ours; what looks
// like a link in it is left out with the memo.
func (t *Templates) Write(l Language, name string, w Words) (subject, body string, err error) {
	if l != English {
		l = Chinese
	}
	key := string(l) + "/" + name
	found := t.texts[key]
	if found == nil {
		return "", "", fmt.Errorf("there is no text %s", key)
	}
	w.Memo = plainMemo(w.Memo)
	return found.write(w)
}

// plainMemo is a memo, or nothing when it looks like a link or cannot be shown.
func plainMemo(memo string) string {
	if checkText(memo, maxText) != nil {
		return ""
	}
	return memo
}

// Names lists the texts there are, as language/name.
func (t *Templates) Names() []string {
	var all []string
	for name := range t.texts {
		all = append(all, name)
	}
	slices.Sort(all)
	return all
}
