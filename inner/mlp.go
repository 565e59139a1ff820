package inner

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/seed1498fded/unroll/inner/data"
	"github.com/seed1498fded/unroll/internal/kernel"
	"github.com/seed1498fded/unroll/internal/matrix"
	"github.com/seed1498fded/unroll/internal/rng"
	"github.com/seed1498fded/unroll/params"
)

// MLPOf is a fully connected network that classifies images, the optimizee of Andrychowicz et al. 2016, section 3.2:
//
//	x⁰ = pixels/255                       [Batch, pixels]
//	zˡ = xˡWˡ + bˡ,  xˡ⁺¹ = f(zˡ)         for each hidden layer
//	f(θ) = mean over the minibatch of −log softmax(z^L)[label]
//
// The weights are w0 [pixels, Hidden[0]], b0 [Hidden[0]], w1, b1, ... up to the Classes of the data. A minibatch is drawn
// uniformly from Data, with replacement, by the key of Eval. The family has one member: Sample ignores its key, and
// what varies is the start and the minibatches.
type MLPOf[F params.Float] struct {
	Data       *data.Set
	Hidden     []int   // widths of the hidden layers, each at least 1; none makes it softmax regression
	Activation string  // of the hidden units, one of Activations(); sigmoid if empty
	Batch      int     // images in a minibatch; 128 if zero
	Std        float64 // of the start θ ~ N(0, Std²), weights and biases alike; 0.1 if zero
}

// MLP is MLPOf in use.
type MLP = MLPOf[float32]

var _ Family = MLP{}

// Sample returns a new instance of the one problem of the family; its memory is its own. It also implements CurvatureOf.
// Data that is missing or not valid, and fields out of their ranges, are errors.
func (m MLPOf[F]) Sample(uint64) (ProblemOf[F], error) { return m.network() }

// ErrorRate returns the fraction of the images of a set, whose size must be that of Data, that theta gives another class
// than their label: 0 is perfect, 1−1/Classes is chance. Weights that are not finite are wrong about everything.
func (m MLPOf[F]) ErrorRate(theta []F, set *data.Set) (float64, error) {
	p, err := m.network()
	if err != nil {
		return 0, err
	}
	checkLen("theta", theta, p.layout.Len())
	if err := set.Validate(); err != nil {
		return 0, fmt.Errorf("inner: mlp: %w", err)
	}
	if set.Pixels() != m.Data.Pixels() {
		return 0, fmt.Errorf("inner: mlp: images of %dx%d pixels; want as many as in %dx%d", set.Rows, set.Cols, m.Data.Rows, m.Data.Cols)
	}
	if !kernel.Finite(theta) {
		return 1, nil
	}
	wrong := 0
	for from := 0; from < set.Len(); from += p.batch {
		n := min(p.batch, set.Len()-from)
		for i := range n {
			p.put(i, set, from+i)
		}
		p.forward(theta)
		for i, label := range p.labels[:n] {
			if argmax(p.logits(i)) != int(label) {
				wrong++
			}
		}
	}
	return float64(wrong) / float64(set.Len()), nil
}

// network makes an instance of the problem.
func (m MLPOf[F]) network() (*network[F], error) {
	if err := m.validate(); err != nil {
		return nil, err
	}
	widths := slices.Concat([]int{m.Data.Pixels()}, m.Hidden, []int{m.Data.Classes})
	layout := layoutOf(widths)
	if err := layout.Validate(); err != nil {
		return nil, fmt.Errorf("inner: mlp: %w", err)
	}
	p := newNetwork[F](layout, widths, orDefault(m.Batch, 128))
	p.set, p.std = m.Data, orDefault(m.Std, 0.1)
	p.act, p.values = activations[m.activation()], values[F](m.activation())
	return p, nil
}

func (m MLPOf[F]) activation() string { return orDefault(m.Activation, "sigmoid") }

func (m MLPOf[F]) validate() error {
	if m.Data == nil {
		return errors.New("inner: mlp: no data")
	}
	if err := m.Data.Validate(); err != nil {
		return fmt.Errorf("inner: mlp: %w", err)
	}
	if _, ok := activations[m.activation()]; !ok {
		return fmt.Errorf("inner: mlp: no activation %q; there are %s", m.Activation, strings.Join(Activations(), ", "))
	}
	for i, width := range m.Hidden {
		if width < 1 {
			return fmt.Errorf("inner: mlp: width %d of hidden layer %d; want 1 or more", width, i)
		}
	}
	if m.Batch < 0 {
		return fmt.Errorf("inner: mlp: minibatches of %d; want 1 or more", m.Batch)
	}
	if m.Std < 0 || m.Std-m.Std != 0 {
		return fmt.Errorf("inner: mlp: starts of standard deviation %v; want a positive number", m.Std)
	}
	return nil
}

// A network is an MLP with room for one minibatch.
type network[F params.Float] struct {
	set    *data.Set
	act    activation
	values func(y, x []F) // of act
	batch  int
	std    float64
	layout params.Layout
	layers []layer[F]
	draw   *rng.Stream
	labels []byte // of the minibatch
	prob   []F    // softmax of the last z
}

// A layer is one linear map and what the minibatch makes of it. The names are those of the formulas above; an r before
// a name is its derivative in the direction of HessianVector's v.
type layer[F params.Float] struct {
	in, out    int
	w, b, end  int // where the layer's weights lie in theta: w to b the matrix, b to end the biases
	x, z       []F // the input [batch, in] and x·W + b [batch, out]
	delta      []F // derivative of the loss with respect to z
	rx, rz     []F // made by the first HessianVector
	rdelta     []F
	firstLayer bool // x is data: nothing flows back to it
}

// layoutOf lays out the weights of a network of the given widths, from the pixels to the classes.
func layoutOf(widths []int) params.Layout {
	var l params.Layout
	for i := range len(widths) - 1 {
		in, out := widths[i], widths[i+1]
		l = append(l,
			params.Spec{Name: fmt.Sprintf("w%d", i), Shape: []int{in, out}},
			params.Spec{Name: fmt.Sprintf("b%d", i), Shape: []int{out}},
		)
	}
	return l
}

// newNetwork makes room for a network of the given widths.
func newNetwork[F params.Float](layout params.Layout, widths []int, batch int) *network[F] {
	p := &network[F]{batch: batch, layout: layout, draw: rng.New(0), labels: make([]byte, batch)}
	at := 0
	for i := range len(widths) - 1 {
		in, out := widths[i], widths[i+1]
		l := layer[F]{in: in, out: out, w: at, b: at + in*out, end: at + in*out + out, firstLayer: i == 0}
		l.x, l.z, l.delta = make([]F, batch*in), make([]F, batch*out), make([]F, batch*out)
		at = l.end
		p.layers = append(p.layers, l)
	}
	p.prob = make([]F, batch*widths[len(widths)-1])
	return p
}

func (p *network[F]) Params() params.Layout { return p.layout }

func (p *network[F]) Init(theta []F, key uint64) {
	checkLen("theta", theta, p.layout.Len())
	rng.Normal(theta, key, p.std)
}

func (p *network[F]) Eval(grad, theta []F, key uint64) (float64, error) {
	checkEval(grad, theta, p.layout.Len())
	if !kernel.Finite(theta) { // not left to the arithmetic: matrix.Mul may leave out a weight whose inputs are all zero
		fillNaN(grad)
		return math.NaN(), nil
	}
	p.load(key)
	p.forward(theta)
	loss := p.crossEntropy()
	if grad != nil {
		p.backward(grad, theta)
	}
	return loss, nil
}

// load draws the minibatch named by key.
func (p *network[F]) load(key uint64) {
	p.draw.Reset(key)
	for i := range p.batch {
		p.put(i, p.set, p.draw.IntN(p.set.Len()))
	}
}

// put makes image j of a set the i-th of the minibatch.
func (p *network[F]) put(i int, set *data.Set, j int) {
	in := p.layers[0].in
	kernel.Pixels(p.layers[0].x[i*in:(i+1)*in], set.Image(j))
	p.labels[i] = set.Labels[j]
}

// forward computes every z and the x of all layers but the first.
func (p *network[F]) forward(theta []F) {
	for i := range p.layers {
		l := &p.layers[i]
		b := theta[l.b:l.end]
		for row := range p.batch {
			copy(l.z[row*l.out:], b)
		}
		matrix.Mul(p.output(l, l.z), p.input(l, l.x), weights(l, theta), true)
		if i+1 < len(p.layers) {
			p.values(p.layers[i+1].x, l.z)
		}
	}
}

// crossEntropy returns the loss and sets prob and the last delta, (softmax(z) − onehot(label))/Batch. The largest logit
// is taken out of every exponential, so that no finite logits overflow; logits that are not finite make the loss so.
func (p *network[F]) crossEntropy() float64 {
	loss := 0.0
	for i, label := range p.labels {
		z, prob := p.logits(i), p.probabilities(i)
		top := z[argmax(z)]
		loss += float64(top) - float64(z[label])
		for k, v := range z {
			prob[k] = v - top
		}
	}
	kernel.Decay(p.prob, p.prob) // all at once
	last, scale := &p.layers[len(p.layers)-1], 1/F(p.batch)
	for i, label := range p.labels {
		prob, delta := p.probabilities(i), last.delta[i*last.out:(i+1)*last.out]
		sum := 0.0
		for _, e := range prob {
			sum += float64(e)
		}
		loss += math.Log(sum)
		for k, e := range prob {
			prob[k] = F(float64(e) / sum)
			delta[k] = prob[k] * scale
		}
		delta[label] -= scale
	}
	return loss / float64(p.batch)
}

// backward carries the last delta down to the first layer:
//
//	∂Wˡ = xˡᵀδˡ,  ∂bˡ = Σ δˡ,  δˡ⁻¹ = (δˡWˡᵀ)∘f'(zˡ⁻¹)
func (p *network[F]) backward(grad, theta []F) {
	for i := len(p.layers) - 1; i >= 0; i-- {
		l := &p.layers[i]
		matrix.Mul(weights(l, grad), p.input(l, l.x).T(), p.output(l, l.delta), false)
		sumRows(grad[l.b:l.end], l.delta)
		if l.firstLayer {
			break
		}
		below := &p.layers[i-1]
		matrix.Mul(p.output(below, below.delta), p.output(l, l.delta), weights(l, theta).T(), false)
		for k, z := range below.z {
			below.delta[k] *= F(p.act.first(float64(z), float64(l.x[k])))
		}
	}
}

// The matrices of a layer: its weights, or what lies like them in a gradient; what lies like x; what lies like z.

func weights[F params.Float](l *layer[F], v []F) matrix.Matrix[F] {
	return matrix.Of(v[l.w:l.b], l.in, l.out)
}

func (p *network[F]) input(l *layer[F], v []F) matrix.Matrix[F] {
	return matrix.Of(v, p.batch, l.in)
}

func (p *network[F]) output(l *layer[F], v []F) matrix.Matrix[F] {
	return matrix.Of(v, p.batch, l.out)
}

// logits returns the last z of the i-th image.
func (p *network[F]) logits(i int) []F {
	last := &p.layers[len(p.layers)-1]
	return last.z[i*last.out : (i+1)*last.out]
}

// probabilities returns the softmax of the i-th image.
func (p *network[F]) probabilities(i int) []F {
	classes := len(p.prob) / p.batch
	return p.prob[i*classes : (i+1)*classes]
}

// sumRows sets dst to the sum of the rows of a matrix.
func sumRows[F params.Float](dst, m []F) {
	clear(dst)
	for len(m) > 0 {
		for k := range dst {
			dst[k] += m[k]
		}
		m = m[len(dst):]
	}
}

// argmax returns the index of the first largest element.
func argmax[F params.Float](v []F) int {
	best := 0
	for i, x := range v {
		if x > v[best] {
			best = i
		}
	}
	return best
}
