package learnedopt_test

import (
	"fmt"
	"math"
	"runtime"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	G "gorgonia.org/gorgonia"

	"github.com/seed1498fded/unroll/internal/rng"
	"github.com/seed1498fded/unroll/learnedopt"
	"github.com/seed1498fded/unroll/params"
)

// handMade returns the hand-made rules, with their defaults and with other hyperparameters.
func handMade() []learnedopt.Rule {
	rules := baselines()
	for _, f := range formulas {
		rules = append(rules, f.rule)
	}
	return rules
}

// A walk is a rule on its way along the gradients of an episode.
type walk[F params.Float] struct {
	c                  *learnedopt.Compiled[F]
	phi, theta         []F
	step, state, start []F // start is the state before the last step
}

type compiler[F params.Float] func(learnedopt.Rule, params.Layout) (*learnedopt.Compiled[F], error)

func newWalk[F params.Float](t *testing.T, compile compiler[F], r learnedopt.Rule, n int) *walk[F] {
	t.Helper()
	c, err := compile(r, vector(n))
	require.NoError(t, err)
	w := &walk[F]{
		c: c, phi: params.Convert[F](learnedopt.Phi(r, 0)), theta: make([]F, n),
		step: make([]F, n), state: make([]F, c.State().Len()),
	}
	rng.Normal(w.theta, 5, 1)
	return w
}

func (w *walk[F]) point(grad []F) learnedopt.Point[F] {
	return learnedopt.Point[F]{Phi: w.phi, State: w.start, Grad: grad, Theta: w.theta}
}

func (w *walk[F]) take(t *testing.T, grad []F) {
	t.Helper()
	w.start = slices.Clone(w.state)
	require.NoError(t, w.c.Step(w.step, w.state, w.point(grad)))
}

// The kernels do what the readable expression says, step by step, and the way back is the expression's own.
func TestVectorKernelsMatchTheExpression(t *testing.T) {
	for i, r := range handMade() {
		for _, n := range []int{1, 2, 7, 256, 3000} {
			t.Run(fmt.Sprintf("%d %s/%d", i, r.Name(), n), func(t *testing.T) {
				kernels := newWalk(t, learnedopt.Compile[float32], r, n)
				single := newWalk(t, learnedopt.CompileGraph[float32], r, n)
				double := newWalk(t, learnedopt.CompileGraph[float64], r, n)
				require.False(t, kernels.c.HasWindow())
				e := newEpisode[float32](r, n, 6)
				for _, grad := range e.grads {
					kernels.take(t, grad)
					single.take(t, grad)
					double.theta = params.Convert[float64](single.theta)
					double.take(t, params.Convert[float64](grad))
					for _, want := range []struct{ step, state []float64 }{
						{params.Convert[float64](single.step), params.Convert[float64](single.state)},
						{double.step, double.state},
					} {
						agree(t, "step", want.step, params.Convert[float64](kernels.step), 1e-6)
						agree(t, "state", want.state, params.Convert[float64](kernels.state), 1e-6)
					}
				}
				samePullback(t, kernels, single, e)
			})
		}
	}
}

// samePullback carries the same cotangents back through the last step of both.
func samePullback(t *testing.T, a, b *walk[float32], e episode[float32]) {
	t.Helper()
	b.start, b.theta = a.start, a.theta
	n, last := a.c.Coordinates(), len(e.grads)-1
	var d [2]learnedopt.Cotangents[float32]
	for i, w := range []*walk[float32]{a, b} {
		d[i] = learnedopt.Cotangents[float32]{
			Step: e.dStep[last], Next: make([]float32, len(w.state)),
			Phi: make([]float32, len(w.phi)), State: make([]float32, len(w.state)), Grad: make([]float32, n), Theta: make([]float32, n),
		}
		rng.Normal(d[i].Next, 3, 1)
		require.NoError(t, w.c.Pullback(d[i], w.point(e.grads[last])))
	}
	require.Equal(t, d[1], d[0])
}

// Gradients that are not finite come to what they come to in the expression.
func TestVectorKernelsOfSpecialGradients(t *testing.T) {
	inf, nan := float32(math.Inf(1)), float32(math.NaN())
	grad := []float32{0, inf, -inf, nan, 1e-30, 1e30, 1, -1, 3e38, 0}
	kind := func(v []float32) (kinds []string) {
		for _, x := range v {
			switch {
			case x != x:
				kinds = append(kinds, "nan")
			case math.IsInf(float64(x), 0):
				kinds = append(kinds, fmt.Sprint(x))
			default:
				kinds = append(kinds, "finite")
			}
		}
		return kinds
	}
	for _, r := range handMade() {
		kernels := newWalk(t, learnedopt.Compile[float32], r, len(grad))
		single := newWalk(t, learnedopt.CompileGraph[float32], r, len(grad))
		for s := range 3 {
			kernels.take(t, grad)
			single.take(t, grad)
			require.Equal(t, kind(single.step), kind(kernels.step), "%s: step %d", r.Name(), s+1)
			require.Equal(t, kind(single.state), kind(kernels.state), "%s: state after step %d", r.Name(), s+1)
		}
	}
}

// An optimizer moves the weights by the very steps that Compiled gives, whatever the length and the number of cores.
func TestOptimizerTakesTheStepsOfCompiled(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	for _, r := range baselines() {
		for _, n := range []int{1, 1023, 1024, 1025, 65_537, 200_000} {
			runtime.GOMAXPROCS(1)
			w := newWalk(t, learnedopt.Compile[float32], r, n)
			var optimizers []*learnedopt.Optimizer
			var thetas [][]float32
			for _, procs := range []int{1, 2, 5} {
				runtime.GOMAXPROCS(procs)
				optimizers, thetas = append(optimizers, newOptimizer(t, r, w.phi, n)), append(thetas, slices.Clone(w.theta))
			}
			grad := make([]float32, n)
			for s := range uint64(3) {
				rng.Normal(grad, s, 1)
				w.take(t, grad)
				for i, d := range w.step {
					w.theta[i] += d
				}
				for i, o := range optimizers {
					require.NoError(t, o.Step(thetas[i], grad))
					require.True(t, slices.Equal(w.theta, thetas[i]) && slices.Equal(w.state, o.State()), "%s of %d", r.Name(), n)
				}
			}
		}
	}
}

// A halfAdam is a rule of somebody else's that builds on one of ours.
type halfAdam struct{ learnedopt.Adam }

func (r *halfAdam) Update(in learnedopt.Inputs) (*G.Node, map[string]*G.Node, error) {
	_, next, err := r.Adam.Update(in)
	return in.Grad, next, err
}

// A rule that embeds one with kernels runs its own Update.
func TestEmbeddingInheritsNoKernel(t *testing.T) {
	w := newWalk(t, learnedopt.Compile[float32], new(halfAdam), 3)
	grad := []float32{1, 2, 3}
	w.take(t, grad)
	require.Equal(t, grad, w.step)
}
