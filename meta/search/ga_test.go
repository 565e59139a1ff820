package search_test

import (
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"gonum.org/v1/gonum/stat"

	"github.com/seed1498fded/unroll/meta/search"
)

const never = 1e-300 // a probability

// born returns a generation and its children by a GA: the generation's losses are its first genes.
func born(t *testing.T, c search.GA, start []float64) (parents, children [][]float64) {
	t.Helper()
	s, err := c.New(start, 1)
	require.NoError(t, err)
	var losses []float64
	for _, x := range s.Ask() {
		parents = append(parents, slices.Clone(x))
		losses = append(losses, x[0])
	}
	require.NoError(t, s.Tell(losses))
	return parents, s.Ask()
}

// Law: where nothing mutates, each gene of a child is one parent's or the other's: of either at any place, or of one up to a
// place and then of the other. The elite is the best of the generation.
func TestGACrosses(t *testing.T) {
	const n = 6
	for _, crossover := range []string{"uniform", "cut"} {
		c := search.GA{Population: 200, Elite: 3, Crossover: crossover, Mutation: never, Redraw: never}
		parents, children := born(t, c, make([]float64, n))
		mixed, switches := 0, 0
		for i, x := range children {
			var from []int // the parent of each gene
			for j, v := range x {
				from = append(from, slices.IndexFunc(parents, func(p []float64) bool { return p[j] == v }))
			}
			require.NotContains(t, from, -1)
			alone := slices.Compact(slices.Clone(from))
			slices.Sort(from)
			from = slices.Compact(from)
			require.LessOrEqual(t, len(from), 2)
			if i < 3 {
				require.Len(t, from, 1)
				continue
			}
			if len(from) == 2 {
				mixed++
				switches += len(alone) - 1
			}
		}
		require.Greater(t, mixed, 130, crossover)
		if crossover == "cut" {
			require.Equal(t, mixed, switches)
		} else {
			require.Greater(t, switches, 2*mixed)
		}
		slices.SortFunc(parents, func(a, b []float64) int { return int(math.Copysign(1, a[0]-b[0])) })
		require.Equal(t, parents[:3], children[:3])
	}
}

// Law: genes that are drawn anew are as in the first generation, spread about the start; genes that mutate are moved.
func TestGAMutates(t *testing.T) {
	start := []float64{5, 5, 5, 5}
	first, anew := born(t, search.GA{Population: 500, Elite: -1, Spread: 2, Redraw: 1}, start)
	for _, generation := range [][][]float64{first[1:], anew} {
		mean, std := stat.MeanStdDev(slices.Concat(generation...), nil)
		require.InDelta(t, 5, mean, 0.2)
		require.InDelta(t, 2, std, 0.15)
	}
	require.Equal(t, start, first[0])
	kept := func(mutation float64) (same float64) {
		parents, children := born(t, search.GA{Population: 500, Elite: -1, Mutation: mutation, Redraw: never}, start)
		for _, x := range children {
			for j, v := range x {
				if slices.ContainsFunc(parents, func(p []float64) bool { return p[j] == v }) {
					same += 1.0 / 2000
				}
			}
		}
		return same
	}
	require.InDelta(t, 0.7, kept(0.3), 0.05)
	require.Zero(t, kept(1))
}
