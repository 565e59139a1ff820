package kernel

// A Grid whose rows are of whole registers needs no planes.

// GridStride is how far apart the kinds of terms of the columns of a Grid must lie so that it needs no planes.
const GridStride = planeStride

// Whole reports whether a matrix of so many columns needs no planes for its terms.
func Whole(cols int) bool { return cols%Lanes == 0 && cols <= PlaneBlock }

func (g *Grid) checkWhole(n int) {
	sameLength(n, g.Rows*g.Cols)
	sameLength(g.LdAcross, GridStride)
	if !Whole(g.Cols) || g.Rows < 1 || g.Cols < 1 {
		panic("kernel: rows that are not of whole registers")
	}
	atLeast(len(g.Down), (Terms-1)*g.LdDown+g.Rows)
	atLeast(len(g.Across), (Terms-1)*g.LdAcross+g.Cols)
}

// Moments is the function of that name for a matrix of any number of rows, Whole in its columns. The grid's factors take the place
// of planes.
func (g *Grid) Moments(next, state *Averages, grad, theta, sums []float32) {
	next.check(len(grad))
	state.check(len(grad))
	sameLength(len(theta), len(grad))
	sameLength(len(sums), Streamed*Lanes)
	g.checkWhole(len(grad))
	moments := momentsGridAVX512
	switch level {
	case plain:
		g.blocks(func(planes []float32, from, to int) {
			now, before := next.part(from, to), state.part(from, to)
			momentsGeneric(&now, &before, grad[from:to], theta[from:to], planes, sums)
		})
		return
	case avx2:
		moments = momentsGridAVX2
	}
	moments(next.M[0], next.M[1], next.M[2], next.V, state.M[0], state.M[1], state.M[2], state.V, grad, theta, g.Down, g.Across, sums,
		g.Rows, g.Cols, g.LdDown)
}

// Perceptron is the function of that name for a matrix of any number of rows, Whole in its columns. The grid's terms take the place
// of planes.
func (g *Grid) Perceptron(d []float32, s *Averages, grad, theta, w, sums []float32) {
	s.check(len(grad))
	sameLength(len(d), len(grad))
	sameLength(len(theta), len(grad))
	sameLength(len(w), g.Units.PerceptronWeights())
	sameLength(len(sums), Lanes)
	g.checkWhole(len(grad))
	if level == plain {
		g.blocks(func(planes []float32, from, to int) {
			part := s.part(from, to)
			g.Units.perceptron(d[from:to], &part, grad[from:to], theta[from:to], planes, w, sums)
		})
		return
	}
	g.Units.assembly().perceptronGrid(d, s.M[0], s.M[1], s.M[2], s.V, grad, theta, g.Down, g.Across, w, sums, g.Rows, g.Cols, g.LdDown)
}

// blocks lays out planes for as many rows at a time as they hold.
func (g *Grid) blocks(f func(planes []float32, from, to int)) {
	planes, most := make([]float32, Planes), PlaneBlock/g.Cols
	for i := 0; i < g.Rows; i += most {
		part := *g
		part.Down, part.Rows = g.Down[i:], min(most, g.Rows-i)
		part.expand(planes, 0)
		f(planes, i*g.Cols, (i+part.Rows)*g.Cols)
	}
}

// part is the averages of the coordinates from one to before another.
func (a *Averages) part(from, to int) (p Averages) {
	for k, m := range a.M {
		p.M[k] = m[from:to]
	}
	p.V = a.V[from:to]
	return p
}
