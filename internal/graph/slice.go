package graph

import (
	"fmt"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/seed1498fded/unroll/params"
)

// A stride picks the indices from, from+step, ... below to along one axis of a tensor.
type stride struct{ axis, from, to, step int }

// What an operation does that only moves numbers, or sums them up, or is a function of each: for join and for lowering to see.
type (
	applies struct{ f *function }
	takes   struct{ stride stride }
	pastes  struct{ stride stride }
	cuts    struct{ at int }
	uncuts  struct{ at int }
	joins   struct{ begins []int }
	spreads struct{ axis int }
	sums    struct{ axis int }
	same    struct{}
	zeros   struct{}
)

// take returns the picked part of x as a tensor of the given shape, which must have as many elements.
func (s stride) take(x *G.Node, shape tensor.Shape) (*G.Node, error) {
	whole := x.Shape().Clone()
	return Apply(Def{
		Name:  fmt.Sprintf("take %d %d:%d:%d", s.axis, s.from, s.to, s.step),
		Shape: shape,
		lower: takes{s},
		F32:   Kernel[float32]{Forward: func(dst []float32, in [][]float32) { takeInto(dst, in[0], whole, s) }},
		F64:   Kernel[float64]{Forward: func(dst []float64, in [][]float64) { takeInto(dst, in[0], whole, s) }},
		Diff: func(_ []*G.Node, _, cot *G.Node) ([]*G.Node, error) {
			p, err := s.paste(cot, whole)
			return []*G.Node{p}, err
		},
	}, x)
}

// paste lays x into a tensor of zeros of the given shape, at the picked places: the transpose of take.
func (s stride) paste(x *G.Node, whole tensor.Shape) (*G.Node, error) {
	part := x.Shape().Clone()
	return Apply(Def{
		Name:  fmt.Sprintf("paste %d %d:%d:%d", s.axis, s.from, s.to, s.step),
		Shape: whole,
		lower: pastes{s},
		F32:   Kernel[float32]{Forward: func(dst []float32, in [][]float32) { pasteInto(dst, in[0], whole, s) }},
		F64:   Kernel[float64]{Forward: func(dst []float64, in [][]float64) { pasteInto(dst, in[0], whole, s) }},
		Diff: func(_ []*G.Node, _, cot *G.Node) ([]*G.Node, error) {
			t, err := s.take(cot, part)
			return []*G.Node{t}, err
		},
	}, x)
}

func takeInto[F params.Float](dst, src []F, whole tensor.Shape, s stride) {
	s.each(whole, func(at, i, n int) { copy(dst[i:i+n], src[at:at+n]) })
}

func pasteInto[F params.Float](dst, src []F, whole tensor.Shape, s stride) {
	clear(dst)
	s.each(whole, func(at, i, n int) { copy(dst[at:at+n], src[i:i+n]) })
}

// each calls f for every run of n elements that lie together: at in the whole tensor, i in the part.
func (s stride) each(whole tensor.Shape, f func(at, i, n int)) {
	outer, inner := size(whole[:s.axis]), size(whole[s.axis+1:])
	i := 0
	for o := range outer {
		for a := s.from; a < s.to; a += s.step {
			f((o*whole[s.axis]+a)*inner, i, inner)
			i += inner
		}
	}
}

// cut takes the elements from at on, in row-major order, as a tensor of the given shape.
func cut(x *G.Node, at int, shape tensor.Shape) (*G.Node, error) {
	n, whole := size(shape), x.Shape().Clone()
	return Apply(Def{
		Name:  fmt.Sprintf("cut %d", at),
		Shape: shape,
		lower: cuts{at},
		F32:   Kernel[float32]{Forward: func(dst []float32, in [][]float32) { copy(dst, in[0][at:at+n]) }},
		F64:   Kernel[float64]{Forward: func(dst []float64, in [][]float64) { copy(dst, in[0][at:at+n]) }},
		Diff: func(_ []*G.Node, _, cot *G.Node) ([]*G.Node, error) {
			p, err := uncut(cot, at, whole)
			return []*G.Node{p}, err
		},
	}, x)
}

// uncut lays x into a tensor of zeros, from element at on: the transpose of cut.
func uncut(x *G.Node, at int, whole tensor.Shape) (*G.Node, error) {
	part := x.Shape().Clone()
	return Apply(Def{
		Name:  fmt.Sprintf("uncut %d", at),
		Shape: whole,
		lower: uncuts{at},
		F32:   Kernel[float32]{Forward: func(dst []float32, in [][]float32) { clear(dst); copy(dst[at:], in[0]) }},
		F64:   Kernel[float64]{Forward: func(dst []float64, in [][]float64) { clear(dst); copy(dst[at:], in[0]) }},
		Diff: func(_ []*G.Node, _, cot *G.Node) ([]*G.Node, error) {
			c, err := cut(cot, at, part)
			return []*G.Node{c}, err
		},
	}, x)
}

// join is the sum of results of uncut as one operation, which lays no zeros but its own: so the cotangents of the results
// that an operation has packed come together in one pass. It returns nil where a term is not of uncut.
func join(terms []*G.Node) (*G.Node, error) {
	var parts []*G.Node
	var begins []int
	for _, t := range terms {
		op, ok := t.Op().(*diffOp)
		if !ok {
			return nil, nil
		}
		u, ok := op.def.lower.(uncuts)
		if !ok {
			return nil, nil
		}
		parts, begins = append(parts, children(t)[0]), append(begins, u.at)
	}
	return Apply(Def{
		Name:  fmt.Sprintf("join %v", begins),
		Shape: terms[0].Shape(),
		lower: joins{begins},
		F32:   Kernel[float32]{Forward: func(dst []float32, in [][]float32) { joinInto(dst, in, begins) }},
		F64:   Kernel[float64]{Forward: func(dst []float64, in [][]float64) { joinInto(dst, in, begins) }},
		Diff: func(in []*G.Node, _, cot *G.Node) ([]*G.Node, error) {
			cots := make([]*G.Node, len(in))
			for i, part := range in {
				var err error
				if cots[i], err = cut(cot, begins[i], part.Shape()); err != nil {
					return nil, err
				}
			}
			return cots, nil
		},
	}, parts...)
}

func joinInto[F params.Float](dst []F, parts [][]F, begins []int) {
	clear(dst)
	for i, part := range parts {
		d := dst[begins[i]:][:len(part)]
		for j, v := range part {
			d[j] += v
		}
	}
}
