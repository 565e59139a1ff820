// Package examples_test runs the programs in the folders beside it.
package examples_test

import (
	"bytes"
	"context"
	"go/parser"
	"go/token"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	// What the programs are made of, so that the go command does not take an old result for one of today.
	_ "github.com/seed1498fded/unroll/inner/data/mnist"
	_ "github.com/seed1498fded/unroll/inner/data/opticks"
	_ "github.com/seed1498fded/unroll/inner/plastic"
	_ "github.com/seed1498fded/unroll/inner/predictive"
	_ "github.com/seed1498fded/unroll/meta/eval"
	_ "github.com/seed1498fded/unroll/meta/identify"
	_ "github.com/seed1498fded/unroll/meta/search"
)

// Law: each example prints what its head says that it prints, and uses nothing that is closed to its reader.
func TestExamples(t *testing.T) {
	files, err := filepath.Glob("*/main.go")
	require.NoError(t, err)
	var names []string
	for _, file := range files {
		if name := filepath.Dir(file); name != "outside" { // a module of its own, with a test in cmd/app
			names = append(names, name)
		}
	}
	require.GreaterOrEqual(t, len(names), 10)
	if testing.Short() {
		t.Skip("SKIPPED: -short runs no examples")
	}
	dir := build(t)
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			want := printed(t, name)
			got := run(t, filepath.Join(dir, name))
			if runtime.GOARCH != "amd64" { // what is rounded otherwise comes to other digits
				require.Equal(t, strings.Count(want, "\n"), strings.Count(got, "\n"), got)
				return
			}
			require.Equal(t, want, got)
		})
	}
}

// build makes all of the programs, and returns the folder they are in.
func build(t *testing.T) string {
	t.Helper()
	dir := t.TempDir() + string(filepath.Separator)
	out, err := exec.Command("go", "build", "-o", dir, "./...").CombinedOutput()
	require.NoError(t, err, "%s", out)
	return dir
}

// run returns what a program prints.
func run(t *testing.T, program string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	var stdout, stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, program)
	cmd.Dir, cmd.Stdout, cmd.Stderr = t.TempDir(), &stdout, &stderr
	require.NoError(t, cmd.Run(), "%s%s", stdout.String(), stderr.String())
	return stdout.String()
}

// printed is the last block of a program's comment, which follows on a sentence that begins with "It prints".
func printed(t *testing.T, name string) string {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), filepath.Join(name, "main.go"), nil, parser.ParseComments)
	require.NoError(t, err)
	for _, i := range file.Imports {
		assert.NotContains(t, i.Path.Value, "/internal/")
	}
	text := file.Doc.Text()
	require.Contains(t, text, "\n\tgo run ./examples/"+name+"\n")
	_, after, ok := strings.Cut(text, "\nIt prints")
	require.True(t, ok, "want a sentence that begins with It prints")
	_, block, ok := strings.Cut(after, ":\n\n")
	require.True(t, ok, "want a colon and an indented block after it")
	var lines strings.Builder
	for line := range strings.Lines(block) {
		rest, ok := strings.CutPrefix(line, "\t")
		require.True(t, ok, "%q is not indented", line)
		lines.WriteString(rest)
	}
	return lines.String()
}
