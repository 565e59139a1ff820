package catalog_test

import (
	"os"
	"path/filepath"
	"strings"
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
  - {name: flat, side: [8], images: [2, 9], hidden: [3], activation: [elu]}
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

const manyKinds = `
of:
  - {name: auto, kind: autoencoder, side: [4], depth: [1, 2], width: [3, 6], code: [2, 3], activation: [tanh], batch: [5]}
  - {name: conv, kind: conv, side: [4, 8], channels: [3, 4], batch: [4]}
  - {name: residual, kind: residual, side: [4, 8], depth: [1, 2], width: [3, 5], batch: [4]}
  - {name: taught, kind: teacher, inputs: [3, 5], classes: [2, 3], teacher: [3, 4], width: [3, 6], activation: [tanh], batch: [6]}
  - {name: logistic, kind: clusters, inputs: [3, 5], spread: [0.5, 2], units: [1, 3], batch: [6]}
  - {name: clusters, kind: clusters, depth: [1, 2], width: [3, 6], activation: [sigmoid], batch: [6]}
  - {name: simple, kind: elman, letters: [3, 5], width: [2, 5], length: [2, 4], batch: [3]}
  - {name: source, kind: elman, text: [gosource], width: [2, 3], length: [2, 4], batch: [3]}
  - {name: lstm, kind: lstm, letters: [3, 5], width: [2, 4], length: [2, 4], batch: [3]}
  - {name: attends, kind: transformer, letters: [3, 5], depth: [1, 2], heads: [2, 3], width: [4, 6], length: [2, 4], batch: [3]}
  - {name: bowls, kind: function, form: [quadratic, bowl], shape: [matrix], dim: [5, 12], condition: [1, 100], shake: [0.01, 0.1]}
  - {name: rows, kind: function, form: [waves, funnel], dim: [5, 12], seen: [0.2, 0.8]}
`

// Problems of all kinds obey the laws of problems.
func TestMixKinds(t *testing.T) {
	o := catalog.Options{Data: writeImages(t, problemtest.Images(36, 28))}
	name := writeMix(t, "members: 22"+manyKinds)
	double, err := catalog.LookupOf[float64](name, o)
	require.NoError(t, err)
	single := mixOf(t, name, o)
	names := map[string]bool{}
	for i, member := range inner.MembersOf(double) {
		names[single.Name(i)] = true
		options := problemtest.Options{Varies: problemtest.Function | problemtest.Start | problemtest.Batch}
		switch strings.Fields(single.Name(i))[0] {
		case "auto", "conv", "residual", "source":
			options.Varies &^= problemtest.Function
		}
		t.Run(single.Name(i), func(t *testing.T) {
			problemtest.Run(t, member, options)
			problemtest.Agree(t, single.Members()[i], member)
		})
	}
	require.Greater(t, len(names), 14, "they differ")
}

// What is done to the problems of an entry shows: units, scales and signals, each as often as its list says.
func TestMixDisturbed(t *testing.T) {
	name := writeMix(t, `
members: 60
of:
  - {name: a, kind: function, signal: [plain, plain, noisy, directions, normalised], noise: [0.1, 1], directions: [2, 5], scale: [0.1, 10], level: [tensor], unit: [0.5, 2]}
`)
	m, err := catalog.LookupOf[float64](name, catalog.Options{})
	require.NoError(t, err)
	counts := map[string]int{}
	for i, member := range inner.MembersOf(m) {
		words := strings.Fields(m.(*mix.FamilyOf[float64]).Name(i))
		p, err := member.Sample(1)
		require.NoError(t, err)
		_, signalled := p.(inner.SignalledOf[float64])
		require.Equal(t, len(words) > 3, signalled)
		counts[words[len(words)-1]]++
		if i < 8 {
			problemtest.Run(t, member, problemtest.Options{Varies: problemtest.Function | problemtest.Start})
		}
	}
	require.InDelta(t, 12, counts["noisy"], 11)
	require.Len(t, counts, 4)
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
	require.Equal(t, 11, n)
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
	file := strings.TrimPrefix(writeMix(t, someMix), catalog.MixPrefix)
	like := writeMix(t, "like: "+file)
	before, err := catalog.Fingerprint(like, o)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(file, []byte(someMix+"# more\n"), 0o600))
	after, err := catalog.Fingerprint(like, o)
	require.NoError(t, err)
	require.NotEqual(t, before, after, "what a mix is like is part of it")
	_, err = catalog.Fingerprint("mix:no such file", o)
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
		{`entry 1, "a": unit: from 3 to 2; want numbers above 0 in order`, "of: [{name: a, unit: [3, 2]}]"},
		{`entry "a": no level "row"; there are none global tensor coordinate`, "of: [{name: a, level: [row]}]"},
		{`width -1`, "of: [{name: a, hidden: [-1]}]"},
		{`no kind "cnn"; there are mlp, autoencoder, conv, residual, teacher, clusters, elman, lstm, transformer, function`, "of: [{name: a, kind: cnn}]"},
		{`line 1: conv does not take "width"; it takes name, kind,`, "of: [{name: a, kind: conv, width: [1, 2]}]"},
		{`line 1: residual does not take "activation"; it takes name, kind,`, "of: [{name: a, kind: residual, activation: [tanh]}]"},
		{`line 1: mlp does not take "off"; it takes name,`, "of: [{name: a, off: 1}]"},
		{`channels: [1 300]; want numbers from 1 to 256 in order`, "of: [{name: a, kind: conv, channels: [1, 300]}]"},
		{`images: [0 3]; want numbers from 1 to`, "of: [{name: a, images: [0, 3]}]"},
		{`seen: [0.5 2]; want numbers up to 1`, "of: [{name: a, kind: function, seen: [0.5, 2]}]"},
		{`shake: 1 numbers; want the least and the largest`, "of: [{name: a, kind: function, shake: [1]}]"},
		{`condition: from 0 to 2; want numbers above 0 in order`, "of: [{name: a, kind: function, condition: [0, 2]}]"},
		{`a Condition of 0.5; want 1 or more`, "of: [{name: a, kind: function, condition: [0.5, 0.5]}]"},
		{`no form "valley"; there are quadratic, bowl, waves, funnel`, "of: [{name: a, kind: function, form: [valley]}]"},
		{`no text "opticks"; there are chain, gosource`, "of: [{name: a, kind: lstm, text: [opticks]}]"},
		{`no signal "late"; there are plain, noisy, directions, normalised`, "of: [{name: a, signal: [late]}]"},
		{`noise: goes with a signal that is noisy`, "of: [{name: a, noise: [1, 1]}]"},
		{`directions: go with a signal of directions`, "of: [{name: a, signal: [directions]}]"},
		{`like: stat no-such-mix`, "like: no-such-mix"},
		{`line 2: conv does not take "width"`, "like: broad\nof: [{name: conv, width: [1, 2]}]"},
		{`minibatches of 65536 for a network that makes`, "of: [{name: a, kind: conv, side: [28], batch: [65536]}]"},
		{`minibatches of 65536 for a network that makes`, "of: [{name: a, kind: residual, depth: [9, 9], width: [999, 999], batch: [65536]}]"},
		{`minibatches of 65536 for a network that makes`, "of: [{name: a, kind: elman, length: [999, 999], batch: [65536]}]"},
	} {
		_, err := catalog.Lookup(writeMix(t, c.text), o)
		require.ErrorContains(t, err, c.want)
		require.NotContains(t, err.Error(), "\n")
	}
	_, err := catalog.Lookup("mix:no such", o)
	require.ErrorContains(t, err, "the embedded mixes are mix:broad, mix:convolutions, mix:deep, mix:far, mix:general, mix:letters, mix:paper, mix:small, mix:transformers, mix:wide, mix:wider")
	itself := filepath.Join(t.TempDir(), "mix.yaml")
	require.NoError(t, os.WriteFile(itself, []byte("like: "+itself), 0o600))
	_, err = catalog.Lookup("mix:"+itself, o)
	require.ErrorContains(t, err, "more than 8 mixes, each like another")
	o.Hidden = []int{3}
	_, err = catalog.Lookup("mix:small", o)
	require.EqualError(t, err, "catalog: mix:small: does not take hidden")
}

// What a mix does not say is as in the mix that it is like, wherever it comes in that one's list; what it adds comes last.
func TestMixLikeAnother(t *testing.T) {
	base := writeMix(t, "members: 3\nseed: 5\nof:\n- {name: a, hidden: [3], batch: [4]}\n- {name: b, hidden: [5], weight: 2}\n- {hidden: [2]}\ntest: [{name: t, hidden: [7]}]")
	whole := writeMix(t, "members: 3\nseed: 6\nof:\n- {name: a, hidden: [9], batch: [4]}\n- {name: b, kind: conv, channels: [2, 2]}\n- {hidden: [2]}\n- {hidden: [4]}\n"+
		"test: [{name: t, hidden: [7]}]")
	like := writeMix(t, "like: "+strings.TrimPrefix(base, catalog.MixPrefix)+"\nseed: 6\nof:\n- {name: a, hidden: [9]}\n- {name: b, kind: conv, channels: [2, 2]}\n- {hidden: [4]}")
	for _, split := range []catalog.Split{catalog.Train, catalog.Test} {
		o := catalog.Options{Data: writeImages(t, problemtest.Images(36, 28)), Split: split}
		want, got := mixOf(t, whole, o), mixOf(t, like, o)
		require.Equal(t, len(want.Members()), len(got.Members()))
		for i := range want.Members() {
			require.Equal(t, want.Name(i), got.Name(i))
		}
	}
}
