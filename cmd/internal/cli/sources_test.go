package cli

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestEmptyVariables shows that a variable that is set to nothing is as good as not set, whatever the type of its flag.
func TestEmptyVariables(t *testing.T) {
	want, err := parse(t, "")
	require.NoError(t, err)
	for _, name := range []string{
		"CONFIG", "PROGRESS", "OUTER_LR", "STEPS", "BUDGET", "ADAM_BETA1", "SEED", "RULE", "LAYERS", "RATES", "NAMES", "FILES", "WIDTHS",
		"KEY", "COPIES", "LABEL", "FAST", "SETTINGS", "HELP",
	} {
		t.Setenv(EnvPrefix+name, "")
	}
	got, err := parse(t, "")
	require.NoError(t, err)
	require.Equal(t, want, got)
	got, err = parse(t, "seed: 3")
	require.NoError(t, err)
	require.EqualValues(t, 3, got.Seed, "the file's, not the empty variable's")
}

// TestErrorsNameTheirSource sets the same flag wrong in each of its sources.
func TestErrorsNameTheirSource(t *testing.T) {
	_, err := parse(t, "", "--steps=0")
	require.ErrorContains(t, err, "--steps: want a whole number")
	_, err = parse(t, "seed: 1\nsteps: 0")
	require.ErrorContains(t, err, "run.yaml:2: steps: want a whole number")
	for variable, c := range map[string]struct{ text, want string }{
		"UNROLL_STEPS":    {"0", "want a whole number from 1 to 1000000000, got \"0\""},
		"UNROLL_COPIES":   {"x", "want a whole number from 1 to 1000000000, got \"x\""},
		"UNROLL_RULE":     {"sgd", "want one of lstm, adam, got \"sgd\""},
		"UNROLL_FAST":     {"maybe", "bool value must be true, 1, yes, false, 0 or no but got \"maybe\""},
		"UNROLL_LABEL":    {"\xff", `"\xff" is not UTF-8`},
		"UNROLL_SETTINGS": {"3", `want a JSON object such as {"name":0.1}, got "3"`},
		"UNROLL_CONFIG":   {"none.yaml", "none.yaml: no such file or directory"},
	} {
		t.Run(variable, func(t *testing.T) {
			t.Setenv(variable, c.text)
			_, err := parse(t, "")
			require.EqualError(t, err, variable+": "+c.want)
		})
	}
}

// TestNotUTF8 shows that bytes are refused, and not exchanged for others.
func TestNotUTF8(t *testing.T) {
	_, err := parse(t, "", "--seed=2", "--label=a\xffb")
	require.EqualError(t, err, `argument 2, "--label=a\xffb": not UTF-8`)
	_, err = parse(t, "label: a\xffb")
	require.ErrorContains(t, err, "run.yaml: ")
}

func TestNestedJSON(t *testing.T) {
	for _, text := range []string{
		`settings: '{"a":1e-3,"b":{"c":[true,null,"x"]}}'`,
		"settings: {a: 1e-3, b: {c: [yes, ~, x]}}",
		"settings:\n  b:\n    c: [true, null, 'x']\n  a: 0.001\n",
		"\ufeffsettings: {a: 0.001, b: {c: [true, null, x]}}",
	} {
		text = strings.Replace(text, "yes", "true", 1)
		o, err := parse(t, text)
		require.NoError(t, err, text)
		require.JSONEq(t, `{"a":0.001,"b":{"c":[true,null,"x"]}}`, string(*o.Settings), text)
	}
	for text, want := range map[string]string{
		"settings: {a: 1, a: 2}":       `run.yaml:1: settings: key "a" is there twice`,
		"settings: [1]":                "run.yaml:1: settings: want one value, got a list",
		"settings: 3":                  `run.yaml:1: settings: want a JSON object such as {"name":0.1}, got "3"`,
		"settings: '{'":                `run.yaml:1: settings: want a JSON object such as {"name":0.1}, got "{"`,
		"seed: 1\nsettings: {a: .nan}": "run.yaml:2: settings: json: unsupported value: NaN",
		"settings: {a: &x 1}":          "run.yaml:1: settings: want plain values, got an anchor, alias or tag",
		"settings: {a: !t 1}":          "run.yaml:1: settings: want plain values, got an anchor, alias or tag",
		"label: {a: 1}":                "run.yaml:1: label: want a plain value, got a mapping",
	} {
		_, err := parse(t, text)
		require.EqualError(t, err, want, text)
	}
}

func TestByteOrderMark(t *testing.T) {
	o, err := parse(t, "\ufeffseed: 7\n")
	require.NoError(t, err)
	require.EqualValues(t, 7, o.Seed)
}

// hostile are files that are short and would cost a careless reader much.
func hostile() map[string]string {
	fill := func(s string) string { return strings.Repeat(s, maxConfig/len(s)) }
	var laughs strings.Builder
	laughs.WriteString("a0: &a0 [x, x]\n")
	for i := range 60 {
		fmt.Fprintf(&laughs, "a%d: &a%d [*a%d, *a%d, *a%d]\n", i+1, i+1, i, i, i)
	}
	return map[string]string{
		"open lists": fill("["), "open mappings": fill("{a: "), "closed lists": "layers: " + fill("[")[:maxConfig/3] + fill("]")[:maxConfig/3],
		"nested json": "settings: " + fill("{a: ")[:maxConfig/2], "nested dashes": fill("- "), "nested keys": fill("? "),
		"repeated keys": fill("seed: 1\n"), "unknown keys": fill("k: 1\n"), "repeated keys in json": "settings: {" + fill("a: 1,")[:maxConfig/2] + "}",
		"documents": fill("---\n")[:maxConfig-9] + "x", "full documents": fill("--- a\n"), "anchors": fill("- &a a\n- *a\n"), "laughs": laughs.String(),
		"nested laughs": "settings: {a: &a [1], b: [*a, *a]}", "merges": fill("<<: {a: 1}\n"), "long value": "label: " + fill("x")[:maxConfig-9] + "\nx: 1",
		"long key": fill("x")[:maxConfig-9] + ": 1", "long number": "seed: " + fill("1")[:maxConfig-9], "comments": fill("#\n") + "x",
		"tags": fill("!a "), "directives": fill("%TAG ! a\n"), "zeros": fill("\x00"), "bytes": fill("\xff"), "escapes": "\"\\e[2J\": 1",
		"too long": fill("#\n") + "#\n",
	}
}

func TestHostileYAML(t *testing.T) {
	for name, text := range hostile() {
		t.Run(name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			_, err := parse(t, text)
			runtime.ReadMemStats(&after)
			require.Error(t, err)
			requireLine(t, err.Error())
			require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(80<<20), "the parser and its tree, and all garbage")
		})
	}
}

func FuzzYAML(f *testing.F) {
	for _, text := range hostile() {
		f.Add(text[:min(len(text), 500)]) // short, since the fuzzer copies them around
	}
	f.Add("seed: 3\nlayers: [1, 2]\nsettings: {a: [1, {b: c}]}\nlabel: |\n  text\n")
	f.Fuzz(func(t *testing.T, text string) {
		path := t.TempDir() + "/run.yaml"
		require.NoError(t, os.WriteFile(path, []byte(text), 0o666))
		var o options
		if _, err := Parse("x", "", &o, []string{"--config", path}, nil, nil); err != nil {
			requireLine(t, err.Error())
		}
	})
}

func FuzzFlags(f *testing.F) {
	for _, s := range []string{"", "1", "-1", "1e9", "99999999999", "1,2", ",", "{}", "{\"a\":", "\x1b", "\xff", "a\nb", "0x10", "--", "auto"} {
		f.Add("steps", s)
		f.Add("widths", s)
		f.Add("settings", s)
	}
	f.Fuzz(func(t *testing.T, name, value string) {
		var o options
		if _, err := Parse("x", "", &o, []string{"--" + name + "=" + value}, nil, nil); err != nil {
			requireLine(t, err.Error())
		} else if o.Copies != nil {
			require.True(t, 1 <= *o.Copies && *o.Copies <= MaxCount)
		}
	})
}
