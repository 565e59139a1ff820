package graph

import (
	"fmt"
	"math"

	G "gorgonia.org/gorgonia"

	"github.com/seed1498fded/unroll/params"
)

// Clamp limits every number of x to ±limit, a number above 0. The derivative is 1 up to the limit and 0 beyond; NaN stays NaN.
func (b *Builder) Clamp(x *G.Node, limit float64) *G.Node {
	if b.err != nil {
		return nil
	}
	if !(limit > 0) {
		b.Fail(fmt.Errorf("graph: clamp to ±%v; want a limit above 0", limit))
		return nil
	}
	name := fmt.Sprintf("clamp %v", limit)
	return b.Apply(Def{
		Name:  name,
		Shape: x.Shape(),
		lower: applies{each(func(x float64) float64 { return float64(float32(min(max(x, -limit), limit))) })},
		F32:   Kernel[float32]{Forward: clampTo[float32](limit)},
		F64:   Kernel[float64]{Forward: clampTo[float64](limit)},
		Diff: func(in []*G.Node, _, cot *G.Node) ([]*G.Node, error) {
			b := new(Builder)
			return []*G.Node{b.Mul(b.within(in[0], limit), cot)}, b.Err()
		},
	}, x)
}

// within is 1 where x is no further than limit from 0, and 0 elsewhere. Its derivative is zero.
func (b *Builder) within(x *G.Node, limit float64) *G.Node {
	is := func(x float64) float64 {
		if math.Abs(x) <= limit {
			return 1
		}
		return 0
	}
	return b.Apply(Def{
		Name:  fmt.Sprintf("within %v", limit),
		Shape: x.Shape(),
		lower: applies{each(is)},
		F32:   Kernel[float32]{Forward: eachInto[float32](is)},
		F64:   Kernel[float64]{Forward: eachInto[float64](is)},
		Stop:  true,
	}, x)
}

func clampTo[F params.Float](limit float64) func(dst []F, in [][]F) {
	return eachInto[F](func(x float64) float64 { return min(max(x, -limit), limit) })
}

func eachInto[F params.Float](f func(float64) float64) func(dst []F, in [][]F) {
	return func(dst []F, in [][]F) {
		for i, x := range in[0] {
			dst[i] = F(f(float64(x)))
		}
	}
}
