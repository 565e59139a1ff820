package learnedopt_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed1498fded/unroll/internal/rng"
	"github.com/seed1498fded/unroll/learnedopt"
	"github.com/seed1498fded/unroll/learnedopt/compose"
	"github.com/seed1498fded/unroll/learnedopt/handmade"
)

// Law: where a composition says what an option says, it takes the same steps.
func TestOptionsAndCompositions(t *testing.T) {
	adam, lion := &handmade.Adam{LR: 0.1}, &handmade.Lion{LR: 0.03}
	for name, tt := range map[string]struct {
		option learnedopt.Option
		rule   learnedopt.Rule
	}{
		"WithClip":        {learnedopt.WithClip(0.5), &compose.Clip{Rule: compose.Of(adam), GradValue: 0.5}},
		"WithClipNorm":    {learnedopt.WithClipNorm(2), &compose.Clip{Rule: compose.Of(adam), GradNorm: 2}},
		"WithWeightDecay": {learnedopt.WithWeightDecay(0.01), &compose.Decay{Rule: compose.Of(adam), Decay: 0.01}},
		"Graft": {learnedopt.WithGuard(learnedopt.Graft{Fallback: lion}),
			&compose.Graft{Direction: compose.Of(adam), Length: compose.Of(lion), Per: "all"}},
	} {
		const n = 20
		o, composed := guarded(t, trained(adam), n, tt.option), guarded(t, trained(tt.rule), n)
		plain := guarded(t, trained(adam), n)
		a, grad := make([]float32, n), make([]float32, n)
		rng.Normal(a, 1, 1)
		b, c := append([]float32(nil), a...), append([]float32(nil), a...)
		for i := range uint64(30) {
			rng.Normal(grad, rng.Split(2, i), float64(1+i))
			require.NoError(t, o.Step(a, grad))
			require.NoError(t, composed.Step(b, grad))
			require.NoError(t, plain.Step(c, grad))
			require.InDeltaSlice(t, b, a, 2e-4, name)
		}
		require.Greater(t, distance(a, c), 0.05, "%s: the option matters", name)
	}
}
