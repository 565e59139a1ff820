package mlp_test

import (
	"fmt"
	"testing"

	"github.com/seed1498fded/unroll/internal/rng"
	"github.com/seed1498fded/unroll/learnedopt"
	"github.com/seed1498fded/unroll/learnedopt/mlp"
	"github.com/seed1498fded/unroll/params"
)

// dense lays out a network of some widths.
func dense(widths ...int) (l params.Layout) {
	for i, n := range widths[1:] {
		l = append(l, params.Spec{Name: fmt.Sprint("w", i), Shape: []int{widths[i], n}}, params.Spec{Name: fmt.Sprint("b", i), Shape: []int{n}})
	}
	return l
}

func benchmarkStep(b *testing.B, r learnedopt.Rule) {
	for _, theta := range []params.Layout{dense(64, 32, 10), dense(784, 20, 10), {{Name: "w", Shape: []int{1000, 1000}}}} {
		c, err := learnedopt.CompileWith[float32](r, theta, learnedopt.Options{Workers: 1})
		if err != nil {
			b.Fatal(err)
		}
		n := theta.Len()
		p := learnedopt.Point[float32]{
			Phi: learnedopt.Phi(r, 1), State: make([]float32, c.State().Len()), Grad: make([]float32, n), Theta: make([]float32, n), Horizon: 1000,
		}
		rng.Normal(p.Theta, 1, .1)
		rng.Normal(p.Grad, 2, .1)
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := c.Move(p.Theta, p.State, p); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/coordinate")
		})
	}
}

func BenchmarkGeneralStep(b *testing.B) { benchmarkStep(b, new(mlp.General)) }

func BenchmarkCelo2Step(b *testing.B) { benchmarkStep(b, new(mlp.Celo2)) }
