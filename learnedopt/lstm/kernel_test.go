package lstm_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	G "gorgonia.org/gorgonia"

	"github.com/seed1498fded/unroll/learnedopt"
	"github.com/seed1498fded/unroll/learnedopt/lstm"
	"github.com/seed1498fded/unroll/learnedopt/ruletest"
	"github.com/seed1498fded/unroll/params"
)

// Hidden sizes that the kernels can't do run as a graph.
func TestLSTMOfOddSize(t *testing.T) {
	c, err := learnedopt.Compile[float32](&lstm.Rule{Hidden: 6}, params.Layout{{Name: "theta", Shape: []int{9}}})
	require.NoError(t, err)
	require.False(t, c.HasWindow())
}

// stubborn is a rule made of an LSTM that has something else to say.
type stubborn struct{ lstm.Rule }

func (*stubborn) Update(in learnedopt.Inputs) (learnedopt.Outputs, error) {
	step, err := G.Neg(in.Tensors[0].Grad)
	return learnedopt.One(step, in.Tensors[0].State), err
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
	r := new(lstm.Rule)
	for _, n := range []int{1_510, 15_910, 1_000_000} {
		layout := params.Layout{{Name: "theta", Shape: []int{n}}}
		c, err := learnedopt.Compile[float32](r, layout)
		require.NoError(b, err)
		e := ruletest.NewEpisode(c, r, 20)
		b.Run(fmt.Sprintf("step/n=%d", n), func(b *testing.B) {
			opt, err := learnedopt.New(r, e.Phi, layout)
			require.NoError(b, err)
			theta := make([]float32, n)
			b.ReportAllocs()
			for b.Loop() {
				_ = opt.Step(theta, e.Grads[0])
			}
			perStep(b, n, 2*4980)
		})
		if n > 100_000 {
			continue
		}
		b.Run(fmt.Sprintf("window/n=%d", n), func(b *testing.B) {
			w := learnedopt.Window[float32]{
				Phi: e.Phi, State: make([]float32, c.State().Len()), Grads: e.Grads, DStep: e.DStep, DPhi: make([]float32, len(e.Phi)),
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
