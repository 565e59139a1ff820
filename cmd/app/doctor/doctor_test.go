package doctor

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed1498fded/unroll/cmd/internal/clitest"
)

// A machine that runs these tests is fit. Whatever the folder is, nothing is left behind in it.
func TestFit(t *testing.T) {
	t.Chdir(t.TempDir())
	before := clitest.Tree(t, ".")
	out, _ := clitest.MustRun(t, Run, "--out", "not/there/yet")
	require.NotContains(t, out, "FAILED")
	for _, name := range []string{"kernels", "rules", "data", "folder"} {
		require.Contains(t, out, "\nok      "+name+" ")
	}
	require.Contains(t, out, "\n\nReady. Next: metatrain")
	require.NotContains(t, out, "own data", "none was named")
	require.Equal(t, before, clitest.Tree(t, "."))
}

// What is wrong is told with what to do about it, all of it at once, and is an error of one line.
func TestUnfit(t *testing.T) {
	t.Chdir(t.TempDir())
	require.NoError(t, os.WriteFile("file", nil, 0o666))
	t.Setenv("UNROLL_SEED", "3")
	var out bytes.Buffer
	err := Run(context.Background(), []string{"--out", filepath.Join("file", "runs"), "--data", "."}, &out, io.Discard)
	require.ErrorContains(t, err, "2 of 9 checks failed; what to do about it is told above")
	require.Contains(t, out.String(), "\nnote    environment  UNROLL_SEED\n")
	require.Contains(t, out.String(), "\nFAILED  own data ")
	require.Regexp(t, `\nFAILED  folder       .*file.*\n +→ .*--out`, out.String())
	require.NotContains(t, out.String(), "Ready")
}

func TestExamine(t *testing.T) {
	var out bytes.Buffer
	tries := func(all ...finding) (list []check) {
		for _, f := range all {
			list = append(list, check{"thing", func(options) finding { return f }})
		}
		return list
	}
	ctx := context.Background()
	require.NoError(t, examine(ctx, options{}, tries(well("%d", 1), finding{}, finding{what: "slow", mend: "wait"}), &out))
	want := "ok      thing        1\nnote    thing        slow\n                     → wait\n\nReady."
	require.True(t, strings.HasPrefix(out.String(), want), out.String())

	out.Reset()
	err := examine(ctx, options{}, tries(failed(errors.New("a\nb\x1b[2J"), "mend"), well("fine")), &out)
	require.EqualError(t, err, "1 of 2 checks failed; what to do about it is told above")
	want = "FAILED  thing        a; b\\x1b[2J\n                     → mend\nok      thing        fine\n"
	require.Equal(t, want, out.String(), "goes on after a failure")

	ctx, cancel := context.WithCancel(ctx)
	cancel()
	require.ErrorIs(t, examine(ctx, options{}, tries(well("1")), io.Discard), context.Canceled)
}

// The comparison of kernels with formulas is none of a rule with itself: steps differ in the last digits, or are the same where
// there are no kernels.
func TestDifference(t *testing.T) {
	off, err := difference("zoo:lstm-mnist8")
	require.NoError(t, err)
	require.Less(t, off, 1e-5)
	_, err = difference("zoo:none")
	require.Error(t, err)
}
