package kernel

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// A grid's rows give, at every level, the bits that blocks of planes give.
func TestGridIsItsBlocks(t *testing.T) { eachUnits(t, testGridIsItsBlocks) }

func testGridIsItsBlocks(t *testing.T, u Units) {
	best := level
	defer setLevel(best)
	for _, shape := range [][2]int{{1, 16}, {3, 32}, {5, 48}, {70, 16}, {33, 80}, {2, 512}} {
		for l := plain; l <= best; l++ {
			setLevel(l)
			c := perceptronCase{units: u, rows: shape[0], cols: shape[1], key: 7}
			n, ldDown := c.rows*c.cols, c.rows+3
			grad, theta, w := c.normal(n, 1), c.normal(n, 2), c.normal(u.PerceptronWeights(), .2)
			for i := range n / 3 {
				grad[i] /= 100
			}
			grad[n/2], grad[n-1] = -1234, 1e-3
			state := Averages{M: [3][]float32{c.normal(n, .3), c.normal(n, .2), c.normal(n, .1)}, V: c.squares(n, .4)}
			grid := Grid{
				Units: u, Down: c.normal(Terms*ldDown, 1), Across: c.normal(Terms*GridStride, 1), LdDown: ldDown, LdAcross: GridStride,
				Rows: c.rows, Cols: c.cols,
			}
			whole, blocks := newStep(n), newStep(n)
			grid.Moments(&whole.next, &state, grad, theta, whole.moments)
			grid.Perceptron(whole.d, &whole.next, grad, theta, w, whole.out)

			planes := make([]float32, Planes)
			for i := range c.rows {
				row, from, to := grid, i*c.cols, (i+1)*c.cols
				row.Down, row.Rows = grid.Down[i:], 1
				row.Expand(planes)
				next, before := blocks.next.part(from, to), state.part(from, to)
				Moments(&next, &before, grad[from:to], theta[from:to], planes, blocks.moments)
				u.Perceptron(blocks.d[from:to], &next, grad[from:to], theta[from:to], planes, w, blocks.out)
			}
			require.Equal(t, blocks, whole, "%v at level %v", shape, l)
			require.NotContains(t, whole.d, float32(0))
			require.Positive(t, whole.moments[0])
		}
	}
}

// A gridStep is what a step writes.
type gridStep struct {
	next            Averages
	d, moments, out []float32
}

func newStep(n int) *gridStep {
	s := &gridStep{d: make([]float32, n), moments: make([]float32, Streamed*Lanes), out: make([]float32, Lanes)}
	for k := range s.next.M {
		s.next.M[k] = make([]float32, n)
	}
	s.next.V = make([]float32, n)
	return s
}

func TestGridRefusesOtherRows(t *testing.T) {
	require.True(t, Whole(48))
	require.False(t, Whole(20))
	require.False(t, Whole(528))
	next := newStep(20).next
	g := Grid{Down: make([]float32, Terms), Across: make([]float32, Planes), LdDown: 1, LdAcross: GridStride, Rows: 1, Cols: 20}
	require.Panics(t, func() {
		g.Moments(&next, &next, make([]float32, 20), make([]float32, 20), make([]float32, Streamed*Lanes))
	})
}
