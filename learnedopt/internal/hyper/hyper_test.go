package hyper

import (
	"errors"
	"math"
	"testing"

	"github.com/stretchr/testify/require"
	G "gorgonia.org/gorgonia"

	"github.com/seed1498fded/unroll/internal/graph"
	"github.com/seed1498fded/unroll/params"
)

// Law: every form that phi is kept in has its inverse, over the whole range that a hyperparameter may have.
func TestFormsHaveInverses(t *testing.T) {
	for _, v := range []float64{1e-12, 3e-4, 0.5, 1, 7, 1e9} {
		require.InEpsilon(t, v, Exp(Log(v)), 1e-5, "%v", v)
	}
	for _, p := range []float64{1e-9, 0.1, 0.25, 0.5, 0.9, 0.999} {
		require.InEpsilon(t, p, Sigmoid(Logit(p)), 1e-5, "%v", p)
		require.InEpsilon(t, 1-p, Sigmoid(-Logit(p)), 1e-5, "%v", p)
	}
	require.Zero(t, Logit(0.5))
	require.InEpsilon(t, math.Log(9), Logit(0.9), 1e-6)
	require.InEpsilon(t, 1e-9, Sigmoid(-Logit(1-1e-9)), 1e-5, "what is left to 1 keeps its digits")
}

// Law: the bias of t draws is 1 − β^t, also where β^t is too close to 1 for its rounded form to be taken from 1.
func TestBias(t *testing.T) {
	for _, beta := range []float64{0.1, 0.5, 0.9, 0.999} {
		for _, n := range []float64{1, 2, 10, 1000} {
			require.InEpsilon(t, 1-math.Pow(beta, n), Bias(Logit(beta), float32(n)), 1e-4, "%v^%v", beta, n)
		}
	}
	const left = 1e-12 // of β to 1
	require.InEpsilon(t, 3*left, Bias(float32(-math.Log(left)), 3), 1e-5)
}

// Law: as an expression and as a number the two say the same, and the average of one value, unbiased, is that value.
func TestAverageUnbiased(t *testing.T) {
	g := G.NewGraph()
	number := func(name string) *G.Node { return G.NewScalar(g, G.Float64, G.WithName(name)) }
	logit, m, x, n := number("logit"), number("m"), number("x"), number("n")
	b := new(graph.Builder)
	average, unbiased := Average(b, logit, m, x), Unbias(b, logit, m, n)
	require.NoError(t, b.Err())
	p, err := graph.Compile[float64]([]*G.Node{logit, m, x, n}, []*G.Node{average, unbiased})
	require.NoError(t, err)
	run := func(logit, m, x, n float64) (average, unbiased float64) {
		for i, v := range []float64{logit, m, x, n} {
			p.In(i)[0] = v
		}
		require.NoError(t, p.Run())
		return p.Out(0)[0], p.Out(1)[0]
	}

	got, _ := run(math.Log(3), 8, 4, 1) // β is 3/4
	require.InDelta(t, 7, got, 1e-12)
	for _, beta := range []float64{0.1, 0.9, 0.999} {
		z, m := Logit(beta), 0.0
		for n := range 20 {
			m, _ = run(float64(z), m, 5, 1)
			_, one := run(float64(z), m, 0, float64(n+1))
			require.InDelta(t, 5, one, 1e-9, "β %v, %d draws", beta, n+1)
			require.InEpsilon(t, m/one, Bias(z, float32(n+1)), 1e-6, "β %v, %d draws", beta, n+1)
		}
	}
}

// Ranges are open: their ends are outside, what is next to them inside.
func TestRanges(t *testing.T) {
	inf, nan := math.Inf(1), math.NaN()
	for _, v := range []float64{math.SmallestNonzeroFloat64, 1e-3, 1, math.MaxFloat64} {
		require.NoError(t, Positive("lr", v), "%v", v)
	}
	for want, v := range map[string]float64{"0": 0, "-1": -1, "-5e-324": -math.SmallestNonzeroFloat64, "+Inf": inf, "-Inf": -inf, "NaN": nan} {
		require.EqualError(t, Positive("lr", v), "lr is "+want+", want a number above 0")
	}
	for _, v := range []float64{math.SmallestNonzeroFloat64, 0.5, math.Nextafter(1, 0)} {
		require.NoError(t, Fraction("beta", v), "%v", v)
	}
	for want, v := range map[string]float64{"0": 0, "1": 1, "-0.5": -0.5, "1.5": 1.5, "+Inf": inf, "-Inf": -inf, "NaN": nan} {
		require.EqualError(t, Fraction("beta", v), "beta is "+want+", want a number above 0 and below 1")
	}
}

// All that is wrong with a rule is told, after the rule's name, and nothing wrong is no error.
func TestCheck(t *testing.T) {
	require.NoError(t, Check("adam"))
	require.NoError(t, Check("adam", nil, nil))
	first, second := errors.New("lr is 0"), errors.New("beta is 1")
	err := Check("adam", first, nil, second)
	require.EqualError(t, err, "learnedopt: adam: lr is 0\nbeta is 1")
	require.ErrorIs(t, err, first)
	require.ErrorIs(t, err, second)
}

// A name is one number of phi, or one number of state a coordinate, in the order given.
func TestLayouts(t *testing.T) {
	require.Equal(t, params.Layout{{Name: "log_lr", Shape: []int{1}}, {Name: "logit_beta", Shape: []int{1}}}, Scalars("log_lr", "logit_beta"))
	require.Empty(t, Scalars())
	s := Rows("m", "v")
	require.Len(t, s.PerCoordinate, 2)
	for i, name := range []string{"m", "v"} {
		require.Equal(t, name, s.PerCoordinate[i].Name)
		require.Equal(t, 1, s.PerCoordinate[i].Len())
	}
	require.Nil(t, s.PerTensor)
	require.Nil(t, s.Shared)
}
