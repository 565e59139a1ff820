//go:build unix

package clitest

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

// A Hostile is something that no command should be given.
type Hostile struct {
	Name string
	Args []string
	Env  []string // more variables, as in NAME=value
}

// maxMemory is what a refusal may cost, in MB.
const maxMemory = 200

// RequireCheapRefusals runs this test binary, which env lets stand in for a command, with one hostile thing after another. Each
// has to end with status 1, nothing on standard output, and on standard error one printable line of less than 300 bytes; and
// within memory that any machine has. What it took is logged as a table.
func RequireCheapRefusals(t *testing.T, env string, cases []Hostile) {
	t.Helper()
	var table strings.Builder
	for _, c := range cases {
		t.Run(c.Name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(context.Background(), time.Minute) // instead of for ever
			defer cancel()
			cmd := exec.CommandContext(ctx, os.Args[0], c.Args...)
			cmd.Env = append(append(os.Environ(), env, "TERM=dumb"), c.Env...)
			var stdout, stderr bytes.Buffer
			cmd.Stdout, cmd.Stderr = &stdout, &stderr
			began := time.Now()
			err := cmd.Run()
			took := time.Since(began)
			require.Error(t, err, "it was taken")
			line := stderr.String()
			fmt.Fprintf(&table, "%-28s %5.2f s %4d MB  %s", c.Name, took.Seconds(), peakMemory(cmd.ProcessState), line)
			require.NoError(t, ctx.Err(), "it did not end")
			require.Equal(t, 1, cmd.ProcessState.ExitCode(), "%.2000s", line)
			require.Empty(t, stdout.String())
			require.Equal(t, 1, strings.Count(line, "\n"), "%.2000s", line)
			line = strings.TrimSuffix(line, "\n")
			require.Less(t, len(line), 300)
			require.True(t, utf8.ValidString(line))
			require.Equal(t, -1, strings.IndexFunc(line, func(r rune) bool { return !unicode.IsPrint(r) }), "%q", line)
			require.Less(t, peakMemory(cmd.ProcessState), maxMemory, "MB")
		})
	}
	t.Log("\n" + table.String())
}

// WriteSparse writes a file of a size that no disk has to hold.
func WriteSparse(t *testing.T, path string, size int64) {
	t.Helper()
	WriteFile(t, path, "")
	require.NoError(t, os.Truncate(path, size))
}
