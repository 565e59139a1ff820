package graph

import G "gorgonia.org/gorgonia"

// Sign returns −1, 0 or 1 with the sign of each number of x; NaN stays NaN. Its derivative is zero.
func (b *Builder) Sign(x *G.Node) *G.Node {
	if b.err != nil {
		return nil
	}
	return b.Apply(Def{
		Name:  "sign or zero",
		Shape: x.Shape(),
		lower: applies{signs},
		F32:   Kernel[float32]{Forward: eachInto[float32](sign)},
		F64:   Kernel[float64]{Forward: eachInto[float64](sign)},
		Stop:  true,
	}, x)
}

// Greater returns 1 where x is greater than y and 0 elsewhere. Its derivative is zero.
func (b *Builder) Greater(x, y *G.Node) *G.Node {
	return b.do(func() (*G.Node, error) {
		is, err := G.Gt(x, y, true)
		if err != nil {
			return nil, err
		}
		return StopGrad(is)
	})
}

// Max returns the greater of x and y, of which none is infinite, with the derivative of that one; where they are equal it is
// y's. NaN in either gives NaN.
func (b *Builder) Max(x, y *G.Node) *G.Node {
	first := b.Greater(x, y)
	return b.Add(b.Mul(first, x), b.Mul(b.Sub(b.Const(first, 1), first), y))
}

// Min returns the smaller of x and y, as Max does the greater.
func (b *Builder) Min(x, y *G.Node) *G.Node { return b.Neg(b.Max(b.Neg(x), b.Neg(y))) }

// AtLeast returns the greater of x and least, whose derivative is 0 up to there.
func (b *Builder) AtLeast(x *G.Node, least float64) *G.Node { return b.Max(x, b.Const(x, least)) }

// Relu returns the greater of x and 0, for the many numbers that a rule makes of each coordinate: in two operations that have
// kernels. Its derivative at 0 is ½.
func (b *Builder) Relu(x *G.Node) *G.Node { return b.Scale(0.5, b.Add(x, b.Abs(x))) }
