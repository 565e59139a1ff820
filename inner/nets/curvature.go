package nets

import (
	"fmt"

	"github.com/seed1498fded/unroll/params"
)

// HessianVector overwrites dst with the product of v and the Hessian of the loss at theta, for the batch in t, whose In(0),
// Labels and Target must be set (Pearlmutter 1994, "Fast exact multiplication by the Hessian"). It runs the net forward; t then
// holds what Forward leaves there. dst and v are laid out like theta. With R the derivative as theta moves in the direction v,
// each formula of the forward and the backward pass has one of its own:
//
//	u = A(x; w) + b      Ru = A(Rx; w) + A(x; v) + v_b
//	h = φ(u)             Rh = φ'·Ru
//	δ = φ'ᵀ·dh           Rδ = φ'ᵀ·Rdh + (φ''·Ru)ᵀ·dh
//	dw = δ⊗x, db = Σδ    Rdw = Rδ⊗x + δ⊗Rx, Rdb = ΣRδ
//	dx = A(w)ᵀ·δ         Rdx = A(w)ᵀ·Rδ + A(v)ᵀ·δ
//
// A is linear in both arguments, so blocks need no maps but those that they have; a layer without weights knows its R's. The
// result is exact wherever all of those have two derivatives; at a kink that of its derivative is taken to be zero. The first
// call makes room for it all in t; a Function that can't be differentiated twice is an error.
func (n *NetOf[F]) HessianVector(t *TraceOf[F], dst, theta, v []F) error {
	if t.tangents == nil {
		var err error
		if t.tangents, err = n.newTangents(t.N); err != nil {
			return err
		}
	}
	n.Forward(t, theta)
	n.forwardR(t, theta, v)
	n.backR(t, dst, theta, v)
	return nil
}

// tangents are R of what is in a trace, and the cotangents of which R is taken too.
type tangents[F params.Float] struct {
	blocks []blockTangents[F]
	e      []F // of E
	no     []F // a bias of zeros, for any block
	map2   []F // room for a second value of a map, of any block
	w, b   []F // and for a second gradient
}

type blockTangents[F params.Float] struct {
	values  [][]F // of u and what each stage makes of it
	dValues [][]F // of the cotangents of these, but not of the last
	skip    []F   // of the cotangent that passed by the weights; nil without Skip
	dh, rdh []F   // the cotangent of the block's output and its R; nil for the last block
}

func (n *NetOf[F]) newTangents(size int) (*tangents[F], error) {
	t := &tangents[F]{e: make([]F, size*n.Classes())}
	widest := 0
	for l := range n.blocks {
		b := &n.blocks[l]
		values := func(s Shape) []F { return make([]F, size*s.Size()) }
		r := blockTangents[F]{values: [][]F{values(b.affine.out())}}
		for i, s := range b.stages {
			if s, ok := s.(*derivedStage[F]); ok {
				if err := s.differentiateTwice(); err != nil {
					return nil, fmt.Errorf("nets: block %d: %w", l, err)
				}
			}
			if _, ok := s.(addInput[F]); ok {
				r.skip = values(b.in)
			}
			r.dValues = append(r.dValues, make([]F, len(r.values[i])))
			r.values = append(r.values, values(s.out()))
		}
		if l < len(n.blocks)-1 {
			r.dh, r.rdh = values(b.out()), values(b.out())
		}
		t.blocks = append(t.blocks, r)
		t.w, t.b = longer(t.w, b.w.Len()), longer(t.b, b.b.Len())
		widest = max(widest, b.in.Size(), b.affine.out().Size())
	}
	t.no, t.map2 = make([]F, len(t.b)), make([]F, size*widest)
	return t, nil
}

// longer returns s or, if that is shorter than n, zeros as many as n.
func longer[F params.Float](s []F, n int) []F {
	if len(s) >= n {
		return s
	}
	return make([]F, n)
}

// forwardR computes R of all that Forward has left in t.
func (n *NetOf[F]) forwardR(t *TraceOf[F], theta, v []F) {
	var rx []F // the data do not move
	for l := range n.blocks {
		b, r := &n.blocks[l], &t.tangents.blocks[l]
		vw, vb := n.Weights(v, l)
		b.affine.forward(r.values[0], t.In(l), vw, vb, t.N)
		if rx != nil {
			w, _ := n.Weights(theta, l)
			second := t.tangents.map2[:len(r.values[0])]
			b.affine.forward(second, rx, w, t.tangents.no[:len(vb)], t.N)
			add(r.values[0], r.values[0], second)
		}
		values := t.blocks[l].values
		for i, s := range b.stages {
			s.forwardR(r.values[i+1], values[i], values[i+1], r.values[i], t.N)
			if _, ok := s.(addInput[F]); ok && rx != nil {
				add(r.values[i+1], r.values[i+1], rx)
			}
		}
		rx = r.values[len(b.stages)]
	}
	scoreR(n.loss, t.tangents.e, rx, t.Out(len(n.blocks)-1), t.Target, t.N)
}

// backR carries E and its R down, and overwrites dst with R of the gradient.
func (n *NetOf[F]) backR(t *TraceOf[F], dst, theta, v []F) {
	dh, rdh := t.E, t.tangents.e
	for l := len(n.blocks) - 1; ; l-- {
		b := &n.blocks[l]
		du, rdu := n.deltaR(t, l, dh, rdh)
		dw, db := n.Weights(dst, l)
		b.affine.gradient(dw, db, t.In(l), rdu, t.N)
		if l == 0 {
			return
		}
		below := &t.tangents.blocks[l-1]
		second := t.tangents.w[:len(dw)]
		b.affine.gradient(second, t.tangents.b[:len(db)], below.values[len(below.values)-1], du, t.N)
		add(dw, dw, second)
		dh, rdh = below.dh, below.rdh
		w, _ := n.Weights(theta, l)
		vw, _ := n.Weights(v, l)
		n.Below(t, l, dh, w, du)
		n.belowR(t, l, rdh, w, vw, du, rdu)
	}
}

// deltaR returns the cotangent of U(l) and its R for those of Out(l).
func (n *NetOf[F]) deltaR(t *TraceOf[F], l int, dh, rdh []F) (du, rdu []F) {
	b, values, r := &n.blocks[l], &t.blocks[l], &t.tangents.blocks[l]
	if len(b.stages) == 0 {
		return dh, rdh
	}
	n.Delta(t, l, values.dValues[0], dh)
	clear(r.skip)
	for i := len(b.stages) - 1; i >= 0; i-- {
		if i < len(b.stages)-1 {
			dh = values.dValues[i+1]
		}
		b.stages[i].backR(r.dValues[i], values.values[i], values.values[i+1], dh, r.values[i], rdh, t.N)
		if _, ok := b.stages[i].(addInput[F]); ok {
			add(r.skip, r.skip, rdh)
		}
		rdh = r.dValues[i]
	}
	return values.dValues[0], rdh
}

// belowR overwrites rdx with R of what Below gives.
func (n *NetOf[F]) belowR(t *TraceOf[F], l int, rdx, w, vw, du, rdu []F) {
	a := n.blocks[l].affine
	a.back(rdx, w, rdu, t.N)
	second := t.tangents.map2[:len(rdx)]
	a.back(second, vw, du, t.N)
	add(rdx, rdx, second)
	if skip := t.tangents.blocks[l].skip; skip != nil {
		add(rdx, rdx, skip)
	}
}
