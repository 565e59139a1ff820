package lstm

import (
	"errors"
	"fmt"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/seed1498fded/unroll/internal/graph"
	"github.com/seed1498fded/unroll/internal/kernel"
	"github.com/seed1498fded/unroll/learnedopt/internal/engine"
	"github.com/seed1498fded/unroll/learnedopt/internal/recurrent"
	"github.com/seed1498fded/unroll/learnedopt/rule"
	"github.com/seed1498fded/unroll/params"
)

// Fused is Update as one operation on the kernels, forwards and backwards, for rules that have an LSTM's step in an
// expression of their own. It takes what Update takes, and further tensors of phi and state under other names, in float32
// or float64; a step of one coordinate may be a scalar. What Update gives it gives to rounding: 1e-5 of a vector's size in
// float32, 1e-10 in float64.
//
// Hidden must be a multiple of 4. The derivative is numeric and can't be differentiated again. The operation runs on the
// goroutine that runs its graph; a Coordinatewise rule has one graph a core.
func (r *Rule) Fused(in rule.Inputs) (rule.Outputs, error) {
	if err := r.Validate(); err != nil {
		return rule.Outputs{}, err
	}
	if !r.fits() {
		return rule.Outputs{}, fmt.Errorf("lstm: hidden is %d, want a multiple of 4 for Fused; Update takes any", r.hidden())
	}
	if len(in.Tensors) != 1 || in.Tensors[0].Grad == nil {
		return rule.Outputs{}, errors.New("lstm: want one tensor with a gradient")
	}
	x := in.Tensors[0]
	n := x.Grad.Shape().TotalSize()
	state := r.state(n)
	operands, err := operandsOf(in.Phi, x, r.phi(), state)
	if err != nil {
		return rule.Outputs{}, err
	}
	b := new(graph.Builder)
	packed := b.Apply(r.def(n, x.Grad.Dtype()), operands...)
	step := b.Cut(packed, 0, x.Grad.Shape()...)
	next := make(map[string]*G.Node)
	at := n
	for _, s := range state {
		next[s.Name] = b.Cut(packed, at, s.Shape...)
		at += s.Len()
	}
	return rule.One(step, next), b.Err()
}

// state lays out the state of n coordinates.
func (r *Rule) state(n int) params.Layout {
	var l params.Layout
	for _, row := range r.Spec().State.PerCoordinate {
		l = append(l, params.Spec{Name: row.Name, Shape: []int{n, row.Width}})
	}
	return l
}

// operandsOf lists the inputs of the operation: phi and state in the order of their layouts, then the gradient. A kernel
// sees flat slices and no shapes, so they are checked here.
func operandsOf(given map[string]*G.Node, x rule.TensorInputs, phi, state params.Layout) ([]*G.Node, error) {
	var nodes []*G.Node
	for _, part := range []struct {
		what   string
		layout params.Layout
		nodes  map[string]*G.Node
	}{{"phi", phi, given}, {"state", state, x.State}} {
		for _, s := range part.layout {
			n := part.nodes[s.Name]
			switch {
			case n == nil:
				return nil, fmt.Errorf("lstm: %s has no %q", part.what, s.Name)
			case n.Shape().TotalSize() != s.Len():
				return nil, fmt.Errorf("lstm: %q of %s has shape %v, want %v", s.Name, part.what, n.Shape(), s.Shape)
			case n.Dtype() != x.Grad.Dtype():
				return nil, fmt.Errorf("lstm: %q of %s is of %v, the gradient of %v", s.Name, part.what, n.Dtype(), x.Grad.Dtype())
			}
			nodes = append(nodes, n)
		}
	}
	return append(nodes, x.Grad), nil
}

// def is the step of n coordinates as an operation: [phi..., state..., gradient] → [step | next state], end to end.
func (r *Rule) def(n int, dt tensor.Dtype) graph.Def {
	d := graph.Def{
		Name:  fmt.Sprintf("lstm step %+v", r.filled()),
		Shape: tensor.Shape{n + r.state(n).Len()},
	}
	if dt == tensor.Float32 {
		d.F32 = newOp[float32](r, n).kernel()
	} else {
		d.F64 = newOp[float64](r, n).kernel()
	}
	return d
}

// An op is what the operation and its pullback need to run. Both belong to one graph, which one goroutine runs at a
// time, and neither leaves anything behind for the other: so they share their memory.
type op[F params.Float] struct {
	n       int // coordinates
	worker  *recurrent.Worker[F]
	weights *kernel.Weights[F]
	state   kernel.State[F] // a block's share of one whose tensors lie apart
	phi     []F             // phi, or its cotangent, end to end
	tensors int             // of phi
}

func newOp[F params.Float](r *Rule, n int) *op[F] {
	layers := r.filled().Layers
	return &op[F]{
		n: n, worker: recurrent.NewWorker(newModel[F](r), n), weights: kernel.NewWeights[F](r.kernelShape()),
		state: kernel.State[F]{H: make([][]F, layers), C: make([][]F, layers)},
		phi:   make([]F, r.phi().Len()), tensors: len(r.phi()),
	}
}

func (o *op[F]) kernel() graph.Kernel[F] {
	return graph.Kernel[F]{Forward: o.forward, Pullback: o.pullback}
}

// part returns a block's share of a state that is a tensor each.
func (o *op[F]) part(tensors [][]F, b engine.Block) kernel.State[F] {
	for l := range o.state.H {
		h := len(tensors[2*l]) / o.n
		o.state.H[l] = tensors[2*l][b.From*h : b.To*h]
		o.state.C[l] = tensors[2*l+1][b.From*h : b.To*h]
	}
	return o.state
}

func (o *op[F]) forward(dst []F, in [][]F) {
	w := o.worker
	state, grad := o.load(in)
	for b := range o.blocks {
		w.Forward(o.weights, o.part(state, b), grad[b.From:b.To], dst[b.From:b.To])
		w.Next(b.Len(), w.To(dst[o.n:], o.n, b))
	}
}

// pullback takes the step again: an operation has no memory between its result and its derivative. The d(phi) of the
// blocks are summed in order.
func (o *op[F]) pullback(din, in [][]F, _, cot []F) {
	w := o.worker
	state, grad := o.load(in)
	dState, dGrad := din[o.tensors:len(din)-1], din[len(din)-1]
	w.Clear()
	for b := range o.blocks {
		w.Backward(o.weights, o.part(state, b), grad[b.From:b.To], w.To(cot[o.n:], o.n, b), cot[b.From:b.To])
		w.StateBack(b.Len(), o.part(dState, b))
		w.FrontBack(nil, nil, dGrad[b.From:b.To], grad[b.From:b.To], o.n, b)
	}
	clear(o.phi)
	w.AddTo(o.phi, nil)
	at := 0
	for _, d := range din[:o.tensors] {
		at += copy(d, o.phi[at:])
	}
}

// load packs phi for the kernels, and returns the other inputs.
func (o *op[F]) load(in [][]F) (state [][]F, grad []F) {
	at := 0
	for _, p := range in[:o.tensors] {
		at += copy(o.phi[at:], p)
	}
	o.weights.Pack(o.phi)
	return in[o.tensors : len(in)-1], in[len(in)-1]
}

// blocks lists the ranges of coordinates that the kernels take at a time.
func (o *op[F]) blocks(yield func(engine.Block) bool) {
	for from := 0; from < o.n; from += recurrent.BlockLen {
		if !yield(engine.Block{From: from, To: min(from+recurrent.BlockLen, o.n)}) {
			return
		}
	}
}
