package classify

import (
	"cmp"
	"context"
	"fmt"
	"math"

	"github.com/seed1498fded/unroll/internal/matrix"
)

// Logistic is multinomial logistic regression, the linear classifier: p ∝ exp(Wᵀz + b) of the features z, each with its mean
// taken away and divided by its standard deviation over the table. It minimises
//
//	mean over examples of −log p(y) + Decay/2 · |W|²
//
// by Nesterov's accelerated gradient from zero. It draws nothing. The zero value takes every default.
type Logistic struct {
	Decay float64 // above 0; 0.001 if zero
	Steps int     // at most; 500 if zero
	Near  float64 // stops where no derivative is larger; 1e-5 if zero
}

// A FittedLogistic is a logistic regression that was fitted.
type FittedLogistic struct {
	mean, scale []float64 // of features: z = (x - mean)·scale
	w           []float64 // [features + 1, classes]; the last row is b
	kinds       int
}

// Fit fits the regression. The error is the table's, or the context's, or names the field that is out of its range.
func (l Logistic) Fit(ctx context.Context, t Table) (*FittedLogistic, error) {
	if err := t.Validate(); err != nil {
		return nil, err
	}
	l.Decay, l.Steps, l.Near = cmp.Or(l.Decay, 1e-3), cmp.Or(l.Steps, 500), cmp.Or(l.Near, 1e-5)
	if !(l.Decay > 0) || math.IsInf(l.Decay, 1) || l.Steps < 1 || !(l.Near > 0) {
		return nil, fmt.Errorf("classify: logistic regression with decay %v, %d steps, near %v; want all above 0", l.Decay, l.Steps, l.Near)
	}
	m := standardised(t)
	d := m.newDescent(t, l.Decay)
	return m, d.run(ctx, l)
}

// standardised returns a model with the table's means and standard deviations. A feature that is the same everywhere counts as 0.
func standardised(t Table) *FittedLogistic {
	n, features := float64(len(t.X)), t.Features()
	m := &FittedLogistic{mean: make([]float64, features), scale: make([]float64, features), kinds: t.Classes}
	for f := range features {
		sum, squares := 0.0, 0.0
		for _, row := range t.X {
			sum += row[f] / n
		}
		for _, row := range t.X {
			squares += (row[f] - sum) * (row[f] - sum) / n
		}
		m.mean[f] = sum
		if s := math.Sqrt(squares); s > 1e-12*math.Abs(sum) && !math.IsInf(s, 0) {
			m.scale[f] = 1 / s
		}
	}
	m.w = make([]float64, (features+1)*t.Classes)
	return m
}

// put overwrites z with an example's standardised features and a 1.
func (m *FittedLogistic) put(z, x []float64) {
	for f, v := range x {
		z[f] = (v - m.mean[f]) * m.scale[f]
	}
	z[len(x)] = 1
}

// Probabilities implements Classifier. It panics if x has not as many features as the table had, or p not as many classes.
func (m *FittedLogistic) Probabilities(p, x []float64) {
	check("probabilities", len(p), m.kinds)
	check("features", len(x), len(m.mean))
	copy(p, m.w[len(x)*m.kinds:])
	for f, v := range x {
		z := (v - m.mean[f]) * m.scale[f]
		for k := range p {
			p[k] += z * m.w[f*m.kinds+k]
		}
	}
	softmax(p)
}

func softmax(p []float64) {
	most := math.Inf(-1)
	for _, v := range p {
		most = max(most, v)
	}
	sum := 0.0
	for k, v := range p {
		p[k] = math.Exp(v - most)
		sum += p[k]
	}
	scale(p, 1/sum)
}

// A descent is the way of the weights to the minimum.
type descent struct {
	z, p, grad []float64 // [examples, columns], [examples, classes], [columns, classes]
	at, last   []float64 // weights: where the gradient is taken, and those before the last step
	n, columns int
	kinds      int
	y          []int
	decay      float64
	w          []float64
}

func (m *FittedLogistic) newDescent(t Table, decay float64) *descent {
	n, columns := len(t.X), t.Features()+1
	d := &descent{
		z: make([]float64, n*columns), p: make([]float64, n*m.kinds), grad: make([]float64, len(m.w)), at: make([]float64, len(m.w)),
		last: make([]float64, len(m.w)), n: n, columns: columns, kinds: m.kinds, y: t.Y, decay: decay, w: m.w,
	}
	for i, row := range t.X {
		m.put(d.z[i*columns:(i+1)*columns], row)
	}
	return d
}

// run takes steps of 1/L, L a bound on the second derivative, looking ahead by t/(t+3) of the last one.
func (d *descent) run(ctx context.Context, l Logistic) error {
	rate := 1 / (0.5*d.curvature() + d.decay)
	for t := range l.Steps {
		if err := ctx.Err(); err != nil {
			return err
		}
		ahead := float64(t) / float64(t+3)
		for i, w := range d.w {
			d.at[i] = w + ahead*(w-d.last[i])
		}
		d.gradient()
		copy(d.last, d.w)
		most := 0.0
		for i, g := range d.grad {
			d.w[i] = d.at[i] - rate*g
			most = max(most, math.Abs(g))
		}
		if most <= l.Near {
			return nil
		}
	}
	return nil
}

// gradient sets the gradient of the objective at d.at.
func (d *descent) gradient() {
	z, p := matrix.Of(d.z, d.n, d.columns), matrix.Of(d.p, d.n, d.kinds)
	matrix.Mul(p, z, matrix.Of(d.at, d.columns, d.kinds), false)
	for i, y := range d.y {
		row := d.p[i*d.kinds : (i+1)*d.kinds]
		softmax(row)
		row[y]--
		scale(row, 1/float64(d.n))
	}
	matrix.Mul(matrix.Of(d.grad, d.columns, d.kinds), z.T(), p, false)
	for i := range d.w[:(d.columns-1)*d.kinds] {
		d.grad[i] += d.decay * d.at[i]
	}
}

// curvature returns a bound on the largest eigenvalue of ZᵀZ/n: power iteration comes from below, and its last quotient is
// raised by a tenth.
func (d *descent) curvature() float64 {
	v, u := make([]float64, d.columns), make([]float64, d.n)
	for i := range v {
		v[i] = 1 + float64(i%7)/7 // not at a right angle to anything in particular
	}
	z, value := matrix.Of(d.z, d.n, d.columns), 0.0
	for range 30 {
		scale(v, 1/norm(v))
		matrix.Mul(matrix.Of(u, d.n, 1), z, matrix.Of(v, d.columns, 1), false)
		matrix.Mul(matrix.Of(v, d.columns, 1), z.T(), matrix.Of(u, d.n, 1), false)
		value = norm(v) / float64(d.n)
	}
	return 1.1 * value
}

func norm(v []float64) float64 {
	sum := 0.0
	for _, x := range v {
		sum += x * x
	}
	return math.Sqrt(sum)
}
