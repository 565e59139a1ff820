package search_test

import (
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed1498fded/unroll/checkpoints"
	"github.com/seed1498fded/unroll/meta/search"
)

// Where all candidates but one have diverged, an evolution strategy stands on that one; where all have, it stays.
func TestStrategiesGoByWhatIsFinite(t *testing.T) {
	for name, m := range map[string]search.Method{"es": search.ES{Mu: 5, Lambda: 20}, "cmaes": search.CMAES{Lambda: 20}} {
		s, err := m.New(away, 1)
		require.NoError(t, err)
		losses := slices.Repeat([]float64{math.NaN()}, 20)
		require.NoError(t, s.Tell(losses))
		require.InDeltaSlice(t, away, s.Current(), 1e-12, name)
		losses[13] = 1e9
		want := slices.Clone(s.Ask()[13])
		require.NoError(t, s.Tell(losses))
		require.InDeltaSlice(t, want, s.Current(), 1e-12, name)
		x, loss := s.Best()
		require.Equal(t, want, x)
		require.Equal(t, 1e9, loss)
	}
}

// Law: a child's step size comes from its own parent and another one, half and half; with Recombine from all. A parent of tiny
// steps beside one of huge ones tells: of its children those of two tiny parents alone stay where it stands.
func TestESRecombinesStepSizes(t *testing.T) {
	for _, recombine := range []bool{false, true} {
		s, err := search.ES{Mu: 2, Lambda: 400, Recombine: recombine}.New([]float64{0, 0}, 1)
		require.NoError(t, err)
		f := &checkpoints.File{}
		require.NoError(t, s.Save(f, ""))
		for _, tensor := range f.Tensors {
			switch tensor.Name {
			case "sigma":
				copy(tensor.F64, []float64{1e-9, 1e-9, 1e9, 1e9})
			case "x":
				copy(tensor.F64, []float64{0, 0, 1e15, 1e15})
			}
		}
		require.NoError(t, s.Load(f, ""))
		var near, far int
		var lengths []float64
		for i, x := range s.Ask() {
			at := float64(i%2) * 1e15
			if recombine {
				at = 1e15 / 2
			}
			switch d := math.Abs(x[0] - at); {
			case d < 1e-6:
				near++
			default:
				far++
				lengths = append(lengths, d)
				require.Less(t, d, 1e12)
			}
		}
		slices.Sort(lengths)
		if recombine {
			require.Zero(t, near)
			require.InEpsilon(t, 0.5e9*0.6745, lengths[len(lengths)/2], 0.3) // the median of |N|
			continue
		}
		require.InDelta(t, 100, near, 25) // a quarter: the own parent is the first, and so is the other
	}
}

// Law: a chain goes up by d with probability exp(−d/T), T falling from generation to generation, and down always.
func TestAnnealFollowsMetropolis(t *testing.T) {
	const chains = 4000
	s, err := search.Anneal{Chains: chains, Temperature: 2, Cooling: 0.5}.New([]float64{0}, 1)
	require.NoError(t, err)
	for generation, temperature := range []float64{2, 1, 0.5} {
		before := make([]float64, chains)
		for i, x := range s.Ask()[chains:] {
			before[i] = x[0]
		}
		losses := make([]float64, 2*chains)
		for i := range chains {
			losses[i] = []float64{1, -1, 0, math.Inf(1)}[i%4] // there, where a chain stands at 0
		}
		require.NoError(t, s.Tell(losses))
		var went [4]float64
		for i, x := range s.Ask()[chains:] {
			if x[0] != before[i] {
				went[i%4] += 4.0 / chains
			}
		}
		require.InDelta(t, math.Exp(-1/temperature), went[0], 0.05, "generation %d", generation)
		require.Equal(t, 1.0, math.Round(went[1]*1e6)/1e6)
		require.Equal(t, 1.0, math.Round(went[2]*1e6)/1e6)
		require.Zero(t, went[3])
	}
}
