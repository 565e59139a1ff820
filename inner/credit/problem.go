package credit

import (
	"errors"
	"fmt"
	"math"

	"github.com/seed1498fded/unroll/inner"
	"github.com/seed1498fded/unroll/inner/data"
	"github.com/seed1498fded/unroll/inner/nets"
	"github.com/seed1498fded/unroll/internal/kernel"
	"github.com/seed1498fded/unroll/internal/machine"
	"github.com/seed1498fded/unroll/internal/rng"
	"github.com/seed1498fded/unroll/params"
)

// FamilyOf is a net that classifies images: pixels/255 go in, and the loss on a minibatch drawn uniformly from Data, with
// replacement, by the key of Eval comes out, with its gradient or, under another rule than backprop, with that rule's signal in
// the gradient's place. It has one member: what varies is the start and the minibatches.
type FamilyOf[F params.Float] struct {
	Net   *nets.NetOf[F]
	Rule  RuleOf[F] // backprop if nil
	Data  *data.Set // its images have as many pixels as Net has inputs, and its classes are Net's outputs
	Batch int       // images in a minibatch; 128 if zero
	Init  nets.Init // of the net's weights, the same under every rule; nets.LeCun if empty
}

// Family is FamilyOf in use.
type Family = FamilyOf[float32]

var _ inner.Family = Family{}

// keyRule is the child of a key that a rule's own draws have. The net's are those that nets.NetOf.Start tells of.
const keyRule = 1

// Sample returns a new instance of the one problem; its memory is its own. Under backprop the signal is the derivative of the
// loss, and the problem implements inner.CurvatureOf; under any other rule it implements inner.SignalledOf. Data that does not
// fit the net, and fields out of their ranges, are errors.
func (f FamilyOf[F]) Sample(uint64) (inner.ProblemOf[F], error) {
	p, err := f.Problem()
	if err != nil {
		return nil, err
	}
	if _, ok := p.assigner.(*backprop[F]); ok {
		return exact[F]{p}, nil
	}
	return signalled[F]{p}, nil
}

// Problem is Sample for those who train for epochs: without second derivatives or a derivative beside the signal, but with
// all that ProblemOf tells.
func (f FamilyOf[F]) Problem() (*ProblemOf[F], error) {
	if f.Rule == nil {
		f.Rule = BackpropOf[F]{}
	}
	if f.Batch == 0 {
		f.Batch = 128
	}
	if f.Init == "" {
		f.Init = nets.LeCun
	}
	switch {
	case f.Net == nil:
		return nil, errors.New("credit: no net")
	case f.Data == nil:
		return nil, errors.New("credit: no data")
	case f.Batch < 1:
		return nil, fmt.Errorf("credit: minibatches of %d; want 1 or more", f.Batch)
	}
	if err := fits(f.Net, f.Data); err != nil {
		return nil, err
	}
	if err := f.Init.Validate(); err != nil {
		return nil, fmt.Errorf("credit: %w", err)
	}
	if err := machine.Fits(f.bytes() + 2*float64(f.Net.Params().Len())*machine.Size[F]()); err != nil {
		return nil, fmt.Errorf("credit: minibatches of %d for %d weights: %w", f.Batch, f.Net.Params().Len(), err)
	}
	a, err := f.Rule.Bind(f.Net, f.Batch)
	if err != nil {
		return nil, err
	}
	p := &ProblemOf[F]{
		family: f, assigner: a, trace: f.Net.NewTrace(f.Batch), signal: NewSignal(f.Net, f.Batch), senses: NewSenses(f.Net, f.Batch),
		images: make([]int, f.Batch), draw: rng.New(0),
	}
	p.layout = append(append(p.layout, f.Net.Params()...), a.Params()...)
	if err := p.layout.Validate(); err != nil {
		return nil, fmt.Errorf("credit: %s: %w", f.Rule.Name(), err)
	}
	p.own, p.size = f.Net.Params().Len(), p.layout.Len()
	return p, nil
}

// bytes estimates what a problem takes: for each example of a minibatch its input, and for each block pre-activations,
// outputs, their cotangents and the signal; and, since many rules have weights of their own for the backward pass, as much
// again as the net has.
func (f FamilyOf[F]) bytes() float64 {
	numbers := float64(f.Net.Input(0).Size())
	for l := range f.Net.Blocks() {
		numbers += 3*float64(f.Net.Pre(l).Size()) + 2*float64(f.Net.Output(l).Size())
	}
	return (numbers*float64(f.Batch) + float64(f.Net.Params().Len())) * machine.Size[F]()
}

// Bytes implements inner.Sized.
func (p *ProblemOf[F]) Bytes() float64 { return p.family.bytes() }

func fits[F params.Float](net *nets.NetOf[F], set *data.Set) error {
	if err := set.Validate(); err != nil {
		return fmt.Errorf("credit: %w", err)
	}
	if set.Pixels() != net.Input(0).Size() || set.Classes != net.Classes() {
		return fmt.Errorf("credit: images of %d pixels in %d classes; the net has %d inputs and %d outputs",
			set.Pixels(), set.Classes, net.Input(0).Size(), net.Classes())
	}
	return nil
}

// ProblemOf is an inner.ProblemOf whose gradient is what a credit rule says. Its weights are those of the net, followed by
// those that the rule learns.
type ProblemOf[F params.Float] struct {
	family    FamilyOf[F]
	assigner  AssignerOf[F]
	layout    params.Layout
	own, size int // where the rule's own weights begin, and how many weights there are
	trace     *nets.TraceOf[F]
	signal    *SignalOf[F]
	senses    *SensesOf[F]
	images    []int
	draw      *rng.Stream
	truth     *truth[F] // nil until it is asked for
}

// Problem is ProblemOf in use.
type Problem = ProblemOf[float32]

// Params implements inner.ProblemOf.
func (p *ProblemOf[F]) Params() params.Layout { return p.layout }

// Own returns where the rule's own weights begin in theta.
func (p *ProblemOf[F]) Own() int { return p.own }

// Batch returns the number of images in a minibatch.
func (p *ProblemOf[F]) Batch() int { return p.family.Batch }

// Init implements inner.ProblemOf. It also draws what the rule keeps fixed until the next Init.
func (p *ProblemOf[F]) Init(theta []F, key uint64) {
	checkLen("theta", theta, p.size)
	net, own := p.split(theta)
	p.family.Net.Start(net, p.family.Init, key)
	p.assigner.Init(own, net, rng.Split(key, keyRule))
}

func (p *ProblemOf[F]) split(theta []F) (net, own []F) {
	return theta[:p.own:p.own], theta[p.own:]
}

// Eval implements inner.ProblemOf: the loss on a minibatch drawn uniformly, with replacement, and the rule's gradient.
func (p *ProblemOf[F]) Eval(grad, theta []F, key uint64) (float64, error) {
	return p.EvalOn(grad, theta, p.minibatch(key), rng.Split(key, keyRule))
}

// EvalOn is Eval on a minibatch of these images of the data, as many as a minibatch has.
func (p *ProblemOf[F]) EvalOn(grad, theta []F, images []int, key uint64) (float64, error) {
	checkLen("theta", theta, p.size)
	if len(images) != p.family.Batch {
		panic(fmt.Sprintf("credit: %d images, want %d", len(images), p.family.Batch))
	}
	if grad != nil {
		checkLen("grad", grad, p.size)
	}
	if !kernel.Finite(theta) { // not left to the arithmetic: a product may leave out a weight whose inputs are all zero
		fillNaN(grad)
		return math.NaN(), nil
	}
	p.load(p.family.Data, images)
	net, own := p.split(theta)
	p.family.Net.Forward(p.trace, net)
	loss := p.trace.Loss // the rule may run the net again
	if grad == nil {
		return loss, nil
	}
	return loss, p.gradient(grad, net, own, key)
}

func (p *ProblemOf[F]) gradient(grad, net, own []F, key uint64) error {
	if err := p.assigner.Assign(p.signal, p.trace, net, own, key); err != nil {
		return err
	}
	dNet, dOwn := p.split(grad)
	p.signal.Gradient(p.family.Net, dNet, p.trace)
	if l, ok := p.assigner.(LearnerOf[F]); ok {
		return l.Learn(dOwn, dNet, p.signal, p.trace, net, own, key)
	}
	return nil
}

// minibatch returns the images of the minibatch named by key, until the next call.
func (p *ProblemOf[F]) minibatch(key uint64) []int {
	drawImages(p.draw, p.images, p.family.Data.Len(), key)
	return p.images
}

// drawImages overwrites images with numbers below n, drawn by the stream of a key.
func drawImages(draw *rng.Stream, images []int, n int, key uint64) {
	draw.Reset(key)
	draw.IntsN(images, n)
}

func (p *ProblemOf[F]) load(set *data.Set, images []int) { load(p.trace, set, images) }

// load puts images into a trace; where they are fewer than a minibatch, the last one fills it up.
func load[F params.Float](t *nets.TraceOf[F], set *data.Set, images []int) {
	x, pixels := t.In(0), set.Pixels()
	given := len(images) * pixels
	kernel.PixelRows(x[:given], set.Images, images, pixels)
	for i, j := range images {
		t.Labels[i] = set.Labels[j]
	}
	for i := len(images); i < t.N; i++ {
		copy(x[i*pixels:(i+1)*pixels], x[given-pixels:given])
		t.Labels[i] = t.Labels[len(images)-1]
	}
	t.SetLabels()
}

// ErrorRate returns the fraction of the images of a set that theta gives another class than their label. Weights that are
// not finite are wrong about everything.
func (p *ProblemOf[F]) ErrorRate(theta []F, set *data.Set) (float64, error) {
	checkLen("theta", theta, p.size)
	if err := fits(p.family.Net, set); err != nil {
		return 0, err
	}
	if !kernel.Finite(theta) {
		return 1, nil
	}
	net, _ := p.split(theta)
	wrong := 0
	for from := 0; from < set.Len(); from += p.family.Batch {
		n := min(p.family.Batch, set.Len()-from)
		for i := range n {
			p.images[i] = from + i
		}
		p.load(set, p.images[:n])
		p.family.Net.Forward(p.trace, net)
		wrong += p.trace.Wrong(n)
	}
	return float64(wrong) / float64(set.Len()), nil
}

func checkLen[F params.Float](what string, v []F, n int) {
	if len(v) != n {
		panic(fmt.Sprintf("credit: %s of length %d, want %d", what, len(v), n))
	}
}

// fillNaN is what a gradient is where the weights are not finite.
func fillNaN[F params.Float](v []F) {
	for i := range v {
		v[i] = F(math.NaN())
	}
}
