package nets

import (
	"fmt"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/seed1498fded/unroll/internal/graph"
	"github.com/seed1498fded/unroll/internal/matrix"
	"github.com/seed1498fded/unroll/params"
)

// A product multiplies two matrices, or their transposes; the result has some shape. A tensor is a matrix whose rows are
// its first dimension.
type product struct {
	transA, transB bool
	shape          tensor.Shape
}

func (p product) of(a, b *G.Node) (*G.Node, error) {
	m := multiplication{p, height(a), height(b)}
	var spare32 []float32
	var spare64 []float64
	return graph.Apply(graph.Def{
		Name:  fmt.Sprintf("product %v %v", p.transA, p.transB),
		Shape: p.shape,
		F32:   graph.Kernel[float32]{Forward: func(dst []float32, in [][]float32) { multiply(m, dst, in, &spare32) }},
		F64:   graph.Kernel[float64]{Forward: func(dst []float64, in [][]float64) { multiply(m, dst, in, &spare64) }},
		Diff:  p.diff,
	}, a, b)
}

// diff follows from C = A·B: dA = dC·Bᵀ and dB = Aᵀ·dC.
func (p product) diff(in []*G.Node, _, cot *G.Node) ([]*G.Node, error) {
	a, b := in[0], in[1]
	pick := func(transposed bool, transX, transY bool, x, y, like *G.Node) (*G.Node, error) {
		if transposed { // (X·Y)ᵀ = Yᵀ·Xᵀ
			return product{!transY, !transX, like.Shape().Clone()}.of(y, x)
		}
		return product{transX, transY, like.Shape().Clone()}.of(x, y)
	}
	da, err := pick(p.transA, false, !p.transB, cot, b, a)
	if err != nil {
		return nil, err
	}
	db, err := pick(p.transB, !p.transA, false, a, cot, b)
	return []*G.Node{da, db}, err
}

// A multiplication is a product of matrices of some numbers of rows.
type multiplication struct {
	product
	rowsA, rowsB int
}

// height returns the number of rows of a tensor as a matrix. A scalar has one.
func height(n *G.Node) int {
	if n.Shape().IsScalar() {
		return 1
	}
	return n.Shape()[0]
}

// multiply computes dst = a·b. Transposed second factors are copied into rows on the way; where the first one is smaller, the
// transpose of the result comes cheaper.
func multiply[F params.Float](m multiplication, dst []F, in [][]F, spare *[]F) {
	a, b := matrix.Of(in[0], m.rowsA, len(in[0])/m.rowsA), matrix.Of(in[1], m.rowsB, len(in[1])/m.rowsB)
	rows := a.Rows
	if m.transA {
		a, rows = a.T(), a.Cols
	}
	if m.transB {
		b = b.T()
	}
	cols := len(dst) / rows
	if !m.transB || len(in[0]) >= len(in[1]) {
		matrix.Mul(matrix.Of(dst, rows, cols), a, b, false)
		return
	}
	if *spare == nil {
		*spare = make([]F, len(dst))
	}
	matrix.Mul(matrix.Of(*spare, cols, rows), b.T(), a.T(), false)
	for i := range rows {
		row := dst[i*cols : (i+1)*cols]
		for j := range row {
			row[j] = (*spare)[j*rows+i]
		}
	}
}
