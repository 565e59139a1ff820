package suite

import (
	"github.com/seed1498fded/unroll/inner"
	"github.com/seed1498fded/unroll/inner/nets"
	"github.com/seed1498fded/unroll/internal/rng"
	"github.com/seed1498fded/unroll/params"
)

// A feedforward is a network of package nets on examples.
type feedforward[F params.Float] struct {
	net         *nets.NetOf[F]
	init        nets.Init
	train, test examples[F]
	batch       int     // examples of train in a minibatch; all of them, always, if zero
	scale       float64 // what the net's loss is multiplied by; 1 if zero
	decay       float64 // what half the sum of all squared w is multiplied by and added to it, in training
}

// problem returns a new instance of the one problem.
func (f feedforward[F]) problem() (inner.ProblemOf[F], error) {
	if f.scale == 0 {
		f.scale = 1
	}
	n := &feedforwardNet[F]{feedforward: f, draws: rng.New(0)}
	size := f.batch
	if size == 0 {
		size = f.train.len()
	}
	n.training, n.testing = f.net.NewTrace(size), f.net.NewTrace(part(f.test.len()))
	if f.batch == 0 {
		for i := range size {
			n.put(n.training, i, f.train, i)
		}
	}
	for l := range f.net.Blocks() {
		n.du = append(n.du, make([]F, size*f.net.Pre(l).Size()))
		n.dh = append(n.dh, make([]F, size*f.net.Output(l).Size()))
	}
	return newProblem[F](n)
}

// part returns the size of the parts that n examples are tested in: the largest divisor of n up to 256.
func part(n int) int {
	size := min(n, 256)
	for n%size > 0 {
		size--
	}
	return size
}

type feedforwardNet[F params.Float] struct {
	feedforward[F]
	training, testing *nets.TraceOf[F]
	now               *nets.TraceOf[F] // one of the two
	du, dh            [][]F            // of each block, for training
	draws             *rng.Stream
}

func (n *feedforwardNet[F]) params() params.Layout { return n.net.Params() }

func (n *feedforwardNet[F]) start(theta []F, key uint64) { n.net.Start(theta, n.init, key) }

func (n *feedforwardNet[F]) draw(key uint64) {
	n.now = n.training
	if n.batch == 0 {
		return
	}
	n.draws.Reset(key)
	for row := range n.batch {
		n.put(n.training, row, n.train, n.draws.IntN(n.train.len()))
	}
}

func (n *feedforwardNet[F]) test(i int) int {
	n.now = n.testing
	first := i * n.testing.N
	if first >= n.feedforward.test.len() {
		return 0
	}
	for row := range n.testing.N {
		n.put(n.testing, row, n.feedforward.test, first+row)
	}
	return n.testing.N
}

// put makes an example a row of a trace.
func (n *feedforwardNet[F]) put(t *nets.TraceOf[F], row int, from examples[F], i int) {
	x, y := t.In(0), t.Target
	in, out := len(x)/t.N, len(y)/t.N
	from.put(x[row*in:(row+1)*in], y[row*out:(row+1)*out], i)
}

func (n *feedforwardNet[F]) forward(theta []F) float64 {
	n.net.Forward(n.now, theta)
	loss := n.scale * n.now.Loss
	if n.decay == 0 || n.now == n.testing {
		return loss
	}
	squares := 0.0
	for l := range n.net.Blocks() {
		w, _ := n.net.Weights(theta, l)
		for _, v := range w {
			squares += float64(v) * float64(v)
		}
	}
	return loss + n.decay/2*squares
}

func (n *feedforwardNet[F]) backward(grad, theta []F) {
	t, dh := n.training, n.training.E
	if n.scale != 1 {
		for i := range dh {
			dh[i] *= F(n.scale)
		}
	}
	for l := n.net.Blocks() - 1; l >= 0; l-- {
		n.net.Delta(t, l, n.du[l], dh)
		n.net.Gradient(l, grad, t.In(l), n.du[l], t.N)
		w, _ := n.net.Weights(theta, l)
		if l > 0 {
			dh = n.dh[l-1]
			n.net.Below(t, l, dh, w, n.du[l])
		}
		if n.decay != 0 {
			dw, _ := n.net.Weights(grad, l)
			for i, v := range w {
				dw[i] += F(n.decay) * v
			}
		}
	}
}
