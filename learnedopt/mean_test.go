package learnedopt_test

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed1498fded/unroll/learnedopt"
	"github.com/seed1498fded/unroll/learnedopt/lstm"
	"github.com/seed1498fded/unroll/learnedopt/mlp"
)

// drawn returns a rule with numbers that depend on the seed.
func drawn(r learnedopt.Rule, seed uint64) *learnedopt.Trained {
	return &learnedopt.Trained{Rule: r, Phi: learnedopt.Phi(r, seed)}
}

func TestMean(t *testing.T) {
	a, b := drawn(&lstm.Rule{Hidden: 3}, 1), drawn(&lstm.Rule{Hidden: 3, Scale: 0.5}, 2)
	before := slices.Clone(a.Phi)
	m, err := learnedopt.Mean(a, b, b, b)
	require.NoError(t, err)
	require.Equal(t, a.Rule, m.Rule)
	for i := range m.Phi {
		require.Equal(t, float32((float64(a.Phi[i])+3*float64(b.Phi[i]))/4), m.Phi[i])
	}
	m.Phi[0]++
	require.Equal(t, before, a.Phi)

	one, err := learnedopt.Mean(a)
	require.NoError(t, err)
	require.Equal(t, a.Phi, one.Phi)
}

func TestMeanOfWhatHasNone(t *testing.T) {
	_, err := learnedopt.Mean()
	require.ErrorContains(t, err, "the mean of no rules; want one or more")
	a := drawn(&mlp.General{Hidden: 4}, 1)
	_, err = learnedopt.Mean(a, drawn(&lstm.Rule{Hidden: 3}, 1))
	require.ErrorContains(t, err, "the mean of general and lstm; want rules of one name")
	_, err = learnedopt.Mean(a, a, drawn(&mlp.General{Hidden: 8}, 1))
	require.ErrorContains(t, err, "different layout: number 3: ")
}
