package mlp

import (
	"math"

	"github.com/seed1498fded/unroll/internal/kernel"
	"github.com/seed1498fded/unroll/learnedopt/internal/features"
)

// A kind says which of the factored state's averages a side has: where their features begin, and whether their factor is relative
// to their mean.
type kind struct {
	averages, roots int
	relative        bool
}

var rowKind, columnKind = kind{15, 21, true}, kind{18, 24, false}

// A side is the rows of a matrix, or its columns; or the coordinates of a vector, which has nothing but averages and weights.
type side struct {
	n, other int // how many there are, and how many numbers are in each
	at       int // where in the state their averages begin
	kind     kind
	biased   bool // its terms have the first layer's bias

	squares []float32 // sums
	next    kernel.Sides
	sums    [kernel.SideSums * kernel.Lanes]float32
	weights []float32
	terms   []float32
	stride  int

	sideBack
}

// stride is how far kinds of n terms lie apart.
func stride(n int) int { return (n+kernel.Lanes-1)/kernel.Lanes*kernel.Lanes + kernel.Lanes }

func (s *side) make(stride int) {
	s.stride = stride
	s.terms, s.squares = make([]float32, kernel.Terms*s.stride), make([]float32, s.n)
}

// part returns the averages of some.
func (s *side) part(state []float32, from, n int) (p kernel.Sides) {
	for k := range p {
		at := s.at + k*s.n + from
		p[k] = state[at : at+n]
	}
	return p
}

// average takes all averages.
func (s *side) average(next, state []float32) {
	from := s.part(state, 0, s.n)
	s.next = s.part(next, 0, s.n)
	clear(s.sums[:])
	kernel.SideAverages(&s.next, &from, s.squares, 1/float32(s.other), s.sums[:])
}

// weigh makes the weights of a side's terms from the sums of its averages.
func (s *side) weigh(net *net) {
	mean := func(k int) float64 { return total(s.sums[k*kernel.Lanes:]) / float64(s.n) }
	w, u := s.weights, int(net.units)
	var means [3]float64
	for i, first := range []int{s.kind.averages, s.kind.roots} {
		sums := s.sums[(3+3*i)*kernel.Lanes : (6+3*i)*kernel.Lanes]
		net.units.Weigh(w[3*i*u:(3*i+3)*u], net.features(first, 3), sums, means[:], s.n)
	}
	s.bias(net)
	factor := s.factor(net)
	for k := range 3 {
		if factor[k] = 1; s.kind.relative {
			factor[k] = float32(1 / (mean(k) + 1e-9))
		}
	}
	factor[3], factor[4] = 1e-9, 0
}

// vectorWeights are those of a vector's coordinates, which have no features of rows and columns.
func (s *side) vectorWeights(net *net) {
	s.biased = true
	s.bias(net)
	copy(s.factor(net), []float32{1, 1, 1, 0, 1e-9})
}

func (s *side) bias(net *net) {
	if s.biased {
		copy(s.weights[6*net.units:7*net.units], net.bias0())
	}
}

func (s *side) factor(net *net) []float32 { return s.weights[7*net.units:] }

// inverseRoot is what something is multiplied with to be in units of its root mean square.
func inverseRoot(meanSquare float64) float64 { return inverseRootOf(meanSquare + 1e-9) }

func inverseRootOf(x float64) float64 { return 1 / math.Sqrt(x) }

// A net reads a perceptron's weights from phi, which begins with them.
type net struct {
	units   kernel.Units
	outputs int // of which the first is used
	phi     []float32
}

// Where in phi its parts begin.
func (n *net) atBias0() int    { return features.CeloRows * int(n.units) }
func (n *net) atWeights1() int { return n.atBias0() + int(n.units) }
func (n *net) atBias1() int    { return n.atWeights1() + int(n.units*n.units) }
func (n *net) atWeights2() int { return n.atBias1() + int(n.units) }

func (n *net) read(phi []float32) { n.phi = phi }

// first returns the first layer's weights of a feature.
func (n *net) first(feature int) []float32 { return n.features(feature, 1) }

// features returns those of some, one after the other.
func (n *net) features(first, count int) []float32 {
	u := int(n.units)
	return n.phi[first*u : (first+count)*u]
}

func (n *net) bias0() []float32 { return n.phi[n.atBias0():n.atWeights1()] }

// scaled writes the weights of streamed features whose squares have some means. Of the last three a vector has none.
func (n *net) scaled(w []float32, squares *[kernel.Streamed]float64, vector bool) {
	for k := range kernel.Streamed {
		scale := inverseRoot(squares[k])
		if vector && k >= features.CeloRowsShort {
			scale = 0
		}
		scaledRow(w[k*int(n.units):], n.first(streamedFeature(k)), scale)
	}
	n.rest(w)
}

// weigh takes the means of squares from sums over n coordinates, and then does what scaled does.
func (n *net) weigh(
	w []float32, squares *[kernel.Streamed]float64, sums *[kernel.Streamed * kernel.Lanes]float32,
	coordinates int, vector bool,
) {
	const short, all = features.CeloRowsShort, kernel.Streamed
	u := int(n.units)
	some := func(from, to int) {
		n.units.Weigh(w[from*u:to*u], n.features(streamedFeature(from), to-from),
			sums[from*kernel.Lanes:to*kernel.Lanes], squares[from:to], coordinates)
	}
	some(0, short)
	some(short, all)
	if vector {
		clear(w[short*u : all*u])
	}
	n.rest(w)
}

// rest writes the weights behind the first layer.
func (n *net) rest(w []float32) {
	w = w[kernel.Streamed*n.units:]
	w = w[copy(w, n.phi[n.atBias1():n.atWeights2()]):]
	w = w[copy(w, n.phi[n.atWeights1():n.atBias1()]):]
	last := n.phi[n.atWeights2():]
	for j := range w { // the output's, with its bias
		w[j] = last[j*n.outputs]
	}
}

// streamedFeature is where among all features a streamed one is.
func streamedFeature(k int) int {
	if k < features.CeloRowsShort {
		return k
	}
	return k + features.CeloRows - kernel.Streamed
}

func scaledRow(to, from []float32, scale float64) {
	s := float32(scale)
	for h, w := range from {
		to[h] = w * s
	}
}
