package mlp

import (
	"github.com/seed1498fded/unroll/internal/kernel"
	"github.com/seed1498fded/unroll/learnedopt/internal/engine"
)

const (
	// tileCoordinates is how many coordinates a worker takes at a time.
	tileCoordinates = 8192
	// wideTile is the greatest number of columns of a tile, so that what a tile has of each column is little beside it.
	wideTile = kernel.PlaneBlock
)

// sides says of which axis of a matrix the factored state's rows are.
type sides struct{ rowsAcross bool }

// A tensor is one tensor of one run, as a matrix or as a vector.
type tensor struct {
	measured
	units        kernel.Units
	rows, cols   int
	at           int // of the first coordinate
	down, across side
	tiles        []tile

	squares [kernel.Streamed]float64
	weights []float32 // of the perceptron, for features that are not divided by their sizes

	rated, decayed, inverse float64 // rate, decay, and the inverse of the directions' size
	ofDirection, ofTheta    float32 // what the step is made of of these

	back *tensorBack
}

func newTensor(units kernel.Units, shape []int, at, state int, matrix func([]int) sides) *tensor {
	t := &tensor{units: units, rows: 1, cols: shape[len(shape)-1], at: at, weights: make([]float32, units.PerceptronWeights())}
	t.measured.shape, t.measured.squares = shape, &t.squares
	if t.vector() {
		t.across = side{n: t.cols, at: state}
	} else {
		t.rows = shape[0]
		rows := side{n: t.rows, other: t.cols, at: state, kind: rowKind}
		cols := side{n: t.cols, other: t.rows, at: state + 3*t.rows, kind: columnKind}
		if matrix(shape).rowsAcross {
			cols.kind, cols.at, rows.kind, rows.at = rowKind, state, columnKind, state+3*t.cols
		}
		cols.biased = true
		t.down, t.across = rows, cols
		t.down.make(stride(t.rows))
		t.across.make(stride(t.cols))
		if t.whole() {
			t.across.make(kernel.GridStride)
		}
	}
	t.down.weights, t.across.weights = make([]float32, units.SideWeights()), make([]float32, units.SideWeights())
	t.cut()
	return t
}

func (t *tensor) vector() bool { return len(t.shape) < 2 }

// whole reports whether kernels take all rows of a tile at once, and need no planes.
func (t *tensor) whole() bool { return !t.vector() && kernel.Whole(t.cols) }

func (t *tensor) len() int { return t.rows * t.cols }

// cut makes the tiles.
func (t *tensor) cut() {
	width := min(t.cols, wideTile)
	if t.vector() {
		width = min(t.cols, tileCoordinates)
	}
	for _, rows := range engine.Blocks(t.rows, max(1, tileCoordinates/width)) {
		for _, cols := range engine.Blocks(t.cols, width) {
			t.tiles = append(t.tiles, tile{tensor: t, fromRow: rows.From, toRow: rows.To, fromCol: cols.From, toCol: cols.To})
		}
	}
	if t.vector() {
		return
	}
	for i := range t.tiles {
		x := &t.tiles[i]
		if len(t.tiles) == 1 {
			x.row, x.col = t.down.squares, t.across.squares
		} else {
			x.row, x.col = make([]float32, x.toRow-x.fromRow), make([]float32, x.toCol-x.fromCol)
		}
	}
}

// addTiles adds up what tiles have of rows and columns.
func (t *tensor) addTiles() {
	if len(t.tiles) == 1 {
		return
	}
	clear(t.down.squares)
	clear(t.across.squares)
	for i := range t.tiles {
		x := &t.tiles[i]
		row, col := t.down.squares[x.fromRow:x.toRow], t.across.squares[x.fromCol:x.toCol]
		kernel.Add(row, row, x.row)
		kernel.Add(col, col, x.col)
	}
}

// A tile is some rows and columns of a tensor.
type tile struct {
	tensor         *tensor
	fromRow, toRow int
	fromCol, toCol int
	row, col       []float32 // sums of squares
	sums           [kernel.Streamed * kernel.Lanes]float32
	outSums        [kernel.Lanes]float32
	back           *tileBack
}

// Len returns the number of coordinates.
func (t *tile) Len() int { return (t.toRow - t.fromRow) * (t.toCol - t.fromCol) }

// Len is that of the tensor.
func (t *tensor) Len() int { return t.len() }

// A block is what a kernel takes at a time: whole rows, or part of one.
type block struct {
	tensor     *tensor
	row, col   int
	rows, cols int
}

// all is a tile as a block, of any number of rows.
func (t *tile) all() block {
	return block{tensor: t.tensor, row: t.fromRow, col: t.fromCol, rows: t.toRow - t.fromRow, cols: t.toCol - t.fromCol}
}

// keepsPlanes reports whether a tile is one block and all of its tensor, so that its planes last from one phase to the next.
func (t *tile) keepsPlanes() bool { return t.Len() == t.tensor.len() && t.Len() <= kernel.PlaneBlock }

// connected reports whether a tile's coordinates follow each other in memory.
func (t *tile) connected() bool { return t.toCol-t.fromCol == t.tensor.cols || t.toRow-t.fromRow == 1 }

// first returns a tile's first block.
func (t *tile) first() block {
	return t.cut(block{tensor: t.tensor, row: t.fromRow, col: t.fromCol})
}

// after returns the block after another, of length 0 if there is none.
func (t *tile) after(b block) block {
	if b.col += b.cols; b.col == t.toCol {
		b.row, b.col = b.row+b.rows, t.fromCol
	}
	return t.cut(b)
}

// cut gives a block its size.
func (t *tile) cut(b block) block {
	b.rows, b.cols = 1, min(t.toCol-b.col, kernel.PlaneBlock)
	if t.toCol-t.fromCol == t.tensor.cols && t.tensor.cols <= kernel.PlaneBlock {
		b.rows = kernel.PlaneBlock / t.tensor.cols
	}
	b.rows = min(b.rows, t.toRow-b.row)
	return b
}

func (b block) len() int { return b.rows * b.cols }

// of returns the block's share of a vector of all coordinates.
func (b block) of(v []float32) []float32 {
	at := b.at()
	return v[at : at+b.len()]
}

// at is where the block begins in a vector of all coordinates.
func (b block) at() int { return b.tensor.at + b.row*b.tensor.cols + b.col }

// grid is where the block's terms are.
func (b block) grid() kernel.Grid {
	d, a := &b.tensor.down, &b.tensor.across
	return kernel.Grid{
		Units: b.tensor.units, Down: d.terms[b.row:], Across: a.terms[b.col:], LdDown: d.stride, LdAcross: a.stride,
		Rows: b.rows, Cols: b.cols,
	}
}
