package tidy

import (
	"fmt"
	"go/ast"
	"maps"
	"slices"
	"strings"
	"testing"
)

// checkCalls looks, outside tests, for waiting by the clock and, outside mains, for printing past the caller.
func checkCalls(t *testing.T, tr *tree) (wrong []string) {
	tr.each(func(p *goPackage, f *goFile) {
		if f.test {
			return
		}
		imports := f.imports(t)
		library := !strings.HasPrefix(p.folder, "cmd/")
		ast.Inspect(f.ast, func(n ast.Node) bool {
			if why := refuseUse(n, imports, library); why != "" {
				wrong = append(wrong, f.position(n)+": "+why)
			}
			return true
		})
	})
	return wrong
}

// refuseUse says what is wrong with a node; empty means nothing.
func refuseUse(n ast.Node, imports map[string]string, library bool) string {
	if call, ok := n.(*ast.CallExpr); ok && library {
		if id, ok := call.Fun.(*ast.Ident); ok && (id.Name == "print" || id.Name == "println") {
			return id.Name + " is for debugging: return the error or use the logger that was handed in"
		}
	}
	from, name := selected(n, imports)
	switch {
	case from == "time" && name == "Sleep":
		return "time.Sleep hears no cancellation: wait on a timer, a ticker or a context"
	case library && from == "fmt" && strings.HasPrefix(name, "Print"):
		return "a library does not print to standard output: write to the io.Writer that was handed in"
	case library && globalLogger(from, name):
		return "the global logger belongs to mains: use the logger that was handed in"
	}
	return ""
}

// selected returns the import path and the name of a selector on a package.
func selected(n ast.Node, imports map[string]string) (from, name string) {
	sel, ok := n.(*ast.SelectorExpr)
	if !ok {
		return "", ""
	}
	id, ok := sel.X.(*ast.Ident)
	if !ok {
		return "", ""
	}
	return imports[id.Name], sel.Sel.Name
}

// globalLogger reports whether a name of a logging package writes to the process's logger or changes it. log.New
// and its flags do not: net/http wants a *log.Logger.
func globalLogger(from, name string) bool {
	switch from {
	case "log":
		return name != "New" && name != "Logger" && !strings.HasPrefix(name, "L")
	case "log/slog": // a library that wants such a logger is given one that writes to ours
		return !slices.Contains([]string{"New", "Logger", "Handler", "DiscardHandler", "Record", "Attr", "Level", "LevelWarn"}, name)
	case "github.com/rs/zerolog/log":
		return true
	}
	return false
}

// checkSecrets wants the method Reveal only where revealers permits it, and counts its uses.
func checkSecrets(t *testing.T, tr *tree) (wrong []string) {
	uses := map[string]int{}
	tr.each(func(p *goPackage, f *goFile) {
		if f.test || !knowsSecrets(t, tr, p, f) {
			return
		}
		ast.Inspect(f.ast, func(n ast.Node) bool {
			if sel, ok := n.(*ast.SelectorExpr); ok && sel.Sel.Name == "Reveal" {
				uses[p.folder]++
				if !within(p.folder, revealers) {
					wrong = append(wrong, f.position(sel)+": "+p.folder+" shows a secret: pass the value on, or add the folder to revealers in cmd/tidy/table_test.go")
				}
			}
			return true
		})
	})
	var report []string
	for _, folder := range slices.Sorted(maps.Keys(uses)) {
		report = append(report, fmt.Sprintf("%s %d", folder, uses[folder]))
	}
	t.Logf("uses of Reveal outside tests: %s", strings.Join(report, ", "))
	return wrong
}

// knowsSecrets reports whether a file is of package acquirer or imports it.
func knowsSecrets(t *testing.T, tr *tree, p *goPackage, f *goFile) bool {
	return p.folder == "switch" || slices.Contains(f.importPaths(t), tr.module+"/switch")
}
