package tidy

import (
	"bytes"
	"encoding/json"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// tree is the repository as the rules see it. Paths are relative to its root, with slashes.
type tree struct {
	module   string
	packages []*goPackage
	texts    map[string]string // every text file by path
	paths    map[string]bool   // every file and folder
}

// goPackage is one folder of Go files, whatever their build tags.
type goPackage struct {
	folder string
	name   string
	files  []*goFile
}

type goFile struct {
	path  string
	test  bool
	lines int
	fset  *token.FileSet
	ast   *ast.File
}

// listed is the part of go list's answer that is used.
type listed struct {
	Dir            string
	Name           string
	Module         struct{ Path string }
	GoFiles        []string
	CgoFiles       []string
	IgnoredGoFiles []string
	TestGoFiles    []string
	XTestGoFiles   []string
	Error          *struct{ Err string }
}

// load reads the repository at root.
func load(t *testing.T, root string) *tree {
	t.Helper()
	tr := &tree{texts: map[string]string{}, paths: map[string]bool{}}
	for _, p := range list(t, root) {
		if p.Error != nil {
			t.Errorf("%s: %s", p.Dir, p.Error.Err)
			continue
		}
		folder, err := filepath.Rel(root, p.Dir)
		require.NoError(t, err)
		tr.module = p.Module.Path
		tr.packages = append(tr.packages, loadPackage(t, root, filepath.ToSlash(folder), p))
	}
	require.NoError(t, fs.WalkDir(os.DirFS(root), ".", tr.visit(root)))
	return tr
}

// list asks the go command for the packages of the module.
func list(t *testing.T, root string) (packages []listed) {
	t.Helper()
	cmd := exec.Command("go", "list", "-e", "-json=Dir,Name,Module,GoFiles,CgoFiles,IgnoredGoFiles,TestGoFiles,XTestGoFiles,Error", "./...")
	cmd.Dir = root
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	require.NoError(t, err, stderr.String())
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var p listed
		err := dec.Decode(&p)
		if errors.Is(err, io.EOF) {
			return packages
		}
		require.NoError(t, err)
		packages = append(packages, p)
	}
}

func loadPackage(t *testing.T, root, folder string, p listed) *goPackage {
	t.Helper()
	pkg := &goPackage{folder: folder, name: p.Name}
	for _, files := range [][]string{p.GoFiles, p.CgoFiles, p.IgnoredGoFiles, p.TestGoFiles, p.XTestGoFiles} {
		for _, name := range files {
			src, err := os.ReadFile(filepath.Join(p.Dir, name))
			require.NoError(t, err)
			pkg.files = append(pkg.files, parse(t, path.Join(folder, name), src))
		}
	}
	return pkg
}

func parse(t *testing.T, name string, src []byte) *goFile {
	t.Helper()
	fset := token.NewFileSet()
	f, err := parser.ParseFile(fset, name, src, parser.ParseComments|parser.SkipObjectResolution)
	require.NoError(t, err)
	return &goFile{
		path:  name,
		test:  strings.HasSuffix(name, "_test.go"),
		lines: bytes.Count(src, []byte("\n")),
		fset:  fset,
		ast:   f,
	}
}

// visit notes a path and reads what is text. Build output and what editors and git keep is left out; go.sum is
// noise that spells words by chance.
func (tr *tree) visit(root string) fs.WalkDirFunc {
	return func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		hidden := strings.HasPrefix(d.Name(), ".") && name != "." && name != ".ci" && name != ".github"
		if d.IsDir() && (hidden || name == "bin" || name == "var") {
			return fs.SkipDir
		}
		if name == ".git" { // of a working tree beside the repository: a file
			return nil
		}
		tr.paths[name] = true
		if !d.Type().IsRegular() || name == "go.sum" || name == ".git" { // .git is a file in a second working tree
			return nil
		}
		text, err := os.ReadFile(filepath.Join(root, name))
		if err == nil && !bytes.Contains(text, []byte{0}) {
			tr.texts[name] = string(text)
		}
		return err
	}
}

// position writes where a node stands, as path:line.
func (f *goFile) position(n ast.Node) string {
	return f.path + ":" + strconv.Itoa(f.fset.Position(n.Pos()).Line)
}

// importPaths lists what a file imports.
func (f *goFile) importPaths(t *testing.T) (paths []string) {
	t.Helper()
	for _, spec := range f.ast.Imports {
		p, err := strconv.Unquote(spec.Path.Value)
		require.NoError(t, err)
		paths = append(paths, p)
	}
	return paths
}

// imports maps the names under which a file knows its imports to their paths. It takes the last part of a path for
// the package's name, as it is in the standard library but for versions.
func (f *goFile) imports(t *testing.T) map[string]string {
	t.Helper()
	m := map[string]string{}
	for i, p := range f.importPaths(t) {
		name := path.Base(p)
		if renamed := f.ast.Imports[i].Name; renamed != nil {
			name = renamed.Name
		}
		m[name] = p
	}
	return m
}

// each calls visit for every Go file of the tree.
func (tr *tree) each(visit func(*goPackage, *goFile)) {
	for _, p := range tr.packages {
		for _, f := range p.files {
			visit(p, f)
		}
	}
}
