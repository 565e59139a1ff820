package graph

import (
	"gorgonia.org/tensor"

	"github.com/seed1498fded/unroll/internal/kernel"
)

// A matrix is a value of a lowered program: rows×cols numbers, row-major and without gaps. A tensor of more axes has all but
// the last in its rows, a vector is a row, a scalar one number.
type matrix struct {
	rows, cols int
	writers    []*op     // the operations that compute it; none for an input or a constant
	mem        []float32 // where it lies; nil before planning, and for what never leaves a loop's registers
}

func (m *matrix) size() int { return m.rows * m.cols }

// dims returns how a tensor of a shape is a matrix.
func dims(shape tensor.Shape) (rows, cols int) {
	switch len(shape) {
	case 0:
		return 1, 1
	case 1:
		return 1, shape[0]
	}
	last := len(shape) - 1
	return size(shape[:last]), shape[last]
}

// A view is a matrix whose numbers are some of those of another, of: element (i, j) is number at + i·row + j·col there. So
// slices, transposes, broadcasts and reshapes need no memory of their own. Views that are equal show the same.
type view struct {
	of         *matrix
	at         int
	rows, cols int
	row, col   int // strides
}

// all shows a whole matrix.
func all(m *matrix) view { return view{m, 0, m.rows, m.cols, m.cols, 1} }

func (v view) size() int     { return v.rows * v.cols }
func (v view) whole() bool   { return v == all(v.of) }
func (v view) gapless() bool { step, ok := v.even(); return ok && (step == 1 || v.size() == 1) }
func (v view) single() bool  { step, ok := v.even(); return ok && step == 0 || v.size() == 1 }

// even returns the distance of one number from the next, row-major, if it is always the same.
func (v view) even() (step int, ok bool) {
	switch {
	case v.rows == 1:
		return v.col, true
	case v.cols == 1:
		return v.row, true
	}
	return v.col, v.row == v.cols*v.col
}

// transposed shows the transpose.
func (v view) transposed() view {
	return view{v.of, v.at, v.cols, v.rows, v.col, v.row}.canonical()
}

// canonical chooses the strides that have no effect.
func (v view) canonical() view {
	if v.cols == 1 {
		v.col = v.row
	}
	if v.rows == 1 {
		v.row = v.cols * v.col
	}
	return v
}

// as shows the same numbers, row-major, in other rows and columns; ok is false where strides can't say that.
func (v view) as(rows, cols int) (w view, ok bool) {
	if v.rows == rows && v.cols == cols {
		return v, true
	}
	step, ok := v.even()
	return view{v.of, v.at, rows, cols, cols * step, step}, ok
}

// repeated shows a single number again and again.
func (v view) repeated(rows, cols int) view { return view{v.of, v.at, rows, cols, 0, 0} }

// spread shows what lacks an axis of the shape whole with that axis added, along which it repeats itself.
func (v view) spread(whole tensor.Shape, axis int) (w view, ok bool) {
	outer, n, inner := size(whole[:axis]), whole[axis], size(whole[axis+1:])
	switch {
	case v.single():
		return v.repeated(outer, n*inner), true
	case outer == 1:
		w, ok = v.as(1, inner)
		return view{w.of, w.at, n, inner, 0, w.col}.canonical(), ok
	case inner == 1:
		w, ok = v.as(outer, 1)
		return view{w.of, w.at, outer, n, w.row, 0}.canonical(), ok
	}
	return view{}, false
}

// take shows what s picks of a tensor of the shape whole.
func (v view) take(whole tensor.Shape, s stride) (w view, ok bool) {
	outer, n, inner := size(whole[:s.axis]), whole[s.axis], size(whole[s.axis+1:])
	count := (s.to - s.from + s.step - 1) / s.step
	switch {
	case outer == 1:
		w, ok = v.as(n, inner)
		return view{w.of, w.at + s.from*w.row, count, inner, s.step * w.row, w.col}.canonical(), ok
	case inner == 1:
		w, ok = v.as(outer, n)
		return view{w.of, w.at + s.from*w.col, outer, count, w.row, s.step * w.col}.canonical(), ok
	case s.step == 1:
		w, ok = v.as(outer, n*inner)
		return view{w.of, w.at + s.from*inner*w.col, outer, count * inner, w.row, w.col}.canonical(), ok
	}
	return view{}, false
}

// cut shows n numbers from at on, row-major, as a row.
func (v view) cut(at, n int) (w view, ok bool) {
	step, ok := v.even()
	return view{v.of, v.at + at*step, 1, n, n * step, step}, ok
}

// strided returns where the numbers are, for kernels.
func (v view) strided() kernel.Strided {
	return kernel.Strided{Data: v.of.mem[v.at:], Row: v.row, Col: v.col}
}
