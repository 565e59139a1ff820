package features

import (
	G "gorgonia.org/gorgonia"

	"github.com/seed1498fded/unroll/internal/graph"
	"github.com/seed1498fded/unroll/internal/rng"
	"github.com/seed1498fded/unroll/params"
)

// A GRU is a gated recurrent unit cell (Cho et al. 2014, arXiv 1406.1078) that takes biases from outside beside its own:
//
//	r, u = σ(W[x, h] + b + biases)
//	h ← u·h + (1 − u)·tanh(W'[x, r·h] + b' + bias)
//
// Its weights are Name.gates.w and .b, for r and then u, and Name.candidate.w and .b; matrices are [In + Units, outputs].
type GRU struct {
	Name      string
	In, Units int
}

// Biases is how many numbers a GRU takes from outside.
func (c GRU) Biases() int { return 3 * c.Units }

func (c GRU) gates() Linear     { return Linear{c.Name + ".gates", c.In + c.Units, 2 * c.Units} }
func (c GRU) candidate() Linear { return Linear{c.Name + ".candidate", c.In + c.Units, c.Units} }

// Phi lays out the weights.
func (c GRU) Phi() params.Layout { return append(c.gates().Phi(), c.candidate().Phi()...) }

// Init draws the matrices, laid out by Phi, from normal distributions of deviation scale/√inputs; the biases of the gates
// are gate, the others 0.
func (c GRU) Init(phi []float32, key uint64, scale float64, gate float32) {
	n := c.gates().Phi().Len()
	c.gates().Init(phi[:n], rng.Split(key, 0), scale)
	for i := n - 2*c.Units; i < n; i++ {
		phi[i] = gate
	}
	c.candidate().Init(phi[n:], rng.Split(key, 1), scale)
}

// Apply returns the next state [n, units] of n cells with the same weights, of inputs x [n, in] and states h [n, units]. The
// biases from outside, for r, u and the candidate, are a row [1, 3·units] that all n cells share, or nil.
func (c GRU) Apply(b *graph.Builder, phi map[string]*G.Node, x, h, biases *G.Node) *G.Node {
	if b.Err() != nil {
		return nil
	}
	n, k := h.Shape()[0], c.Units
	biased := func(y *G.Node, from, to int) *G.Node {
		if biases == nil {
			return y
		}
		return b.Add(y, b.RepeatRows(b.Reshape(b.Columns(biases, from, to), to-from), n))
	}
	gates := b.Sigmoid(biased(c.gates().two(b, phi, x, h, c.In), 0, 2*k))
	r, u := b.Columns(gates, 0, k), b.Columns(gates, k, 2*k)
	candidate := b.Tanh(biased(c.candidate().two(b, phi, x, b.Mul(r, h), c.In), 2*k, 3*k))
	return b.Add(candidate, b.Mul(u, b.Sub(h, candidate)))
}
