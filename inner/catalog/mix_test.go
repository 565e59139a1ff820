package catalog_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed1498fded/unroll/inner"
	"github.com/seed1498fded/unroll/inner/catalog"
	"github.com/seed1498fded/unroll/inner/mix"
	"github.com/seed1498fded/unroll/inner/problemtest"
)

// writeMix writes a mix to a file and returns its name in the catalog.
func writeMix(t *testing.T, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "mix.yaml")
	require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
	return catalog.MixPrefix + file
}

func mixOf(t *testing.T, name string, o catalog.Options) *mix.Family {
	t.Helper()
	f, err := catalog.Lookup(name, o)
	require.NoError(t, err)
	return f.(*mix.Family)
}

const someMix = `
seed: 3
members: 12
of:
  - {name: small, weight: 2, side: [4], depth: [1, 3], width: [2, 5], activation: [tanh, sigmoid], batch: [5, 7], gain: [0.5, 2], level: [global, tensor], unit: [0.5, 2]}
  - {name: flat, side: [8], hidden: [3], activation: [elu]}
test:
  - {name: held out, side: [7], hidden: [4, 2], init: [lecun], batch: [3]}
`

// Every member of a mix obeys the laws of problems.
func TestMixLaws(t *testing.T) {
	o := catalog.Options{Data: writeImages(t, problemtest.Images(36, 28))}
	name := writeMix(t, someMix)
	double, err := catalog.LookupOf[float64](name, o)
	require.NoError(t, err)
	single := mixOf(t, name, o)
	for i, member := range inner.MembersOf(double)[:7] {
		options := problemtest.Options{Varies: problemtest.Start | problemtest.Batch}
		if _, units := member.(mix.RescaledOf[float64]); units {
			options.Varies |= problemtest.Function
		}
		t.Run(single.Name(i), func(t *testing.T) {
			problemtest.Run(t, member, options)
			problemtest.Agree(t, single.Members()[i], member)
		})
	}
}

// A mix is drawn by its seed and nothing else, each entry has its share of the networks, and what is held out stands as it is written.
func TestMixMembers(t *testing.T) {
	o := catalog.Options{Data: writeImages(t, problemtest.Images(36, 28))}
	name := writeMix(t, someMix)
	a, b := mixOf(t, name, o), mixOf(t, name, o)
	shares, seen := map[string]int{}, map[string]bool{}
	for i := range a.Members() {
		require.Equal(t, a.Name(i), b.Name(i))
		shares[a.Name(i)[:5]]++
		seen[a.Name(i)] = true
	}
	require.Equal(t, map[string]int{"small": 8, "flat ": 4}, shares)
	require.Greater(t, len(seen), 5, "they differ")
	other := mixOf(t, writeMix(t, "seed: 4"+someMix[len("\nseed: 3"):]), o)
	require.NotEqual(t, a.Name(0)+a.Name(2)+a.Name(4), other.Name(0)+other.Name(2)+other.Name(4))

	o.Split = catalog.Valid
	valid := mixOf(t, name, o)
	require.Len(t, valid.Members(), 12, "drawn from the same distribution")
	require.NotEqual(t, a.Name(0)+a.Name(2)+a.Name(4), valid.Name(0)+valid.Name(2)+valid.Name(4), "others")
	o.Split = catalog.Test
	test := mixOf(t, name, o)
	require.Len(t, test.Members(), 1)
	require.Equal(t, "held out 49-4-2-4 relu", test.Name(0))
}

// The embedded mixes are in order, for every split.
func TestEmbeddedMixes(t *testing.T) {
	o := catalog.Options{Data: writeImages(t, problemtest.Images(36, 28))}
	n := 0
	for _, name := range catalog.Names() {
		if !catalog.Mixed(name) {
			continue
		}
		n++
		for _, o.Split = range catalog.Splits() {
			for _, member := range mixOf(t, name, o).Members() {
				p, err := member.Sample(1)
				require.NoError(t, err)
				require.Positive(t, p.Params().Len())
			}
		}
	}
	require.Equal(t, 2, n)
}

func TestMixFingerprint(t *testing.T) {
	o := catalog.Options{Data: writeImages(t, problemtest.Images(36, 28))}
	prints := map[string]bool{}
	for _, text := range []string{someMix, someMix + "\n", someMix + "# more\n"} {
		print, err := catalog.Fingerprint(writeMix(t, text), o)
		require.NoError(t, err)
		prints[print] = true
	}
	require.Len(t, prints, 3)
	_, err := catalog.Fingerprint("mix:no such file", o)
	require.ErrorContains(t, err, "catalog: mix:no such file: ")
}

func TestMixErrors(t *testing.T) {
	o := catalog.Options{Data: writeImages(t, problemtest.Images(36, 28))}
	for _, c := range []struct{ want, text string }{
		{`nothing to draw from; want a list "of"`, ""},
		{"field off not found", "off: 3"},
		{"members: 5000; want 1 to 4096", "members: 5000\nof: [{name: a}]"},
		{`entry 1, "a": depth: 3 numbers; want the least and the largest`, "of: [{name: a, depth: [1, 2, 3]}]"},
		{`[4 2]; want numbers from 1 to 1000 in order`, "of: [{name: a, width: [4, 2]}]"},
		{`weight: -1; want a number above 0`, "of: [{name: a, weight: -1}]"},
		{`hidden: there is depth or width too`, "of: [{name: a, hidden: [2], depth: [1, 1]}]"},
		{`no activation "step"; there are`, "of: [{name: a, activation: [step]}]"},
		{`nets: no init "zero"`, "of: [{name: a, init: [zero]}]"},
		{`batch: 0; want 1 to`, "of: [{name: a, batch: [0]}]"},
		{`entry "a": data: Downsample to a side of 9; want 4, 7, 8, 14 or 28`, "of: [{name: a, side: [9]}]"},
		{`entry "a": unit: from 3 to 2; want numbers above 0 in order`, "of: [{name: a, unit: [3, 2]}]"},
		{`entry "a": no level "row"; there are none global tensor coordinate`, "of: [{name: a, level: [row]}]"},
		{`width -1`, "of: [{name: a, hidden: [-1]}]"},
	} {
		_, err := catalog.Lookup(writeMix(t, c.text), o)
		require.ErrorContains(t, err, c.want)
		require.NotContains(t, err.Error(), "\n")
	}
	_, err := catalog.Lookup("mix:no such", o)
	require.ErrorContains(t, err, "the embedded mixes are mix:general, mix:small")
	o.Hidden = []int{3}
	_, err = catalog.Lookup("mix:small", o)
	require.EqualError(t, err, "catalog: mix:small: does not take hidden")
}
