package handmade_test

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed1498fded/unroll/internal/rng"
	"github.com/seed1498fded/unroll/learnedopt"
	"github.com/seed1498fded/unroll/learnedopt/handmade"
	"github.com/seed1498fded/unroll/params"
)

// handMade returns the hand-made rules, with their defaults and with other hyperparameters.
func handMade() []learnedopt.Rule {
	return append(handmade.All(), others()...)
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

// A halfAdam is a rule of somebody else's that builds on one of ours.
type halfAdam struct{ handmade.Adam }

func (r *halfAdam) Update(in learnedopt.Inputs) (learnedopt.Outputs, error) {
	out, err := r.Adam.Update(in)
	if err == nil {
		out.Tensors[0].Step = in.Tensors[0].Grad
	}
	return out, err
}

// A rule that embeds one with kernels runs its own Update.
func TestEmbeddingInheritsNoKernel(t *testing.T) {
	w := newWalk(t, learnedopt.Compile[float32], new(halfAdam), 3)
	grad := []float32{1, 2, 3}
	w.take(t, grad)
	require.Equal(t, grad, w.step)
}
