package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const source = `package p

const (
	first = iota
	second
)

func (c *Cell[F]) mean(v []float64) (m float64) {
	if len(v) == 0 {
		return 0
	}
	for i, x := range v {
		m += x * weights[first] / 2.5
		_ = i
	}
	c.n = min(len(v), 3)
	swap(v, m)
	return m
}

func number(s string) (int, error) {
	if s != "" {
		return 1, nil
	}
	return 2, fail(3)
}

var half = Pair{Left: -0.5, Right: other.Test}
`

func sample(t *testing.T, text string) []mutant {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "p.go"), []byte(text), 0o644))
	parsed, err := parser.ParseFile(token.NewFileSet(), "p.go", text, 0)
	require.NoError(t, err)
	constants := map[string]groups{".": nil, "other": {"Test": "Train"}}
	constants["."] = groupsOf([]*ast.File{parsed})
	all, err := mutantsOf(dir, ".", []string{"p.go"}, constants)
	require.NoError(t, err)
	return all
}

// Every kind of change is found, once, and named by the line before and after.
func TestMutants(t *testing.T) {
	var keys []string
	for _, m := range sample(t, source) {
		keys = append(keys, strings.TrimPrefix(m.key(), "p.go "))
	}
	require.Equal(t, []string{
		`Cell.mean: if len(v) == 0 { -> if false && (len(v) == 0) {`,
		`Cell.mean: if len(v) == 0 { -> if len(v) != 0 {`,
		`Cell.mean: if len(v) == 0 { -> if len(v) == (0+1) {`,
		`Cell.mean: return 0 -> return (0+1)`,
		`Cell.mean: m += x * weights[first] / 2.5 -> m -= x * weights[first] / 2.5`,
		`Cell.mean: m += x * weights[first] / 2.5 -> m = x * weights[first] / 2.5`,
		`Cell.mean: m += x * weights[first] / 2.5 -> m += x / weights[first] / 2.5`,
		`Cell.mean: m += x * weights[first] / 2.5 -> m += x * weights[second] / 2.5`,
		`Cell.mean: m += x * weights[first] / 2.5 -> m += x * weights[first] * 2.5`,
		`Cell.mean: m += x * weights[first] / 2.5 -> m += x * weights[first] / (2*2.5)`,
		`Cell.mean: _ = i -> (nothing)`,
		`Cell.mean: c.n = min(len(v), 3) -> (nothing)`,
		`Cell.mean: c.n = min(len(v), 3) -> c.n = max(len(v), 3)`,
		`Cell.mean: c.n = min(len(v), 3) -> c.n = min(len(v), (3+1))`,
		`Cell.mean: swap(v, m) -> (nothing)`,
		`Cell.mean: swap(v, m) -> swap(m, v)`,
		`number: if s != "" { -> if false && (s != "") {`,
		`number: if s != "" { -> if s == "" {`,
		`number: return 1, nil -> return (1+1), nil`,
		`number: return 2, fail(3) -> return 2, fail((3+1))`,
		`-: var half = Pair{Left: -0.5, Right: other.Test} -> var half = Pair{ Right: other.Test}`,
		`-: var half = Pair{Left: -0.5, Right: other.Test} -> var half = Pair{Left: 0.5, Right: other.Test}`,
		`-: var half = Pair{Left: -0.5, Right: other.Test} -> var half = Pair{Left: -(2*0.5), Right: other.Test}`,
		`-: var half = Pair{Left: -0.5, Right: other.Test} -> var half = Pair{Left: -0.5, }`,
		`-: var half = Pair{Left: -0.5, Right: other.Test} -> var half = Pair{Left: -0.5, Right: other.Train}`,
	}, keys)
}

// Every change to every file of the packages that matter changes one place and leaves a file that can be parsed.
func TestMutantsParse(t *testing.T) {
	m, err := list(t.Context(), filepath.Join("..", ".."), "")
	require.NoError(t, err)
	constants, err := m.constants()
	require.NoError(t, err)
	for _, folder := range matters {
		all, err := mutantsOf(m.root, folder, m.packages[folder].GoFiles, constants)
		require.NoError(t, err)
		require.NotEmpty(t, all, folder)
		for _, x := range all {
			_, err := parser.ParseFile(token.NewFileSet(), x.file, x.apply(), parser.SkipObjectResolution)
			require.NoError(t, err, x.key())
			require.NotEqual(t, string(x.source), string(x.apply()), x.key())
		}
	}
}

// The sample follows from seed and code, and another seed gives another.
func TestSample(t *testing.T) {
	order := func(seed uint64, folder string) (keys []string) {
		all := sample(t, source)
		shuffle(all, seed, folder)
		for _, m := range all {
			keys = append(keys, m.key())
		}
		return keys
	}
	first := order(1, "a")
	require.Equal(t, first, order(1, "a"))
	require.NotEqual(t, first, order(2, "a"))
	require.NotEqual(t, first, order(1, "b"))
	require.ElementsMatch(t, first, order(2, "a"))
}

// A survivor keeps its name when lines move.
func TestKeysStay(t *testing.T) {
	keys := func(all []mutant) (k []string) {
		for _, m := range all {
			k = append(k, m.key())
		}
		return k
	}
	require.Equal(t, keys(sample(t, source)), keys(sample(t, strings.Replace(source, "const (", "// New.\n\nconst (", 1))))
}

// Changes that look the same are told apart by a number.
func TestKeysAreNames(t *testing.T) {
	twice := strings.Replace(source, "	swap(v, m)\n", "	swap(v, m)\n	swap(v, m)\n", 1)
	seen := map[string]bool{}
	for _, m := range sample(t, twice) {
		require.False(t, seen[m.key()], m.key())
		seen[m.key()] = true
	}
	require.True(t, seen["p.go Cell.mean: swap(v, m) -> (nothing) (2)"])
}

func TestSurvivors(t *testing.T) {
	name := filepath.Join(t.TempDir(), "survivors.txt")
	write := func(text string) { require.NoError(t, os.WriteFile(name, []byte(text), 0o644)) }
	write("# A buffer's\n# size.\na.go f: x -> y\na.go g: x -> y\n\n# Other.\nb.go f: x -> y\n")
	got, err := readSurvivors(name)
	require.NoError(t, err)
	require.Equal(t, map[string]string{"a.go f: x -> y": "A buffer's size.", "a.go g: x -> y": "A buffer's size.", "b.go f: x -> y": "Other."}, got)
	write("# Reason.\na.go f: x -> y\n\na.go g: x -> y\n")
	_, err = readSurvivors(name)
	require.ErrorContains(t, err, ":4: a survivor without a reason")
}

// A report fails for an unlisted survivor, a line of the list that is out of date, and too small a share.
func TestReport(t *testing.T) {
	all := sample(t, source)
	exist := map[string]bool{}
	for _, m := range all {
		exist[m.key()] = true
	}
	good := tally{folder: ".", caught: 19, survivors: all[:1]}
	known := map[string]string{all[0].key(): "reason"}
	var b strings.Builder
	require.NoError(t, report(&b, []tally{good}, known, exist))
	require.Contains(t, b.String(), "19 of   20 caught")
	require.Contains(t, b.String(), "95.0 %")
	require.Contains(t, b.String(), "line 9: reason")
	require.ErrorContains(t, report(&b, []tally{good}, nil, exist), "1 survivors are not in the list")
	few := good
	few.caught = 8
	require.ErrorContains(t, report(&b, []tally{few}, known, exist), "88.9 % were caught, want at least 90 %")
	known["p.go f: gone -> (nothing)"] = "reason"
	known["q/p.go f: elsewhere -> (nothing)"] = "reason"
	err := report(&b, []tally{good}, known, exist)
	require.ErrorContains(t, err, "p.go f: gone")
	require.NotContains(t, err.Error(), "elsewhere", "of a package that was not looked at")
}

// The checked-in list can be read, and gives every package that it names a reason to be there.
func TestTheList(t *testing.T) {
	known, err := readSurvivors("survivors.txt")
	require.NoError(t, err)
	for key, reason := range known {
		require.NotEmpty(t, reason)
		require.True(t, slices.ContainsFunc(matters, func(folder string) bool { return strings.HasPrefix(key, folder+"/") }), key)
	}
}
