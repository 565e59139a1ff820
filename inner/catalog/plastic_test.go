package catalog_test

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed1498fded/unroll/inner"
	"github.com/seed1498fded/unroll/inner/catalog"
	"github.com/seed1498fded/unroll/inner/credit"
	"github.com/seed1498fded/unroll/inner/plastic"
)

func functions(t *testing.T, name string, o catalog.Options) []uint8 {
	t.Helper()
	f, err := catalog.Lookup(name, o)
	require.NoError(t, err)
	all := slices.Clone(f.(plastic.Boolean).Functions)
	if all == nil {
		all = plastic.Separable(f.(plastic.Boolean).Inputs)
	}
	require.Equal(t, len(all), f.(inner.Tasks).Tasks())
	slices.Sort(all)
	return all
}

// Those to learn on and the others are all there are, and a seed says which are which. A smaller number is the beginning of a
// larger.
func TestTasks(t *testing.T) {
	all := plastic.Separable(2)
	seen := map[string]bool{}
	for seed := range uint64(5) {
		var before []uint8
		for _, k := range []int{1, 2, 4, 8, 13} {
			o := catalog.Options{Tasks: k, TaskSeed: seed}
			train := functions(t, "boolean", o)
			require.Len(t, train, k)
			for _, f := range before {
				require.Contains(t, train, f)
			}
			before = train
			o.Split = catalog.Test
			test := functions(t, "boolean", o)
			o.Split = catalog.Valid
			require.Equal(t, train, functions(t, "boolean", o))
			together := append(train, test...)
			slices.Sort(together)
			require.Equal(t, all, together)
			if k == 4 {
				seen[string(train[:4])] = true
			}
		}
	}
	assert.Greater(t, len(seen), 3)
	require.Len(t, functions(t, "boolean", catalog.Options{}), 8)
	for _, s := range catalog.Splits() {
		require.Equal(t, all, functions(t, "boolean", catalog.Options{Tasks: 14, Split: s}))
		require.Len(t, functions(t, "boolean3", catalog.Options{Split: s}), 104)
	}
	require.Len(t, functions(t, "boolean3", catalog.Options{Tasks: 10}), 10)
	require.Len(t, functions(t, "boolean3", catalog.Options{Tasks: 10, Split: catalog.Valid}), 10)
	require.Len(t, functions(t, "boolean3", catalog.Options{Tasks: 10, Split: catalog.Test}), 104)
}

func TestPlainTasks(t *testing.T) {
	require.Equal(t, catalog.Options{TaskSeed: 3}, catalog.Options{Tasks: 8, TaskSeed: 3}.Plain("boolean"))
	require.Equal(t, catalog.Options{Tasks: 9}, catalog.Options{Tasks: 9}.Plain("boolean"))
	require.Equal(t, catalog.Options{}, catalog.Options{Batch: 16, Hidden: []int{32}}.Plain("digits8"))
	require.Equal(t, catalog.Options{Batch: 128}, catalog.Options{Batch: 128}.Plain("digits8"))
}

func TestTasksRefused(t *testing.T) {
	for want, c := range map[string]struct {
		name    string
		options catalog.Options
	}{
		"catalog: boolean: 15 tasks to learn on; want 1..14":                    {"boolean", catalog.Options{Tasks: 15}},
		"catalog: boolean: -1 tasks to learn on; want 1..14":                    {"boolean", catalog.Options{Tasks: -1}},
		"catalog: boolean3: 105 tasks to learn on; want 1..104":                 {"boolean3", catalog.Options{Tasks: 105}},
		"catalog: conditioning: does not take tasks":                            {"conditioning", catalog.Options{Tasks: 2}},
		"catalog: mnist: does not take tasks, a seed of tasks":                  {"mnist", catalog.Options{Tasks: 2, TaskSeed: 1}},
		"catalog: quadratic: does not take tasks":                               {"quadratic", catalog.Options{Tasks: 2}},
		"catalog: boolean: does not take hidden, batch":                         {"boolean", catalog.Options{Hidden: []int{3}, Batch: 2}},
		"catalog: foraging: does not take credit":                               {"foraging", catalog.Options{Credit: "fa"}},
		"catalog: xor: does not take data, activation, loss, init":              {"xor", catalog.Options{Data: "x", Activation: "tanh", Loss: "x", Init: "he"}},
		"catalog: xor: credit: fa: scale is -1, want a number above 0":          {"xor", catalog.Options{Credit: "fa", CreditConfig: []byte(`{"scale":-1}`)}},
		"catalog: boolean: does not take settings of a credit rule without one": {"boolean", catalog.Options{CreditConfig: []byte(`{}`)}},
	} {
		_, err := catalog.Lookup(c.name, c.options)
		require.EqualError(t, err, want)
	}
	_, err := catalog.LookupBenchmark("xor", catalog.Options{})
	require.EqualError(t, err, "catalog: xor: no benchmark; training for epochs is on images")
}

// All of these show senses, and lives of the same length as their like; those of images show senses too.
func TestSynapticProblems(t *testing.T) {
	for name, life := range map[string]int{
		"boolean": 120, "boolean3": 240, "conditioning": 40, "association": 60, "association8": 120, "foraging": 300, "xor": 1500, "digits8": 0,
	} {
		f, err := catalog.Lookup(name, catalog.Options{})
		require.NoError(t, err)
		p, err := f.Sample(1)
		require.NoError(t, err)
		require.NotEmpty(t, p.(inner.Synaptic).Senses(), name)
		if life > 0 {
			require.Equal(t, life, p.(inner.Lived).Life(), name)
		}
		require.Equal(t, name != "digits8", catalog.Cheap(name), name)
		fingerprint, err := catalog.Fingerprint(name, catalog.Options{})
		require.NoError(t, err)
		require.Equal(t, name == "digits8", fingerprint != "")
		if to := catalog.Transfer(name); to != "" {
			require.Contains(t, catalog.Names(), to)
		}
	}
	require.Equal(t, "boolean3", catalog.Transfer("boolean"))
	require.Equal(t, "association8", catalog.Transfer("association"))
	f, err := catalog.Lookup("xor", catalog.Options{Credit: "fa", CreditConfig: []byte(`{"scale":2}`)})
	require.NoError(t, err)
	require.Equal(t, &credit.FeedbackAlignmentOf[float32]{Scale: 2}, f.(plastic.XOR).Rule)
	f, err = catalog.Lookup("digits8", catalog.Options{Credit: "fa"})
	require.NoError(t, err)
	require.Equal(t, 16, f.(credit.Family).Batch)
}

// A program's problem that has tasks is asked for them.
func TestRegisteredTasks(t *testing.T) {
	var asked catalog.Options
	p := quadratics(&asked)
	p.Takes, p.Defaults.Tasks = append(p.Takes, "tasks"), 5
	register(t, "bowls", p)
	o := catalog.Options{Tasks: 3, TaskSeed: 9, Split: catalog.Test}
	_, err := catalog.Lookup("bowls", o)
	require.NoError(t, err)
	require.Equal(t, o, asked)
	require.Equal(t, catalog.Options{}, catalog.Options{Tasks: 5}.Plain("bowls"))
	_, err = catalog.Lookup("bowls", catalog.Options{Tasks: -1})
	require.EqualError(t, err, "catalog: bowls: -1 tasks to learn on; want 1 or more")
}
