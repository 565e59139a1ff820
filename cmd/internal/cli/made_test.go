package cli

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestCommandLine(t *testing.T) {
	got := CommandLine("compare", []string{"--optimizer", `lion:{"lr":0.1},adam`, "--seed=3", ""},
		[]string{"HOME=x", "UNROLL_TUNE_RUNS=7", "UNROLL_DATA=a b", "UNROLL_LR=", "UNROLL_TOKEN=secret"}, []string{"seed", "tune-runs", "data", "lr"})
	require.Equal(t, `UNROLL_DATA='a b' UNROLL_TUNE_RUNS=7 compare --optimizer 'lion:{"lr":0.1},adam' --seed=3 ''`, got)
}

// Law: a shell reads the same words.
func TestCommandLineInAShell(t *testing.T) {
	if _, err := exec.LookPath("sh"); err != nil {
		t.Skip("SKIPPED: there is no sh here")
	}
	args := []string{"%s\n", "a b", "it's", `"$HOME"`, "`x`", "", "*", "~", `\`, "a\tb", "x;y", "é"}
	out, err := exec.Command("sh", "-c", CommandLine("printf", args, nil, nil)).Output()
	require.NoError(t, err)
	require.Equal(t, strings.Join(args[1:], "\n")+"\n", string(out))
}
