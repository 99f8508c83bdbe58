package tidy

import (
	"path"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// sketch makes a tree from files in memory.
func sketch(t *testing.T, files map[string]string) *tree {
	t.Helper()
	tr := &tree{module: "example.com/ringback", texts: files, paths: map[string]bool{}}
	byFolder := map[string]*goPackage{}
	for name, text := range files {
		for dir := name; dir != "."; dir = path.Dir(dir) {
			tr.paths[dir] = true
		}
		if path.Ext(name) != ".go" {
			continue
		}
		folder, f := path.Dir(name), parse(t, name, []byte(text))
		if byFolder[folder] == nil {
			byFolder[folder] = &goPackage{folder: folder, name: f.ast.Name.Name}
			tr.packages = append(tr.packages, byFolder[folder])
		}
		byFolder[folder].files = append(byFolder[folder].files, f)
	}
	return tr
}

// requireComplaint wants one complaint that says want, or none when want is empty.
func requireComplaint(t *testing.T, want string, got []string) {
	t.Helper()
	if want == "" {
		require.Empty(t, got)
		return
	}
	require.Len(t, got, 1)
	require.Contains(t, got[0], want)
}

func TestCheckImports(t *testing.T) {
	const ours = "example.com/ringback/"
	for _, v := range []struct{ file, imported, want string }{
		{"spec/a.go", "crypto/des", ""},
		{"spec/a.go", ours + "switch", "of ours, spec may import []"},
		{"spec/pos/a.go", ours + "spec", ""},
		{"spec/pos/a.go", ours + "spec/cups", "may import [spec]"},
		{"switch/a.go", ours + "spec", "may import []"},
		{"switch/a.go", "github.com/rs/zerolog", "its home is terminal"},
		{"switch/a_test.go", ours + "switch", ""},
		{"switch/a_test.go", ours + "store", "may import []"},
		{"switch/hsm/a.go", ours + "switch", ""},
		{"store/a.go", "github.com/mattn/go-sqlite3", ""},
		{"terminal/a.go", ours + "provider", "may import [switch spec spec/pos]"},
		{"terminal/a.go", "github.com/moov-io/iso8583/field", "its home is spec/..."},
		{"terminal/a.go", "github.com/moov-io/iso8583-connection", "its home is provider"},
		{"provider/a.go", "github.com/moov-io/iso8583-connection", ""},
		{"terminal/emulator/a.go", ours + "terminal", "may import [spec spec/pos]"},
		{"provider/mockhost/a.go", ours + "switch", "may import [spec spec/cups spec/clearing]"},
		{"switch/sim/a.go", ours + "terminal/emulator", ""},
		{"cmd/ringbackd/a.go", ours + "store", ""},
		{"cmd/ringbackd/a.go", "github.com/alecthomas/kong", ""},
		{"cmd/ringbackd/a.go", "github.com/mattn/go-sqlite3", "its home is store"},
		{"store/a.go", "github.com/stretchr/testify/require", "for tests only"},
		{"store/a_test.go", "github.com/stretchr/testify/require", ""},
		{"store/a_test.go", "github.com/stretchr/testify/assert", "no home is known"},
		{"store/a.go", "example.org/other", "no home is known"},
		{"helpers/a.go", "fmt", "add what it may import to mayImport"},
	} {
		tr := sketch(t, map[string]string{v.file: "package p\nimport _ \"" + v.imported + "\"\n"})
		t.Run(v.file+" "+v.imported, func(t *testing.T) { requireComplaint(t, v.want, checkImports(t, tr)) })
	}
}

func TestCheckPackages(t *testing.T) {
	for _, v := range []struct {
		want  string
		files map[string]string
	}{
		{"", map[string]string{"store/a.go": "// Package store is.\npackage store", "store/b.go": "package store"}},
		{"", map[string]string{"switch/a.go": "// Package acquirer is.\npackage acquirer"}},
		{"", map[string]string{"cmd/ringpos/main.go": "// Ringpos is.\npackage main"}},
		{"", map[string]string{"cmd/e2e/a_test.go": "// Package e2e is.\npackage e2e"}},
		{"0 package comments", map[string]string{"store/a.go": "package store"}},
		{"2 package comments", map[string]string{"store/a.go": "// Package store is.\npackage store", "store/b.go": "// Package store is.\npackage store"}},
		{"must begin with", map[string]string{"store/a.go": "// The store.\npackage store"}},
		{"call it store", map[string]string{"store/a.go": "// Package db is.\npackage db"}},
		{"call it acquirer", map[string]string{"switch/a.go": "// Package core is.\npackage core"}},
		{"call it terminal", map[string]string{"terminal/a.go": "// Package main is.\npackage main"}},
	} {
		requireComplaint(t, v.want, checkPackages(t, sketch(t, v.files)))
	}
}

func TestCheckSizes(t *testing.T) {
	body := func(lines int) string { return "func f() {\n" + strings.Repeat("\t_ = 0\n", lines-2) + "}\n" }
	short := "package store\n" + strings.Repeat("func _() {\n}\n", 9)
	for _, v := range []struct{ file, text, want string }{
		{"store/a.go", short + body(functionLimit), ""},
		{"store/a.go", short + body(functionLimit+1), "function f has 71 lines, 70 at most"},
		{"store/a_test.go", short + body(functionLimit+1), "function f has 71 lines"},
		{"store/a.go", "package store\n" + strings.Repeat("\n", fileLimit-1), ""},
		{"store/a.go", "package store\n" + strings.Repeat("\n", fileLimit), "501 lines, 500 at most"},
		{"store/a_test.go", "package store\n" + strings.Repeat("\n", fileLimit), ""},
		{"store/a_test.go", "package store\n" + strings.Repeat("\n", testFileLimit), "801 lines, 800 at most"},
		{"store/a.go", "package store\n" + body(medianLimit), ""},
		{"store/a.go", "package store\n" + body(medianLimit+1), "the median function has 13 lines"},
		{"store/a.go", "// Code generated by tool. DO NOT EDIT.\n\npackage store\n" + body(fileLimit), ""},
	} {
		requireComplaint(t, v.want, checkSizes(t, sketch(t, map[string]string{v.file: v.text})))
	}
}

func TestCheckWords(t *testing.T) {
	const todo = "TO" + "DO"
	for _, b := range bans {
		requireComplaint(t, "a.txt:2: ", checkWords(t, sketch(t, map[string]string{"a.txt": "one\ntwo " + b.text + " three"})))
		if !b.exact {
			requireComplaint(t, "a.txt:1: ", checkWords(t, sketch(t, map[string]string{"a.txt": strings.ToUpper(b.text)})))
		}
	}
	for text, want := range map[string]string{
		"// " + todo + ": read the second file": "",
		"// " + todo + " read it":               "without a reason",
		"// " + todo + ":\nmore":                "without a reason",
		"// " + todo:                            "without a reason",
		todo + "S and XX" + "XX":                "",
		"floor emits, session, agent":           "",
	} {
		requireComplaint(t, want, checkWords(t, sketch(t, map[string]string{"a.md": text})))
	}
}

func TestCheckCalls(t *testing.T) {
	for _, v := range []struct{ file, imports, use, want string }{
		{"store/a.go", "time", "time.Sleep(1)", "hears no cancellation"},
		{"cmd/x/a.go", "time", "time.Sleep(1)", "hears no cancellation"},
		{"store/a_test.go", "time", "time.Sleep(1)", ""},
		{"store/a.go", "fmt", `fmt.Println("x")`, "a library does not print"},
		{"store/a.go", "fmt", `fmt.Fprintln(nil, "x")`, ""},
		{"cmd/x/a.go", "fmt", `fmt.Println("x")`, ""},
		{"store/a.go", "log", `log.Printf("x")`, "global logger"},
		{"store/a.go", "log", `log.New(nil, "", log.LstdFlags)`, ""},
		{"cmd/x/a.go", "log", `log.Fatal("x")`, ""},
		{"store/a.go", "log/slog", `slog.Info("x")`, "global logger"},
		{"store/a.go", "log/slog", `slog.SetDefault(nil)`, "global logger"},
		{"store/a.go", "log/slog", `slog.New(slog.DiscardHandler)`, ""},
		{"terminal/a.go", "github.com/rs/zerolog/log", `log.Info()`, "global logger"},
		{"store/a.go", "fmt", `println("x")`, "println is for debugging"},
	} {
		text := "package p\nimport \"" + v.imports + "\"\nfunc f() { " + v.use + " }\n"
		t.Run(v.file+" "+v.use, func(t *testing.T) {
			requireComplaint(t, v.want, checkCalls(t, sketch(t, map[string]string{v.file: text})))
		})
	}
	renamed := "package store\nimport clock \"time\"\nvar _ = clock.Sleep\n"
	requireComplaint(t, "store/a.go:3: time.Sleep", checkCalls(t, sketch(t, map[string]string{"store/a.go": renamed})))
}

func TestCheckSecrets(t *testing.T) {
	const knows, not = "import acquirer \"example.com/ringback/switch\"\n", "import \"example.com/ringback/spec\"\n"
	for _, v := range []struct{ file, imports, want string }{
		{"store/a.go", knows, ""},
		{"cmd/x/a.go", knows, ""},
		{"switch/a.go", "", ""},
		{"switch/console/a.go", knows, "switch/console/a.go:3: switch/console shows a secret"},
		{"switch/console/a_test.go", knows, ""},
		{"terminal/emulator/a.go", not, ""},
	} {
		text := "package p\n" + v.imports + "func f(v V) { _ = v.Reveal() }\n"
		requireComplaint(t, v.want, checkSecrets(t, sketch(t, map[string]string{v.file: text})))
	}
}

func TestCheckLinks(t *testing.T) {
	for link, want := range map[string]string{
		"[a](guide.md)":                       "",
		"[a](guide.md#part \"title\")":        "",
		"[a](../README.md)":                   "",
		"[a](/docs)":                          "",
		"[a](#part)":                          "",
		"[a](https://example.org/x.md)":       "",
		"[a](mailto:someone@example.org)":     "",
		"[a]: guide.md":                       "",
		"![a](guide.md)":                      "",
		"`[a](none.md)`":                      "",
		"```\n[a](none.md)\n```":              "",
		"[a](none.md)":                        "docs/page.md links to none.md: there is no docs/none.md",
		"[a](docs/guide.md)":                  "there is no docs/docs/guide.md",
		"[a](/guide.md)":                      "there is no guide.md",
		"[a](../../README.md)":                "there is no ../README.md",
		"text\n[label]: none.md":              "there is no docs/none.md",
		"```\ncode\n```\n[a](<none.md>) more": "there is no docs/none.md",
	} {
		files := map[string]string{"README.md": "", "docs/guide.md": "", "docs/page.md": link}
		requireComplaint(t, want, checkLinks(t, sketch(t, files)))
	}
}
