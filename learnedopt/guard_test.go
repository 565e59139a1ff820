package learnedopt_test

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/seed1498fded/unroll/checkpoints/zoo"
	"github.com/seed1498fded/unroll/internal/rng"
	"github.com/seed1498fded/unroll/learnedopt"
	"github.com/seed1498fded/unroll/learnedopt/handmade"
	"github.com/seed1498fded/unroll/params"
)

// byGradient lists the rules of scope Coordinates that look at the gradient and weights alone.
func byGradient() (all []learnedopt.Rule) {
	for _, r := range learnedopt.All() {
		if s := r.Spec(); s.Scope == learnedopt.Coordinates && s.Reads&learnedopt.Grad != 0 && s.Reads&learnedopt.Loss == 0 {
			all = append(all, r)
		}
	}
	return all
}

// everybody returns these, and those of the zoo.
func everybody(t testing.TB) []*learnedopt.Trained {
	var all []*learnedopt.Trained
	for _, r := range byGradient() {
		all = append(all, trained(r))
	}
	for _, name := range zoo.Names() {
		tr, err := learnedopt.Load(learnedopt.ZooPrefix + name)
		require.NoError(t, err)
		all = append(all, tr)
	}
	return all
}

// coordinatewise returns those of them that move each coordinate by itself.
func coordinatewise(t testing.TB) []*learnedopt.Trained {
	return slices.DeleteFunc(everybody(t), func(tr *learnedopt.Trained) bool { return tr.Rule.Spec().Scope != learnedopt.Coordinates })
}

func guarded(t testing.TB, tr *learnedopt.Trained, n int, opts ...learnedopt.Option) *learnedopt.Optimizer {
	o, err := tr.New(vector(n), opts...)
	require.NoError(t, err)
	return o
}

// holey draws a gradient of which some elements are zero: those of never always, others now and then.
func holey(grad []float32, key uint64, never func(i int) bool, share float64) {
	rng.Normal(grad, rng.Split(key, 0), 1)
	s := rng.New(rng.Split(key, 1))
	for i := range grad {
		if s.Float64() < share || never(i) {
			grad[i] = 0
		}
	}
}

func every(k int) func(int) bool { return func(i int) bool { return i%k == 0 } }
func none(int) bool              { return false }

// Guards that have nothing to do change no bit, and nor does EveryCoordinate where they would have.
func TestGuardsChangeNoBits(t *testing.T) {
	const n = 300
	for _, tr := range everybody(t) {
		bare := newOptimizer(t, tr.Rule, tr.Phi, n)
		theta := make([]float32, n)
		require.Equal(t, trajectory(t, bare, theta, 0, 4), trajectory(t, guarded(t, tr, n), theta, 0, 4), tr.Rule.Name())

		bare.Reset()
		o := guarded(t, tr, n, learnedopt.EveryCoordinate())
		a, b, grad := make([]float32, n), make([]float32, n), make([]float32, n)
		for i := range uint64(4) {
			holey(grad, i, every(3), 0.2)
			require.NoError(t, bare.Step(a, grad))
			require.NoError(t, o.Step(b, grad))
			require.Equal(t, a, b, tr.Rule.Name())
		}
	}
}

// The paper's rule carries a weight away that never has a gradient. In use, it stays to the bit, and its first gradient
// finds it as if it were new: but for what all coordinates share, its first step is that of a fresh run.
func TestWeightsWithoutGradientStay(t *testing.T) {
	const n, late, steps = 7, 2, 1000
	for _, tr := range coordinatewise(t) {
		t.Run(tr.Rule.Name(), func(t *testing.T) {
			o := guarded(t, tr, n)
			start := []float32{1, 2, 3, 4, 5, 6, 7}
			theta, grad := slices.Clone(start), make([]float32, n)
			for i := range uint64(steps) {
				holey(grad, i, none, 0.1)
				grad[0], grad[late], grad[5] = 0, 0, float32(math.Copysign(0, -1))
				require.NoError(t, o.Step(theta, grad))
			}
			for _, i := range []int{0, late, 5} {
				require.Equal(t, start[i], theta[i])
			}
			require.NotEqual(t, start[1], theta[1])

			fresh := newOptimizer(t, tr.Rule, tr.Phi, n) // bare, and zero but for the shared state
			if k := len(o.State()); k > 0 && k%n == 1 {
				fresh.State()[k-1] = o.State()[k-1]
				require.EqualValues(t, steps, o.State()[k-1])
			}
			grad[late], grad[5] = 0.5, -0.5
			require.NoError(t, o.Step(theta, grad))
			want := slices.Clone(start)
			require.NoError(t, fresh.Step(want, grad))
			for _, i := range []int{late, 5} {
				require.Equal(t, want[i], theta[i])
				require.NotEqual(t, start[i], theta[i])
			}
			require.Equal(t, start[0], theta[0])

			// All that is forgotten by a Reset, and found out anew.
			o.Reset()
			copy(theta, start)
			require.NoError(t, o.Step(theta, []float32{1, 1, 0, 1, 1, 1, 1}))
			require.Equal(t, start[late], theta[late])
			require.NotEqual(t, start[0], theta[0])
		})
	}
}

// A count of steps goes on even where the only weight there is waits: a coordinate moves the same alone as in company.
func TestSharedStateGoesOn(t *testing.T) {
	for _, opts := range [][]learnedopt.Option{nil, {learnedopt.Sparse()}} {
		alone, company := guarded(t, trained(new(handmade.Adam)), 1, opts...), guarded(t, trained(new(handmade.Adam)), 2, opts...)
		a, b := make([]float32, 1), make([]float32, 2)
		for i := range 20 {
			g := float32(i / 10)
			require.NoError(t, alone.Step(a, []float32{g}))
			require.NoError(t, company.Step(b, []float32{g, 1}))
		}
		require.Equal(t, b[0], a[0])
		require.NotZero(t, a[0])
	}
}

// A sparse step is the rule's where the gradient is not zero, and none elsewhere, in weights and state.
func TestSparse(t *testing.T) {
	for _, tr := range coordinatewise(t) {
		for _, n := range []int{1, 2, 33, 2500} {
			t.Run(fmt.Sprint(tr.Rule.Name(), n), func(t *testing.T) {
				o, bare := guarded(t, tr, n, learnedopt.Sparse()), newOptimizer(t, tr.Rule, tr.Phi, n)
				theta, want, grad := make([]float32, n), make([]float32, n), make([]float32, n)
				rng.Normal(theta, 1, 1)
				copy(want, theta)
				for i := range uint64(6) {
					holey(grad, i, every(7), []float64{0.5, 0.9, 0, 1, 0.999, 0.1}[i])
					heldStep(t, bare, want, grad)
					require.NoError(t, o.Step(theta, grad))
				}
				require.InDeltaSlice(t, want, theta, 1e-4)
				require.InDeltaSlice(t, bare.State(), o.State(), 1e-4)
			})
		}
	}
}

// heldStep steps a bare optimizer and takes back what it did where the gradient is zero.
func heldStep(t *testing.T, o *learnedopt.Optimizer, theta, grad []float32) {
	n := len(theta)
	before, state := slices.Clone(theta), slices.Clone(o.State())
	require.NoError(t, o.Step(theta, grad))
	for i, g := range grad {
		if g != 0 {
			continue
		}
		theta[i] = before[i]
		at := 0
		for _, s := range o.StateLayout() {
			if len(s.Shape) == 1 && s.Shape[0] == 1 { // shared
				continue
			}
			row := s.Len() / n
			copy(o.State()[at+i*row:at+(i+1)*row], state[at+i*row:])
			at += s.Len()
		}
	}
}

// unit is gradient descent along the gradient's direction, a rule that looks across coordinates.
//
//	step = −g/√(1 + |g|²),  v ← v + 1
type unit struct{}

func (unit) Name() string           { return "unit" }
func (unit) Init([]float32, uint64) {}
func (unit) Spec() learnedopt.Spec {
	return learnedopt.Spec{
		Reads: learnedopt.Grad, Scope: learnedopt.Whole, State: learnedopt.State{PerCoordinate: []learnedopt.Row{{Name: "v"}}},
	}
}
func (unit) Update(in learnedopt.Inputs) (learnedopt.Outputs, error) {
	x := in.Tensors[0]
	one := G.NewConstant(float32(1))
	norm := G.Must(G.Sqrt(G.Must(G.Add(one, G.Must(G.Sum(G.Must(G.Square(x.Grad))))))))
	step := G.Must(G.Neg(G.Must(G.HadamardDiv(x.Grad, norm))))
	return learnedopt.One(step, map[string]*G.Node{"v": G.Must(G.Add(x.State["v"], one))}), nil
}

// Of a rule that is not coordinatewise only the steps are held back: nobody knows whose its state is.
func TestGuardsOfRulesAcrossCoordinates(t *testing.T) {
	for _, opts := range [][]learnedopt.Option{nil, {learnedopt.Sparse()}} {
		tr := &learnedopt.Trained{Rule: unit{}, Phi: []float32{}}
		o := guarded(t, tr, 3, opts...)
		theta := make([]float32, 3)
		require.NoError(t, o.Step(theta, []float32{3, 0, 4}))
		require.InDeltaSlice(t, []float32{-3 / 5.099, 0, -4 / 5.099}, theta, 1e-4)
		require.NoError(t, o.Step(theta, []float32{0, 0, 4}))
		require.Equal(t, []float32{2, 2, 2}, o.State())
	}
}

// The place of a gradient that is not finite is found among any number of tensors.
func TestGradientOfTheThirdTensor(t *testing.T) {
	zeros := func(n int) tensor.Tensor { return dense([]int{n}, make([]float64, n)...) }
	third := dense([]int{4}, 0, 0, math.NaN(), 0)
	err := trained(&handmade.SGD{LR: 0.1}).Solver().Step([]G.ValueGrad{
		valueGrad{value: zeros(2), grad: zeros(2)}, valueGrad{value: zeros(3), grad: zeros(3)}, valueGrad{value: zeros(4), grad: third},
	})
	require.ErrorContains(t, err, `"node 2" [2] is NaN`)
}

// A gradient that is not finite is an error that says where it is, and neither weights nor state have changed; or it is
// passed over and counted.
func TestGradientsThatAreNotFinite(t *testing.T) {
	layout := params.Layout{{Name: "w", Shape: []int{2, 3}}, {Name: "b", Shape: []int{2}}}
	for _, tr := range everybody(t) {
		strict, err := tr.New(layout)
		require.NoError(t, err)
		lenient, err := tr.New(layout, learnedopt.SkipNonFinite())
		require.NoError(t, err)
		theta, grad := make([]float32, 8), make([]float32, 8)
		for i := range uint64(3) {
			rng.Normal(grad, i, 1)
			require.NoError(t, strict.Step(make([]float32, 8), grad))
			require.NoError(t, lenient.Step(theta, grad))
		}
		before, state := slices.Clone(theta), slices.Clone(strict.State())
		for k, bad := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
			for i, where := range map[int]string{0: `"w" [0 0]`, 5: `"w" [1 2]`, 7: `"b" [1]`} {
				g := slices.Clone(grad)
				g[i] = float32(bad)
				want := fmt.Sprintf("learnedopt: the gradient of %s is %v; no weight was moved (SkipNonFinite passes over such steps)", where, bad)
				require.EqualError(t, strict.Step(theta, g), want)
				require.NoError(t, lenient.Step(theta, g))
			}
			require.Equal(t, 3*(k+1), lenient.Skipped())
		}
		require.Equal(t, before, theta)
		require.Equal(t, state, strict.State())
		require.Equal(t, state, lenient.State())
		require.Zero(t, strict.Skipped())
		lenient.Reset()
		require.Zero(t, lenient.Skipped())
	}
}

// Clipping does not make an infinity into something that looks like a gradient.
func TestClippingHidesNoInfinity(t *testing.T) {
	o := guarded(t, trained(new(handmade.SGD)), 2, learnedopt.WithClip(1), learnedopt.WithClipNorm(1))
	require.ErrorContains(t, o.Step(make([]float32, 2), []float32{1, float32(math.Inf(1))}), `the gradient of "theta" [1] is +Inf`)
}

// Numbers whose squares are too large for a float32 are fine.
func TestHugeGradientsAreFinite(t *testing.T) {
	o := guarded(t, trained(&handmade.SGD{LR: 0.5}), 2)
	theta := make([]float32, 2)
	require.NoError(t, o.Step(theta, []float32{1e30, -1}))
	require.Equal(t, []float32{-5e29, 0.5}, theta)
}

func TestStepsThatAreNotFinite(t *testing.T) {
	theta := []float32{1, 2}
	err := guarded(t, trained(&handmade.SGD{LR: 10}), 2).Step(theta, []float32{1, -3e38})
	require.EqualError(t, err, `learnedopt: sgd proposes a step of +Inf for "theta" [1]; no weight was moved`)
	require.Equal(t, []float32{1, 2}, theta)

	bad := trained(new(handmade.Adam))
	bad.Phi[2] = float32(math.NaN())
	_, err = bad.New(vector(2))
	require.EqualError(t, err, `learnedopt: adam: phi is NaN at "logit_beta2" [0]; want finite numbers`)
}

// With every guard and option a step allocates nothing, once the first has been taken.
func TestGuardedStepAllocatesNothing(t *testing.T) {
	const n = 3000
	for name, opts := range map[string][]learnedopt.Option{
		"default": nil,
		"sparse":  {learnedopt.Sparse()},
		"shaped": {learnedopt.WithRate(2), learnedopt.WithBatchSize(3), learnedopt.WithClip(1), learnedopt.WithClipNorm(1),
			learnedopt.WithWeightDecay(0.1), learnedopt.SkipNonFinite()},
		"clipped": {learnedopt.WithGuard(learnedopt.ClipStep{})},
		"grafted": {learnedopt.WithGuard(learnedopt.Graft{})},
	} {
		for _, r := range byGradient() {
			o := guarded(t, trained(r), n, opts...)
			theta, grad := make([]float32, n), make([]float32, n)
			holey(grad, 1, every(3), 0)
			require.Zero(t, testing.AllocsPerRun(5, func() { _ = o.Step(theta, grad) }), "%s %s", name, r.Name())
		}
	}
}

// nan returns n numbers that are none.
func nan(n int) []float32 { return slices.Repeat([]float32{float32(math.NaN())}, n) }

// upward is the wrong way: step = +g.
type upward struct{}

func (upward) Name() string           { return "upward" }
func (upward) Spec() learnedopt.Spec  { return learnedopt.Spec{Reads: learnedopt.Grad} }
func (upward) Init([]float32, uint64) {}
func (upward) Update(in learnedopt.Inputs) (learnedopt.Outputs, error) {
	step, err := G.Neg(G.Must(G.Neg(in.Tensors[0].Grad)))
	return learnedopt.One(step, nil), err
}
