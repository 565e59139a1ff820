package cli

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/alecthomas/kong"
	"github.com/stretchr/testify/require"

	"github.com/seed1498fded/unroll/internal/build"
)

// options is a command with a flag of every kind.
type options struct {
	Common
	OuterLR   Positive `name:"outer-lr" default:"0.001" help:"Learning rate of the outer loop."`
	Steps     Count    `default:"100" help:"Outer steps."`
	Budget    Budget   `default:"2m" help:"Time to spend."`
	AdamBeta1 float64  `name:"adam-beta1" default:"0.9"`
	Seed      uint64   `default:"1"`
	Rule      string   `enum:"lstm,adam" default:"lstm"`
	Layers    []int    `default:"20,20"`
	Rates     []Positive
	Names     []string
	Files     Names
	Widths    Widths
	Key       Seed
	Copies    *Count
	Label     *string
	Settings  *JSON
	Fast      bool
}

// parse runs Parse on a fresh options, with the YAML text in a file if there is any.
func parse(t *testing.T, yaml string, args ...string) (options, error) {
	t.Helper()
	if yaml != "" {
		args = append(args, "--config", writeConfig(t, yaml))
	}
	var o options
	done, err := Parse("metatrain", "Learns an optimizer.", &o, args, io.Discard, io.Discard)
	require.False(t, done)
	return o, err
}

// writeConfig puts the text into run.yaml and goes to its folder, so that errors name the file by its bare name.
func writeConfig(t *testing.T, text string) string {
	t.Helper()
	t.Chdir(t.TempDir())
	require.NoError(t, os.WriteFile("run.yaml", []byte(text), 0o666))
	return "run.yaml"
}

func TestPrecedence(t *testing.T) {
	for _, c := range []struct {
		name, env, yaml string
		args            []string
		want            Positive
	}{
		{name: "default", want: 0.001},
		{name: "file", yaml: "outer-lr: 0.002", want: 0.002},
		{name: "environment", env: "0.003", want: 0.003},
		{name: "environment over file", yaml: "outer-lr: 0.002", env: "0.003", want: 0.003},
		{name: "flag over file", yaml: "outer-lr: 0.002", args: []string{"--outer-lr=0.004"}, want: 0.004},
		{name: "flag over environment", env: "0.003", args: []string{"--outer-lr", "0.004"}, want: 0.004},
		{name: "flag over all", env: "0.003", yaml: "outer-lr: 0.002", args: []string{"--outer-lr", "0.004"}, want: 0.004},
		{name: "flag over broken environment", env: "fast", args: []string{"--outer-lr", "0.004"}, want: 0.004},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.env != "" {
				t.Setenv("UNROLL_OUTER_LR", c.env)
			}
			o, err := parse(t, c.yaml, c.args...)
			require.NoError(t, err)
			require.Equal(t, c.want, o.OuterLR)
		})
	}
}

// A flag is given if any source names it, also with the value that it has anyway.
func TestGiven(t *testing.T) {
	t.Setenv("UNROLL_SEED", "")
	t.Setenv("UNROLL_COPIES", "2")
	o, err := parse(t, "budget: 1m\nadam-beta1: 0.5\n", "--steps=100", "--fast")
	require.NoError(t, err)
	for flag, want := range map[string]bool{
		"steps": true, "fast": true, "copies": true, "budget": true, "adam-beta1": true, "config": true,
		"seed": false, "outer-lr": false, "progress": false, "nothing": false,
	} {
		require.Equal(t, want, o.Given(flag), flag)
	}
	require.False(t, new(Common).Given("steps"))
}

func TestEnvironmentNames(t *testing.T) {
	t.Setenv("UNROLL_ADAM_BETA1", "0.5")
	t.Setenv("UNROLL_LAYERS", "3,4")
	t.Setenv("UNROLL_FAST", "true")
	t.Setenv("UNROLL_CONFIG", writeConfig(t, "seed: 7"))
	o, err := parse(t, "")
	require.NoError(t, err)
	require.Equal(t, 0.5, o.AdamBeta1)
	require.Equal(t, []int{3, 4}, o.Layers)
	require.True(t, o.Fast)
	require.EqualValues(t, 7, o.Seed)
}

func TestYAMLValues(t *testing.T) {
	copies, label := Count(2), "x"
	o, err := parse(t, `
# Everything at once.
outer-lr: 1e-3
"steps": "5"
budget: 1h30m
adam-beta1: .5
seed: 18446744073709551615
rule: 'adam'
layers: [1, 2]
rates:
  - 0.1   # coarse
  - 0.01
names: a,b
files: [c, 'd,e']
widths: [20, 10]
key: 18446744073709551615
copies: 2
label: x
fast: yes
`)
	require.NoError(t, err)
	require.Equal(t, options{
		Common:  Common{Config: "run.yaml", Progress: "auto", given: o.given}, // see TestGiven
		OuterLR: 1e-3, Steps: 5, Budget: Budget(90 * time.Minute), AdamBeta1: 0.5, Seed: 1<<64 - 1, Rule: "adam",
		Layers: []int{1, 2}, Rates: []Positive{0.1, 0.01}, Names: []string{"a", "b"},
		Files: Names{"c", "d,e"}, Widths: Widths{20, 10}, Key: 1<<64 - 1, Copies: &copies, Label: &label, Fast: true,
	}, o)

	o, err = parse(t, "names: ['a,b', c]\nlayers: []\nfast: true", "--fast=false")
	require.NoError(t, err)
	require.Equal(t, []string{"a,b", "c"}, o.Names)
	require.Empty(t, o.Layers)
	require.False(t, o.Fast)
}

func TestEmptyYAML(t *testing.T) {
	for _, text := range []string{" ", "\n\n", "# nothing\n", "---\n", "{}", "null\n"} {
		o, err := parse(t, text)
		require.NoError(t, err, "%q", text)
		require.EqualValues(t, 100, o.Steps)
	}
}

const keys = "keys are the names of flags, which --help lists"

func TestBadYAML(t *testing.T) {
	for _, c := range []struct{ name, yaml, want string }{
		{"unknown key", "steps: 3\nouter_lr: 0.1", `run.yaml:2: unknown key "outer_lr", did you mean "outer-lr"?`},
		{"config in config", "config: other.yaml", `run.yaml:1: unknown key "config"; ` + keys},
		{"version in config", "version: true", `run.yaml:1: unknown key "version"; ` + keys},
		{"help in config", "help: true", `run.yaml:1: unknown key "help"; ` + keys},
		{"merge key", "<<: {steps: 3}", `run.yaml:1: unknown key "<<"; ` + keys},
		{"repeated key", "steps: 3\nseed: 1\nsteps: 4", `run.yaml:3: key "steps" is there already, on line 1`},
		{"list for a document", "- steps", `run.yaml: want a mapping of flags to values, such as "seed: 2", got a list`},
		{"word for a document", "steps", `run.yaml: want a mapping of flags to values, such as "seed: 2", got "steps"`},
		{"two documents", "steps: 3\n---\nsteps: 4", "run.yaml: want one YAML document, got 2"},
		{"mapping for a number", "outer-lr: {a: 1}", "run.yaml:1: outer-lr: want a plain value, got a mapping"},
		{"block mapping for a number", "outer-lr:\n  a: 1", "run.yaml:1: outer-lr: want a plain value, got a mapping"},
		{"list for a number", "outer-lr: [1, 2]", "run.yaml:1: outer-lr: want one value, got a list"},
		{"nothing for a number", "seed: 2\nouter-lr:", "run.yaml:2: outer-lr: want a plain value, got nothing"},
		{"list in a list", "layers: [[1]]", "run.yaml:1: layers: want a plain value, got a list"},
		{"alias", "seed: &a 3\nsteps: *a", "run.yaml:1: seed: want a plain value, got an anchor, alias or tag"},
		{"word for a number", "outer-lr: fast", `run.yaml:1: outer-lr: want a number above 0, got "fast"`},
		{"bool for a number", "steps: true", `run.yaml:1: steps: want a whole number from 1 to 1000000000, got "true"`},
		{"fraction for a count", "steps: 1.5", `run.yaml:1: steps: want a whole number from 1 to 1000000000, got "1.5"`},
		{"infinity", "outer-lr: .inf", `run.yaml:1: outer-lr: want a number above 0, got ".inf"`},
		{"not a number", "outer-lr: .nan", `run.yaml:1: outer-lr: want a number above 0, got ".nan"`},
		{"bare number for a duration", "budget: 90", `run.yaml:1: budget: want a duration above 0 such as 90s, 2m or 1h30m, got "90"`},
		{"bad element", "rates: [0.1, 0]", `run.yaml:1: rates: want a number above 0, got "0"`},
		{"empty list of names", "files: []", `run.yaml:1: files: want names with commas between them, got ""`},
		{"bad width", "widths: [3, 0]", `run.yaml:1: widths: want up to 100 whole numbers from 1 to 10000000 with commas between them, got "3,0"`},
		{"bad value that may stay away", "copies: 0", `run.yaml:1: copies: want a whole number from 1 to 1000000000, got "0"`},
		{"word for a bool", "fast: maybe", `run.yaml:1: fast: bool value must be true, 1, yes, false, 0 or no but got "maybe"`},
		{"none of an enum", "rule: sgd", `run.yaml:1: rule: want one of lstm, adam, got "sgd"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := parse(t, c.yaml)
			require.EqualError(t, err, c.want)
		})
	}
	t.Run("broken", func(t *testing.T) {
		_, err := parse(t, "steps: 3\nlayers: [1, 2\n")
		require.ErrorContains(t, err, "run.yaml:2: ")
		require.NotContains(t, err.Error(), "\n")
	})
	t.Run("overridden but wrong", func(t *testing.T) {
		_, err := parse(t, "steps: none", "--steps=3")
		require.ErrorContains(t, err, "run.yaml:1: steps: ")
	})
	t.Run("missing file", func(t *testing.T) {
		_, err := parse(t, "", "--config", filepath.Join(t.TempDir(), "none.yaml"))
		require.ErrorContains(t, err, "none.yaml: no such file or directory")
	})
}

func TestBadArguments(t *testing.T) {
	for _, c := range []struct {
		want string
		args []string
	}{
		{`unknown flag --outr-lr, did you mean "--outer-lr"?`, []string{"--outr-lr=3"}},
		{`unknown flag --zzz`, []string{"--zzz"}},
		{`unexpected argument more`, []string{"more"}},
		{`--outer-lr: want a number above 0, got nothing`, []string{"--outer-lr"}},
		{`--config: the value is missing`, []string{"--config"}},
		{`--seed: the value is missing`, []string{"--seed"}},
		{`--seed: expected a valid 64 bit uint but got "x"`, []string{"--seed", "x"}},
		{`--outer-lr: want a number above 0, got "nan"`, []string{"--outer-lr", "nan"}},
		{`--outer-lr: want a number above 0, got "inf"`, []string{"--outer-lr", "inf"}},
		{`--outer-lr: want a number above 0, got "1e999"`, []string{"--outer-lr", "1e999"}},
		{`--outer-lr: want a number above 0, got "0"`, []string{"--outer-lr", "0"}},
		{`--outer-lr: want a number above 0, got "-1"`, []string{"--outer-lr", "-1"}},
		{`--outer-lr: want a number above 0, got "-1"`, []string{"--outer-lr=-1"}},
		{`--outer-lr: want a number above 0, got ""`, []string{"--outer-lr="}},
		{`--outer-lr: want a number above 0, got "fast"`, []string{"--outer-lr", "fast"}},
		{`--steps: want a whole number from 1 to 1000000000, got "0"`, []string{"--steps", "0"}},
		{`--steps: want a whole number from 1 to 1000000000, got "-3"`, []string{"--steps", "-3"}},
		{`--steps: want a whole number from 1 to 1000000000, got "1.5"`, []string{"--steps", "1.5"}},
		{`--steps: want a whole number from 1 to 1000000000, got "99999999999999999999"`, []string{"--steps", "99999999999999999999"}},
		{`--budget: want a duration above 0 such as 90s, 2m or 1h30m, got "0s"`, []string{"--budget", "0s"}},
		{`--budget: want a duration above 0 such as 90s, 2m or 1h30m, got "-2m"`, []string{"--budget", "-2m"}},
		{`--budget: want a duration above 0 such as 90s, 2m or 1h30m, got "90"`, []string{"--budget", "90"}},
		{`--files: want names with commas between them, got ""`, []string{"--files="}},
		{`--files: want names with commas between them, got "a,,b"`, []string{"--files", "a,,b"}},
		{`--files: want names with commas between them, got nothing`, []string{"--files"}},
		{`--widths: want up to 100 whole numbers from 1 to 10000000 with commas between them, got ""`, []string{"--widths="}},
		{`--widths: want up to 100 whole numbers from 1 to 10000000 with commas between them, got "-3"`, []string{"--widths", "-3"}},
		{`--widths: want up to 100 whole numbers from 1 to 10000000 with commas between them, got "3,x"`, []string{"--widths", "3,x"}},
		{`--key: want a whole number of at least 0, got "-1"`, []string{"--key", "-1"}},
		{`--key: want a whole number of at least 0, got "1.5"`, []string{"--key=1.5"}},
		{`--rates: want a number above 0, got "0"`, []string{"--rates", "1,0"}},
		{`--progress must be one of "auto","plain","off" but got "loud"`, []string{"--progress", "loud"}},
	} {
		_, err := parse(t, "", c.args...)
		require.EqualError(t, err, c.want, "%q", c.args)
	}
	t.Setenv("UNROLL_OUTER_LR", "nan")
	_, err := parse(t, "")
	require.EqualError(t, err, `UNROLL_OUTER_LR: want a number above 0, got "nan"`)
}

func TestSplitNames(t *testing.T) {
	for _, names := range [][]string{{"a"}, {"a", "b"}, {"a,b", "c"}, {",", ",,"}, {`a\b`, "é"}, {strings.Repeat("x", 100_000), "y"}} {
		require.Equal(t, names, splitNames(kong.JoinEscaped(names, ',')))
	}
	require.Equal(t, []string{"a", ""}, splitNames("a,"))

	object := `decay:{"rule":{"a":[1,2]},"text":",}\",","decay":1}`
	require.Equal(t, []string{"a", object, "b", object}, splitNames("a,"+object+",b,"+object))
	require.Equal(t, []string{"a", object}, splitNames(kong.JoinEscaped([]string{"a", object}, ',')), "from a list")
	require.Equal(t, []string{`a:{"b`, `c`, `d:{}`}, splitNames(`a:{"b,c,d:{}`), "what is no object is text")
	require.Len(t, splitNames(strings.Repeat(`:{"`, 100_000)), 1, "and that in no time")
}

func TestHelp(t *testing.T) {
	for _, args := range [][]string{{"--help"}, {"-h"}, {"--steps", "3", "--help"}, {"--help", "--config=none.yaml"}} {
		var stdout, stderr bytes.Buffer
		var o options
		done, err := Parse("metatrain", "Learns an optimizer.", &o, args, &stdout, &stderr)
		require.NoError(t, err)
		require.True(t, done)
		require.Empty(t, stderr.String())
		for _, want := range []string{"Usage: metatrain", "Learns an optimizer.", "--outer-lr=0.001", "$UNROLL_OUTER_LR", "--config=FILE.yaml"} {
			require.Contains(t, stdout.String(), want)
		}
	}
}

// TestVersion shows that the question is answered whatever else is asked for, and that only an argument asks it: who packs a
// program may well have a variable of that name.
func TestVersion(t *testing.T) {
	for _, args := range [][]string{{"--version"}, {"--steps", "3", "--version"}, {"--version", "--config=none.yaml"}} {
		var stdout, stderr bytes.Buffer
		var o options
		done, err := Parse("metatrain", "Learns an optimizer.", &o, args, &stdout, &stderr)
		require.NoError(t, err)
		require.True(t, done)
		require.Empty(t, stderr.String())
		require.Equal(t, build.Here().String()+"\n", stdout.String())
	}
	t.Setenv("UNROLL_VERSION", "v1.2.3")
	_, err := parse(t, "")
	require.NoError(t, err)
}

func TestParseWithoutConfigFlag(t *testing.T) {
	var o struct{ Steps Count }
	done, err := Parse("x", "", &o, []string{"--steps=3"}, io.Discard, io.Discard)
	require.NoError(t, err)
	require.False(t, done)
	require.EqualValues(t, 3, o.Steps)
	_, err = Parse("x", "", o, nil, io.Discard, io.Discard)
	require.Error(t, err, "a struct that cannot be filled")
}
