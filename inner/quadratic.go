package inner

import (
	"fmt"

	"github.com/seed1498fded/unroll/internal/rng"
	"github.com/seed1498fded/unroll/params"
)

// QuadraticOf is the family of random quadratic functions of Andrychowicz et al. 2016, section 3.1:
//
//	f(θ) = |Wθ − y|²,  ∇f = 2Wᵀ(Wθ − y),  ∇²f = 2WᵀW
//
// with W (Dim×Dim) and y (Dim) drawn anew for each key of Sample. The paper draws their entries from N(0, 1), and its
// reproductions start at θ = 0. There are no minibatches: Eval ignores its key. The weights are one tensor, theta [Dim].
type QuadraticOf[F params.Float] struct {
	Dim int // 10 if zero

	// Uniform selects the variant that the paper's authors released as code: entries of W and y from the uniform
	// distribution on [0, 1), and θ started from N(0, 0.01²). Its W has one large singular value, about Dim/2, and is
	// harder than the paper's for it.
	Uniform bool
}

// Quadratic is QuadraticOf in use.
type Quadratic = QuadraticOf[float32]

var _ Family = Quadratic{}

// uniformStartStd is the standard deviation of the start of the released variant.
const uniformStartStd = 0.01

// Sample returns the function named by key. It also implements CurvatureOf. A negative Dim is an error.
func (q QuadraticOf[F]) Sample(key uint64) (ProblemOf[F], error) {
	n := orDefault(q.Dim, 10)
	if n < 0 {
		return nil, fmt.Errorf("inner: quadratic: Dim is %d; want 1 or more", n)
	}
	p := &quadratic[F]{n: n, uniform: q.Uniform, w: make([]F, n*n), y: make([]F, n), r: make([]F, n)}
	wKey, yKey := rng.Split(key, 0), rng.Split(key, 1)
	if q.Uniform {
		rng.Uniform(p.w, wKey, 0, 1)
		rng.Uniform(p.y, yKey, 0, 1)
	} else {
		rng.Normal(p.w, wKey, 1)
		rng.Normal(p.y, yKey, 1)
	}
	return p, nil
}

type quadratic[F params.Float] struct {
	n       int
	uniform bool
	w, y    []F // w is row-major
	r       []F // room for a residual
}

var _ Curvature = (*quadratic[float32])(nil)

func (p *quadratic[F]) Params() params.Layout {
	return params.Layout{{Name: "theta", Shape: []int{p.n}}}
}

func (p *quadratic[F]) Init(theta []F, key uint64) {
	checkLen("theta", theta, p.n)
	clear(theta)
	if p.uniform {
		rng.Normal(theta, key, uniformStartStd)
	}
}

func (p *quadratic[F]) Eval(grad, theta []F, _ uint64) (float64, error) {
	checkEval(grad, theta, p.n)
	p.times(theta)
	loss := 0.0
	for i, y := range p.y {
		p.r[i] -= y
		loss += float64(p.r[i]) * float64(p.r[i])
	}
	if grad != nil {
		p.twiceTransposed(grad)
	}
	return loss, nil
}

func (p *quadratic[F]) HessianVector(dst, theta, v []F, _ uint64) error {
	checkHessianVector(dst, theta, v, p.n)
	p.times(v)
	p.twiceTransposed(dst)
	return nil
}

// times sets r to Wx.
func (p *quadratic[F]) times(x []F) {
	for i := range p.r {
		var sum F
		for j, w := range p.w[i*p.n : (i+1)*p.n] {
			sum += w * x[j]
		}
		p.r[i] = sum
	}
}

// twiceTransposed sets dst to 2Wᵀr.
func (p *quadratic[F]) twiceTransposed(dst []F) {
	clear(dst)
	for i, r := range p.r {
		for j, w := range p.w[i*p.n : (i+1)*p.n] {
			dst[j] += 2 * w * r
		}
	}
}

// orDefault returns v, or d where v is the zero value.
func orDefault[T comparable](v, d T) T {
	var zero T
	if v == zero {
		return d
	}
	return v
}
