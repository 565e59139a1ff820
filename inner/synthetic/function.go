package synthetic

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/seed1498fded/unroll/inner"
	"github.com/seed1498fded/unroll/internal/rng"
	"github.com/seed1498fded/unroll/params"
)

// A Form is the formula of a function of u, which has n numbers. λ are curvatures from 1/Condition to 1, evenly in the logarithm, as
// parts of their sum, so that a function is about 1 where u is from N(0, 2).
type Form string

// The forms.
const (
	Quadratic Form = "quadratic" // ½ Σ λu², convex
	Bowl      Form = "bowl"      // Σ λ(√(1+u²) − 1), convex, straight far from its lowest point
	Waves     Form = "waves"     // Σ λ(½u² + ½(1 − cos 3u)), with many low points, after Rastrigin
	// 1 − e^(−s) + ¼ Σ λ(1 − cos 3u), with s = √(.01 + Σ λu²) − .1, flat far from its lowest point, after Ackley
	Funnel Form = "funnel"
)

// Forms returns all forms.
func Forms() []Form { return []Form{Quadratic, Bowl, Waves, Funnel} }

// FunctionOf is a function of a formula, of u = R(θ − c − Shake·ξ), with c from N(0, 1) and R, a rotation, by the problem's key,
// and ξ from N(0, 1) anew for each minibatch. Starts are from N(0, 1). R is the product of two reflections at random. With Seen, only that
// part of the numbers of u is looked at, drawn anew for each minibatch and weighted for it, as the rows of an embedding are; R is
// then left out, so that most of a gradient is zero. The weights are theta, [Dim] or [Rows, Dim/Rows].
type FunctionOf[F params.Float] struct {
	Form      Form    // Quadratic if empty
	Dim       int     // 32 if zero
	Rows      int     // of the weights as a matrix, a divisor of Dim; a vector if zero
	Condition float64 // 1 or more; 100 if zero
	Shake     float64 // none if zero
	Seen      float64 // above 0 and at most 1; all at once, and turned, if zero
}

// Function is FunctionOf in use.
type Function = FunctionOf[float32]

var _ inner.Family = Function{}

// Sample returns the problem named by key. Fields out of their ranges are errors.
func (f FunctionOf[F]) Sample(key uint64) (inner.ProblemOf[F], error) {
	if f.Form == "" {
		f.Form = Quadratic
	}
	f.Dim = cmp.Or(f.Dim, 32)
	if f.Condition == 0 {
		f.Condition = 100
	}
	if err := f.validate(); err != nil {
		return nil, fmt.Errorf("synthetic: Function: %w", err)
	}
	return newProblem(f.build(key)), nil
}

func (f FunctionOf[F]) validate() error {
	switch {
	case !slices.Contains(Forms(), f.Form):
		return fmt.Errorf("no form %.60q; there are %s", string(f.Form), strings.Trim(fmt.Sprint(Forms()), "[]"))
	case f.Dim < 1:
		return fmt.Errorf("a Dim of %d; want 1 or more", f.Dim)
	case f.Rows < 0 || f.Rows > 0 && f.Dim%f.Rows != 0:
		return fmt.Errorf("%d Rows; want a divisor of Dim, %d", f.Rows, f.Dim)
	case !(f.Condition >= 1 && f.Condition <= math.MaxFloat32):
		return fmt.Errorf("a Condition of %v; want 1 or more", f.Condition)
	case !(f.Shake >= 0 && f.Shake <= math.MaxFloat32):
		return fmt.Errorf("a Shake of %v; want 0 or more", f.Shake)
	case !(f.Seen >= 0 && f.Seen <= 1):
		return fmt.Errorf("a Seen of %v; want more than 0, at most 1", f.Seen)
	}
	return nil
}

// build returns the function named by key; f has every default in its place.
func (f FunctionOf[F]) build(key uint64) *function[F] {
	room := func() []float64 { return make([]float64, f.Dim) }
	t := &function[F]{FunctionOf: f, draws: rng.New(0), centre: room(), lambda: room(), u: room(), du: room()}
	rng.Normal(t.centre, rng.Split(key, 0), 1)
	sum := 0.0
	for i := range t.lambda {
		t.lambda[i] = math.Pow(f.Condition, -float64(i)/float64(max(1, f.Dim-1)))
		sum += t.lambda[i]
	}
	for i := range t.lambda {
		t.lambda[i] /= sum
	}
	if f.Seen > 0 {
		return t
	}
	for k := range t.mirrors {
		t.mirrors[k] = mirror(f.Dim, rng.Split(key, uint64(1+k)))
	}
	return t
}

// mirror returns a random vector of length √2, for reflections x − v(v·x).
func mirror(n int, key uint64) []float64 {
	v := make([]float64, n)
	rng.Normal(v, key, 1)
	length := math.Sqrt(dot(v, v) / 2)
	for i := range v {
		v[i] /= length
	}
	return v
}

// reflect overwrites x with its reflection; a nil v leaves it.
func reflect(x, v []float64) {
	if v == nil {
		return
	}
	along := dot(x, v)
	for i, a := range v {
		x[i] -= along * a
	}
}

func dot(a, b []float64) float64 {
	sum := 0.0
	for i, x := range a {
		sum += x * b[i]
	}
	return sum
}

type function[F params.Float] struct {
	FunctionOf[F]
	draws   *rng.Stream
	centre  []float64
	lambda  []float64
	mirrors [2][]float64
	u, du   []float64
}

func (t *function[F]) params() params.Layout {
	if t.Rows > 0 {
		return params.Layout{{Name: "theta", Shape: []int{t.Rows, t.Dim / t.Rows}}}
	}
	return params.Layout{{Name: "theta", Shape: []int{t.Dim}}}
}

func (t *function[F]) numbers() int { return 6 * t.Dim }

func (t *function[F]) start(theta []F, key uint64) { rng.Normal(theta, key, 1) }

func (t *function[F]) forward(theta []F, key uint64) float64 {
	t.draws.Reset(key)
	for i, x := range theta {
		t.u[i] = float64(x) - t.centre[i]
		if t.Shake > 0 {
			t.u[i] -= t.Shake * t.draws.NormFloat64()
		}
	}
	reflect(t.u, t.mirrors[0])
	reflect(t.u, t.mirrors[1])
	loss := 0.0
	switch t.Form {
	case Quadratic, Bowl, Waves:
		loss = t.sum()
	case Funnel:
		loss = t.funnel()
	}
	return loss
}

// seen draws the weight of the next number of u: 1, or with Seen its reciprocal or zero.
func (t *function[F]) seen() float64 {
	switch {
	case t.Seen == 0:
		return 1
	case t.draws.Float64() < t.Seen:
		return 1 / t.Seen
	}
	return 0
}

// sum returns what is a sum over u, and sets du.
func (t *function[F]) sum() float64 {
	loss := 0.0
	for i, u := range t.u {
		y, slope := t.term(u)
		w := t.lambda[i] * t.seen()
		loss += w * y
		t.du[i] = w * slope
	}
	return loss
}

// term returns what a number of u counts, and its derivative.
func (t *function[F]) term(u float64) (y, slope float64) {
	switch t.Form {
	case Bowl:
		r := math.Hypot(1, u)
		return r - 1, u / r
	case Waves:
		sin, cos := math.Sincos(3 * u)
		return u*u/2 + (1-cos)/2, u + 1.5*sin
	}
	return u * u / 2, u
}

// funnel returns the funnel's loss, and sets du.
func (t *function[F]) funnel() float64 {
	squares, waves := 0.0, 0.0
	for i, u := range t.u {
		w := t.lambda[i] * t.seen()
		sin, cos := math.Sincos(3 * u)
		squares += w * u * u
		waves += w * (1 - cos) / 4
		t.du[i] = w * 0.75 * sin
		t.u[i] = w * u
	}
	r := math.Sqrt(0.01 + squares)
	deep := math.Exp(0.1 - r)
	for i, wu := range t.u {
		t.du[i] += deep * wu / r
	}
	return 1 - deep + waves
}

func (t *function[F]) backward(grad, _ []F) {
	reflect(t.du, t.mirrors[1])
	reflect(t.du, t.mirrors[0])
	for i, d := range t.du {
		grad[i] = F(d)
	}
}
