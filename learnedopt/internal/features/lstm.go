package features

import (
	"fmt"

	G "gorgonia.org/gorgonia"

	"github.com/seed1498fded/unroll/internal/graph"
	"github.com/seed1498fded/unroll/internal/rng"
	"github.com/seed1498fded/unroll/params"
)

// A Cell is an LSTM cell with one matrix [in + units, 4·units] on inputs and hidden state, gates in the order input, new value,
// forget, output, of which the forget gate opens with 1 added, as in TensorFlow and Haiku. Its weights are Name.w and Name.b.
type Cell struct {
	Name      string
	In, Units int
}

// Phi lays out the weights.
func (c Cell) Phi() params.Layout {
	return params.Layout{
		{Name: c.Name + ".w", Shape: []int{c.In + c.Units, 4 * c.Units}}, {Name: c.Name + ".b", Shape: []int{4 * c.Units}},
	}
}

// Init draws the matrix, laid out by Phi, from the uniform distribution on ±a; the biases are 0.
func (c Cell) Init(phi []float32, key uint64, a float64) {
	n := 4 * c.Units * (c.In + c.Units)
	rng.Uniform(phi[:n], key, -a, a)
	clear(phi[n:])
}

// Apply returns the next hidden and cell state, [n, units], of n cells with the same weights. The inputs x are [n, in].
func (c Cell) Apply(b *graph.Builder, phi map[string]*G.Node, x, h, cell *G.Node) (nextH, nextCell *G.Node) {
	w := phi[c.Name+".w"]
	if b.Err() == nil && w == nil {
		b.Fail(fmt.Errorf("there are no weights of the cell %s", c.Name))
	}
	if b.Err() != nil {
		return nil, nil
	}
	n := h.Shape()[0]
	gates := b.Add(b.MatMul(x, b.Rows(w, 0, c.In)), b.MatMul(h, b.Rows(w, c.In, c.In+c.Units)))
	gates = b.Add(gates, b.RepeatRows(phi[c.Name+".b"], n))
	gate := func(k int) *G.Node { return b.Columns(gates, k*c.Units, (k+1)*c.Units) }
	forget := b.Sigmoid(b.Shift(1, gate(2)))
	nextCell = b.Add(b.Mul(forget, cell), b.Mul(b.Sigmoid(gate(0)), b.Tanh(gate(1))))
	return b.Mul(b.Sigmoid(gate(3)), b.Tanh(nextCell)), nextCell
}
