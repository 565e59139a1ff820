package features

import (
	G "gorgonia.org/gorgonia"

	"github.com/seed1498fded/unroll/learnedopt/rule"
	"github.com/seed1498fded/unroll/params"
)

// MomentRows is the state of running averages: a number a coordinate and decay, of the gradient (m0, m1, ...) and of its
// square (v0, ...).
func MomentRows(m, v int) []rule.Row {
	var rows []rule.Row
	for _, name := range append(Names("m", m), Names("v", v)...) {
		rows = append(rows, rule.Row{Name: name})
	}
	return rows
}

// Averages takes the averages name0, name1, ... of x, one for each decay.
func (t *Tensor) Averages(name string, decays []*G.Node, x *G.Node) []*G.Node {
	list := make([]*G.Node, len(decays))
	for i, n := range Names(name, len(decays)) {
		list[i] = t.Average(n, decays[i], x)
	}
	return list
}

// FactoredState is the state of second moments that are kept as means over rows and over columns, for each of n decays, of
// a tensor of two dimensions or more; of others as they are. As in Adafactor (Shazeer and Stern 2018, section 3).
func FactoredState(n int) func(params.Spec) params.Layout {
	return func(tensor params.Spec) params.Layout {
		var l params.Layout
		if len(tensor.Shape) < 2 {
			for _, name := range Names("diag", n) {
				l = append(l, params.Spec{Name: name, Shape: tensor.Shape})
			}
			return l
		}
		d1, d0 := largest(tensor.Shape)
		return factoredState(n, without(tensor.Shape, d0), without(tensor.Shape, d1))
	}
}

func factoredState(n int, row, col []int) (l params.Layout) {
	for _, name := range Names("row", n) {
		l = append(l, params.Spec{Name: name, Shape: row})
	}
	for _, name := range Names("col", n) {
		l = append(l, params.Spec{Name: name, Shape: col})
	}
	return l
}

// largest returns the axes of the second-largest and of the largest size; of equal sizes the later axis is the larger.
func largest(shape []int) (d1, d0 int) {
	d1, d0 = -1, -1
	for i, n := range shape {
		switch {
		case d0 < 0 || n >= shape[d0]:
			d1, d0 = d0, i
		case d1 < 0 || n >= shape[d1]:
			d1 = i
		}
	}
	return d1, d0
}

func without(shape []int, axis int) []int {
	return append(append([]int{}, shape[:axis]...), shape[axis+1:]...)
}

// Factored are the factored second moments of one decay, all in the tensor's shape. Where a tensor has fewer than two
// dimensions Row and Col are the second moments themselves.
type Factored struct {
	Row, Col *G.Node // means of g² over the largest axis, and over the second-largest, repeated along it; see also AsMatrix
	Scale    *G.Node // 1/√ of the second moments as far as they are the product of rows and columns; nil if there are no rows
}

// Factored takes the factored second moments of the gradient g for each decay.
func (t *Tensor) Factored(decays []*G.Node, g *G.Node) []Factored {
	list := make([]Factored, len(decays))
	square := t.Shift(1e-30, t.Square(g))
	for i, beta := range decays {
		if len(t.Spec.Shape) < 2 {
			v := t.Average(Names("diag", i+1)[i], beta, square)
			list[i] = Factored{Row: v, Col: v}
			continue
		}
		list[i] = t.factored(i, beta, square)
	}
	return list
}

func (t *Tensor) factored(i int, beta, square *G.Node) Factored {
	d1, d0 := t.axes()
	row := t.Average(Names("row", i+1)[i], beta, t.meanAlong(square, d0))
	col := t.Average(Names("col", i+1)[i], beta, t.meanAlong(square, d1))
	if t.Err() != nil {
		return Factored{}
	}
	at := d1 // of d1 among the axes of row
	if d1 > d0 {
		at--
	}
	mean := t.Spread(t.meanAlong(row, at), at, row.Shape()...)
	rows := t.InverseRoot(t.AtLeast(t.Div(row, t.Shift(1e-9, mean)), 1e-9), 0)
	cols := t.InverseRoot(t.AtLeast(col, 1e-9), 0)
	over := func(x *G.Node, axis int) *G.Node { return t.Spread(x, axis, t.Spec.Shape...) }
	return Factored{Row: over(row, d0), Col: over(col, d1), Scale: t.Mul(over(rows, d0), over(cols, d1))}
}

func (t *Tensor) meanAlong(x *G.Node, axis int) *G.Node {
	if t.Err() != nil {
		return nil
	}
	return t.Scale(1/float64(x.Shape()[axis]), t.SumAlong(x, axis))
}
