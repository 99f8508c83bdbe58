package tidy

import (
	"fmt"
	"path"
	"slices"
	"strings"
	"testing"
)

// checkImports holds the import table and the homes of outside libraries. Files count whatever their build tags.
func checkImports(t *testing.T, tr *tree) (wrong []string) {
	for _, p := range tr.packages {
		ours, ok := allowed(p.folder)
		if !ok {
			wrong = append(wrong, fmt.Sprintf("folder %s is not in the import table: add what it may import to mayImport in cmd/tidy/table_test.go and to the table of docs/architecture.md", p.folder))
			continue
		}
		for _, f := range p.files {
			for _, imported := range f.importPaths(t) {
				if why := refuse(tr.module, p.folder, f, imported, ours); why != "" {
					wrong = append(wrong, fmt.Sprintf("%s imports %s: %s", f.path, imported, why))
				}
			}
		}
	}
	slices.Sort(wrong)
	return wrong
}

// allowed returns the line of mayImport for a folder.
func allowed(folder string) (ours []string, ok bool) {
	if ours, ok = mayImport[folder]; ok {
		return ours, true
	}
	for _, below := range []string{"cmd/...", "switch/channel/..."} {
		if within(folder, []string{below}) {
			return mayImport[below], true
		}
	}
	return nil, false
}

// refuse says why a file of a folder may not import a path; empty means that it may.
func refuse(module, folder string, f *goFile, imported string, ours []string) string {
	if other, ok := strings.CutPrefix(imported, module+"/"); ok {
		if other == folder || within(other, ours) {
			return ""
		}
		return fmt.Sprintf("of ours, %s may import [%s]; see mayImport in cmd/tidy/table_test.go", folder, strings.Join(ours, " "))
	}
	if first, _, _ := strings.Cut(imported, "/"); !strings.Contains(first, ".") {
		return "" // standard library
	}
	i := slices.IndexFunc(libraries, func(l library) bool { return within(imported, []string{l.path + "/..."}) })
	switch {
	case i < 0:
		return "no home is known for this library; if it is needed, add it to libraries in cmd/tidy/table_test.go"
	case libraries[i].testOnly && !f.test:
		return "this library is for tests only"
	case !libraries[i].testOnly && !within(folder, libraries[i].homes):
		return fmt.Sprintf("its home is %s; see libraries in cmd/tidy/table_test.go", strings.Join(libraries[i].homes, ", "))
	}
	return ""
}

// checkPackages wants one package comment per package and the name of the folder.
func checkPackages(_ *testing.T, tr *tree) (wrong []string) {
	for _, p := range tr.packages {
		want := path.Base(p.folder)
		if name, ok := names[p.folder]; ok {
			want = name
		}
		main := p.name == "main" && strings.HasPrefix(p.folder, "cmd/")
		if p.name != want && !main {
			wrong = append(wrong, fmt.Sprintf("package %s in folder %s: call it %s", p.name, p.folder, want))
		}
		wrong = append(wrong, checkComment(p, main)...)
	}
	return wrong
}

func checkComment(p *goPackage, main bool) []string {
	docs := comments(p, false)
	if len(docs) == 0 {
		docs = comments(p, true) // a package of tests only
	}
	if len(docs) != 1 {
		return []string{fmt.Sprintf("package %s has %d package comments [%s]: write one, in doc.go or in the main file",
			p.folder, len(docs), strings.Join(docs, " "))}
	}
	text := ""
	for _, f := range p.files {
		if f.path == docs[0] {
			text = f.ast.Doc.Text()
		}
	}
	if begin := "Package " + p.name + " "; !main && !strings.HasPrefix(text, begin) {
		return []string{fmt.Sprintf("%s: the package comment must begin with %q", docs[0], begin)}
	}
	return nil
}

// comments returns the files that hold a package comment.
func comments(p *goPackage, tests bool) (paths []string) {
	for _, f := range p.files {
		if f.test == tests && f.ast.Doc.Text() != "" {
			paths = append(paths, f.path)
		}
	}
	return paths
}
