package lstm_test

import (
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed1498fded/unroll/learnedopt"
	"github.com/seed1498fded/unroll/learnedopt/lstm"
	"github.com/seed1498fded/unroll/learnedopt/ruletest"
	"github.com/seed1498fded/unroll/params"
)

// written is the LSTM as somebody else's rule, which has no kernels: its expression is lowered.
type written struct{ lstm.Rule }

// What a rule costs on a core that is written as an expression: the LSTM on its own kernels, lowered, and as Gorgonia has it.
func BenchmarkGraph(b *testing.B) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	const n = 15_910
	for _, x := range []struct {
		name    string
		rule    learnedopt.Rule
		compile func(learnedopt.Rule, params.Layout) (*learnedopt.Compiled[float32], error)
	}{
		{"kernels", new(lstm.Rule), learnedopt.Compile[float32]},
		{"lowered", new(written), learnedopt.Compile[float32]},
		{"gorgonia", new(written), learnedopt.CompileGraph[float32]},
	} {
		c, err := x.compile(x.rule, params.Layout{{Name: "theta", Shape: []int{n}}})
		require.NoError(b, err)
		e, m := ruletest.NewEpisode(c, x.rule, 1), c.State().Len()
		p := learnedopt.Point[float32]{Phi: e.Phi, State: make([]float32, m), Grad: e.Grads[0]}
		step, next := make([]float32, n), make([]float32, m)
		require.NoError(b, c.Step(step, p.State, p)) // away from zero
		d := learnedopt.Cotangents[float32]{Step: e.DStep[0], Next: make([]float32, m), Phi: make([]float32, len(e.Phi)), State: make([]float32, m)}
		require.NoError(b, c.Pullback(d, p)) // which compiles it
		b.Run("forward/"+x.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				_ = c.Step(step, next, p)
			}
			perStep(b, n, 2*4980)
		})
		b.Run("back/"+x.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				_ = c.Pullback(d, p)
			}
			perStep(b, n, 3*2*4980)
		})
	}
}
