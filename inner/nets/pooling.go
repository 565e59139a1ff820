package nets

import (
	"fmt"

	"github.com/seed1498fded/unroll/params"
)

// MaxPool takes the largest of each Size×Size pixels of a channel. Where several are, the derivative goes to the first, row
// by row. Size is 1 or more and divides rows and columns: no pixel is left out.
type MaxPool struct{ Size int }

// String implements Layer.
func (m MaxPool) String() string { return fmt.Sprintf("max pool %d", m.Size) }

// AvgPool takes the mean of each Size×Size pixels of a channel. Size is 1 or more and divides rows and columns.
type AvgPool struct{ Size int }

// String implements Layer.
func (a AvgPool) String() string { return fmt.Sprintf("average pool %d", a.Size) }

// A grid cuts the images of some shape into squares.
type grid struct {
	in   Shape
	size int
}

func newGrid(size int, in Shape) (grid, error) {
	if size < 1 {
		return grid{}, fmt.Errorf("a size of %d; want 1 or more", size)
	}
	if in.Rows%size != 0 || in.Cols%size != 0 {
		return grid{}, fmt.Errorf("a size of %d does not divide an image of %dx%d", size, in.Rows, in.Cols)
	}
	return grid{in, size}, nil
}

func (g grid) out() Shape { return Shape{g.in.Channels, g.in.Rows / g.size, g.in.Cols / g.size} }

// lines returns the number of rows of squares in n examples, in all channels.
func (g grid) lines(n int) int { return n * g.in.Channels * g.in.Rows / g.size }

// maxPool and avgPool are written by hand: a derived one would copy four numbers to compare them. Both are tested against
// what internal/graph makes of Gorgonia's.
type maxPool[F params.Float] struct{ grid }

func newMaxPool[F params.Float](m MaxPool, in Shape) (stage[F], error) {
	g, err := newGrid(m.Size, in)
	return maxPool[F]{g}, err
}

func (m maxPool[F]) forward(y, x []F, n int) {
	cols, size := m.in.Cols, m.size
	wide := cols / size
	for line := range m.lines(n) {
		to := y[line*wide : (line+1)*wide]
		for k := range size {
			row := x[(line*size+k)*cols : (line*size+k+1)*cols]
			for i := range to {
				square := row[i*size : (i+1)*size]
				top := square[0]
				if k > 0 {
					top = max(to[i], top)
				}
				for _, v := range square[1:] {
					top = max(top, v) // the builtin max keeps NaN
				}
				to[i] = top
			}
		}
	}
}

func (m maxPool[F]) back(dx, x, y, dy []F, n int) {
	cols, size := m.in.Cols, m.size
	wide := cols / size
	clear(dx)
	for line := range m.lines(n) {
		from := line * size * cols
		for i, top := range y[line*wide : (line+1)*wide] {
			dx[m.first(x, from+i*size, top)] = dy[line*wide+i]
		}
	}
}

// first returns where the largest pixel of the square that begins at from is, the first of several.
func (m maxPool[F]) first(x []F, from int, top F) int {
	at := from
	for k := m.size - 1; k >= 0; k-- { // from the last to the first, without a branch
		row := from + k*m.in.Cols
		for j := m.size - 1; j >= 0; j-- {
			if x[row+j] == top {
				at = row + j
			}
		}
	}
	return at
}

func (m maxPool[F]) forwardR(ry, x, y, rx []F, n int) {
	cols, size := m.in.Cols, m.size
	wide := cols / size
	for line := range m.lines(n) {
		from := line * size * cols
		for i, top := range y[line*wide : (line+1)*wide] {
			ry[line*wide+i] = rx[m.first(x, from+i*size, top)]
		}
	}
}

// backR is back: which pixels are the largest does not change.
func (m maxPool[F]) backR(rdx, x, y, _, _, rdy []F, n int) { m.back(rdx, x, y, rdy, n) }

type avgPool[F params.Float] struct{ grid }

func newAvgPool[F params.Float](a AvgPool, in Shape) (stage[F], error) {
	g, err := newGrid(a.Size, in)
	return avgPool[F]{g}, err
}

func (a avgPool[F]) forward(y, x []F, n int) {
	cols, size := a.in.Cols, a.size
	wide, area := cols/size, F(size*size)
	for line := range a.lines(n) {
		to := y[line*wide : (line+1)*wide]
		for i := range to {
			sum := F(0)
			for k := range size {
				for _, v := range x[(line*size+k)*cols+i*size:][:size] {
					sum += v
				}
			}
			to[i] = sum / area
		}
	}
}

func (a avgPool[F]) back(dx, _, _, dy []F, n int) {
	cols, size := a.in.Cols, a.size
	wide, area := cols/size, F(size*size)
	for line := range a.lines(n) {
		for i, v := range dy[line*wide : (line+1)*wide] {
			v /= area
			for k := range size {
				to := dx[(line*size+k)*cols+i*size:][:size]
				for j := range to {
					to[j] = v
				}
			}
		}
	}
}

// An average is linear, and so its own derivative.

func (a avgPool[F]) forwardR(ry, _, _, rx []F, n int) { a.forward(ry, rx, n) }

func (a avgPool[F]) backR(rdx, _, _, _, _, rdy []F, n int) { a.back(rdx, nil, nil, rdy, n) }
