package learnedopt_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed1498fded/unroll/internal/rng"
	"github.com/seed1498fded/unroll/learnedopt"
	"github.com/seed1498fded/unroll/learnedopt/handmade"
	"github.com/seed1498fded/unroll/learnedopt/lstm"
)

// What the guards cost: a step of a bare rule, beside one of a trained rule whose coordinates have all been seen, one of
// which a tenth has not, one under each Guard, and a sparse one where one gradient in ten is not zero.
func BenchmarkGuards(b *testing.B) {
	for _, r := range []learnedopt.Rule{new(handmade.SGD), new(handmade.Adam), new(lstm.Rule)} {
		for _, n := range []int{1_510, 15_910, 1_000_000} {
			if r.Name() == "lstm" && n > 100_000 {
				continue
			}
			for _, face := range []struct {
				name string
				opts []learnedopt.Option
				zero int // one gradient in so many is zero, but for
				rest bool
			}{
				{name: "bare"}, {name: "seen"}, {name: "tenth unseen", zero: 10},
				{name: "clip", opts: []learnedopt.Option{learnedopt.WithGuard(learnedopt.ClipStep{})}},
				{name: "graft", opts: []learnedopt.Option{learnedopt.WithGuard(learnedopt.Graft{})}},
				{name: "loss-check", opts: []learnedopt.Option{
					learnedopt.WithGuard(learnedopt.LossCheck{}), learnedopt.WithLoss(func() (float64, error) { return 1, nil })}},
				{name: "sparse", zero: 10, rest: true, opts: []learnedopt.Option{learnedopt.Sparse()}},
			} {
				b.Run(fmt.Sprintf("%s/n=%d/%s", r.Name(), n, face.name), func(b *testing.B) {
					opt, err := trained(r).New(vector(n), face.opts...)
					if face.name == "bare" {
						opt, err = learnedopt.New(r, nil, vector(n))
					}
					require.NoError(b, err)
					theta, grad := make([]float32, n), make([]float32, n)
					rng.Normal(grad, 1, 1)
					for i := range grad {
						if face.zero > 0 && (i%face.zero == 0) != face.rest {
							grad[i] = 0
						}
					}
					b.ReportAllocs()
					for b.Loop() {
						_ = opt.Step(theta, grad)
					}
					b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/coordinate-step")
				})
			}
		}
	}
}
