package learnedopt_test

import (
	"fmt"
	"math"
	"testing"

	"github.com/stretchr/testify/require"
	G "gorgonia.org/gorgonia"

	"github.com/seed1498fded/unroll/internal/rng"
	"github.com/seed1498fded/unroll/learnedopt"
	"github.com/seed1498fded/unroll/params"
)

// episode is some steps of an LSTM's life: gradients of all sizes, and cotangents of what comes out.
type episode[F params.Float] struct {
	phi   []F
	grads [][]F
	dStep [][]F
}

func newEpisode[F params.Float](r learnedopt.Rule, n, steps int) episode[F] {
	e := episode[F]{phi: params.Convert[F](learnedopt.Phi(r, 1))}
	s := rng.New(7)
	for range steps {
		grad, d := make([]F, n), make([]F, n)
		for i := range grad {
			grad[i] = F(float32(math.Copysign(math.Exp(14*s.Float64()-13), s.Float64()-0.5)))
			d[i] = F(float32(s.NormFloat64()))
		}
		grad[0] = 0
		e.grads, e.dStep = append(e.grads, grad), append(e.dStep, d)
	}
	return e
}

// outcome is everything that one way of running an episode gives.
type outcome struct{ step, state, dPhi, dGrad, dState []float64 }

// run goes forward and, step by step, back.
func (e episode[F]) run(t *testing.T, c *learnedopt.Compiled[F]) (o outcome, start []F) {
	n, m := c.Coordinates(), c.State().Len()
	state, step := make([]F, m), make([]F, n)
	start = make([]F, m)
	var states [][]F
	for i, g := range e.grads {
		states = append(states, append([]F(nil), state...))
		require.NoError(t, c.Step(step, state, learnedopt.Point[F]{Phi: e.phi, State: state, Grad: g}))
		if i == len(e.grads)-1 {
			o.step = params.Convert[float64](step)
		}
	}
	o.state = params.Convert[float64](state)
	d := learnedopt.Cotangents[F]{Next: make([]F, m), Phi: make([]F, len(e.phi)), Grad: make([]F, n)}
	d.State = d.Next
	for i := len(e.grads) - 1; i >= 0; i-- {
		d.Step = e.dStep[i]
		require.NoError(t, c.Pullback(d, learnedopt.Point[F]{Phi: e.phi, State: states[i], Grad: e.grads[i]}))
	}
	o.dPhi, o.dState, o.dGrad = params.Convert[float64](d.Phi), params.Convert[float64](d.State), params.Convert[float64](d.Grad)
	return o, start
}

// agree compares vectors, relative to the size of the whole.
func agree(t *testing.T, what string, want, got []float64, tol float64) {
	t.Helper()
	var diff, size float64
	for i := range want {
		diff += (want[i] - got[i]) * (want[i] - got[i])
		size += want[i] * want[i]
	}
	require.LessOrEqual(t, math.Sqrt(diff), tol*math.Sqrt(size), what)
}

// The kernels do what the readable expression says, in float32 and against float64, step by step and window by window.
func TestLSTMKernelsMatchTheExpression(t *testing.T) {
	for _, r := range []*learnedopt.LSTM{{}, {Hidden: 8, Layers: 1, Preprocess: -1}, {Hidden: 4, Layers: 3}} {
		for _, n := range []int{1, 5, 32, 33, 300} {
			t.Run(fmt.Sprintf("%d layers of %d/%d coordinates", r.Layers, r.Hidden, n), func(t *testing.T) {
				layout := params.Layout{{Name: "theta", Shape: []int{n}}}
				kernels, err := learnedopt.Compile[float32](r, layout)
				require.NoError(t, err)
				require.True(t, kernels.HasWindow())
				single, err := learnedopt.CompileGraph[float32](r, layout)
				require.NoError(t, err)
				require.False(t, single.HasWindow())
				double, err := learnedopt.CompileGraph[float64](r, layout)
				require.NoError(t, err)

				e := newEpisode[float32](r, n, 6)
				got, start := e.run(t, kernels)
				reference, _ := e.run(t, single)
				exact, _ := newEpisode[float64](r, n, 6).run(t, double)
				for _, want := range []outcome{reference, exact} {
					agree(t, "step", want.step, got.step, 1e-5)
					agree(t, "state", want.state, got.state, 1e-5)
					agree(t, "d phi", want.dPhi, got.dPhi, 1e-5)
					agree(t, "d state", want.dState, got.dState, 1e-5)
					agree(t, "d gradient", want.dGrad, got.dGrad, 1e-5)
				}
				dPhi := make([]float32, len(e.phi))
				require.NoError(t, kernels.PullbackWindow(learnedopt.Window[float32]{
					Phi: e.phi, State: start, Grads: e.grads, DStep: e.dStep, DPhi: dPhi,
				}))
				agree(t, "d phi of the window", exact.dPhi, params.Convert[float64](dPhi), 1e-5)
				require.ErrorIs(t, single.PullbackWindow(learnedopt.Window[float32]{}), learnedopt.ErrNoWindow)
			})
		}
	}
}

// Hidden sizes that the kernels can't do run as a graph.
func TestLSTMOfOddSize(t *testing.T) {
	c, err := learnedopt.Compile[float32](&learnedopt.LSTM{Hidden: 6}, params.Layout{{Name: "theta", Shape: []int{9}}})
	require.NoError(t, err)
	require.False(t, c.HasWindow())
}

// stubborn is a rule made of an LSTM that has something else to say.
type stubborn struct{ learnedopt.LSTM }

func (*stubborn) Update(in learnedopt.Inputs) (*G.Node, map[string]*G.Node, error) {
	step, err := G.Neg(in.Grad)
	return step, in.State, err
}

// A rule that embeds an LSTM is taken at its own word: the LSTM's kernels do not stand in for its Update.
func TestEmbeddedLSTM(t *testing.T) {
	r := new(stubborn)
	c, err := learnedopt.Compile[float32](r, params.Layout{{Name: "theta", Shape: []int{3}}})
	require.NoError(t, err)
	require.False(t, c.HasWindow())
	step, state := make([]float32, 3), make([]float32, c.State().Len())
	p := learnedopt.Point[float32]{Phi: learnedopt.Phi(r, 1), State: state, Grad: []float32{1, -2, 3}}
	require.NoError(t, c.Step(step, state, p))
	require.Equal(t, []float32{-1, 2, -3}, step)
}

func BenchmarkLSTM(b *testing.B) {
	r := new(learnedopt.LSTM)
	for _, n := range []int{1_510, 15_910, 1_000_000} {
		layout := params.Layout{{Name: "theta", Shape: []int{n}}}
		e := newEpisode[float32](r, n, 20)
		b.Run(fmt.Sprintf("step/n=%d", n), func(b *testing.B) {
			opt, err := learnedopt.New(r, e.phi, layout)
			require.NoError(b, err)
			theta := make([]float32, n)
			b.ReportAllocs()
			for b.Loop() {
				_ = opt.Step(theta, e.grads[0])
			}
			perStep(b, n, 2*4980)
		})
		if n > 100_000 {
			continue
		}
		b.Run(fmt.Sprintf("window/n=%d", n), func(b *testing.B) {
			c, err := learnedopt.Compile[float32](r, layout)
			require.NoError(b, err)
			w := learnedopt.Window[float32]{
				Phi: e.phi, State: make([]float32, c.State().Len()), Grads: e.grads, DStep: e.dStep, DPhi: make([]float32, len(e.phi)),
			}
			b.ReportAllocs()
			for b.Loop() {
				_ = c.PullbackWindow(w)
			}
			perStep(b, 20*n, 3*2*4980)
		})
	}
}

// perStep reports time and arithmetic a coordinate-step.
func perStep(b *testing.B, coordinateSteps int, flop float64) {
	ns := float64(b.Elapsed().Nanoseconds()) / float64(b.N) / float64(coordinateSteps)
	b.ReportMetric(ns, "ns/coordinate-step")
	b.ReportMetric(flop/ns, "GFLOP/s")
}
