package docs

import (
	"errors"
	"fmt"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	// What snippets are made of, so that the go command does not take an old result for one of today.
	_ "github.com/seed1498fded/unroll/cmd/app"
	_ "github.com/seed1498fded/unroll/inner/credit/credittest"
	_ "github.com/seed1498fded/unroll/inner/problemtest"
	_ "github.com/seed1498fded/unroll/learnedopt/ruletest"
)

const (
	module  = "github.com/seed1498fded/unroll"
	outside = "example.org/outside/mine" // of examples/outside, a module of its own
)

// known are packages that fragments use without importing them, besides those of this module.
var known = map[string]string{
	"G": "gorgonia.org/gorgonia", "tensor": "gorgonia.org/tensor", "optimize": "gonum.org/v1/gonum/optimize", "mine": outside,
	"context": "context", "fmt": "fmt", "log": "log", "math": "math", "os": "os", "rand": "math/rand/v2", "testing": "testing",
}

// A snippet is a block of Go as a file: what it was, or with a package clause, imports and a function around it.
type snippet struct {
	fence
	whole   bool // a program, or a file of one
	file    *ast.File
	imports []string
}

// parse makes a file of a block, by the first of three readings that it allows: a whole file, declarations, statements.
func parse(fset *token.FileSet, f fence, packages map[string]string) (snippet, error) {
	line := fmt.Sprintf("//line %s:%d\n", f.page, f.line)
	s := snippet{fence: f}
	if file, err := parser.ParseFile(fset, "", line+f.text, 0); err == nil {
		s.whole, s.file = true, file
		for _, i := range file.Imports {
			s.imports = append(s.imports, strings.Trim(i.Path.Value, `"`))
		}
		return s, nil
	}
	var err error
	for _, around := range [][2]string{{"", ""}, {"func _() {\n", "}\n"}} {
		var file *ast.File
		if file, err = parser.ParseFile(fset, "", "package snippet\n"+around[0]+line+f.text+around[1], 0); err != nil {
			continue
		}
		s.imports = missing(file, packages)
		var b strings.Builder
		b.WriteString("package snippet\n")
		for _, p := range s.imports {
			name := ""
			if p == known["G"] {
				name = "G "
			}
			fmt.Fprintf(&b, "import %s%q\n", name, p)
		}
		s.file, err = parser.ParseFile(fset, "", b.String()+around[0]+line+f.text+around[1], 0)
		return s, err
	}
	return s, err
}

// missing lists the packages that a file without imports speaks of.
func missing(file *ast.File, packages map[string]string) []string {
	unresolved := make(map[string]bool)
	for _, id := range file.Unresolved { // of packages and of declarations elsewhere
		unresolved[id.Name] = true
	}
	found := make(map[string]bool)
	ast.Inspect(file, func(n ast.Node) bool {
		if sel, ok := n.(*ast.SelectorExpr); ok {
			if x, ok := sel.X.(*ast.Ident); ok && unresolved[x.Name] && packages[x.Name] != "" {
				found[packages[x.Name]] = true
			}
		}
		return true
	})
	return slices.Sorted(maps.Keys(found))
}

// ours adds the module's packages by their names to those that are known. Of two of a name the one that is fewer folders down has it.
func ours(t *testing.T) map[string]string {
	t.Helper()
	packages := maps.Clone(known)
	require.NoError(t, filepath.WalkDir(root, func(file string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() || file == root {
			return err
		}
		if name := d.Name(); strings.ContainsAny(name[:1], "._") || slices.Contains([]string{"testdata", "examples", "bench", "runs"}, name) {
			return filepath.SkipDir
		}
		rel, err := filepath.Rel(root, file)
		if err != nil {
			return err
		}
		name, folder := d.Name(), module+"/"+filepath.ToSlash(rel)
		code, err := filepath.Glob(filepath.Join(file, "*.go"))
		if other, taken := packages[name]; len(code) > 0 && (!taken || strings.Count(folder, "/") < strings.Count(other, "/")) {
			packages[name] = folder
		}
		return err
	}))
	return packages
}

// A finder imports packages by the export data that the go command has of them, and that of examples/outside from its source.
type finder struct {
	types.Importer
	fset  *token.FileSet
	outer *types.Package
}

// exports asks the go command, once, where the export data of packages and of all that they import is.
func exports(t *testing.T, fset *token.FileSet, packages []string) *finder {
	t.Helper()
	args := append([]string{"list", "-export", "-deps", "-f", "{{if .Export}}{{.ImportPath}} {{.Export}}{{end}}"}, packages...)
	cmd := exec.Command("go", args...)
	cmd.Dir = root
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	require.NoError(t, err, stderr.String())
	files := make(map[string]string)
	for line := range strings.Lines(string(out)) {
		p, file, _ := strings.Cut(strings.TrimSpace(line), " ")
		files[p] = file
	}
	return &finder{fset: fset, Importer: importer.ForCompiler(fset, "gc", func(p string) (io.ReadCloser, error) {
		if files[p] == "" {
			return nil, fmt.Errorf("no package %s", p)
		}
		return os.Open(files[p])
	})}
}

func (f *finder) Import(p string) (*types.Package, error) {
	if p != outside {
		return f.Importer.Import(p)
	}
	if f.outer != nil {
		return f.outer, nil
	}
	names, err := filepath.Glob(filepath.Join(root, "examples", path.Base(path.Dir(outside)), path.Base(outside), "*.go"))
	if err != nil {
		return nil, err
	}
	var files []*ast.File
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(f.fset, name, nil, 0)
		if err != nil {
			return nil, err
		}
		files = append(files, file)
	}
	f.outer, err = (&types.Config{Importer: f}).Check(outside, f.fset, files, nil)
	return f.outer, err
}

// program is the folder that a snippet is a file of, by the text around it.
func (s snippet) program() string { return path.Dir(s.fence.file) }

// check tells what is wrong with the types of a snippet, together with the other files of its program. In a fragment a variable may be
// left unused.
func check(s snippet, all []snippet, fset *token.FileSet, given *ast.File, from types.Importer) error {
	var wrong []error
	conf := types.Config{Importer: from, Error: func(err error) {
		if e, ok := errors.AsType[types.Error](err); !ok || !e.Soft || s.whole {
			wrong = append(wrong, err)
		}
	}}
	files := []*ast.File{s.file}
	if !s.whole {
		files = append(files, given)
	}
	for _, o := range all {
		if s.whole && o.whole && o.fence.file != s.fence.file && s.fence.file != "" && o.program() == s.program() {
			files = append(files, o.file)
		}
	}
	_, _ = conf.Check("snippet", fset, files, nil) // Error is told of all
	return errors.Join(wrong...)
}

// checkAll checks the types of blocks of Go, and returns what is wrong with each that does not compile.
func checkAll(t *testing.T, blocks []fence) []error {
	t.Helper()
	fset, packages := token.NewFileSet(), ours(t)
	given, err := parser.ParseFile(fset, filepath.Join("testdata", "given.go"), nil, 0)
	require.NoError(t, err)
	imports := make(map[string]bool)
	for _, i := range given.Imports {
		imports[strings.Trim(i.Path.Value, `"`)] = true
	}
	var snippets []snippet
	var bad []error
	for _, f := range blocks {
		s, err := parse(fset, f, packages)
		if err != nil {
			bad = append(bad, err)
			continue
		}
		for _, p := range s.imports {
			if strings.HasPrefix(f.page, "docs/guide/") && strings.Contains(p, "/internal/") {
				bad = append(bad, fmt.Errorf("%s: %s is closed to the reader", f, p))
			}
			imports[p] = true
		}
		snippets = append(snippets, s)
	}
	imports[module+"/inner"], imports[module+"/inner/catalog"] = true, true // of examples/outside
	delete(imports, outside)
	from := exports(t, fset, slices.Sorted(maps.Keys(imports)))
	for _, s := range snippets {
		if err := check(s, snippets, fset, given, from); err != nil {
			bad = append(bad, err)
		}
	}
	return bad
}

// Law: every block of Go in a Markdown file compiles, as a file or as a part of one.
func TestGoSnippets(t *testing.T) {
	blocks := fencesOf(pages(t), "go")
	require.GreaterOrEqual(t, len(blocks), 5)
	for _, err := range checkAll(t, blocks) {
		t.Error(err)
	}
}

// What does not compile is told, with its line.
func TestBadSnippets(t *testing.T) {
	bad := checkAll(t, []fence{
		{page: "docs/guide/good.md", line: 1, text: "trained, err := learnedopt.Load(\"zoo:lstm-mnist8\")\n"},
		{page: "docs/guide/good.md", line: 9, text: "type mine struct{ rule learnedopt.Rule }\n\nvar _ inner.Family = family\n"},
		{page: "docs/guide/a.md", line: 3, text: "trained, err := learnedopt.Lod(\"zoo:lstm-mnist8\")\n"},
		{page: "docs/guide/b.md", line: 5, text: "trained, err = \n"},
		{page: "docs/guide/c.md", line: 7, text: "package main\n\nfunc main() {\n\tx := 1\n}\n"},
		{page: "docs/guide/d.md", line: 11, text: "b := new(graph.Builder)\n"},
	})
	var lines []string
	for _, err := range bad {
		lines = append(lines, err.Error())
	}
	all := strings.Join(lines, "\n")
	require.Len(t, bad, 4, all)
	for _, want := range []string{
		"a.md:3: undefined: learnedopt.Lod", "b.md:6: ", "\ndocs/guide/c.md:10: declared and not used: x",
		"docs/guide/d.md:11: " + module + "/internal/graph is closed to the reader",
	} {
		require.Contains(t, all, want)
	}
}
