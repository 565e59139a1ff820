package features

import (
	"math"

	G "gorgonia.org/gorgonia"

	"github.com/seed1498fded/unroll/internal/graph"
)

// Times is how many numbers Time and Waves return.
const Times = 11

// timeScales are τ of both, in steps.
var timeScales = [Times]float64{1, 3, 10, 30, 100, 300, 1e3, 3e3, 1e4, 3e4, 1e5}

// Time returns tanh(t/τ − 1) for τ = 1, 3, 10, ... 100,000, a vector, of the number t of a step.
func Time(b *graph.Builder, step *G.Node) *G.Node {
	return b.Tanh(b.Shift(-1, inTimeScales(b, step)))
}

// Waves returns sin(t/(πτ)) for the same τ, a vector.
func Waves(b *graph.Builder, step *G.Node) *G.Node {
	return b.Sin(b.Scale(1/math.Pi, inTimeScales(b, step)))
}

// inTimeScales returns t/τ.
func inTimeScales(b *graph.Builder, step *G.Node) *G.Node {
	rates := make([]float64, Times)
	for i, tau := range timeScales {
		rates[i] = 1 / tau
	}
	return b.Mul(step, b.Vector(step, rates...))
}
