package predictive_test

import (
	"fmt"
	"math"
	"testing"

	"github.com/stretchr/testify/require"
	G "gorgonia.org/gorgonia"

	"github.com/seed1498fded/unroll/inner/predictive"
	"github.com/seed1498fded/unroll/internal/graph"
	"github.com/seed1498fded/unroll/internal/rng"
)

// A net is a loss with numbers for its leaves.
type net struct {
	loss            *G.Node
	inputs, weights []*G.Node
	layers          map[*G.Node]bool // what a layer is called, where there are layers
	inputsAt        [][]float64
	weightsAt       [][]float64
}

func (n *net) leaf(std float64, shape ...int) (*G.Node, []float64) {
	key := uint64(len(n.inputs) + 100*len(n.weights))
	name := G.WithName(fmt.Sprintf("leaf %d", key))
	g := G.NewGraph()
	if len(n.weights) > 0 {
		g = n.weights[0].Graph()
	}
	size := 1
	for _, d := range shape {
		size *= d
	}
	at := make([]float64, size)
	rng.Normal(at, key, std)
	if len(shape) == 0 {
		return G.NewScalar(g, G.Float64, name), at
	}
	return G.NewTensor(g, G.Float64, len(shape), G.WithShape(shape...), name), at
}

func (n *net) weight(std float64, shape ...int) *G.Node {
	w, at := n.leaf(std, shape...)
	n.weights, n.weightsAt = append(n.weights, w), append(n.weightsAt, at)
	return w
}

func (n *net) input(shape ...int) *G.Node {
	x, at := n.leaf(1, shape...)
	n.inputs, n.inputsAt = append(n.inputs, x), append(n.inputsAt, at)
	return x
}

// layer marks a vertex.
func (n *net) layer(h *G.Node) *G.Node {
	if n.layers == nil {
		n.layers = make(map[*G.Node]bool)
	}
	n.layers[h] = true
	return h
}

func (n *net) isLayer(op *G.Node) bool { return n.layers[op] }

// mlp is a network of tanh layers with a linear one on top and the squared error. Its layers but the last are vertices;
// the last is clamped with the loss.
func mlp(t *testing.T, widths ...int) *net {
	n, b := new(net), new(graph.Builder)
	const batch = 16
	var weights []*G.Node
	for i := range len(widths) - 1 {
		weights = append(weights, n.weight(1/math.Sqrt(float64(widths[i])), widths[i], widths[i+1]))
	}
	h := n.input(batch, widths[0])
	for i, w := range weights {
		h = b.MatMul(h, w)
		if i < len(weights)-1 {
			h = n.layer(b.Tanh(h))
		}
	}
	n.loss = b.Scale(0.5, b.Sum(b.Square(b.Sub(h, n.input(batch, widths[len(widths)-1])))))
	require.NoError(t, b.Err())
	return n
}

// residual is a network whose blocks add to what they are given, h + tanh(h W) V.
func residual(t *testing.T) *net {
	n, b := new(net), new(graph.Builder)
	const batch, width = 4, 6
	var weights []*G.Node
	for range 8 {
		weights = append(weights, n.weight(0.4, width, width))
	}
	h := n.input(batch, width)
	for i := 0; i < len(weights); i += 2 {
		h = b.Add(h, b.MatMul(b.Tanh(b.MatMul(h, weights[i])), weights[i+1]))
	}
	n.loss = b.Sum(b.Square(b.Sub(h, n.input(batch, width))))
	require.NoError(t, b.Err())
	return n
}

// shared applies one matrix four times, once transposed.
func shared(t *testing.T) *net {
	n, b := new(net), new(graph.Builder)
	w := n.weight(0.5, 5, 5)
	h := n.input(3, 5)
	for range 3 {
		h = b.Tanh(b.MatMul(h, w))
	}
	n.loss = b.Sum(b.Square(b.MatMul(h, b.Transpose(w))))
	require.NoError(t, b.Err())
	return n
}

// lstm is an LSTM over 10 steps, written out, with the squared error of what it says after each.
func lstm(t *testing.T) *net {
	n, b := new(net), new(graph.Builder)
	const batch, in, hidden, steps = 2, 3, 4, 10
	wx, wh := n.weight(0.5, in, 4*hidden), n.weight(0.5, hidden, 4*hidden)
	bias, out := n.weight(0.5, 4*hidden), n.weight(0.5, hidden, 1)
	h, c := n.input(batch, hidden), n.input(batch, hidden)
	for i := range steps {
		z := b.Add(b.Add(b.MatMul(n.input(batch, in), wx), b.MatMul(h, wh)), b.RepeatRows(bias, batch))
		gate := func(k int) *G.Node { return b.Columns(z, k*hidden, (k+1)*hidden) }
		c = b.Add(b.Mul(b.Sigmoid(gate(1)), c), b.Mul(b.Sigmoid(gate(0)), b.Tanh(gate(2))))
		h = b.Mul(b.Sigmoid(gate(3)), b.Tanh(c))
		term := b.Sum(b.Square(b.Sub(b.MatMul(h, out), n.input(batch, 1))))
		if i > 0 {
			term = b.Add(n.loss, term)
		}
		n.loss = term
	}
	require.NoError(t, b.Err())
	return n
}

// backprop is the gradient with respect to any nodes of the net, by graph.Grad.
func (n *net) backprop(t require.TestingT, nodes ...*G.Node) [][]float64 {
	grads, err := graph.Grad(n.loss, nodes...)
	require.NoError(t, err)
	p, err := graph.Compile[float64](append(n.weights[:len(n.weights):len(n.weights)], n.inputs...), grads)
	require.NoError(t, err)
	for i, at := range append(n.weightsAt[:len(n.weightsAt):len(n.weightsAt)], n.inputsAt...) {
		copy(p.In(i), at)
	}
	require.NoError(t, p.Run())
	out := make([][]float64, len(grads))
	for i := range out {
		out[i] = append([]float64(nil), p.Out(i)...)
	}
	return out
}

// coded is the gradient with respect to the weights, by predictive coding.
func (n *net) coded(t require.TestingT, c predictive.Config) ([][]float64, *predictive.GraphOf[float64]) {
	g, err := predictive.New[float64](n.loss, n.inputs, n.weights, c)
	require.NoError(t, err)
	grads := make([][]float64, len(n.weights))
	for i, w := range n.weightsAt {
		grads[i] = make([]float64, len(w))
	}
	_, err = g.ParamGrad(grads, n.inputsAt, n.weightsAt)
	require.NoError(t, err)
	return grads, g
}

// apart is the distance of two gradients relative to the second.
func apart(got, want [][]float64) float64 {
	diff, norm := 0.0, 0.0
	for i := range want {
		for k, x := range want[i] {
			diff, norm = math.Hypot(diff, got[i][k]-x), math.Hypot(norm, x)
		}
	}
	return diff / norm
}
