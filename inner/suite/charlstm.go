package suite

import (
	"cmp"
	"github.com/seed1498fded/unroll/inner"
	"github.com/seed1498fded/unroll/inner/data/opticks"
	"github.com/seed1498fded/unroll/internal/rng"
	"github.com/seed1498fded/unroll/params"
)

// CharLSTMOf is a recurrent network that tells the next character of a text, at each of a few: the mean cross-entropy in nats. It
// reads pieces from anywhere in the text, each from a state of zeros. The weights are lstm.wx [letters, 4·hidden], a row for each
// letter, of which only those that occur have a gradient, lstm.wh [hidden, 4·hidden], lstm.b, out.w [hidden, letters] and out.b. wx
// and wh start uniform on ±1/√hidden, forget gates with a bias of 1, out.w from N(0, 1/hidden).
type CharLSTMOf[F params.Float] struct {
	Train, Test *opticks.Text // go together, of one alphabet; those of package opticks if nil
	Hidden      int           // 128 if zero
	Length      int           // characters to tell in a piece; 32 if zero
	Batch       int           // pieces in a minibatch; 32 if zero
}

// CharLSTM is CharLSTMOf in use.
type CharLSTM = CharLSTMOf[float32]

var _ inner.Family = CharLSTM{}

// Sample returns a new instance of the one problem. Fields out of their ranges and texts that are too short are errors.
func (f CharLSTMOf[F]) Sample(uint64) (inner.ProblemOf[F], error) {
	hidden, length, batch := cmp.Or(f.Hidden, 128), cmp.Or(f.Length, 32), cmp.Or(f.Batch, 32)
	if err := check("CharLSTM", size{"a Hidden", hidden}, size{"a Length", length}, size{"a Batch", batch}); err != nil {
		return nil, err
	}
	w, err := newWindows("CharLSTM", f.Train, f.Test, length, batch)
	if err != nil {
		return nil, err
	}
	n := &charNet[F]{windows: w, labels: make([]byte, length*batch), dh: make([]F, length*batch*hidden)}
	n.lstm = newLSTM[F](&n.plan, w.letters(), hidden, length, batch)
	n.top = newDense[F](&n.plan, "out", hidden, w.letters())
	n.out, n.e = make([]F, length*batch*w.letters()), make([]F, length*batch*w.letters())
	n.dOut = func(t int) []F { return n.lstm.at(n.dh, t, hidden) }
	return newProblem[F](n)
}

type charNet[F params.Float] struct {
	plan
	windows
	lstm   *lstm[F]
	top    dense[F]
	labels []byte // by steps
	dh     []F    // cotangent of the LSTM's outputs
	dOut   func(t int) []F
	out, e []F
}

func (n *charNet[F]) params() params.Layout { return n.layout }

func (n *charNet[F]) start(theta []F, key uint64) {
	n.lstm.start(theta, rng.Split(key, 0))
	n.top.start(theta, rng.Split(key, 1), 1)
}

// letter returns the part of z, and the row of Wx, that belong to a place in the minibatch.
func (n *charNet[F]) letter(wx []F, step, row int) (z, w []F) {
	width, code := 4*n.lstm.hidden, int(n.at(row, step))
	at := (step*n.rows + row) * width
	return n.lstm.z[at : at+width], wx[code*width : (code+1)*width]
}

func (n *charNet[F]) forward(theta []F) float64 {
	wx, b := of(n.lstm.wx, theta), of(n.lstm.b, theta)
	for step := range n.length {
		for row := range n.rows {
			z, w := n.letter(wx, step, row)
			sum(z, w, b)
			n.labels[step*n.rows+row] = n.at(row, step+1)
		}
	}
	n.lstm.forward(theta)
	n.top.forward(n.out, n.lstm.outputs(), theta, len(n.labels))
	return crossEntropy(n.e, n.out, n.labels)
}

func (n *charNet[F]) backward(grad, theta []F) {
	n.top.gradient(grad, n.lstm.outputs(), n.e, len(n.labels))
	n.top.back(n.dh, n.e, theta, len(n.labels))
	n.lstm.backward(grad, theta, n.dOut)
	wx := of(n.lstm.wx, grad)
	clear(wx)
	for step := range n.length {
		for row := range n.rows {
			z, w := n.letter(wx, step, row)
			addTo(w, z)
		}
	}
}
