// Package nets holds feed-forward networks that show, layer by layer, what a credit rule needs: inputs, pre-activations
// and outputs of a batch, the vector-Jacobian products of each layer by itself, and the way forward from any layer.
//
// A net is a list of blocks. Block l has weights wˡ and bˡ and makes of its input
//
//	uˡ = A(hˡ⁻¹; wˡ) + bˡ     the pre-activation: A is linear in the input and in the weights
//	hˡ = φ(uˡ)                what follows: activation, pooling, the sum with the input
//
// with h⁻¹ the data. A credit rule says what teaching signal δˡ arrives at uˡ; how the weights move is then a local
// matter: wˡ by the product of δˡ and the input, bˡ by δˡ. The rules are in package credit.
//
// Each layer knows the products of a vector with its Jacobian and with no other layer's. Those of Conv, Expression and
// Function are derived by internal/graph from the formula of one example; those of Dense, Activation and the pools are
// written by hand, for speed, and tested against what internal/graph derives. An Expression or a Function is a layer of your
// own in one formula.
//
// Results are the same bits whatever the number of goroutines, on machines of one kind: assembly rounds otherwise than plain
// Go.
package nets

import (
	"errors"
	"fmt"

	"github.com/seed1498fded/unroll/params"
)

// NetOf is a network with weights of element type F. It holds no weights, and no activations but what its programs leave
// behind, each of which one goroutine at a time has to itself: it can be shared.
type NetOf[F params.Float] struct {
	input  Shape
	loss   Loss
	blocks []block[F]
	layout params.Layout
}

// Net is NetOf in use.
type Net = NetOf[float32]

// A block is one map with weights and what follows it.
type block[F params.Float] struct {
	in     Shape
	affine affine[F]
	stages []stage[F]
	w, b   params.Spec

	at, mid, end int // where w begins in theta, where b does, and where it ends
}

// out returns the shape of h.
func (b *block[F]) out() Shape {
	if n := len(b.stages); n > 0 {
		return b.stages[n-1].out()
	}
	return b.affine.out()
}

// New returns a net for inputs of some shape. The first layer must have weights; a layer whose fields are out of their
// ranges, or that does not fit what comes before it, is an error that names it.
func New[F params.Float](input Shape, loss Loss, layers ...Layer) (*NetOf[F], error) {
	n := &NetOf[F]{input: input, loss: loss}
	if err := n.build(layers); err != nil {
		return nil, fmt.Errorf("nets: %w", err)
	}
	return n, nil
}

func (n *NetOf[F]) build(layers []Layer) error {
	if err := n.loss.validate(); err != nil {
		return err
	}
	if n.input.Channels < 1 || n.input.Rows < 1 || n.input.Cols < 1 {
		return fmt.Errorf("inputs of shape %v; want 1 or more of each", n.input)
	}
	if len(layers) == 0 {
		return errors.New("no layers")
	}
	shape := n.input
	for i, l := range layers {
		var err error
		if shape, err = n.append(l, shape); err != nil {
			return fmt.Errorf("layer %d, %v: %w", i, l, err)
		}
	}
	return nil
}

// append adds a layer to the net, whose output so far has the given shape, and returns the new shape.
func (n *NetOf[F]) append(l Layer, in Shape) (Shape, error) {
	a, err := newAffine[F](l, in)
	if err != nil {
		return in, err
	}
	if a != nil {
		return a.out(), n.begin(a, in)
	}
	if len(n.blocks) == 0 {
		return in, errors.New("the first layer must have weights")
	}
	last := &n.blocks[len(n.blocks)-1]
	s, err := newStage[F](l, in, last.in)
	if err != nil {
		return in, err
	}
	last.stages = append(last.stages, s)
	return s.out(), nil
}

// begin starts a block, unless its weights are too many to be counted. Where it lies is noted: this is asked for at every step.
func (n *NetOf[F]) begin(a affine[F], in Shape) error {
	i, at := len(n.blocks), n.layout.Len()
	w, b := a.weights()
	bl := block[F]{in: in, affine: a, at: at,
		w: params.Spec{Name: fmt.Sprintf("w%d", i), Shape: w}, b: params.Spec{Name: fmt.Sprintf("b%d", i), Shape: b}}
	n.blocks = append(n.blocks, bl)
	n.layout = append(n.layout, bl.w, bl.b)
	if err := n.layout.Validate(); err != nil {
		return err
	}
	last := &n.blocks[i]
	last.mid = at + bl.w.Len()
	last.end = last.mid + bl.b.Len()
	return nil
}

// Blocks returns the number of blocks, L.
func (n *NetOf[F]) Blocks() int { return len(n.blocks) }

// Loss returns what the net is scored by.
func (n *NetOf[F]) Loss() Loss { return n.loss }

// Params lays out theta: w0, b0, w1, b1 and so on, in the shapes that the layers tell of.
func (n *NetOf[F]) Params() params.Layout { return n.layout }

// Input returns the shape of the input of block l.
func (n *NetOf[F]) Input(l int) Shape { return n.blocks[l].in }

// Pre returns the shape of the pre-activation of block l.
func (n *NetOf[F]) Pre(l int) Shape { return n.blocks[l].affine.out() }

// Output returns the shape of the output of block l.
func (n *NetOf[F]) Output(l int) Shape { return n.blocks[l].out() }

// FanIn returns how many inputs an element of block l's pre-activation sees.
func (n *NetOf[F]) FanIn(l int) int {
	in, _ := n.blocks[l].affine.fans()
	return in
}

// Classes returns the number of outputs of the last block.
func (n *NetOf[F]) Classes() int { return n.blocks[len(n.blocks)-1].out().Size() }

// Weights returns the w and the b of block l in theta, or in anything laid out like it.
func (n *NetOf[F]) Weights(theta []F, l int) (w, b []F) {
	bl := &n.blocks[l]
	return theta[bl.at:bl.mid:bl.mid], theta[bl.mid:bl.end:bl.end]
}

// Dense reports whether block l begins with a Dense layer, so that its weights join all inputs with all of its pre-activation.
func (n *NetOf[F]) Dense(l int) bool {
	_, ok := n.blocks[l].affine.(dense[F])
	return ok
}

// Elementwise reports whether each element of block l's output follows from the one of its pre-activation in the same place:
// whether nothing but Activations follows its weights.
func (n *NetOf[F]) Elementwise(l int) bool {
	for _, s := range n.blocks[l].stages {
		if _, ok := s.(elementwise[F]); !ok {
			return false
		}
	}
	return true
}
