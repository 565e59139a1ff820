package cli

import (
	"bytes"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// brewing are flags of every kind that there are values for.
type brewing struct {
	Common
	Tea   string `placeholder:"NAME" help:"Kind of the day's [tea]: ${teas}, at ${heat} or so."`
	Mix   Names  `placeholder:"NAME,..." help:"Several: ${teas}."`
	From  string `placeholder:"FILE" help:"A file, or one of ${teas}."`
	Out   string `placeholder:"DIR" help:"Where to."`
	Sweet bool   `help:"With sugar."`
	Keep  string `placeholder:"hot|cold" help:"How."`
	Cups  Count  `placeholder:"N" help:"How many: ${teas}."`
}

func (brewing) Words() []string { return []string{"taste"} }

var teas = Vars{"teas": "oolong, mix:green, mix:black", "heat": "90, 95"}

func script(t *testing.T, shell string) string {
	t.Helper()
	var out bytes.Buffer
	done, err := Parse("brew", "Makes tea.", new(brewing), []string{"completion", shell}, &out, io.Discard, teas)
	require.NoError(t, err)
	require.True(t, done)
	return out.String()
}

// shell runs a program in a shell, in a folder with a file and a folder in it, with the lines to complete as its arguments, for each
// of which it prints a # and words. It returns the words by line, sorted.
func shell(t *testing.T, name string, args ...string) (words [][]string) {
	t.Helper()
	if _, err := exec.LookPath(name); err != nil {
		t.Skipf("SKIPPED: there is no %s here to try its completion in", name)
	}
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "order"), nil, 0o666))
	require.NoError(t, os.Mkdir(filepath.Join(dir, "outside"), 0o777))
	for _, c := range completions {
		args = append(args, c.line)
	}
	cmd := exec.Command(name, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "HOME="+dir, "XDG_CONFIG_HOME="+dir)
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	for part := range strings.SplitSeq(string(out), "#") {
		line := strings.Fields(part)
		slices.Sort(line)
		words = append(words, line)
	}
	require.Len(t, words, len(completions)+1, "%s", out)
	return words[1:]
}

// What completes which line; in bash what stands before the last : or = is not said again.
var completions = []struct {
	line       string
	fish, bash []string
}{
	{"brew --te", []string{"--tea"}, []string{"--tea"}},
	{"brew --tea ool", []string{"oolong"}, []string{"oolong"}},
	{"brew --tea mix:", []string{"mix:black", "mix:green"}, []string{"black", "green"}},
	{"brew --sweet --tea=oo", []string{"--tea=oolong"}, []string{"oolong"}},
	{"brew --mix oolong,mix:g", []string{"oolong,mix:green"}, []string{"green"}},
	{"brew --out o", []string{"outside/"}, []string{"outside"}},
	{"brew --from o", []string{"oolong", "order", "outside/"}, []string{"oolong", "order", "outside"}},
	{"brew --keep c", []string{"cold"}, []string{"cold"}},
	{"brew --cups o", nil, nil},
	{"brew --progress p", []string{"plain"}, []string{"plain"}},
	{"brew completion f", []string{"fish"}, []string{"fish"}},
	{"brew t", []string{"taste"}, []string{"taste"}},
	{"brew --sweet t", nil, nil},
}

// Law: what a shell offers is what the flags take. Here bash, asked as its line editor would.
func TestCompletionInBash(t *testing.T) {
	got := shell(t, "bash", "--norc", "-c", script(t, "bash")+`
for COMP_LINE; do
	COMP_POINT=${#COMP_LINE}
	_unroll_brew 2>/dev/null
	printf '#'
	printf '%s\n' "${COMPREPLY[@]}"
done`, "bash")
	for i, c := range completions {
		require.ElementsMatch(t, c.bash, got[i], c.line)
	}
}

func TestCompletionInFish(t *testing.T) {
	got := shell(t, "fish", "-c", script(t, "fish")+`
for line in $argv
	echo '#'
	complete -C $line | string replace -r '\t.*' ''
end
true`)
	for i, c := range completions {
		require.ElementsMatch(t, c.fish, got[i], c.line)
	}
}

func TestCompletionInZsh(t *testing.T) {
	for _, want := range []string{
		`'--tea=[Kind of the day’s]:NAME:{compadd - oolong mix\:green mix\:black}'`, `{_sequence compadd - oolong mix\:green mix\:black}'`,
		`'--out=[Where to]:DIR:{_files -/}'`, `; _files}'`, `'--sweet[With sugar]'`, `'1:word:(completion taste)'`,
	} {
		require.Contains(t, script(t, "zsh"), want)
	}
	if _, err := exec.LookPath("zsh"); err != nil {
		t.Skip("SKIPPED: there is no zsh here to read its completion")
	}
	out, err := exec.Command("zsh", "-f", "-n", "-c", script(t, "zsh")).CombinedOutput()
	require.NoError(t, err, "%s", out)
	require.Empty(t, string(out))
}

func TestCompletionRefuses(t *testing.T) {
	for _, args := range [][]string{{}, {"csh"}, {"bash", "zsh"}, {"\x1b[2J"}} {
		done, err := Parse("brew", "Makes tea.", new(brewing), append([]string{"completion"}, args...), io.Discard, io.Discard, teas)
		require.True(t, done)
		require.ErrorContains(t, err, "completion: want bash, zsh or fish, got ")
		require.NotContains(t, err.Error(), "\x1b")
	}
}
