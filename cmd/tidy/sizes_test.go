package tidy

import (
	"fmt"
	"go/ast"
	"slices"
	"testing"
)

// function is a declared function with its length in lines.
type function struct {
	where string
	name  string
	lines int
}

// functions lists the functions of a file; one written by a tool has none that count.
func functions(f *goFile) (all []function) {
	if ast.IsGenerated(f.ast) {
		return nil
	}
	for _, d := range f.ast.Decls {
		fn, ok := d.(*ast.FuncDecl)
		if !ok || fn.Body == nil {
			continue
		}
		lines := f.fset.Position(fn.End()).Line - f.fset.Position(fn.Pos()).Line + 1
		all = append(all, function{where: f.position(fn), name: fn.Name.Name, lines: lines})
	}
	return all
}

// checkSizes limits functions and files, tests too, and reports the median function, tests aside.
func checkSizes(t *testing.T, tr *tree) (wrong []string) {
	var lengths []int
	tr.each(func(_ *goPackage, f *goFile) {
		for _, fn := range functions(f) {
			if fn.lines > functionLimit {
				wrong = append(wrong, fmt.Sprintf("%s: function %s has %d lines, %d at most: move plain work to a function below it",
					fn.where, fn.name, fn.lines, functionLimit))
			}
			if !f.test {
				lengths = append(lengths, fn.lines)
			}
		}
		limit := fileLimit
		if f.test {
			limit = testFileLimit
		}
		if f.lines > limit && !ast.IsGenerated(f.ast) {
			wrong = append(wrong, fmt.Sprintf("%s has %d lines, %d at most: split it by what it is about", f.path, f.lines, limit))
		}
	})
	if len(lengths) == 0 {
		return wrong
	}
	slices.Sort(lengths)
	at := func(percent int) int { return lengths[(len(lengths)-1)*percent/100] }
	t.Logf("%d functions outside tests: median %d lines, p90 %d, longest %d", len(lengths), at(50), at(90), at(100))
	if at(50) > medianLimit {
		wrong = append(wrong, fmt.Sprintf("the median function has %d lines, %d at most", at(50), medianLimit))
	}
	return wrong
}
