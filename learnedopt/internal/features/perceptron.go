package features

import (
	"fmt"
	"math"

	G "gorgonia.org/gorgonia"

	"github.com/seed1498fded/unroll/internal/graph"
	"github.com/seed1498fded/unroll/internal/rng"
	"github.com/seed1498fded/unroll/params"
)

// A Perceptron is a multilayer perceptron with two hidden layers of rectifiers that works on each coordinate by itself. Its
// weights w0, w1, w2 are [in, out], its biases b0, b1, b2.
type Perceptron struct{ In, Hidden, Out int }

func (p Perceptron) widths() [4]int { return [4]int{p.In, p.Hidden, p.Hidden, p.Out} }

// Phi lays out the weights.
func (p Perceptron) Phi() params.Layout {
	var l params.Layout
	w := p.widths()
	for i := range 3 {
		l = append(l, params.Spec{Name: fmt.Sprintf("w%d", i), Shape: []int{w[i], w[i+1]}},
			params.Spec{Name: fmt.Sprintf("b%d", i), Shape: []int{w[i+1]}})
	}
	return l
}

// Init draws the weights, laid out by Phi, from a normal distribution of deviation 1/√in that is cut at two deviations; the
// biases are 0.
func (p Perceptron) Init(phi []float32, key uint64) {
	w, at := p.widths(), 0
	for i := range 3 {
		n := w[i] * w[i+1]
		TruncatedNormal(phi[at:at+n], rng.Split(key, uint64(i)), 1/math.Sqrt(float64(w[i])))
		at += n
		clear(phi[at : at+w[i+1]])
		at += w[i+1]
	}
}

// TruncatedNormal draws from the normal distribution of a deviation, again where a number is beyond two deviations.
func TruncatedNormal(dst []float32, key uint64, deviation float64) {
	s := rng.New(key)
	for i := range dst {
		x := s.NormFloat64()
		for math.Abs(x) > 2 {
			x = s.NormFloat64()
		}
		dst[i] = float32(x * deviation)
	}
}

// A Seen is what a perceptron sees of a tensor of n numbers.
type Seen struct {
	Rows  *G.Node // [features, n], for the first of its inputs
	Scale *G.Node // a vector that the rows are multiplied with, or nil
	Same  *G.Node // a vector of what all coordinates see alike, for the inputs that follow; or nil
}

// Apply returns the outputs, rows [Out, n]. What is not seen of the inputs, beyond those of Rows and Same, counts as 0.
func (p Perceptron) Apply(b *graph.Builder, phi map[string]*G.Node, s Seen) *G.Node {
	if b.Err() != nil {
		return nil
	}
	f, n := s.Rows.Shape()[0], s.Rows.Shape()[1]
	w, bias := b.Rows(phi["w0"], 0, f), b.Reshape(phi["b0"], p.Hidden)
	if s.Scale != nil {
		w = b.Mul(w, b.Spread(s.Scale, 1, f, p.Hidden))
	}
	if s.Same != nil && b.Err() == nil {
		k := s.Same.Shape()[0]
		bias = b.Add(bias, b.Reshape(b.MatMul(b.Reshape(s.Same, 1, k), b.Rows(phi["w0"], f, f+k)), p.Hidden))
	}
	layer := func(x, w, bias *G.Node, out int) *G.Node {
		return b.Add(b.MatMul(b.Transpose(w), x), b.Spread(bias, 1, out, n))
	}
	h := b.Relu(layer(s.Rows, w, bias, p.Hidden))
	h = b.Relu(layer(h, phi["w1"], b.Reshape(phi["b1"], p.Hidden), p.Hidden))
	return layer(h, phi["w2"], b.Reshape(phi["b2"], p.Out), p.Out)
}
