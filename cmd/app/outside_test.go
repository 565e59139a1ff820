package app_test

import (
	"bytes"
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed1498fded/unroll/cmd/app"
	"github.com/seed1498fded/unroll/cmd/internal/clitest"
	"github.com/seed1498fded/unroll/cmd/internal/rundir"
	"github.com/seed1498fded/unroll/learnedopt"
)

const module = "github.com/seed1498fded/unroll"

// build makes the programs of examples/outside, a module of its own that knows this one by its public packages alone, with
// the versions that this one has. It returns the folder they are in.
func build(t *testing.T) string {
	t.Helper()
	root, err := filepath.Abs("../..")
	require.NoError(t, err)
	dir := t.TempDir()
	require.NoError(t, os.CopyFS(dir, os.DirFS(filepath.Join(root, "examples", "outside"))))
	sums, err := os.ReadFile(filepath.Join(root, "go.sum"))
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "go.sum"), sums, 0o666))
	for _, args := range [][]string{
		{"mod", "edit", "-replace", module + "=" + root},
		{"build", "-o", "bin" + string(filepath.Separator), "./..."},
		{"vet", "./..."},
		{"test", "./..."},
	} {
		cmd := exec.Command("go", args...)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "GOFLAGS=-mod=mod", "GOWORK=off", "GOTOOLCHAIN=local")
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, "go %s: %s", strings.Join(args, " "), out)
	}
	return filepath.Join(dir, "bin")
}

// must runs a program that is to succeed, and returns what it printed.
func must(t *testing.T, program string, args ...string) string {
	t.Helper()
	var stdout, stderr bytes.Buffer
	cmd := exec.Command(program, args...)
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	require.NoError(t, cmd.Run(), "%q: %s", args, stderr.String())
	return stdout.String()
}

// killed starts a program, waits until its log has two lines, kills it, and returns how many whole lines there are.
func killed(t *testing.T, log, program string, args ...string) int {
	t.Helper()
	cmd := exec.Command(program, args...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	require.NoError(t, cmd.Start())
	exited := make(chan error, 1)
	go func() { exited <- cmd.Wait() }()
	require.Eventually(t, func() bool {
		text, _ := os.ReadFile(log)
		return bytes.Count(text, []byte("\n")) >= 2
	}, 20*time.Second, time.Millisecond)
	require.NoError(t, cmd.Process.Kill())
	require.Error(t, <-exited, stderr.String())
	text, err := os.ReadFile(log)
	require.NoError(t, err)
	return bytes.Count(text, []byte("\n"))
}

// Law: a rule and a problem of another module are as good as ours. They are learned, saved, killed, resumed to the bit, loaded
// and compared, by a main of ten lines.
func TestOutside(t *testing.T) {
	bin := build(t)
	mine, use := filepath.Join(bin, "outside"), filepath.Join(bin, "use")
	t.Chdir(t.TempDir())
	args := []string{
		"metatrain", "--problem", "bowl", "--rule", "bounded", "--rule-config", `{"bound":0.2}`, "--horizon", "12", "--window", "5",
		"--copies", "2", "--every", "2", "--progress", "off",
	}
	lines := killed(t, filepath.Join("run", rundir.Log), mine, append(args, "--out", "run", "--episodes", "1000000")...)
	episodes := strconv.Itoa(2*lines + 3)
	table := must(t, mine, "metatrain", "--resume", "run", "--episodes", episodes, "--progress", "off")
	require.Contains(t, table, "wrote run\n\nbowl: 200 runs of 12 steps, seed 1\n", "it is cheap")
	require.Contains(t, table, "\nbounded (learned) ")
	require.Contains(t, table, "\nadam ")
	must(t, mine, append(args, "--out", "undisturbed", "--episodes", episodes)...)
	require.Equal(t, clitest.Tree(t, "undisturbed"), clitest.Tree(t, "run"), "the same bits, and nothing temporary stays")

	file := filepath.Join("run", rundir.Optimizer)
	_, err := learnedopt.Load(file)
	require.ErrorContains(t, err, `unknown rule "bounded"`, "this program has not registered it")
	losses := strings.Fields(must(t, use, file))
	require.Len(t, losses, 100)
	first, err := strconv.ParseFloat(losses[0], 64)
	require.NoError(t, err)
	last, err := strconv.ParseFloat(losses[99], 64)
	require.NoError(t, err)
	require.Less(t, last, first/100)

	table = must(t, mine, "compare", "--problem", "bowl", "--optimizer", file+",adam", "--steps", "11", "--runs", "4", "--tune-runs", "2")
	require.Contains(t, table, "bowl: 4 runs of 11 steps, seed 1\n")
	require.Contains(t, table, "\n"+file+" (learned) ")
	help := must(t, mine, "metatrain", "--help")
	require.Contains(t, help, "bowl")
	require.Contains(t, help, "bounded")

	for want, args := range map[string][]string{
		"catalog: bowl: does not take hidden":                                                  {"metatrain", "--problem", "bowl", "--hidden", "3"},
		`learnedopt: configuration of rule "bounded": json: unknown field`:                     {"metatrain", "--problem", "bowl", "--rule", "bounded", "--rule-config", `{"bond":1}`},
		"want metatrain, compare, identify or metagrad as the first argument, got \"learn\"\n": {"learn"},
	} {
		out, err := exec.Command(mine, args...).CombinedOutput()
		require.Error(t, err)
		require.Contains(t, string(out), want)
		require.Equal(t, 1, strings.Count(string(out), "\n"), "%s", out)
	}
}

// Without a command there is one line that says what is wanted.
func TestRun(t *testing.T) {
	var stdout bytes.Buffer
	require.NoError(t, app.Run(context.Background(), []string{"--help"}, &stdout, io.Discard))
	require.Contains(t, stdout.String(), "metatrain, compare, identify or metagrad")
	for _, args := range [][]string{nil, {""}, {"Metatrain"}, {strings.Repeat("x", 1000)}} {
		err := app.Run(context.Background(), args, io.Discard, io.Discard)
		require.ErrorContains(t, err, "want metatrain, compare, identify or metagrad as the first argument, got ")
		require.Less(t, len(err.Error()), 300)
	}
	require.ErrorContains(t, app.Run(context.Background(), []string{"compare", "--problem", "cubic"}, io.Discard, io.Discard), `no problem "cubic"`)
}
