package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// A module is the packages of the tree, as the go command lists them.
type module struct {
	root     string
	path     string
	packages map[string]*listed // by folder, relative to the root
}

// listed is what the go command tells about a package.
type listed struct {
	Dir, ImportPath  string
	GoFiles, Imports []string
	Module           struct{ Path, Dir string }
}

// list asks the go command for the packages in and below a folder.
func list(ctx context.Context, dir, tags string) (*module, error) {
	cmd := exec.CommandContext(ctx, "go", "list", "-tags", tags, "-json=Dir,ImportPath,GoFiles,Imports,Module", "./...")
	cmd.Dir, cmd.Stderr = dir, os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, err
	}
	m := &module{packages: make(map[string]*listed)}
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		p := new(listed)
		if err := d.Decode(p); errors.Is(err, io.EOF) {
			return m, nil
		} else if err != nil {
			return nil, err
		}
		m.root, m.path = p.Module.Dir, p.Module.Path
		m.packages[m.folder(p.ImportPath)] = p
	}
}

// folder returns a package's, relative to the root.
func (m *module) folder(importPath string) string {
	return strings.TrimPrefix(strings.TrimPrefix(importPath, m.path), "/")
}

// importers lists the folders among some of the packages whose code imports one.
func (m *module) importers(folder string, among []string) []string {
	want := path.Join(m.path, folder)
	return slices.DeleteFunc(slices.Clone(among), func(f string) bool { return !slices.Contains(m.packages[f].Imports, want) })
}

// constants returns the groups of constants of all packages, by the last element of their paths.
func (m *module) constants() (map[string]groups, error) {
	all := map[string]groups{"math": {}} // whose functions have names in words
	for folder, p := range m.packages {
		var files []*ast.File
		for _, name := range p.GoFiles {
			f, err := parser.ParseFile(token.NewFileSet(), filepath.Join(p.Dir, name), nil, parser.SkipObjectResolution)
			if err != nil {
				return nil, err
			}
			files = append(files, f)
		}
		all[path.Base(folder)] = groupsOf(files)
	}
	return all, nil
}
