package features

import (
	G "gorgonia.org/gorgonia"
)

// AdafacRows are the 28 features of the rules that build on Adafactor, in the order in which their perceptrons see them:
// the gradient g, the weight, the averages m of g and v of g²; m/√v and 1/√v; g/√F with F the factored second moments; their
// rows and columns, the roots 1/√ of these; and m/√F. There are three decays of m and of the factored moments and one of v.
const AdafacRows = 28

// Factors are the roots and averages that such features are made of, for one tensor at one step, all in its shape.
type Factors struct {
	M       []*G.Node // averages of the gradient
	V, Root *G.Node   // the average of its square, and 1/√(V + ε)
	fac     []Factored
}

// Factors takes all averages of a gradient g: m0, ..., v0 and the factored ones.
func (t *Tensor) Factors(g *G.Node, m []*G.Node, v *G.Node, fac []*G.Node, eps float64) Factors {
	f := Factors{M: t.Averages("m", m, g), V: t.Average("v0", v, t.Square(g)), fac: t.Factored(fac, g)}
	f.Root = t.InverseRoot(f.V, eps)
	return f
}

// Each multiplies every one of a list with x.
func (t *Tensor) Each(list []*G.Node, x *G.Node) []*G.Node {
	out := make([]*G.Node, len(list))
	for i, y := range list {
		out[i] = t.Mul(x, y)
	}
	return out
}

// FactoredGrads are g/√F.
func (t *Tensor) FactoredGrads(f Factors, g *G.Node) []*G.Node {
	var out []*G.Node
	for _, x := range f.fac {
		out = append(out, t.Mul(g, t.scale(x)))
	}
	return out
}

// scale is 1/√F.
func (t *Tensor) scale(x Factored) *G.Node {
	if x.Scale != nil {
		return x.Scale
	}
	return t.InverseRoot(x.Row, 1e-9)
}

// FactorRows are the last 15 of the features: rows, columns, their roots, and m/√F, where a tensor of fewer than two
// dimensions has m/√(F + eps).
func (t *Tensor) FactorRows(f Factors, eps float64) []*G.Node {
	var rows, cols, rowRoots, colRoots, last []*G.Node
	for i, x := range f.fac {
		rows, cols = append(rows, x.Row), append(cols, x.Col)
		rowRoots, colRoots = append(rowRoots, t.InverseRoot(x.Row, 1e-8)), append(colRoots, t.InverseRoot(x.Col, 1e-8))
		scale := x.Scale
		if scale == nil {
			scale = t.InverseRoot(x.Row, eps)
		}
		last = append(last, t.Mul(f.M[i], scale))
	}
	return concat(rows, cols, rowRoots, colRoots, last)
}

// AdafacRows stacks the features of AdafacRows.
func (t *Tensor) AdafacRows(f Factors) *G.Node {
	return t.Rows(concat(
		[]*G.Node{t.Grad, t.Theta}, f.M, []*G.Node{f.V}, t.Each(f.M, f.Root), []*G.Node{f.Root},
		t.FactoredGrads(f, t.Grad), t.FactorRows(f, 1e-6))...)
}

// CeloRows are the features of Celo and its successor, 30 of them, or 15 without those of rows and columns. The gradient
// comes once more, limited to ±0.1, and as g/√v.
const (
	CeloRows      = 30
	CeloRowsShort = 15
)

// CeloRows stacks the features of CeloRows, of the gradient g; short leaves out rows and columns.
func (t *Tensor) CeloRows(f Factors, g *G.Node, short bool) *G.Node {
	list := concat(
		[]*G.Node{g, t.Clamp(g, 0.1), t.Theta}, f.M, []*G.Node{f.V}, t.Each(f.M, f.Root), []*G.Node{f.Root},
		t.FactoredGrads(f, g), []*G.Node{t.Mul(g, f.Root)})
	if !short {
		list = append(list, t.FactorRows(f, 0)...)
	}
	return t.Rows(list...)
}

func concat(lists ...[]*G.Node) []*G.Node {
	var all []*G.Node
	for _, l := range lists {
		all = append(all, l...)
	}
	return all
}
