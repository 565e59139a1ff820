package plastic

import (
	"math"

	G "gorgonia.org/gorgonia"

	"github.com/seed1498fded/unroll/internal/graph"
	"github.com/seed1498fded/unroll/internal/rng"
	"github.com/seed1498fded/unroll/params"
)

// A network is a perceptron with one hidden layer of tanh units and linear outputs. What it is asked lies in columns.
type network struct {
	name                    string // which the names of its numbers begin with, such as "bias."
	inputs, hidden, outputs int
}

// phi lays out its numbers. Biases are columns, so that none of them is ever a scalar to Gorgonia.
func (n network) phi() params.Layout {
	return params.Layout{
		{Name: n.name + "hidden.weight", Shape: []int{n.hidden, n.inputs}},
		{Name: n.name + "hidden.bias", Shape: []int{n.hidden, 1}},
		{Name: n.name + "out.weight", Shape: []int{n.outputs, n.hidden}},
		{Name: n.name + "out.bias", Shape: []int{n.outputs, 1}},
	}
}

// init draws its numbers: weights from N(0, std²/n), with n the inputs of a unit, and biases of zero.
func (n network) init(phi []float32, key uint64, std float64) {
	l := n.phi()
	clear(phi)
	rng.Normal(params.Slice(l, phi, n.name+"hidden.weight"), rng.Split(key, 0), std/math.Sqrt(float64(n.inputs)))
	rng.Normal(params.Slice(l, phi, n.name+"out.weight"), rng.Split(key, 1), std/math.Sqrt(float64(n.hidden)))
}

// apply returns its outputs [outputs, columns] for x [inputs, columns].
func (n network) apply(b *graph.Builder, phi map[string]*G.Node, x *G.Node) *G.Node {
	h := b.Tanh(n.layer(b, phi, "hidden", n.hidden, x))
	return n.layer(b, phi, "out", n.outputs, h)
}

func (n network) layer(b *graph.Builder, phi map[string]*G.Node, layer string, units int, x *G.Node) *G.Node {
	if b.Err() != nil {
		return nil
	}
	u := b.MatMul(phi[n.name+layer+".weight"], x)
	return b.Add(u, b.Spread(phi[n.name+layer+".bias"], 1, units, x.Shape()[1]))
}
