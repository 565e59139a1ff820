package synthetic

import (
	"cmp"
	"github.com/seed1498fded/unroll/inner/nets"
	"github.com/seed1498fded/unroll/params"
)

// A source makes the examples of a minibatch: rows of inputs x, and the class of each.
type source[F params.Float] interface {
	fill(x []F, labels []byte, key uint64)
	numbers() int // in memory
}

// A classifier is a network of package nets on examples that are new for each minibatch. The loss is the mean cross-entropy.
type classifier[F params.Float] struct {
	net    *nets.NetOf[F]
	init   nets.Init
	from   source[F]
	trace  *nets.TraceOf[F]
	du, dh [][]F // of each block
	room   int
}

func newClassifier[F params.Float](net *nets.NetOf[F], init nets.Init, from source[F], batch int) *classifier[F] {
	c := &classifier[F]{net: net, init: init, from: from, trace: net.NewTrace(batch)}
	for l := range net.Blocks() {
		pre, out := batch*net.Pre(l).Size(), batch*net.Output(l).Size()
		c.du, c.dh = append(c.du, make([]F, pre)), append(c.dh, make([]F, out))
		c.room += 2 * (pre + out)
	}
	return c
}

func (c *classifier[F]) params() params.Layout { return c.net.Params() }

func (c *classifier[F]) numbers() int { return c.room + len(c.trace.In(0)) + c.from.numbers() }

func (c *classifier[F]) start(theta []F, key uint64) { c.net.Start(theta, c.init, key) }

func (c *classifier[F]) forward(theta []F, key uint64) float64 {
	c.from.fill(c.trace.In(0), c.trace.Labels, key)
	c.trace.SetLabels()
	c.net.Forward(c.trace, theta)
	return c.trace.Loss
}

func (c *classifier[F]) backward(grad, theta []F) {
	t, dh := c.trace, c.trace.E
	for l := c.net.Blocks() - 1; l >= 0; l-- {
		c.net.Delta(t, l, c.du[l], dh)
		c.net.Gradient(l, grad, t.In(l), c.du[l], t.N)
		if l > 0 {
			dh = c.dh[l-1]
			w, _ := c.net.Weights(theta, l)
			c.net.Below(t, l, dh, w, c.du[l])
		}
	}
}

// Student is the network that learns.
type Student struct {
	Hidden     []int     // units of the hidden layers; none if empty
	Activation string    // of these, one of nets.Activations(); relu if empty
	Init       nets.Init // nets.He if empty
	Batch      int       // examples in a minibatch; 64 if zero
}

// build returns the problem of telling which of some classes inputs of a source are of.
func build[F params.Float](s Student, inputs, classes int, from source[F]) (task[F], error) {
	if s.Init == "" {
		s.Init = nets.He
	}
	if err := s.Init.Validate(); err != nil {
		return nil, err
	}
	net, err := dense[F](inputs, s.Hidden, s.Activation, classes)
	if err != nil {
		return nil, err
	}
	return newClassifier(net, s.Init, from, cmp.Or(s.Batch, 64)), nil
}

// dense returns a net of dense layers, of relu if no activation is named.
func dense[F params.Float](in int, hidden []int, activation string, out int) (*nets.NetOf[F], error) {
	if activation == "" {
		activation = "relu"
	}
	var layers []nets.Layer
	for _, units := range hidden {
		layers = append(layers, nets.Dense{Units: units}, nets.Activation(activation))
	}
	return nets.New[F](nets.Vector(in), nets.CrossEntropy, append(layers, nets.Dense{Units: out})...)
}
