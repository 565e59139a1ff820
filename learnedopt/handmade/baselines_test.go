package handmade_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed1498fded/unroll/internal/kernel"
	"github.com/seed1498fded/unroll/internal/rng"
	"github.com/seed1498fded/unroll/learnedopt"
	"github.com/seed1498fded/unroll/learnedopt/handmade"
)

// trafficOf is the least number of bytes a coordinate that a step of an optimizer reads and writes: gradient, weight and
// state are read, weight and state written, 4 bytes each. The step itself never gets to memory, and a line that is
// fetched only to be overwritten is not counted.
func trafficOf(o *learnedopt.Optimizer, n int) int { return 4 * (3 + 2*(len(o.State())/n)) }

// A floor is a loop that does as good as nothing but read and write.
type floor struct {
	name    string
	traffic int // bytes an element, counted as above
	pass    func(x, y []float32)
}

var floors = []floor{
	{"copy", 8, func(x, y []float32) { copy(y, x) }},
	{"triad", 12, func(x, y []float32) { kernel.Add(y, y, x) }}, // SGD must read and write as much
}

// rate returns the mean rate of some passes over n elements, in bytes a nanosecond.
func (f floor) rate(n, passes int) float64 {
	x, y := make([]float32, n), make([]float32, n)
	rng.Uniform(x, 1, -1, 1)
	f.pass(x, y)
	start := time.Now()
	for range passes {
		f.pass(x, y)
	}
	return float64(n*f.traffic*passes) / float64(time.Since(start).Nanoseconds())
}

// A step of the hand-made rules, and how near it comes to the rate of the floors, which are timed right after it. These
// run on one core; a step of a million coordinates, on several, may beat them.
func BenchmarkBaselines(b *testing.B) {
	for _, n := range []int{1_510, 15_910, 1_000_000} {
		for _, r := range handmade.All() {
			b.Run(fmt.Sprintf("%s/n=%d", r.Name(), n), func(b *testing.B) {
				o, err := learnedopt.New(r, nil, vector(n))
				require.NoError(b, err)
				theta, grad := make([]float32, n), make([]float32, n)
				rng.Normal(grad, 1, 1)
				b.ReportAllocs()
				for b.Loop() {
					_ = o.Step(theta, grad)
				}
				ns := float64(b.Elapsed().Nanoseconds()) / float64(b.N)
				rate := float64(n*trafficOf(o, n)) / ns
				b.ReportMetric(ns/float64(n), "ns/coordinate-step")
				b.ReportMetric(rate, "GB/s")
				if n < 1_000_000 {
					return
				}
				for _, f := range floors {
					b.ReportMetric(rate/f.rate(n, b.N), "of-"+f.name)
				}
			})
		}
		for _, f := range floors {
			b.Run(fmt.Sprintf("%s/n=%d", f.name, n), func(b *testing.B) {
				b.ReportMetric(f.rate(n, b.N), "GB/s")
			})
		}
	}
}
