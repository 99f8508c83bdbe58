package tidy

import (
	"fmt"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// checkWords looks for the banned words in every text file.
func checkWords(_ *testing.T, tr *tree) (wrong []string) {
	bare := regexp.MustCompile(`(?m)\bTO` + `DO\b(:?\s*$|[^:])`)
	for _, name := range slices.Sorted(maps.Keys(tr.texts)) {
		text := tr.texts[name]
		lower := strings.ToLower(text)
		for _, b := range bans {
			if at, line := b.find(text, lower); at {
				wrong = append(wrong, fmt.Sprintf("%s:%d: %q: %s", name, line, b.text, b.why))
			}
		}
		if at := bare.FindStringIndex(text); at != nil {
			wrong = append(wrong, fmt.Sprintf("%s:%d: a to-do without a reason: write a colon and what is missing, or do it", name, lineOf(text, at[0])))
		}
	}
	return wrong
}

// find returns the first line on which the ban stands.
func (b ban) find(text, lower string) (found bool, line int) {
	if !b.exact {
		at := strings.Index(lower, b.text)
		return at >= 0, lineOf(lower, at)
	}
	if !strings.Contains(text, b.text) {
		return false, 0
	}
	at := regexp.MustCompile(`\b` + regexp.QuoteMeta(b.text) + `\b`).FindStringIndex(text)
	if at == nil {
		return false, 0
	}
	return true, lineOf(text, at[0])
}

// lineOf counts lines up to an offset; below zero it is none.
func lineOf(text string, at int) int { return 1 + strings.Count(text[:max(at, 0)], "\n") }

// Links of Markdown: [text](target "title") and [label]: target. Code does not link.
var (
	code       = regexp.MustCompile("(?ms)^ *```.*?^ *```|`[^`\n]*`")
	inlineLink = regexp.MustCompile(`\]\(\s*<?([^)\s>]+)`)
	labelLink  = regexp.MustCompile(`(?m)^\s{0,3}\[[^\]^]+\]:\s*<?([^\s>]+)`)
	elsewhere  = regexp.MustCompile(`^([a-zA-Z][a-zA-Z0-9+.-]*:|//|#)`) // a scheme, a host, or this page
)

// checkLinks wants every link of a page to a file of the repository to lead to one.
func checkLinks(_ *testing.T, tr *tree) (wrong []string) {
	for _, name := range slices.Sorted(maps.Keys(tr.texts)) {
		if path.Ext(name) != ".md" {
			continue
		}
		prose := code.ReplaceAllString(tr.texts[name], "")
		for _, m := range append(inlineLink.FindAllStringSubmatch(prose, -1), labelLink.FindAllStringSubmatch(prose, -1)...) {
			if target, ok := tr.leads(name, m[1]); !ok {
				wrong = append(wrong, fmt.Sprintf("%s links to %s: there is no %s", name, m[1], target))
			}
		}
	}
	return wrong
}

// leads returns the path a link of a page names and whether it is there.
func (tr *tree) leads(page, link string) (target string, ok bool) {
	if elsewhere.MatchString(link) {
		return "", true
	}
	link, _, _ = strings.Cut(link, "#")
	target = path.Join(path.Dir(page), link)
	if strings.HasPrefix(link, "/") {
		target = path.Join(".", link[1:])
	}
	return target, tr.paths[target]
}
