package learnedopt_test

import (
	"fmt"
	"runtime"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed1498fded/unroll/internal/rng"
	"github.com/seed1498fded/unroll/learnedopt"
	"github.com/seed1498fded/unroll/learnedopt/handmade"
	"github.com/seed1498fded/unroll/learnedopt/lstm"
	"github.com/seed1498fded/unroll/params"
)

func newOptimizer(t *testing.T, r learnedopt.Rule, phi []float32, n int) *learnedopt.Optimizer {
	t.Helper()
	o, err := learnedopt.New(r, phi, vector(n))
	require.NoError(t, err)
	return o
}

// trajectory takes steps along gradients that do not depend on theta, and returns every theta.
func trajectory(t *testing.T, o *learnedopt.Optimizer, theta []float32, from, to int) [][]float32 {
	t.Helper()
	theta = slices.Clone(theta)
	grad := make([]float32, len(theta))
	var all [][]float32
	for s := from; s < to; s++ {
		rng.Normal(grad, rng.Split(9, uint64(s)), 1)
		require.NoError(t, o.StepLoss(theta, grad, 1.5)) // which most rules do not look at
		all = append(all, slices.Clone(theta))
	}
	return all
}

func TestOptimizerKeepsItsOwnPhi(t *testing.T) {
	r := new(lstm.Rule)
	phi := learnedopt.Phi(r, 1)
	o, same := newOptimizer(t, r, phi, 3), newOptimizer(t, r, slices.Clone(phi), 3)
	clear(phi)
	require.Equal(t, trajectory(t, same, []float32{1, 2, 3}, 0, 3), trajectory(t, o, []float32{1, 2, 3}, 0, 3))
}

func TestNilPhiIsTheRulesOwn(t *testing.T) {
	for _, r := range onGradients() {
		o, explicit := newOptimizer(t, r, nil, 3), newOptimizer(t, r, learnedopt.Phi(r, 0), 3)
		theta := []float32{1, 2, 3}
		require.Equal(t, trajectory(t, explicit, theta, 0, 3), trajectory(t, o, theta, 0, 3), r.Name())
	}
}

func TestResetForgetsAllSteps(t *testing.T) {
	for _, r := range onGradients() {
		o := newOptimizer(t, r, nil, 300)
		theta := make([]float32, 300)
		first := trajectory(t, o, theta, 0, 3)
		o.Reset()
		require.Equal(t, first, trajectory(t, o, theta, 0, 3), r.Name())
	}
}

// Weights and state are all there is to a run: another optimizer goes on with them to the bit.
func TestStateCarriesARunOn(t *testing.T) {
	for _, r := range onGradients() {
		if r.Spec().Reads&learnedopt.Step != 0 {
			continue // see TestSavedOptimizerGoesOnToTheSameBits
		}
		o := newOptimizer(t, r, nil, 300)
		before := trajectory(t, o, make([]float32, 300), 0, 4)
		saved := slices.Clone(o.State())
		want := trajectory(t, o, before[3], 4, 8)

		other := newOptimizer(t, r, nil, 300)
		require.Equal(t, copy(other.State(), saved), len(saved))
		require.Equal(t, want, trajectory(t, other, before[3], 4, 8), r.Name())
	}
}

func TestWrongLengthsPanic(t *testing.T) {
	o := newOptimizer(t, new(handmade.SGD), nil, 3)
	three, four := make([]float32, 3), make([]float32, 4)
	require.PanicsWithValue(t, "learnedopt: sgd: theta of length 4, want 3", func() { _ = o.Step(four, three) })
	require.PanicsWithValue(t, "learnedopt: sgd: gradient of length 4, want 3", func() { _ = o.Step(three, four) })
	require.PanicsWithValue(t, "learnedopt: sgd: gradient of length 0, want 3", func() { _ = o.Step(three, nil) })
	require.PanicsWithValue(t, "learnedopt: adam: phi of length 3, want 4", func() {
		_, _ = learnedopt.New(new(handmade.Adam), three, vector(3))
	})
}

func TestNewRefuses(t *testing.T) {
	for _, tt := range []struct {
		name  string
		rule  learnedopt.Rule
		theta params.Layout
		want  string
	}{
		{"rule", &handmade.SGD{LR: -1}, vector(3), "learnedopt: sgd: lr is -1, want a number above 0"},
		{"layout", new(handmade.SGD), vector(0),
			`learnedopt: sgd: params: tensor "theta" has shape [0]; want one or more dimensions, each at least 1`},
		{"no weights", new(handmade.SGD), nil, "learnedopt: sgd: there are no weights"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := learnedopt.New(tt.rule, nil, tt.theta)
			require.EqualError(t, err, tt.want)
		})
	}
}

// Every hand-made rule finds the bottom of f(θ) = ½|θ−c|².
func TestHandMadeRulesDescendABowl(t *testing.T) {
	for _, r := range []learnedopt.Rule{
		&handmade.SGD{LR: 0.1}, &handmade.Momentum{LR: 0.02}, &handmade.NAG{LR: 0.02}, &handmade.RMSprop{LR: 0.002},
		&handmade.Adam{LR: 0.02}, &handmade.AdamW{Adam: handmade.Adam{LR: 0.02}, Decay: 1e-4},
	} {
		c := []float32{1, -0.5, 0.25}
		theta, grad := make([]float32, 3), make([]float32, 3)
		o := newOptimizer(t, r, nil, 3)
		for range 1000 {
			for i := range theta {
				grad[i] = theta[i] - c[i]
			}
			require.NoError(t, o.Step(theta, grad))
		}
		require.InDeltaSlice(t, c, theta, 0.01, r.Name())
	}
}

// The shapes of the weights do not matter to a coordinatewise rule, only their number.
func TestShapesDoNotMatter(t *testing.T) {
	shaped, err := learnedopt.New(new(handmade.Adam), nil, params.Layout{{Name: "w", Shape: []int{2, 3}}, {Name: "b", Shape: []int{1}}})
	require.NoError(t, err)
	flat := newOptimizer(t, new(handmade.Adam), nil, 7)
	theta := make([]float32, 7)
	require.Equal(t, trajectory(t, flat, theta, 0, 3), trajectory(t, shaped, theta, 0, 3))
}

// A step allocates nothing, whatever the number of coordinates and of cores: of goroutines the runtime keeps those that
// are done.
func TestStepAllocatesNothing(t *testing.T) {
	for _, r := range onGradients() {
		for _, n := range []int{1_000, 300_000} {
			for _, procs := range []int{1, 4} {
				if isNetwork(r) && n > 1_000 && (procs == 1 || testing.Short()) {
					continue // takes seconds
				}
				t.Run(fmt.Sprintf("%s/%d on %d", r.Name(), n, procs), func(t *testing.T) { stepAllocatesNothing(t, r, n, procs) })
			}
		}
	}
}

// isNetwork says whether a step is the work of many numbers of phi.
func isNetwork(r learnedopt.Rule) bool { return r.Spec().Phi.Len() > 100 }

func stepAllocatesNothing(t *testing.T, r learnedopt.Rule, n, procs int) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(procs))
	o := newOptimizer(t, r, nil, n)
	c, err := learnedopt.Compile[float32](r, vector(n))
	require.NoError(t, err)
	theta, step := make([]float32, n), make([]float32, n)
	p := learnedopt.Point[float32]{
		Phi: learnedopt.Phi(r, 0), State: make([]float32, c.State().Len()), Grad: make([]float32, n), Theta: theta, Loss: []float32{1},
	}
	rng.Normal(p.Grad, 1, 1)
	runs := 20
	if isNetwork(r) && n > 1_000 {
		runs = 2
	}
	require.Zero(t, testing.AllocsPerRun(runs, func() { _ = o.StepLoss(theta, p.Grad, 1) }), "Optimizer")
	require.Zero(t, testing.AllocsPerRun(runs, func() { _ = c.Step(step, p.State, p) }), "Compiled")
}
