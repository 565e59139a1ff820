package kernel

import "math"

// The parts of a step of rules that see each coordinate of a tensor through a perceptron of 30 features and two hidden layers of
// four or eight rectifiers (package mlp of the rules says what the features are). They work on a matrix of rows by cols, or on a vector;
// its gradient is limited to ±1000 throughout.
//
// What a feature is the same for a whole row or column does not go through the first layer once for each coordinate: the layer's
// weights on these features make a *term* of a row for each unit, and one of a column, whose sums are where the sums of a coordinate's
// first layer begin. Three more terms of a row and of a column are factors, whose products are the roots of the factored second
// moments. A block of coordinates has its terms laid out before it in *planes*, one for each kind; so the coordinates of a
// block follow each other as they lie in memory, whatever the rows' length, and none of a vector's lanes is left empty.
//
// The features' sizes are not divided out of each feature, but of the first layer's weights.

const (
	// Factors is where the kinds of terms begin that are factors.
	Factors = int(MostUnits)
	// Terms is how many kinds of terms there is room for of a row, a column or a coordinate: sums of units, and three factors.
	Terms = Factors + 3
	// Streamed is how many features are each coordinate's own: g, g limited to ±0.1, theta, m0, m1, m2, v; m0, m1 and m2 times the
	// root 1/√(v + 1e-8), and the root itself; g times each of the factors; g times the root; m0, m1, m2 times each its factor.
	Streamed = 18
	// SideSums is how many sums SideAverages takes.
	SideSums = 9
	// Lanes is how many parts a sum consists of.
	Lanes = 16

	// PlaneBlock is the greatest number of coordinates of a block.
	PlaneBlock  = 512
	planeStride = PlaneBlock + Lanes
	// Planes is the length of a block's planes.
	Planes = Terms * planeStride
)

// decays are those of the averages of gradients and of factored squares; that of squares is squareDecay.
var decays, rests = [3]float32{.9, .99, .999}, [3]float32{.1, .01, .001}

const (
	squareDecay = 0.95
	squareRest  = 0.05
	gradLimit   = 1000
	clipLimit   = 0.1
	rootEps     = 1e-8
	squareEps   = 1e-30
)

// Averages are those that a coordinate has of its own: three of the gradient, one of its square.
type Averages struct {
	M [3][]float32
	V []float32
}

// Sides are the three averages of squares of rows, or of columns.
type Sides [3][]float32

// Squares sets row to the sum of the squares of each row of a matrix of gradients g, whose rows lie ld apart, and adds those of
// each column to col. Its shape is that of row and col.
func Squares(row, col, g []float32, ld int) {
	if len(row) == 0 || len(col) == 0 {
		return
	}
	atLeast(len(g), (len(row)-1)*ld+len(col))
	switch level {
	case avx512:
		squaresAVX512(row, col, g, ld)
	case avx2:
		squaresAVX2(row, col, g, ld)
	default:
		squaresGeneric(row, col, g, ld)
	}
}

// SideAverages takes the averages of rows or columns, of scale times their sums of squares; next may be state itself. It adds to
// sums, SideSums times Lanes, the sums of the three next averages, of their squares, and of 1/(s + 1e-8).
func SideAverages(next, state *Sides, squares []float32, scale float32, sums []float32) {
	for k := range 3 {
		sameLength(len(next[k]), len(squares))
		sameLength(len(state[k]), len(squares))
	}
	sameLength(len(sums), SideSums*Lanes)
	switch level {
	case avx512:
		sideAveragesAVX512(next[0], next[1], next[2], state[0], state[1], state[2], squares, sums, scale)
	case avx2:
		sideAveragesAVX2(next[0], next[1], next[2], state[0], state[1], state[2], squares, sums, scale)
	default:
		sideAveragesGeneric(next, state, squares, scale, sums)
	}
}

// SideTerms makes the terms of rows or columns, each kind stride numbers behind the one before, with the weights of SideWeights.
func (u Units) SideTerms(terms []float32, stride int, s *Sides, w []float32) {
	for k := range 3 {
		sameLength(len(s[k]), len(s[0]))
	}
	sameLength(len(w), u.SideWeights())
	atLeast(stride, len(s[0]))
	atLeast(len(terms), Terms*stride)
	if level == plain {
		u.sideTerms(terms, stride, s, w)
		return
	}
	u.assembly().sideTerms(terms, s[0], s[1], s[2], w, stride)
}

// SidePlanes makes the planes of a block of a vector, whose coordinates are columns by themselves.
func (u Units) SidePlanes(planes []float32, s *Sides, w []float32) {
	atLeast(PlaneBlock, len(s[0]))
	u.SideTerms(planes, planeStride, s, w)
}

// Plane returns where in a block's planes a coordinate has its term of some kind.
func Plane(kind, coordinate int) int { return kind*planeStride + coordinate }

// A Grid is the terms of rows by columns whose planes are wanted, from the first of each on. Behind the last column of each
// kind there is room for Lanes numbers: where there are several rows of as many columns at least, the first columns' again (see
// Wrap); otherwise whatever they are.
type Grid struct {
	Units            Units
	Down, Across     []float32 // the rows' terms, and the columns'
	LdDown, LdAcross int       // how far the kinds of terms lie apart
	Rows, Cols       int       // at most PlaneBlock coordinates in all
}

func (g *Grid) check(planes []float32) {
	sameLength(len(planes), Planes)
	atLeast(PlaneBlock, g.Rows*g.Cols)
	atLeast(len(g.Down), (Terms-1)*g.LdDown+g.Rows)
	atLeast(len(g.Across), (Terms-1)*g.LdAcross+g.Cols+Lanes)
}

// Wrap repeats the first terms of n columns, of kinds that lie stride apart, behind the last.
func Wrap(terms []float32, stride, n int) {
	for k := range Terms {
		kind := terms[k*stride : k*stride+n+Lanes]
		copy(kind[n:], kind)
	}
}

// Expand lays out the planes of a block.
func (g *Grid) Expand(planes []float32) {
	g.check(planes)
	if level == plain {
		g.expand(planes, 0)
		return
	}
	g.Units.assembly().expandTerms(planes, g.Down, g.Across, g.Rows, g.Cols, g.LdDown, g.LdAcross)
}

// ExpandFactors lays out only the planes of the factors.
func (g *Grid) ExpandFactors(planes []float32) {
	g.check(planes)
	if level == plain {
		g.expand(planes, Factors)
		return
	}
	expand := expandFactorsAVX2
	if level == avx512 {
		expand = expandFactorsAVX512
	}
	expand(planes, g.Down, g.Across, g.Rows, g.Cols, g.LdDown, g.LdAcross)
}

// Moments takes the averages of a block's gradient, into next, which may be state itself, and adds to sums, Streamed times Lanes,
// those of the squares of the streamed features. Of planes it reads the factors.
func Moments(next, state *Averages, grad, theta, planes, sums []float32) {
	next.check(len(grad))
	state.check(len(grad))
	sameLength(len(theta), len(grad))
	sameLength(len(planes), Planes)
	sameLength(len(sums), Streamed*Lanes)
	atLeast(PlaneBlock, len(grad))
	switch level {
	case avx512:
		momentsAVX512(next.M[0], next.M[1], next.M[2], next.V, state.M[0], state.M[1], state.M[2], state.V, grad, theta, planes, sums)
	case avx2:
		momentsAVX2(next.M[0], next.M[1], next.M[2], next.V, state.M[0], state.M[1], state.M[2], state.V, grad, theta, planes, sums)
	default:
		momentsGeneric(next, state, grad, theta, planes, sums)
	}
}

// Perceptron writes the outputs of a block's perceptrons to d, from the averages that Moments has taken, and adds to sums, of Lanes,
// that of their squares.
func (u Units) Perceptron(d []float32, s *Averages, grad, theta, planes, w, sums []float32) {
	s.check(len(grad))
	sameLength(len(d), len(grad))
	sameLength(len(theta), len(grad))
	sameLength(len(planes), Planes)
	sameLength(len(w), u.PerceptronWeights())
	sameLength(len(sums), Lanes)
	atLeast(PlaneBlock, len(grad))
	if level == plain {
		u.perceptron(d, s, grad, theta, planes, w, sums)
		return
	}
	u.assembly().perceptron(d, s.M[0], s.M[1], s.M[2], s.V, grad, theta, planes, w, sums)
}

// Combine sets y = a·x + b·z.
func Combine(y, x, z []float32, a, b float32) {
	sameLengths(y, x, z)
	if level > plain {
		combineAVX2(y, x, z, a, b)
		return
	}
	for i := range y {
		y[i] = float32(a*x[i]) + float32(b*z[i])
	}
}

func (a *Averages) check(n int) {
	for k := range 3 {
		sameLength(len(a.M[k]), n)
	}
	sameLength(len(a.V), n)
}

func squaresGeneric(row, col, g []float32, ld int) {
	for i := range row {
		sum := float32(0)
		for j, x := range g[i*ld : i*ld+len(col)] {
			x = limited(x, gradLimit)
			sum += x * x
			col[j] += x * x
		}
		row[i] = sum
	}
}

// limited keeps NaN.
func limited(x, limit float32) float32 { return min(max(x, -limit), limit) }

func sideAveragesGeneric(next, state *Sides, squares []float32, scale float32, sums []float32) {
	for i, q := range squares {
		for k := range 3 {
			s := decays[k]*state[k][i] + rests[k]*(q*scale+squareEps)
			next[k][i] = s
			for j, x := range [3]float32{s, s * s, 1 / (s + rootEps)} {
				sums[(3*j+k)*Lanes+i%Lanes] += x
			}
		}
	}
}

func inverseRoot(x float32) float32 { return 1 / float32(math.Sqrt(float64(x))) }

func (u Units) sideTerms(terms []float32, stride int, s *Sides, w []float32) {
	n := int(u)
	bias, factor := w[6*n:7*n], w[7*n:]
	for i := range s[0] {
		var seen [6]float32
		for k := range 3 {
			x := s[k][i]
			seen[k], seen[3+k] = x, inverseRoot(x+rootEps)
			terms[(Factors+k)*stride+i] = inverseRoot(max(x*factor[k], factor[3]) + factor[4])
		}
		for h, y := range bias {
			for k, x := range seen {
				y += x * w[k*n+h]
			}
			terms[h*stride+i] = y
		}
	}
}

// expand lays out the planes from the first on.
func (g *Grid) expand(planes []float32, first int) {
	for k := first; k < Terms; k++ {
		if !g.Units.has(k) {
			continue
		}
		at := k * planeStride
		for i := range g.Rows {
			x := g.Down[k*g.LdDown+i]
			for _, y := range g.Across[k*g.LdAcross : k*g.LdAcross+g.Cols] {
				if planes[at] = x + y; k >= Factors {
					planes[at] = x * y
				}
				at++
			}
		}
	}
}

// stream returns the streamed features of a coordinate, with g limited.
func stream(g, theta float32, m *[3]float32, v float32, factors *[3]float32) (f [Streamed]float32) {
	root := inverseRoot(v + rootEps)
	f[0], f[1], f[2], f[6], f[10], f[14] = g, limited(g, clipLimit), theta, v, root, g*root
	for k := range 3 {
		f[3+k], f[7+k], f[11+k], f[15+k] = m[k], m[k]*root, g*factors[k], m[k]*factors[k]
	}
	return f
}

func factorsAt(planes []float32, i int) (f [3]float32) {
	for k := range f {
		f[k] = planes[(Factors+k)*planeStride+i]
	}
	return f
}

func momentsGeneric(next, state *Averages, grad, theta, planes, sums []float32) {
	for i, g := range grad {
		g = limited(g, gradLimit)
		var m [3]float32
		for k := range m {
			m[k] = decays[k]*state.M[k][i] + rests[k]*g
			next.M[k][i] = m[k]
		}
		v := squareDecay*state.V[i] + squareRest*(g*g)
		next.V[i] = v
		factors := factorsAt(planes, i)
		for k, x := range stream(g, theta[i], &m, v, &factors) {
			sums[k*Lanes+i%Lanes] += x * x
		}
	}
}

func (u Units) perceptron(d []float32, s *Averages, grad, theta, planes, w, sums []float32) {
	var first, last [MostUnits]float32
	h, y := first[:u], last[:u]
	bias1, w1, w2 := w[u.bias1():u.weights1()], w[u.weights1():u.weights2()], w[u.weights2():]
	for i, g := range grad {
		m, factors := [3]float32{s.M[0][i], s.M[1][i], s.M[2][i]}, factorsAt(planes, i)
		for j := range h {
			h[j] = planes[j*planeStride+i]
		}
		seen := stream(limited(g, gradLimit), theta[i], &m, s.V[i], &factors)
		for k, x := range seen {
			for j, v := range u.row(w, k) {
				h[j] += x * v
			}
		}
		copy(y, bias1)
		for k, x := range h {
			x = max(x, 0)
			for j, v := range u.row(w1, k) {
				y[j] += x * v
			}
		}
		out := w2[u]
		for j, x := range y {
			out += max(x, 0) * w2[j]
		}
		d[i] = out
		sums[i%Lanes] += out * out
	}
}

func atLeast(n, least int) {
	if n < least {
		panic("kernel: a slice is too short")
	}
}
