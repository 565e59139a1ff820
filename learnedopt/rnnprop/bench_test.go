package rnnprop_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed1498fded/unroll/learnedopt"
	"github.com/seed1498fded/unroll/learnedopt/lstm"
	"github.com/seed1498fded/unroll/learnedopt/rnnprop"
	"github.com/seed1498fded/unroll/learnedopt/ruletest"
	"github.com/seed1498fded/unroll/params"
)

// What a step, its pullback and a window back cost, beside the LSTM's: the best time of all, which other programs disturb least.
func BenchmarkRNNprop(b *testing.B) {
	const n, steps = 4_096, 5 // little, so that some iterations go undisturbed
	for _, r := range []learnedopt.Rule{new(lstm.Rule), new(rnnprop.Rule)} {
		c, err := learnedopt.Compile[float32](r, params.Layout{{Name: "theta", Shape: []int{n}}})
		require.NoError(b, err)
		e, m := ruletest.NewEpisode(c, r, steps), c.State().Len()
		state, step := make([]float32, m), make([]float32, n)
		p := learnedopt.Point[float32]{Phi: e.Phi, State: state, Grad: e.Grads[0]}
		d := learnedopt.Cotangents[float32]{
			Step: e.DStep[0], Next: make([]float32, m), Phi: make([]float32, len(e.Phi)), State: make([]float32, m),
		}
		w := learnedopt.Window[float32]{Phi: e.Phi, State: state, Grads: e.Grads, DStep: e.DStep, DPhi: d.Phi}
		for _, work := range []struct {
			name string
			run  func() error
			per  int
		}{
			{"step", func() error { return c.Step(step, state, p) }, n},
			{"pullback", func() error { return c.Pullback(d, p) }, n},
			{"window", func() error { return c.PullbackWindow(w) }, n * steps},
		} {
			b.Run(work.name+"/"+r.Name(), func(b *testing.B) {
				best := time.Hour
				for b.Loop() {
					start := time.Now()
					require.NoError(b, work.run())
					best = min(best, time.Since(start))
				}
				b.ReportMetric(float64(best.Nanoseconds())/float64(work.per), "best-ns/coordinate-step")
			})
		}
	}
}
