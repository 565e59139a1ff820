package docs

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed1498fded/unroll/cmd/app"
)

// cuts make the guide's commands short: flags of metatrain and compare that their command lines leave open.
var cuts = map[string]string{
	"UNROLL_EPISODES": "96", "UNROLL_HORIZON": "20", "UNROLL_WINDOW": "10", "UNROLL_STEPS": "20", "UNROLL_TUNE_RUNS": "2",
	"UNROLL_PROGRESS": "off",
}

// programs are the programs that pages of the guide tell their reader to write, as the go command sees them: files that are not there.
type programs struct {
	overlay string            // for the go command
	folders map[string]string // of each program, from the repository's root
}

// writePrograms lays out the Go files of pages: those that are named, by their folders, and others in a folder each.
func writePrograms(t *testing.T, list []page) programs {
	t.Helper()
	absolute, err := filepath.Abs(root)
	require.NoError(t, err)
	dir, p := t.TempDir(), programs{folders: make(map[string]string)}
	replace := make(map[string]string)
	for _, f := range fencesOf(list, "go") {
		if !strings.HasPrefix(f.text, "package main\n") {
			continue
		}
		name := f.file
		if name == "" {
			name = strings.TrimSuffix(path.Base(f.page), ".md") + "/main.go"
		}
		folder := "guide-" + path.Dir(name) // which is nobody's
		p.folders[path.Dir(name)] = "./" + folder
		file := filepath.Join(dir, strings.ReplaceAll(name, "/", "-"))
		require.NoError(t, os.WriteFile(file, []byte(f.text), 0o666))
		replace[filepath.Join(absolute, folder, path.Base(name))] = file
	}
	text, err := json.Marshal(map[string]any{"Replace": replace})
	require.NoError(t, err)
	p.overlay = filepath.Join(dir, "overlay.json")
	require.NoError(t, os.WriteFile(p.overlay, text, 0o666))
	return p
}

// run runs the go command with the programs in place.
func (p programs) run(t *testing.T, verb string, args ...string) {
	t.Helper()
	cmd := exec.Command("go", append([]string{verb, "-overlay", p.overlay}, args...)...)
	cmd.Dir = root
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "go %s: %s", verb, out)
}

// build makes the programs, and returns the folder they are in.
func (p programs) build(t *testing.T) string {
	t.Helper()
	dir := t.TempDir() + string(filepath.Separator)
	args := []string{"-o", dir}
	for _, folder := range p.folders {
		args = append(args, folder)
	}
	p.run(t, "build", args...)
	return dir
}

// output runs a program and returns what it prints.
func output(t *testing.T, program string, args ...string) string {
	t.Helper()
	var stdout, stderr bytes.Buffer
	if runtime.GOOS == "windows" {
		program += ".exe"
	}
	cmd := exec.Command(program, args...)
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	require.NoError(t, cmd.Run(), "%s %q: %s", program, args, stderr.String())
	return stdout.String()
}

// Law: who follows the first pages, command by command, gets what they show. The commands are the pages' own, cut short.
func TestFirstPages(t *testing.T) {
	if testing.Short() {
		t.Skip("SKIPPED: -short follows no pages")
	}
	list := []page{guide(t, "first-steps.md"), guide(t, "own-problem.md"), guide(t, "own-rule.md")}
	p := writePrograms(t, list)
	bin := p.build(t)
	p.run(t, "test", "-c", "-vet=off", "-o", bin, p.folders["own"])
	t.Chdir(t.TempDir())
	for name, value := range cuts {
		t.Setenv(name, value)
	}
	ran := 0
	for _, page := range list {
		printed := "" // of the last command
		for _, f := range page.fences {
			switch f.lang {
			case "sh":
				for _, c := range commandsOf(t, f) {
					printed = follow(t, bin, c)
					ran++
				}
			case "text":
				require.Equal(t, shape(f.text), shape(printed), f.String())
			}
		}
	}
	require.Greater(t, ran, 8)
	for _, file := range []string{
		"report.json", "curves.png", "runs/quadratic-lstm-1/log.jsonl", "runs/decay-scaled-1/optimizer.safetensors",
	} {
		assert.FileExists(t, file)
	}
	said := strings.TrimSpace(output(t, filepath.Join(bin, "guide-first-steps")))
	require.True(t, slices.ContainsFunc(list[0].inline, func(s span) bool { return s.text == said }), "it prints %s", said)
}

// follow does what a page says, as far as that is not done already, and returns what is printed.
func follow(t *testing.T, bin string, c command) string {
	t.Helper()
	if c[0] != "go" {
		require.Contains(t, []string{"git", "cd", "mkdir"}, c[0])
		return ""
	}
	if c[1] == "test" {
		return output(t, filepath.Join(bin, "guide-own.test"))
	}
	if c[2] == readers {
		return output(t, filepath.Join(bin, "guide-own"), c[3:]...)
	}
	args, ok := ofOurs(c)
	require.True(t, ok, "%q", c)
	var stdout, stderr bytes.Buffer
	require.NoError(t, app.Run(context.Background(), args, &stdout, &stderr), "%q", c)
	return stdout.String()
}

var heading = regexp.MustCompile(`(?m)^\w+: \d+ runs of \d+ steps, seed \d+\n`)

// shape is what stays of a table when its numbers are cut: the problem's name, the columns, and the optimizers in alphabetical order.
func shape(text string) []string {
	at := heading.FindStringIndex(text)
	if at == nil {
		return nil
	}
	name, _, _ := strings.Cut(text[at[0]:], ":")
	lines := strings.Split(strings.TrimSpace(text[at[1]:]), "\n")
	var optimizers []string
	for _, line := range lines[1:] {
		if label, _, ok := strings.Cut(line, "  "); ok && !strings.HasPrefix(line, "* ") {
			optimizers = append(optimizers, label)
		}
	}
	slices.Sort(optimizers)
	return append(append([]string{name}, strings.Fields(lines[0])...), optimizers...)
}
