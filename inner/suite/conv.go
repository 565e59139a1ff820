package suite

import (
	"cmp"
	"github.com/seed1498fded/unroll/inner"
	"github.com/seed1498fded/unroll/inner/data"
	"github.com/seed1498fded/unroll/internal/kernel"
	"github.com/seed1498fded/unroll/internal/rng"
	"github.com/seed1498fded/unroll/params"
)

// ConvOf is a convolutional network that tells the class of an image by cross-entropy: two convolutions of 3x3, stride 2 and a pad
// of 1, each followed by ReLU, and a dense layer. The weights are conv0.w [3, 3, 1, channels], conv0.b, conv1.w [3, 3, channels,
// channels'], conv1.b, out.w [pixels·channels', classes] and out.b; w ~ N(0, 2/fan-in), b = 0.
type ConvOf[F params.Float] struct {
	Train, Test *data.Set // go together; those of package fashion if nil
	Channels    [2]int    // of the convolutions; 16 and 32 if zero
	Batch       int       // images in a minibatch, drawn with replacement; 64 if zero
}

// Conv is ConvOf in use.
type Conv = ConvOf[float32]

var _ inner.Family = Conv{}

// Sample returns a new instance of the one problem. Fields out of their ranges are errors.
func (f ConvOf[F]) Sample(uint64) (inner.ProblemOf[F], error) {
	train, test, err := clothes("Conv", f.Train, f.Test)
	if err != nil {
		return nil, err
	}
	a, b, batch := cmp.Or(f.Channels[0], 16), cmp.Or(f.Channels[1], 32), cmp.Or(f.Batch, 64)
	if err := check("Conv", size{"Channels", a}, size{"Channels", b}, size{"a Batch", batch}); err != nil {
		return nil, err
	}
	n := &convNet[F]{batch: newBatch[F](train, test, batch)}
	n.conv[0] = newConvolution[F](&n.plan, "conv0", train.Rows, train.Cols, 1, a)
	n.conv[1] = newConvolution[F](&n.plan, "conv1", n.conv[0].outRows, n.conv[0].outCols, a, b)
	n.top = newDense[F](&n.plan, "out", n.conv[1].places()*b, train.Classes)
	for l, c := range n.conv {
		n.seen[l] = make([]F, batch*c.places()*c.in)
		n.h[l], n.dh[l] = make([]F, batch*c.places()*c.out), make([]F, batch*c.places()*c.out)
	}
	n.dSeen = make([]F, len(n.seen[1]))
	n.out, n.e = make([]F, batch*train.Classes), make([]F, batch*train.Classes)
	return newProblem[F](n)
}

type convNet[F params.Float] struct {
	plan
	batch[F]
	conv   [2]convolution[F]
	top    dense[F]
	seen   [2][]F // windows
	h, dh  [2][]F // what ReLU makes of them
	dSeen  []F    // of the second
	out, e []F
}

func (n *convNet[F]) params() params.Layout { return n.layout }

func (n *convNet[F]) start(theta []F, key uint64) {
	for l, d := range []dense[F]{n.conv[0].dense, n.conv[1].dense, n.top} {
		d.start(theta, rng.Split(key, uint64(l)), 2)
	}
}

func (n *convNet[F]) forward(theta []F) float64 {
	x := n.x
	for l, c := range n.conv {
		c.windows(n.seen[l], x, n.n)
		c.forward(n.h[l], n.seen[l], theta, n.n*c.places())
		h := n.h[l][:n.n*c.places()*c.out]
		kernel.Relu(h, h)
		x = n.h[l]
	}
	n.top.forward(n.out, x, theta, n.n)
	return crossEntropy(n.e, n.out[:n.n*n.top.out], n.labels[:n.n])
}

func (n *convNet[F]) backward(grad, theta []F) {
	n.top.gradient(grad, n.h[1], n.e, n.n)
	n.top.back(n.dh[1], n.e, theta, n.n)
	for l := 1; ; l-- {
		c := n.conv[l]
		kernel.PullRelu(n.dh[l], n.h[l], n.dh[l])
		c.gradient(grad, n.seen[l], n.dh[l], n.n*c.places())
		if l == 0 {
			return
		}
		c.back(n.dSeen, n.dh[l], theta, n.n*c.places())
		c.lay(n.dh[l-1], n.dSeen, n.n)
	}
}
