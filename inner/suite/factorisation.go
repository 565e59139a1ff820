package suite

import (
	"cmp"
	"fmt"
	"math"

	"github.com/seed1498fded/unroll/inner"
	"github.com/seed1498fded/unroll/internal/matrix"
	"github.com/seed1498fded/unroll/internal/rng"
	"github.com/seed1498fded/unroll/params"
)

// FactorisationOf is the family of matrices M of low rank of which some elements are seen, to be told by u·vᵀ: the loss is the
// mean squared error of those seen, the test loss that of the others. M = a·bᵀ/√rank with a and b from N(0, 1), plus noise of N(0,
// Noise²), without which good losses would be zero; they, and which elements are seen, are new for each key of Sample. The weights
// are u [Dim, Rank] and v [Dim, Rank], from N(0, .1²). There are no minibatches.
type FactorisationOf[F params.Float] struct {
	Dim   int     // rows and columns of M; 100 if zero
	Rank  int     // 5 if zero
	Seen  float64 // the part of the elements that are; .8 if zero; below 1
	Noise float64 // standard deviation; .1 if zero
}

// Factorisation is FactorisationOf in use.
type Factorisation = FactorisationOf[float32]

var _ inner.Family = Factorisation{}

// Sample returns the problem named by key. Fields out of their ranges are errors.
func (f FactorisationOf[F]) Sample(key uint64) (inner.ProblemOf[F], error) {
	dim, rank := cmp.Or(f.Dim, 100), cmp.Or(f.Rank, 5)
	if err := check("Factorisation", size{"a Dim", dim}, size{"a Rank", rank}); err != nil {
		return nil, err
	}
	if f.Seen == 0 {
		f.Seen = .8
	}
	if f.Noise == 0 {
		f.Noise = .1
	}
	if !(f.Noise > 0) || math.IsInf(f.Noise, 1) {
		return nil, fmt.Errorf("suite: Factorisation: Noise of %v; want more than 0", f.Noise)
	}
	seen := int(math.Round(f.Seen * float64(dim*dim)))
	if !(f.Seen > 0 && f.Seen < 1) || seen < 1 || seen >= dim*dim {
		return nil, fmt.Errorf("suite: Factorisation: Seen of %v of %d elements; want some of them, and not all", f.Seen, dim*dim)
	}
	room := func() []F { return make([]F, dim*dim) }
	n := &factorisation[F]{dim: dim, rank: rank, m: room(), r: room(), hidden: make([]bool, dim*dim), seen: seen}
	n.u, n.v = n.add("u", dim, rank), n.add("v", dim, rank)
	n.sample(key, f.Noise)
	return newProblem[F](n)
}

type factorisation[F params.Float] struct {
	plan
	whole
	dim, rank int
	u, v      span
	m, r      []F    // the matrix, and what is wrong with the product
	hidden    []bool // which elements are not seen
	seen      int
	testing   bool
}

func (n *factorisation[F]) sample(key uint64, noise float64) {
	a, b := make([]float64, n.dim*n.rank), make([]float64, n.dim*n.rank)
	rng.Normal(a, rng.Split(key, 0), 1)
	rng.Normal(b, rng.Split(key, 1), 1)
	product, extra := make([]float64, len(n.m)), make([]float64, len(n.m))
	rng.Normal(extra, rng.Split(key, 3), noise)
	matrix.Mul(matrix.Of(product, n.dim, n.dim), matrix.Of(a, n.dim, n.rank), matrix.Of(b, n.dim, n.rank).T(), false)
	for i, v := range product {
		n.m[i] = F(v/math.Sqrt(float64(n.rank)) + extra[i])
		n.hidden[i] = i >= n.seen
	}
	rng.New(rng.Split(key, 2)).Shuffle(len(n.hidden), func(i, j int) { n.hidden[i], n.hidden[j] = n.hidden[j], n.hidden[i] })
}

func (n *factorisation[F]) params() params.Layout { return n.layout }

func (n *factorisation[F]) start(theta []F, key uint64) { rng.Normal(theta, key, .1) }

func (n *factorisation[F]) draw(uint64) { n.testing = false }

func (n *factorisation[F]) test(i int) int {
	n.testing = true
	return n.whole.test(i)
}

func (n *factorisation[F]) forward(theta []F) float64 {
	matrix.Mul(matrix.Of(n.r, n.dim, n.dim), n.factor(n.u, theta), n.factor(n.v, theta).T(), false)
	sum := 0.0
	for i, v := range n.m {
		if n.hidden[i] != n.testing {
			n.r[i] = 0
			continue
		}
		n.r[i] -= v
		sum += float64(n.r[i]) * float64(n.r[i])
	}
	if n.testing {
		return sum / float64(len(n.m)-n.seen)
	}
	return sum / float64(n.seen)
}

func (n *factorisation[F]) factor(s span, theta []F) matrix.Matrix[F] {
	return matrix.Of(of(s, theta), n.dim, n.rank)
}

func (n *factorisation[F]) backward(grad, theta []F) {
	r := matrix.Of(n.r, n.dim, n.dim)
	matrix.Mul(n.factor(n.u, grad), r, n.factor(n.v, theta), false)
	matrix.Mul(n.factor(n.v, grad), r.T(), n.factor(n.u, theta), false)
	scale := 2 / F(n.seen)
	for i := range grad {
		grad[i] *= scale
	}
}
