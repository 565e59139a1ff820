package features

import (
	G "gorgonia.org/gorgonia"

	"github.com/seed1498fded/unroll/internal/graph"
)

// Times is how many numbers Time returns.
const Times = 11

// Time returns tanh(t/τ − 1) for τ = 1, 3, 10, ... 100,000, a vector, of the number t of a step.
func Time(b *graph.Builder, step *G.Node) *G.Node {
	rates := make([]float64, Times)
	for i, tau := range [Times]float64{1, 3, 10, 30, 100, 300, 1e3, 3e3, 1e4, 3e4, 1e5} {
		rates[i] = 1 / tau
	}
	return b.Tanh(b.Shift(-1, b.Mul(step, b.Vector(step, rates...))))
}
