package main

import (
	"bytes"
	"cmp"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// A mutant is one small change to one file.
type mutant struct {
	file     string // relative to the module
	function string // in which the change is; "-" outside of any
	line     int
	from, to int    // the bytes that give way
	text     string // to this
	source   []byte // of the whole file
	again    int    // how many changes before it in the file have the same name
}

// apply returns the file with the change.
func (m mutant) apply() []byte {
	return slices.Concat(m.source[:m.from], []byte(m.text), m.source[m.to:])
}

// key names a mutant by file, function and the changed lines before and after, and counts those that are the same in that. It
// does not change when lines move.
func (m mutant) key() string {
	start := bytes.LastIndexByte(m.source[:m.from], '\n') + 1
	end := len(m.source)
	if i := bytes.IndexByte(m.source[m.to:], '\n'); i >= 0 {
		end = m.to + i
	}
	before := string(m.source[start:end])
	after := string(m.source[start:m.from]) + m.text + string(m.source[m.to:end])
	key := fmt.Sprintf("%s %s: %s -> %s", m.file, m.function, oneLine(before), oneLine(after))
	if m.again > 0 {
		key += fmt.Sprintf(" (%d)", m.again+1)
	}
	return key
}

func oneLine(s string) string {
	if s = strings.Join(strings.Fields(s), " "); s == "" {
		return "(nothing)"
	}
	return s
}

// groups are the constants of a package that stand in one declaration with others, each with the one to take in its
// place.
type groups map[string]string

// groupsOf collects the constants of a package's files.
func groupsOf(files []*ast.File) groups {
	g := make(groups)
	for _, f := range files {
		for _, d := range f.Decls {
			decl, ok := d.(*ast.GenDecl)
			if !ok || decl.Tok != token.CONST {
				continue
			}
			var names []string
			for _, s := range decl.Specs {
				for _, n := range s.(*ast.ValueSpec).Names {
					names = append(names, n.Name)
				}
			}
			for i, n := range names {
				if len(names) > 1 {
					g[n] = names[(i+1)%len(names)]
				}
			}
		}
	}
	return g
}

// swaps are the tokens that stand in for others.
var swaps = map[token.Token][]token.Token{
	token.ADD: {token.SUB}, token.SUB: {token.ADD}, token.MUL: {token.QUO}, token.QUO: {token.MUL}, token.REM: {token.QUO},
	token.SHL: {token.SHR}, token.SHR: {token.SHL}, token.AND: {token.OR}, token.OR: {token.AND}, token.XOR: {token.OR},
	token.LSS: {token.LEQ, token.GEQ}, token.LEQ: {token.LSS, token.GTR},
	token.GTR: {token.GEQ, token.LEQ}, token.GEQ: {token.GTR, token.LSS},
	token.EQL: {token.NEQ}, token.NEQ: {token.EQL}, token.LAND: {token.LOR}, token.LOR: {token.LAND},
	token.ADD_ASSIGN: {token.SUB_ASSIGN, token.ASSIGN}, token.SUB_ASSIGN: {token.ADD_ASSIGN},
	token.MUL_ASSIGN: {token.QUO_ASSIGN}, token.QUO_ASSIGN: {token.MUL_ASSIGN},
	token.INC: {token.DEC}, token.DEC: {token.INC}, token.BREAK: {token.CONTINUE}, token.CONTINUE: {token.BREAK},
}

// words are the names that stand in for others.
var words = map[string]string{
	"true": "false", "false": "true", "min": "max", "max": "min", "Floor": "Ceil", "Ceil": "Floor", "Round": "Floor",
}

// A finder collects the mutants of a file.
type finder struct {
	fset     *token.FileSet
	file     string
	source   []byte
	own      groups            // of the file's package
	others   map[string]groups // of the packages that it may import, by the last element of their paths
	function string
	found    []mutant
}

// mutantsOf returns the mutants of a package's files, in order. Folder is the package's, relative to the module, which is
// at root.
func mutantsOf(root, folder string, names []string, others map[string]groups) ([]mutant, error) {
	var found []mutant
	fset := token.NewFileSet()
	for _, name := range names {
		file := path.Join(folder, name)
		source, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(file)))
		if err != nil {
			return nil, err
		}
		parsed, err := parser.ParseFile(fset, file, source, parser.SkipObjectResolution)
		if err != nil {
			return nil, err
		}
		f := &finder{fset: fset, file: file, source: source, own: others[path.Base(folder)], others: others}
		found = append(found, f.walk(parsed)...)
	}
	return found, nil
}

func (f *finder) walk(file *ast.File) []mutant {
	for _, d := range file.Decls {
		f.function = "-"
		switch d := d.(type) {
		case *ast.FuncDecl:
			f.function = nameOf(d)
			if d.Body != nil {
				ast.Inspect(d.Body, f.visit)
			}
		case *ast.GenDecl:
			if d.Tok != token.IMPORT && d.Tok != token.TYPE {
				for _, s := range d.Specs {
					for _, v := range s.(*ast.ValueSpec).Values {
						ast.Inspect(v, f.visit)
					}
				}
			}
		}
	}
	slices.SortStableFunc(f.found, func(a, b mutant) int { return cmp.Or(a.from-b.from, a.to-b.to, strings.Compare(a.text, b.text)) })
	seen := make(map[string]int)
	for i, m := range f.found {
		key := m.key()
		f.found[i].again = seen[key]
		seen[key]++
	}
	return f.found
}

// nameOf returns the name of a function, with its receiver's type.
func nameOf(d *ast.FuncDecl) string {
	if d.Recv == nil || len(d.Recv.List) == 0 {
		return d.Name.Name
	}
	t := d.Recv.List[0].Type
	for {
		switch x := t.(type) {
		case *ast.StarExpr:
			t = x.X
		case *ast.IndexExpr:
			t = x.X
		case *ast.IndexListExpr:
			t = x.X
		case *ast.Ident:
			return x.Name + "." + d.Name.Name
		default:
			return d.Name.Name
		}
	}
}

// add notes that the source from one position to another may give way to a text.
func (f *finder) add(from, to token.Pos, text string) {
	a, b := f.fset.Position(from), f.fset.Position(to)
	f.found = append(f.found, mutant{
		file: f.file, function: f.function, line: a.Line, from: a.Offset, to: b.Offset, text: text, source: f.source,
	})
}

func (f *finder) text(n ast.Node) string {
	return string(f.source[f.fset.Position(n.Pos()).Offset:f.fset.Position(n.End()).Offset])
}

// swap notes the tokens that may stand at pos in place of tok.
func (f *finder) swap(pos token.Pos, tok token.Token) {
	for _, other := range swaps[tok] {
		f.add(pos, pos+token.Pos(len(tok.String())), other.String())
	}
}

// visit notes what may be changed at one node.
func (f *finder) visit(n ast.Node) bool {
	switch n := n.(type) {
	case *ast.BinaryExpr:
		f.swap(n.OpPos, n.Op)
	case *ast.AssignStmt:
		f.swap(n.TokPos, n.Tok)
	case *ast.IncDecStmt:
		f.swap(n.TokPos, n.Tok)
	case *ast.BranchStmt:
		f.swap(n.TokPos, n.Tok)
	case *ast.UnaryExpr:
		if n.Op == token.NOT || n.Op == token.SUB {
			f.add(n.OpPos, n.X.Pos(), "")
		}
	case *ast.BasicLit:
		f.number(n)
	case *ast.Ident:
		f.name(n, f.own)
	case *ast.SelectorExpr:
		f.selector(n)
		return false
	case *ast.CallExpr:
		f.arguments(n)
	case *ast.CompositeLit:
		f.fields(n)
	case *ast.ReturnStmt:
		return f.results(n)
	case *ast.IfStmt:
		f.condition(n)
	case *ast.BlockStmt:
		f.statements(n.List)
	case *ast.CaseClause:
		f.statements(n.Body)
	case *ast.CommClause:
		f.statements(n.Body)
	}
	return true
}

// number notes another number: one more for an integer, twice a fraction.
func (f *finder) number(n *ast.BasicLit) {
	switch {
	case n.Kind == token.INT:
		f.add(n.Pos(), n.End(), "("+n.Value+"+1)")
	case n.Kind == token.FLOAT:
		f.add(n.Pos(), n.End(), "(2*"+n.Value+")")
	}
}

// name notes the name that stands in for one.
func (f *finder) name(n *ast.Ident, g groups) {
	if other := cmp.Or(words[n.Name], g[n.Name]); other != "" {
		f.add(n.Pos(), n.End(), other)
	}
}

// selector notes other constants and functions of a package, and goes on to the left.
func (f *finder) selector(n *ast.SelectorExpr) {
	if pkg, ok := n.X.(*ast.Ident); ok {
		f.name(n.Sel, f.others[pkg.Name])
		return
	}
	ast.Inspect(n.X, f.visit)
}

// symmetric are functions whose arguments may change places.
var symmetric = []string{"Equal", "min", "max", "Add", "Mul", "Hypot"}

// arguments notes neighbours that change places; most of these do not compile.
func (f *finder) arguments(n *ast.CallExpr) {
	called := f.text(n.Fun)
	if slices.Contains(symmetric, called[strings.LastIndexByte(called, '.')+1:]) {
		return
	}
	for i := range max(0, len(n.Args)-1) {
		a, b := f.text(n.Args[i]), f.text(n.Args[i+1])
		if a != b && n.Ellipsis == token.NoPos {
			f.add(n.Args[i].Pos(), n.Args[i+1].End(), b+", "+a)
		}
	}
}

// fields notes fields of a struct that are left out.
func (f *finder) fields(n *ast.CompositeLit) {
	for _, e := range n.Elts {
		kv, ok := e.(*ast.KeyValueExpr)
		if !ok {
			continue
		}
		if _, ok := kv.Key.(*ast.Ident); ok {
			f.add(kv.Pos(), kv.End()+f.comma(kv.End()), "")
		}
	}
}

// comma is 1 where a comma stands, to go with what is before it.
func (f *finder) comma(at token.Pos) token.Pos {
	if i := f.fset.Position(at).Offset; i < len(f.source) && f.source[i] == ',' {
		return 1
	}
	return 0
}

// results goes on to what a function returns. Plain values beside an error, or beside a false, are never looked at.
func (f *finder) results(n *ast.ReturnStmt) bool {
	last := len(n.Results) - 1
	if last < 1 {
		return true
	}
	switch text := f.text(n.Results[last]); text {
	case "nil", "true":
		return true
	}
	for i, r := range n.Results {
		_, literal := r.(*ast.BasicLit)
		if _, name := r.(*ast.Ident); i == last || !literal && !name {
			ast.Inspect(r, f.visit)
		}
	}
	return false
}

// condition notes an if that is turned round, and one that never holds, where it guards against something.
func (f *finder) condition(n *ast.IfStmt) {
	cond := f.text(n.Cond)
	if _, simple := n.Cond.(*ast.BinaryExpr); !simple {
		f.add(n.Cond.Pos(), n.Cond.End(), "!("+cond+")")
	}
	f.add(n.Cond.Pos(), n.Cond.End(), "false && ("+cond+")")
}

// statements notes calls and assignments that are left out.
func (f *finder) statements(list []ast.Stmt) {
	for _, s := range list {
		switch s := s.(type) {
		case *ast.ExprStmt, *ast.DeferStmt, *ast.SendStmt:
			f.add(s.Pos(), s.End(), "")
		case *ast.AssignStmt:
			if s.Tok == token.ASSIGN {
				f.add(s.Pos(), s.End(), "")
			}
		}
	}
}
