package kernel

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed1498fded/unroll/internal/rng"
)

// A perceptronCase is what the parts of a step work on: a matrix, whose coordinates are one block.
type perceptronCase struct {
	units      Units
	rows, cols int
	key        uint64
}

func (c *perceptronCase) normal(n int, deviation float64) []float32 {
	c.key++
	v := make([]float32, n)
	rng.Normal(v, c.key, deviation)
	return v
}

func (c *perceptronCase) squares(n int, deviation float64) []float32 {
	v := c.normal(n, deviation)
	for i := range v {
		v[i] *= v[i]
	}
	return v
}

// A perceptronResult is all that the parts write, end to end.
type perceptronResult struct{ averages, sides, terms, d, sums, back, backSums []float32 }

// run takes one step of everything that works on a tensor, except for the reductions between.
func (c perceptronCase) run() (r perceptronResult) {
	n := c.rows * c.cols
	grad := c.normal(n, 1)
	for i := range n / 3 { // some registers have nothing beyond ±0.1, and some have both
		grad[i] /= 100
	}
	grad[n/2], grad[0] = -1234, 0
	state := &Averages{M: [3][]float32{c.normal(n, .3), c.normal(n, .2), c.normal(n, .1)}, V: c.squares(n, .4)}
	next := &Averages{V: make([]float32, n)}
	for k := range next.M {
		next.M[k] = make([]float32, n)
	}
	theta := c.normal(n, 2)

	side := func(squares []float32) (terms []float32, stride int) {
		size := len(squares)
		state := &Sides{c.squares(size, 1), c.squares(size, .5), c.squares(size, 2)}
		sums := make([]float32, SideSums*Lanes)
		SideAverages(state, state, squares, .25, sums)
		weights := c.normal(c.units.SideWeights(), .1)
		factors := weights[len(weights)-5:]
		for i := range factors {
			factors[i] = float32(math.Abs(float64(factors[i])))
		}
		stride = size + Lanes
		terms = make([]float32, Terms*stride)
		c.units.SideTerms(terms, stride, state, weights)
		for k := range 3 {
			r.sides = append(r.sides, state[k]...)
		}
		r.sums = append(r.sums, totals(sums)...)
		r.terms = append(r.terms, terms...)
		return terms, stride
	}
	row, col := make([]float32, c.rows), make([]float32, c.cols)
	Squares(row, col, grad, c.cols)
	r.sums = append(append(r.sums, row...), col...)
	down, ldDown := side(row)
	across, ldAcross := side(col)
	Wrap(across, ldAcross, c.cols)
	grid := Grid{Units: c.units, Down: down, Across: across, LdDown: ldDown, LdAcross: ldAcross, Rows: c.rows, Cols: c.cols}
	planes, sums := make([]float32, Planes), make([]float32, Streamed*Lanes)
	for i := range planes {
		planes[i] = float32(math.NaN()) // what no coordinate has
	}
	grid.ExpandFactors(planes)
	Moments(next, state, grad, theta, planes, sums)
	r.sums = append(r.sums, totals(sums)...)
	for k := range 3 {
		r.averages = append(r.averages, next.M[k]...)
	}
	r.averages = append(r.averages, next.V...)

	grid.Expand(planes)
	r.d, sums = make([]float32, n), make([]float32, Lanes)
	w := c.normal(c.units.PerceptronWeights(), .2)
	c.units.Perceptron(r.d, next, grad, theta, planes, w, sums)
	r.sums = append(r.sums, totals(sums)...)
	c.back(&r, &BackBlock{
		Units: c.units, Averages: *next, Grad: grad, Theta: theta, Planes: planes, Weights: w, DOut: c.normal(n, 1),
	}, &grid)
	return r
}

// back goes back through all that works on blocks.
func (c *perceptronCase) back(r *perceptronResult, b *BackBlock, g *Grid) {
	n := len(b.Grad)
	sums, d := make([]float32, c.units.BackSums()*Lanes), make([]float32, Planes)
	PerceptronBack(b, d, sums)
	r.backSums = totals(sums)
	dDown, dAcross := make([]float32, len(g.Down)), make([]float32, len(g.Across))
	g.FoldTerms(d, dDown, dAcross)
	averages := Averages{M: [3][]float32{c.normal(n, 1), c.normal(n, 1), c.normal(n, 1)}, V: c.normal(n, 1)}
	dGrad, dTheta := make([]float32, n), make([]float32, n)
	MomentsBack(b, c.normal(Streamed, .1), &averages, &averages, dGrad, dTheta, d)
	g.FoldFactors(d, dDown, dAcross)
	for _, x := range [][]float32{averages.M[0], averages.M[1], averages.M[2], averages.V, dGrad, dTheta, dDown, dAcross} {
		r.back = append(r.back, x...)
	}
}

// totals adds up the parts of sums.
func totals(sums []float32) (t []float32) {
	for part := range slices.Chunk(sums, Lanes) {
		s := 0.0
		for _, x := range part {
			s += float64(x)
		}
		t = append(t, float32(s))
	}
	return t
}

// eachUnits runs a test for every number of units that there are kernels for.
func eachUnits(t *testing.T, f func(t *testing.T, u Units)) {
	for _, u := range []Units{FewUnits, MostUnits} {
		t.Run(fmt.Sprint(u), func(t *testing.T) { f(t, u) })
	}
}

// Every level computes the same, up to rounding, on blocks of all shapes.
func TestPerceptronLevels(t *testing.T) { eachUnits(t, testPerceptronLevels) }

func testPerceptronLevels(t *testing.T, u Units) {
	best := level
	defer setLevel(best)
	for _, shape := range [][2]int{{1, 1}, {1, 5}, {3, 7}, {2, 8}, {5, 15},
		{4, 16}, {9, 20}, {25, 20}, {3, 33}, {1, 512}, {512, 1}, {51, 10}} {
		c := perceptronCase{units: u, rows: shape[0], cols: shape[1], key: 100}
		setLevel(plain)
		want := c.run()
		for l := avx2; l <= best; l++ {
			setLevel(l)
			got := c.run()
			for _, x := range []struct {
				what      string
				want, got []float32
			}{
				{"averages", want.averages, got.averages}, {"sides", want.sides, got.sides}, {"terms", want.terms, got.terms},
				{"d", want.d, got.d}, {"sums", want.sums, got.sums},
				{"back", want.back, got.back}, {"sums back", want.backSums, got.backSums},
			} {
				require.Len(t, x.got, len(x.want))
				for i, w := range x.want {
					size := math.Abs(float64(w))
					require.InDelta(t, w, x.got[i], 5e-5*max(size, .1), "%v %v of %v, number %d", l, x.what, shape, i)
				}
			}
		}
	}
}

// A block's coordinate that is not a number makes no other of them so, and stays.
func TestPerceptronKeepsNaN(t *testing.T) { eachUnits(t, testPerceptronKeepsNaN) }

func testPerceptronKeepsNaN(t *testing.T, u Units) {
	best := level
	defer setLevel(best)
	for l := plain; l <= best; l++ {
		setLevel(l)
		c := perceptronCase{key: 3}
		const n = 37
		averages := func() *Averages {
			return &Averages{M: [3][]float32{c.normal(n, 1), c.normal(n, 1), c.normal(n, 1)}, V: c.squares(n, 1)}
		}
		planes, d := c.normal(Planes, 1), make([]float32, n)
		grad, theta, next := c.normal(n, 1), c.normal(n, 1), averages()
		grad[20] = float32(math.NaN())
		Moments(next, next, grad, theta, planes, make([]float32, Streamed*Lanes))
		u.Perceptron(d, next, grad, theta, planes, c.normal(u.PerceptronWeights(), 1), make([]float32, Lanes))
		for i := range d {
			bad := i == 20
			require.Equal(t, bad, d[i] != d[i], "%v: d[%d] = %v", l, i, d[i])
			require.Equal(t, bad, next.M[1][i] != next.M[1][i])
			require.Equal(t, bad, next.V[i] != next.V[i])
		}
	}
}

// In closed form: a perceptron whose units let through one feature and its opposite gives back that feature.
func TestPerceptronOfOneFeature(t *testing.T) { eachUnits(t, testPerceptronOfOneFeature) }

func testPerceptronOfOneFeature(t *testing.T, u Units) {
	n := int(u)
	c := perceptronCase{key: 9}
	const size, feature = 21, 7 // m0/√(v + 1e-8)
	s := &Averages{M: [3][]float32{c.normal(size, 1), c.normal(size, 1), c.normal(size, 1)}, V: c.squares(size, 1)}
	w, planes, d := make([]float32, u.PerceptronWeights()), make([]float32, Planes), make([]float32, size)
	for h, sign := range []float32{1, -1} {
		w[feature*n+h] = sign
		w[Streamed*n+n+h*n+h] = 1
		w[Streamed*n+n+n*n+h] = sign
	}
	sums := make([]float32, Lanes)
	u.Perceptron(d, s, c.normal(size, 1), c.normal(size, 1), planes, w, sums)
	var sum float64
	for i, x := range d {
		want := float64(s.M[0][i]) / math.Sqrt(float64(s.V[i])+1e-8)
		require.InEpsilon(t, want, x, 1e-6)
		sum += want * want
	}
	require.InEpsilon(t, sum, totals(sums)[0], 1e-6)
}

func TestCombine(t *testing.T) {
	c := perceptronCase{key: 1}
	x, z, y := c.normal(21, 1), c.normal(21, 1), make([]float32, 21)
	Combine(y, x, z, 2, -.5)
	for i := range y {
		require.InDelta(t, 2*x[i]-.5*z[i], y[i], 1e-6)
	}
}
