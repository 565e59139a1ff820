package suite

import (
	"cmp"
	"fmt"

	"github.com/seed1498fded/unroll/inner"
	"github.com/seed1498fded/unroll/inner/data/opticks"
	"github.com/seed1498fded/unroll/internal/kernel"
	"github.com/seed1498fded/unroll/internal/rng"
	"github.com/seed1498fded/unroll/params"
)

// TransformerOf is a small transformer (Vaswani et al. 2017) that tells the next character of a text, at each of a few, by the mean
// cross-entropy in nats, in the form of Radford et al. 2019, with normalisation ahead of each part and GELU:
//
//	h = token + position;  in each layer h = h + attention(norm(h)), h = h + gelu(norm(h)·W1 + b1)·W2 + b2;  out = norm(h)·W' + b'
//
// The weights are token [letters, width], of which only the rows of letters that occur have a gradient, position [length, width];
// for each layer layer0.norm0.gain and .bias, layer0.qkv.w [width, 3·width], .b, layer0.proj.w [width, width], .b, layer0.norm1.gain,
// .bias, layer0.up.w [width, 4·width], .b, layer0.down.w [4·width, width], .b; norm.gain, norm.bias; out.w [width, letters], out.b.
// All matrices start from N(0, .02²), proj and down from that over √(2·layers), gains at 1 and all else at 0.
type TransformerOf[F params.Float] struct {
	Train, Test *opticks.Text // go together, of one alphabet; those of package opticks if nil
	Layers      int           // 2 if zero
	Heads       int           // 4 if zero
	Size        int           // of a head; 16 if zero, for a width of 64
	Length      int           // characters to tell in a piece; 64 if zero
	Batch       int           // pieces in a minibatch; 16 if zero
}

// Transformer is TransformerOf in use.
type Transformer = TransformerOf[float32]

var _ inner.Family = Transformer{}

// Sample returns a new instance of the one problem. Fields out of their ranges and texts that are too short are errors.
func (f TransformerOf[F]) Sample(uint64) (inner.ProblemOf[F], error) {
	layers, heads, head := cmp.Or(f.Layers, 2), cmp.Or(f.Heads, 4), cmp.Or(f.Size, 16)
	length, batch := cmp.Or(f.Length, 64), cmp.Or(f.Batch, 16)
	err := check("Transformer", size{"Layers", layers}, size{"Heads", heads}, size{"a Size", head}, size{"a Length", length},
		size{"a Batch", batch})
	if err != nil {
		return nil, err
	}
	w, err := newWindows("Transformer", f.Train, f.Test, length, batch)
	if err != nil {
		return nil, err
	}
	rows, width := length*batch, heads*head
	room := func(width int) []F { return make([]F, rows*width) }
	n := &transformer[F]{
		windows: w, width: width, labels: make([]byte, rows), h: room(width), last: room(width), dh: room(width),
		dWidth: room(width), dQKV: room(3 * width), dUp: room(4 * width), out: room(w.letters()), e: room(w.letters()),
	}
	n.token, n.position = n.add("token", w.letters(), width), n.add("position", length, width)
	for i := range layers {
		name := fmt.Sprintf("layer%d", i)
		n.layers = append(n.layers, transformerLayer[F]{
			attention: newAttention[F](heads, head, length, batch),
			norm0:     newNorm[F](&n.plan, name+".norm0", width, rows),
			qkv:       newDense[F](&n.plan, name+".qkv", width, 3*width), proj: newDense[F](&n.plan, name+".proj", width, width),
			norm1: newNorm[F](&n.plan, name+".norm1", width, rows),
			up:    newDense[F](&n.plan, name+".up", width, 4*width), down: newDense[F](&n.plan, name+".down", 4*width, width),
			normed0: room(width), seen: room(3 * width), attended: room(width),
			normed1: room(width), pre: room(4 * width), act: room(4 * width),
		})
	}
	n.norm = newNorm[F](&n.plan, "norm", width, rows)
	n.top = newDense[F](&n.plan, "out", width, w.letters())
	return newProblem[F](n)
}

type transformer[F params.Float] struct {
	plan
	windows
	width           int
	token, position span
	layers          []transformerLayer[F]
	norm            *norm[F]
	top             dense[F]

	labels                []byte
	h, last               []F // the sum so far, and its normalisation at the end
	dh, dWidth, dQKV, dUp []F
	out, e                []F
}

type transformerLayer[F params.Float] struct {
	attention           *attention[F]
	norm0, norm1        *norm[F]
	qkv, proj, up, down dense[F]

	normed0, seen, attended, normed1, pre, act []F
}

func (n *transformer[F]) params() params.Layout { return n.layout }

func (n *transformer[F]) start(theta []F, key uint64) {
	const variance = .02 * .02
	matrix := func(d dense[F], i int, share float64) {
		d.start(theta, rng.Split(key, uint64(i)), variance*float64(d.in)*share)
	}
	rng.Normal(of(n.token, theta), rng.Split(key, 0), .02)
	rng.Normal(of(n.position, theta), rng.Split(key, 1), .02)
	matrix(n.top, 2, 1)
	n.norm.start(theta)
	for i, l := range n.layers {
		l.norm0.start(theta)
		l.norm1.start(theta)
		share := 1 / float64(2*len(n.layers))
		matrix(l.qkv, 3+4*i, 1)
		matrix(l.proj, 4+4*i, share)
		matrix(l.up, 5+4*i, 1)
		matrix(l.down, 6+4*i, share)
	}
}

// place returns the row that belongs to a place in the minibatch, and what embeds it.
func (n *transformer[F]) place(m, theta []F, row, step int) (h, token, position []F) {
	part := func(m []F, i int) []F { return m[i*n.width : (i+1)*n.width] }
	return part(m, row*n.length+step), part(of(n.token, theta), int(n.at(row, step))), part(of(n.position, theta), step)
}

func (n *transformer[F]) forward(theta []F) float64 {
	for row := range n.rows {
		for step := range n.length {
			h, token, position := n.place(n.h, theta, row, step)
			sum(h, token, position)
			n.labels[row*n.length+step] = n.at(row, step+1)
		}
	}
	rows := len(n.labels)
	for _, l := range n.layers {
		l.norm0.forward(l.normed0, n.h, theta, rows)
		l.qkv.forward(l.seen, l.normed0, theta, rows)
		l.attention.forward(l.attended, l.seen)
		addRow(n.h, of(l.proj.b, theta), rows)
		l.proj.add(n.h, l.attended, theta, rows)

		l.norm1.forward(l.normed1, n.h, theta, rows)
		l.up.forward(l.pre, l.normed1, theta, rows)
		kernel.Gelu(l.act, l.pre)
		addRow(n.h, of(l.down.b, theta), rows)
		l.down.add(n.h, l.act, theta, rows)
	}
	n.norm.forward(n.last, n.h, theta, rows)
	n.top.forward(n.out, n.last, theta, rows)
	return crossEntropy(n.e, n.out, n.labels)
}

func (n *transformer[F]) backward(grad, theta []F) {
	rows := len(n.labels)
	n.top.gradient(grad, n.last, n.e, rows)
	n.top.back(n.dWidth, n.e, theta, rows)
	clear(n.dh)
	n.norm.backward(grad, n.dh, n.dWidth, theta, rows)
	for i := len(n.layers) - 1; i >= 0; i-- {
		n.layerBack(n.layers[i], grad, theta, rows)
	}
	clear(of(n.token, grad))
	clear(of(n.position, grad))
	for row := range n.rows {
		for step := range n.length {
			dh, token, position := n.place(n.dh, grad, row, step)
			addTo(token, dh)
			addTo(position, dh)
		}
	}
}

// layerBack overwrites a layer's part of grad, and turns the cotangent dh of its result into that of what it was given.
func (n *transformer[F]) layerBack(l transformerLayer[F], grad, theta []F, rows int) {
	l.down.gradient(grad, l.act, n.dh, rows)
	l.down.back(n.dUp, n.dh, theta, rows)
	kernel.PullGelu(n.dUp, l.pre, l.act, n.dUp)
	l.up.gradient(grad, l.normed1, n.dUp, rows)
	l.up.back(n.dWidth, n.dUp, theta, rows)
	l.norm1.backward(grad, n.dh, n.dWidth, theta, rows)

	l.proj.gradient(grad, l.attended, n.dh, rows)
	l.proj.back(n.dWidth, n.dh, theta, rows)
	l.attention.backward(n.dQKV, n.dWidth, l.seen)
	l.qkv.gradient(grad, l.normed0, n.dQKV, rows)
	l.qkv.back(n.dWidth, n.dQKV, theta, rows)
	l.norm0.backward(grad, n.dh, n.dWidth, theta, rows)
}
