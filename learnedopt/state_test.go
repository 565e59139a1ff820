package learnedopt_test

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	G "gorgonia.org/gorgonia"

	"github.com/seed1498fded/unroll/checkpoints"
	"github.com/seed1498fded/unroll/internal/graph"
	"github.com/seed1498fded/unroll/learnedopt"
	"github.com/seed1498fded/unroll/learnedopt/handmade"
	"github.com/seed1498fded/unroll/params"
)

var modes = map[string][]learnedopt.Option{
	"seen": nil, "sparse": {learnedopt.Sparse()}, "every": {learnedopt.EveryCoordinate()},
	"skipping": {learnedopt.SkipNonFinite(), learnedopt.WithRate(0.5)},
	"clip":     {learnedopt.WithGuard(learnedopt.ClipStep{})}, "graft": {learnedopt.WithGuard(learnedopt.Graft{})},
}

// Law: a run that is saved after any number of steps and goes on elsewhere takes the same steps to the bit, whatever has
// been seen or skipped so far.
func TestSavedOptimizerGoesOnToTheSameBits(t *testing.T) {
	const n, steps = 40, 12
	for _, tr := range everybody(t) {
		for mode, opts := range modes {
			for _, at := range []int{0, 1, 5} {
				t.Run(fmt.Sprint(tr.Rule.Name(), mode, at), func(t *testing.T) {
					o := guarded(t, tr, n, opts...)
					theta, other := make([]float32, n), make([]float32, n)
					grad := make([]float32, n)
					var resumed *learnedopt.Optimizer
					for i := range steps {
						if i == at {
							saved, err := o.MarshalBinary()
							require.NoError(t, err)
							resumed = guarded(t, tr, n, opts...)
							trajectory(t, resumed, theta, 0, 2) // of another run
							require.NoError(t, resumed.UnmarshalBinary(saved))
							again, err := resumed.MarshalBinary()
							require.NoError(t, err)
							require.Equal(t, saved, again)
							copy(other, theta)
						}
						holey(grad, uint64(i), func(k int) bool { return k%4 == 0 || k%4 == 1 && i < 7 }, 0.2)
						require.NoError(t, o.Step(theta, grad))
						if i >= at {
							require.NoError(t, resumed.Step(other, grad))
							require.Equal(t, theta, other, "step %d", i)
						}
					}
				})
			}
		}
	}
}

// The optimizers of New save and go on too, and so may one that moves every coordinate with their state.
func TestSavedBareOptimizer(t *testing.T) {
	tr := trained(new(handmade.Adam))
	bare := newOptimizer(t, tr.Rule, nil, 5)
	theta := trajectory(t, bare, make([]float32, 5), 0, 3)[2]
	saved, err := bare.MarshalBinary()
	require.NoError(t, err)
	want := trajectory(t, bare, theta, 3, 6)
	for _, o := range []*learnedopt.Optimizer{newOptimizer(t, tr.Rule, nil, 5), guarded(t, tr, 5, learnedopt.EveryCoordinate())} {
		require.NoError(t, o.UnmarshalBinary(saved))
		require.Equal(t, want, trajectory(t, o, theta, 3, 6))
	}
}

// A state that was copied by hand counts as seen where it is not zero.
func TestStateCopiedByHand(t *testing.T) {
	for _, tr := range coordinatewise(t) {
		o := guarded(t, tr, 4)
		theta := trajectory(t, o, make([]float32, 4), 0, 3)[2]
		again := guarded(t, tr, 4)
		copy(again.State(), o.State())
		other := slices.Clone(theta)
		grad := []float32{0, 1, 0, 2}
		require.NoError(t, o.Step(theta, grad))
		require.NoError(t, again.Step(other, grad))
		require.Equal(t, theta, other, tr.Rule.Name())
	}
}

func TestSkippedIsSaved(t *testing.T) {
	skipping := func() *learnedopt.Optimizer {
		return guarded(t, trained(new(handmade.SGD)), 1, learnedopt.SkipNonFinite())
	}
	o := skipping()
	for range 3 {
		require.NoError(t, o.Step([]float32{1}, nan(1)))
	}
	saved, err := o.MarshalBinary()
	require.NoError(t, err)
	o = skipping()
	require.NoError(t, o.UnmarshalBinary(saved))
	require.Equal(t, 3, o.Skipped())
}

// Whatever is wrong with a saved state, the error is short and says so, and the optimizer is as it was.
func TestSavedStateRefused(t *testing.T) {
	adam := trained(new(handmade.Adam))
	save := func(tr *learnedopt.Trained, l params.Layout, opts ...learnedopt.Option) []byte {
		o, err := tr.New(l, opts...)
		require.NoError(t, err)
		require.NoError(t, o.Step(make([]float32, l.Len()), slices.Repeat([]float32{1}, l.Len())))
		b, err := o.MarshalBinary()
		require.NoError(t, err)
		return b
	}
	sound := save(adam, vector(3))
	changed := func(change func(f *checkpoints.File)) []byte {
		f, err := checkpoints.Read(bytes.NewReader(sound), "optimizer")
		require.NoError(t, err)
		change(f)
		var b bytes.Buffer
		require.NoError(t, f.Write(&b))
		return b.Bytes()
	}
	seen := func(change func(seen []float32)) []byte {
		return changed(func(f *checkpoints.File) { change(f.Tensors[len(f.Tensors)-1].F32) })
	}
	long := strings.Repeat("x", 1000)
	for _, tt := range []struct {
		name string
		b    []byte
		want string
	}{
		{"nothing", nil, "learnedopt: saved state: checkpoints: "},
		{"truncated", sound[:len(sound)-1], "truncated"},
		{"damaged", append(slices.Clone(sound[:len(sound)-1]), 9), "checksum"},
		{"rule", save(trained(new(handmade.NAG)), vector(3)), `the saved state is of rule "nag", want "adam"`},
		{"long name", changed(func(f *checkpoints.File) { f.Meta["rule"] = long }), `the saved state is of rule "xxx`},
		{"weights", save(adam, vector(4)), "the saved state is of other weights: tensor 0 is theta[4], want theta[3]"},
		{"names", save(adam, params.Layout{{Name: "w", Shape: []int{3}}}), "tensor 0 is w[3], want theta[3]"},
		{"huge weights", changed(func(f *checkpoints.File) { f.Meta["weights"] = `[{"name":"theta","shape":[1000000000000]}]` }), "other weights"},
		{"no layout", changed(func(f *checkpoints.File) { f.Meta["weights"] = "{" }), `metadata "weights" is no layout`},
		{"options", save(adam, vector(3), learnedopt.Sparse()), `coordinates that move are "sparse", here "seen"`},
		{"no state", changed(func(f *checkpoints.File) { f.Tensors = f.Tensors[1:] }), `no tensor "state/m"`},
		{"steps", changed(func(f *checkpoints.File) { f.Meta["steps"] = "many" }), `metadata "steps" is "many", want a count`},
		{"skipped", changed(func(f *checkpoints.File) { f.Meta["skipped"] = "-1" }), `metadata "skipped" is "-1", want a count`},
		{"seen", seen(func(seen []float32) { seen[1] = 0.5 }), `tensor "seen" has a 0.5 at [1], want 0 or 1`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			o, same := guarded(t, adam, 3), guarded(t, adam, 3)
			theta := trajectory(t, o, make([]float32, 3), 0, 3)[2]
			trajectory(t, same, make([]float32, 3), 0, 3)
			err := o.UnmarshalBinary(tt.b)
			require.ErrorContains(t, err, tt.want)
			require.Less(t, len(err.Error()), 300)
			require.NotContains(t, err.Error(), "\n")
			require.Equal(t, trajectory(t, same, theta, 3, 5), trajectory(t, o, theta, 3, 5))
		})
	}
}

// A solver's state is saved and taken up by one that has not met the model yet, or that has.
func TestSavedSolverGoesOnToTheSameBits(t *testing.T) {
	for mode, opts := range modes {
		for _, at := range []int{0, 1, 5} {
			for _, met := range []bool{false, true} {
				t.Run(fmt.Sprint(mode, at, met), func(t *testing.T) {
					tr, err := learnedopt.Load("zoo:lstm-mnist8")
					require.NoError(t, err)
					a, s := newModel(t), tr.Solver(opts...)
					for i := range at {
						a.fill(i)
						require.NoError(t, s.Step(a.nodes))
					}
					saved, err := s.MarshalBinary()
					require.NoError(t, err)
					b, resumed := newModel(t), tr.Solver(opts...)
					if met {
						b.fill(77)
						require.NoError(t, resumed.Step(b.nodes))
					}
					require.NoError(t, resumed.UnmarshalBinary(saved))
					again, err := resumed.MarshalBinary()
					require.NoError(t, err)
					require.Equal(t, saved, again)
					copy(b.w, a.w)
					copy(b.v, a.v)
					for i := at; i < 10; i++ {
						a.fill(i)
						b.fill(i)
						require.NoError(t, s.Step(a.nodes))
						require.NoError(t, resumed.Step(b.nodes))
						require.Equal(t, a.w, b.w)
						require.Equal(t, a.v, b.v)
					}
				})
			}
		}
	}
}

func TestSavedSolverOfAnotherModel(t *testing.T) {
	adam := trained(new(handmade.Adam))
	m, s := newModel(t), adam.Solver()
	m.fill(1)
	require.NoError(t, s.Step(m.nodes))
	saved, err := s.MarshalBinary()
	require.NoError(t, err)

	fresh := adam.Solver()
	require.NoError(t, fresh.UnmarshalBinary(saved), "the model is not known yet")
	m.fill(2)
	before := slices.Clone(m.v)
	want := `learnedopt: the saved state is of other weights: tensor 0 is w[6], want v[3]`
	for range 2 {
		require.EqualError(t, fresh.Step([]G.ValueGrad{m.nodes[1], m.nodes[0]}), want)
	}
	require.Equal(t, before, m.v)
	require.NoError(t, fresh.Step(m.nodes))
	require.ErrorContains(t, trained(new(handmade.NAG)).Solver().UnmarshalBinary(saved), `of rule "adam", want "nag"`)
	require.ErrorContains(t, adam.Solver(learnedopt.Sparse()).UnmarshalBinary(saved), `"seen", here "sparse": use the same options`)

	fresh.Reset()
	require.NoError(t, fresh.Step([]G.ValueGrad{m.nodes[1], m.nodes[0]}), "Reset forgets the model")
}

// A model is a float32 and a float64 node, outside of any graph.
type model struct {
	nodes []G.ValueGrad
	w, dw []float32
	v, dv []float64
}

func newModel(t *testing.T) *model {
	w := named{"w", valueGrad{value: dense([]int{6}, make([]float32, 6)...), grad: dense([]int{6}, make([]float32, 6)...)}}
	v := named{"v", valueGrad{value: dense([]int{3}, make([]float64, 3)...), grad: dense([]int{3}, make([]float64, 3)...)}}
	return &model{
		nodes: []G.ValueGrad{w, v}, w: graph.Floats[float32](w.value), dw: graph.Floats[float32](w.grad),
		v: graph.Floats[float64](v.value), dv: graph.Floats[float64](v.grad),
	}
}

// fill draws the gradients of step i.
func (m *model) fill(i int) {
	holey(m.dw, uint64(i), func(k int) bool { return k < 2 && i < 7 }, 0.2)
	for k := range m.dv {
		m.dv[k] = float64(k*i%3) * 0.1
	}
}

// named is a node with a name.
type named struct {
	name string
	valueGrad
}

func (n named) Name() string { return n.name }
