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
		l = append(l, params.Spec{Name: fmt.Sprint("w", i), Shape: []int{widths[i], n}},
			params.Spec{Name: fmt.Sprint("b", i), Shape: []int{n}})
	}
	return l
}

func benchmarkStep(b *testing.B, r learnedopt.Rule) {
	square := params.Layout{{Name: "w", Shape: []int{1000, 1000}}}
	for _, theta := range []params.Layout{dense(64, 32, 10), dense(784, 20, 10), dense(784, 128, 128, 10), square} {
		c, err := learnedopt.CompileWith[float32](r, theta, learnedopt.Options{Workers: 1})
		if err != nil {
			b.Fatal(err)
		}
		n := theta.Len()
		p := learnedopt.Point[float32]{
			Phi: learnedopt.Phi(r, 1), State: make([]float32, c.State().Len()),
			Grad: make([]float32, n), Theta: make([]float32, n), Horizon: 1000,
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

// plain is a rule without its kernels.
type plain struct{ learnedopt.Rule }

func benchmarkPullback(b *testing.B, r learnedopt.Rule) {
	for _, theta := range []params.Layout{dense(64, 32, 10), dense(784, 20, 10)} {
		c, err := learnedopt.CompileWith[float32](r, theta, learnedopt.Options{Workers: 1})
		if err != nil {
			b.Fatal(err)
		}
		n := theta.Len()
		vector := func(key uint64) []float32 {
			v := make([]float32, n)
			rng.Normal(v, key, .1)
			return v
		}
		state := make([]float32, c.State().Len())
		p := learnedopt.Point[float32]{Phi: learnedopt.Phi(r, 1), State: state, Grad: vector(1), Theta: vector(2), Horizon: 1000}
		d := learnedopt.Cotangents[float32]{
			Step: vector(3), Next: make([]float32, len(state)), Phi: make([]float32, len(p.Phi)), Grad: vector(4), Theta: vector(5),
		}
		d.State = d.Next
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := c.Pullback(d, p); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/coordinate")
		})
	}
}

func BenchmarkGeneralPullback(b *testing.B) {
	b.Run("kernel", func(b *testing.B) { benchmarkPullback(b, new(mlp.General)) })
	b.Run("expression", func(b *testing.B) { benchmarkPullback(b, plain{new(mlp.General)}) })
}

func BenchmarkGeneralStep(b *testing.B) { benchmarkStep(b, new(mlp.General)) }

func BenchmarkCelo2Step(b *testing.B) { benchmarkStep(b, new(mlp.Celo2)) }

func BenchmarkGeneralOf4Step(b *testing.B) { benchmarkStep(b, &mlp.General{Hidden: 4}) }

func BenchmarkGeneralOf4Pullback(b *testing.B) { benchmarkPullback(b, &mlp.General{Hidden: 4}) }
