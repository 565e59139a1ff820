package compose_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed1498fded/unroll/internal/rng"
	"github.com/seed1498fded/unroll/learnedopt"
	"github.com/seed1498fded/unroll/learnedopt/compose"
	"github.com/seed1498fded/unroll/learnedopt/handmade"
	"github.com/seed1498fded/unroll/params"
)

// lowered is a rule without its kernel.
type lowered struct{ learnedopt.Rule }

// A step of compositions of hand-made rules, beside the bare rule on its kernel and on its expression.
func BenchmarkCompositions(b *testing.B) {
	adam := compose.Of(&handmade.Adam{})
	for _, n := range []int{16, 320} {
		theta := params.Layout{{Name: "w", Shape: []int{50 * n, 10}}, {Name: "v", Shape: []int{50 * n, 10}}, {Name: "b", Shape: []int{10 * n}}}
		for _, c := range []struct {
			name string
			rule learnedopt.Rule
		}{
			{"adam", &handmade.Adam{}},
			{"adam lowered", lowered{&handmade.Adam{}}},
			{"adamw", &handmade.AdamW{}},
			{"decay", &compose.Decay{Rule: adam}},
			{"decay lowered", lowered{&compose.Decay{Rule: adam}}},
			{"cosine", &compose.Schedule{Rule: adam, Warmup: 0.1}},
			{"sum", &compose.Sum{Terms: []compose.Term{{Rule: adam}, {Rule: compose.Of(&handmade.Lion{})}}}},
			{"graft", &compose.Graft{}},
			{"groups", &compose.Groups{Rest: adam, Groups: []compose.Group{{MinDims: 2, Rule: compose.Of(&handmade.Lion{})}}}},
			{"clip", &compose.Clip{Rule: adam}},
			{"clip values", &compose.Clip{Rule: adam, GradValue: 1}},
			{"mechanic", &compose.Mechanic{}},
		} {
			b.Run(fmt.Sprintf("%s/n=%d", c.name, theta.Len()), func(b *testing.B) {
				o, err := learnedopt.CompileWith[float32](c.rule, theta, learnedopt.Options{Workers: 1})
				require.NoError(b, err)
				p := learnedopt.Point[float32]{Phi: learnedopt.Phi(c.rule, 0), State: make([]float32, o.State().Len()), Horizon: 1 << 20}
				p.Grad, p.Theta = make([]float32, theta.Len()), make([]float32, theta.Len())
				rng.Normal(p.Grad, 1, 1)
				rng.Normal(p.Theta, 2, 1)
				step := make([]float32, theta.Len())
				b.ReportAllocs()
				for b.Loop() {
					require.NoError(b, o.Step(step, p.State, p))
					p.Step++
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(theta.Len()), "ns/coordinate-step")
			})
		}
	}
}
