package mlp_test

import (
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed1498fded/unroll/internal/rng"
	"github.com/seed1498fded/unroll/learnedopt"
	"github.com/seed1498fded/unroll/learnedopt/mlp"
	"github.com/seed1498fded/unroll/params"
)

// large are tensors of several tiles: tall, wide, and a vector; and some of one.
var large = params.Layout{
	{Name: "tall", Shape: []int{900, 20}}, {Name: "b", Shape: []int{20}}, {Name: "wide", Shape: []int{19, 1100}},
	{Name: "v", Shape: []int{9001}}, {Name: "w", Shape: []int{20, 10}},
}

// A life is two steps and the way back from the second.
type life[F params.Float] struct{ theta, state, dPhi, dState, dGrad, dTheta []F }

func lead[F params.Float](t *testing.T, r learnedopt.Rule, o learnedopt.Options) (l life[F]) {
	t.Helper()
	c, err := learnedopt.CompileWith[F](r, large, o)
	require.NoError(t, err)
	n := c.Coordinates()
	normal := func(n int, key uint64, deviation float64) []F {
		v := make([]float32, n)
		rng.Normal(v, key, deviation)
		return params.Convert[F](v)
	}
	l.theta, l.state = normal(n, 1, .3), make([]F, c.State().Len())
	phi := learned(t)
	switch g, general := r.(*mlp.General); {
	case !general || g.Hidden > 0:
		phi = learnedopt.Phi(r, 5)
	case g.Horizon == "either":
		phi = slices.Insert(phi, 336, phi[331:338]...)
	}
	p := learnedopt.Point[F]{Phi: params.Convert[F](phi[:c.Phi().Len()]), State: l.state, Theta: l.theta, Horizon: 50}
	step := make([]F, n)
	gradient := func(key uint64) []F {
		v := normal(n, key, .1)
		for i := range 19 { // a column whose factor is at its least
			params.Slice(large, v, "wide")[i*1100+5] *= 1e-5
		}
		if key == 3 { // beyond the limit, in the last step, so that it does not drown the state
			params.Slice(large, v, "w")[7], params.Slice(large, v, "b")[4] = 1500, -1500
		}
		return v
	}
	for p.Step = range 2 {
		p.Grad = gradient(rng.Split(2, uint64(p.Step)))
		require.NoError(t, c.Step(step, l.state, p))
		for i, x := range step {
			l.theta[i] += x
		}
	}
	p.Grad, p.Step = gradient(3), 2
	l.dPhi, l.dState, l.dGrad, l.dTheta = make([]F, len(p.Phi)), normal(len(l.state), 4, .1), make([]F, n), make([]F, n)
	d := learnedopt.Cotangents[F]{Step: normal(n, 5, 1), Next: l.dState, Phi: l.dPhi, State: l.dState, Grad: l.dGrad, Theta: l.dTheta}
	require.NoError(t, c.Pullback(d, p))
	return l
}

func kernelRules() map[string]learnedopt.Rule {
	return map[string]learnedopt.Rule{
		"general": &mlp.General{Decay: .1, LR: 3}, "general free": &mlp.General{Horizon: "free"},
		"general either": &mlp.General{Horizon: "either"}, "celo2": &mlp.Celo2{LR: .01, Decay: .1},
		"general of 4 units": &mlp.General{Hidden: 4, Decay: .1, LR: 3}, "celo2 of 3 units": &mlp.Celo2{Hidden: 3, LR: .01, Decay: .1},
		"general of 5 units":                    &mlp.General{Hidden: 5, Decay: .1, LR: 3},
		"general of runs of 7 steps at most":    &mlp.General{Horizon: "either", Longest: 7},
		"general of runs of 700 steps at least": &mlp.General{Horizon: "either", Shortest: 700},
		"general of tensors that are too wide":  &mlp.General{Horizon: "either", Widest: 15},
	}
}

// Tensors of several tiles take the steps that the expression takes, and go back as it goes.
func TestTilesAreTheExpression(t *testing.T) {
	for name, r := range kernelRules() {
		t.Run(name, func(t *testing.T) {
			got, want := lead[float32](t, r, learnedopt.Options{}), lead[float64](t, r, learnedopt.Options{Reference: true})
			for _, x := range []struct {
				what string
				got  []float32
				want []float64
				tol  float64
			}{
				{"theta", got.theta, want.theta, 1e-6}, {"state", got.state, want.state, 1e-6}, {"d phi", got.dPhi, want.dPhi, 1e-5},
				{"d state", got.dState, want.dState, 1e-5}, {"d gradient", got.dGrad, want.dGrad, 1e-5},
				{"d theta", got.dTheta, want.dTheta, 1e-5},
			} {
				var off, size float64
				for i, w := range x.want {
					off += (float64(x.got[i]) - w) * (float64(x.got[i]) - w)
					size += w * w
				}
				t.Logf("%s: off by %.1e", x.what, math.Sqrt(off/size))
				require.LessOrEqual(t, math.Sqrt(off), x.tol*math.Sqrt(size), x.what)
			}
		})
	}
}

// Tiles are shared out, and bits do not depend on among how many.
func TestTilesOnAnyNumberOfWorkers(t *testing.T) {
	for name, r := range kernelRules() {
		t.Run(name, func(t *testing.T) {
			want := lead[float32](t, r, learnedopt.Options{Workers: 1})
			for _, workers := range []int{2, 5} {
				got := lead[float32](t, r, learnedopt.Options{Workers: workers})
				require.True(t, slices.Equal(want.theta, got.theta) && slices.Equal(want.state, got.state))
				require.True(t, slices.Equal(want.dPhi, got.dPhi) && slices.Equal(want.dState, got.dState))
				require.True(t, slices.Equal(want.dGrad, got.dGrad) && slices.Equal(want.dTheta, got.dTheta))
			}
		})
	}
}

// What has no kernel runs as its expression, which takes the same steps.
func TestWhatHasNoKernel(t *testing.T) {
	for _, x := range []struct {
		rule  learnedopt.Rule
		theta params.Layout
		moves bool
	}{
		{new(mlp.General), large, true}, {&mlp.General{Hidden: 4}, large, true}, {&mlp.General{Hidden: 9}, large, false},
		{new(mlp.General), params.Layout{{Name: "k", Shape: []int{2, 3, 4}}}, true},
		{new(mlp.Celo2), large, true}, {&mlp.Celo2{Hidden: 16}, large, false}, {&mlp.Celo2{NewtonSchulz: true}, large, false},
		{&mlp.Celo2{AdamVectors: true}, large, false}, {new(mlp.Celo2), params.Layout{{Name: "k", Shape: []int{2, 3, 4}}}, false},
	} {
		c, err := learnedopt.CompileWith[float32](x.rule, x.theta, learnedopt.Options{})
		require.NoError(t, err)
		require.Equal(t, x.moves, c.Moves(), "%v", x.rule)
	}
}
