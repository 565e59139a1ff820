package eval

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed1498fded/unroll/internal/rng"
	"github.com/seed1498fded/unroll/learnedopt/handmade"
)

// Which keys the runs of a comparison have is part of what a seed means: run i of a set has child i of the set's key, and
// of that 0 is the problem's, 1 the start's, and those of 2 are the minibatches', in turn.
func TestKeysOfRuns(t *testing.T) {
	l := newLog()
	_, err := Measure(t.Context(), untrained(new(handmade.SGD)), Runs{Family: bowl{a: 1, log: l}, Steps: 4, Count: 3, Key: 9})
	require.NoError(t, err)
	requireKeys(t, l, 9, 3, 4)
}

func requireKeys(t *testing.T, l *log, key uint64, runs, steps uint64) {
	t.Helper()
	want := newLog()
	for i := range runs {
		run := rng.Split(key, i)
		want.problems[rng.Split(run, 0)] = true
		want.starts[rng.Split(run, 1)] = true
		for t := range steps {
			want.batches[rng.Split(rng.Split(run, 2), t)] = true
		}
	}
	require.Equal(t, want.problems, l.problems)
	require.Equal(t, want.starts, l.starts)
	require.Equal(t, want.batches, l.batches)
}

// Results are measured on the runs of one key of the seed's, and learning rates are tuned on those of another.
func TestKeysOfAComparison(t *testing.T) {
	test, tuning := newLog(), newLog()
	sgd := baseline("sgd")
	_, err := Comparison{
		Problem: "bowl", Tasks: []Task{{Test: bowl{a: 1, log: test}, Tuning: bowl{a: 1, log: tuning}}}, Steps: 4, Runs: 3, TuningRuns: 2, Seed: 6,
		Contenders: []Contender{{Name: "sgd", Baseline: &sgd}},
	}.Run(t.Context())
	require.NoError(t, err)
	requireKeys(t, test, rng.Split(6, 'T'<<8+1), 3, 4)
	requireKeys(t, tuning, rng.Split(6, 'T'<<8+2), 2, 4)
}
