package suite

import (
	"cmp"
	"fmt"

	"github.com/seed1498fded/unroll/inner"
	"github.com/seed1498fded/unroll/inner/data"
	"github.com/seed1498fded/unroll/internal/kernel"
	"github.com/seed1498fded/unroll/internal/rng"
	"github.com/seed1498fded/unroll/params"
)

// ResidualOf is a residual network of dense layers that tells the class of an image by cross-entropy:
//
//	h = x·W + b;  in each block h = h + relu(norm(h)·W1 + b1)·W2 + b2;  out = norm(h)·W' + b'
//
// with layer normalisation. The weights are in.w [pixels, width], in.b; for each block block0.norm.gain and .bias, block0.up.w
// [width, width], .b, block0.down.w, .b; norm.gain, norm.bias; out.w [width, classes], out.b. in and out start from N(0, 1/fan-in),
// up from N(0, 2/fan-in), down from N(0, 1/(fan-in·blocks)).
type ResidualOf[F params.Float] struct {
	Train, Test *data.Set // go together; those of package fashion if nil
	Blocks      int       // 6 if zero
	Width       int       // 64 if zero
	Batch       int       // images in a minibatch, drawn with replacement; 64 if zero
}

// Residual is ResidualOf in use.
type Residual = ResidualOf[float32]

var _ inner.Family = Residual{}

// Sample returns a new instance of the one problem. Fields out of their ranges are errors.
func (f ResidualOf[F]) Sample(uint64) (inner.ProblemOf[F], error) {
	train, test, err := clothes("Residual", f.Train, f.Test)
	if err != nil {
		return nil, err
	}
	blocks, width, batch := cmp.Or(f.Blocks, 6), cmp.Or(f.Width, 64), cmp.Or(f.Batch, 64)
	if err := check("Residual", size{"Blocks", blocks}, size{"a Width", width}, size{"a Batch", batch}); err != nil {
		return nil, err
	}
	room := func() []F { return make([]F, batch*width) }
	n := &residualNet[F]{batch: newBatch[F](train, test, batch), h: room(), dh: room(), dUp: room(), dNorm: room(), last: room()}
	n.in = newDense[F](&n.plan, "in", train.Pixels(), width)
	for i := range blocks {
		name := fmt.Sprintf("block%d", i)
		n.blocks = append(n.blocks, residualBlock[F]{
			norm: newNorm[F](&n.plan, name+".norm", width, batch),
			up:   newDense[F](&n.plan, name+".up", width, width), down: newDense[F](&n.plan, name+".down", width, width),
			normed: room(), act: room(),
		})
	}
	n.norm = newNorm[F](&n.plan, "norm", width, batch)
	n.top = newDense[F](&n.plan, "out", width, train.Classes)
	n.out, n.e = make([]F, batch*train.Classes), make([]F, batch*train.Classes)
	return newProblem[F](n)
}

type residualNet[F params.Float] struct {
	plan
	batch[F]
	in, top dense[F]
	blocks  []residualBlock[F]
	norm    *norm[F]

	h, last        []F // the sum so far, and its normalisation at the end
	dh, dUp, dNorm []F
	out, e         []F
}

type residualBlock[F params.Float] struct {
	norm        *norm[F]
	up, down    dense[F]
	normed, act []F
}

func (n *residualNet[F]) params() params.Layout { return n.layout }

func (n *residualNet[F]) start(theta []F, key uint64) {
	n.in.start(theta, rng.Split(key, 0), 1)
	n.top.start(theta, rng.Split(key, 1), 1)
	n.norm.start(theta)
	for i, b := range n.blocks {
		b.norm.start(theta)
		b.up.start(theta, rng.Split(key, uint64(2+2*i)), 2)
		b.down.start(theta, rng.Split(key, uint64(3+2*i)), 1/float64(len(n.blocks)))
	}
}

func (n *residualNet[F]) forward(theta []F) float64 {
	n.in.forward(n.h, n.x, theta, n.n)
	for _, b := range n.blocks {
		b.norm.forward(b.normed, n.h, theta, n.n)
		b.up.forward(b.act, b.normed, theta, n.n)
		kernel.Relu(b.act, b.act)
		addRow(n.h, of(b.down.b, theta), n.n)
		b.down.add(n.h, b.act, theta, n.n)
	}
	n.norm.forward(n.last, n.h, theta, n.n)
	n.top.forward(n.out, n.last, theta, n.n)
	return crossEntropy(n.e, n.out[:n.n*n.top.out], n.labels[:n.n])
}

func (n *residualNet[F]) backward(grad, theta []F) {
	n.top.gradient(grad, n.last, n.e, n.n)
	n.top.back(n.dNorm, n.e, theta, n.n)
	clear(n.dh)
	n.norm.backward(grad, n.dh, n.dNorm, theta, n.n)
	for i := len(n.blocks) - 1; i >= 0; i-- {
		b := n.blocks[i]
		b.down.gradient(grad, b.act, n.dh, n.n)
		b.down.back(n.dUp, n.dh, theta, n.n)
		kernel.PullRelu(n.dUp, b.act, n.dUp)
		b.up.gradient(grad, b.normed, n.dUp, n.n)
		b.up.back(n.dNorm, n.dUp, theta, n.n)
		b.norm.backward(grad, n.dh, n.dNorm, theta, n.n)
	}
	n.in.gradient(grad, n.x, n.dh, n.n)
}

// addRow adds a row to each of the first n rows of m.
func addRow[F params.Float](m, row []F, n int) {
	for i := range n {
		addTo(m[i*len(row):(i+1)*len(row)], row)
	}
}
