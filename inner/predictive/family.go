package predictive

import (
	"fmt"
	"math"

	"github.com/seed1498fded/unroll/inner"
	"github.com/seed1498fded/unroll/params"
)

// FamilyOf is the problem of an expression with what predictive coding makes of its gradient in the gradient's place, for
// optimizers and for meta-training. The problem does not implement inner.CurvatureOf: what inference that has not come to
// rest does to a second derivative is not derived.
type FamilyOf[F params.Float] struct {
	Expression inner.ExpressionOf[F]
	Config     Config
}

// Family is FamilyOf in use.
type Family = FamilyOf[float32]

var _ inner.Family = Family{}

// Problem calls the expression's Loss and prepares predictive coding on what it gives. Its errors are those of
// inner.ExpressionOf and of New. Where theta is not finite, the loss and the gradient are NaN.
func (f FamilyOf[F]) Problem() (inner.ProblemOf[F], error) {
	loss, weights, data, err := f.Expression.Graph()
	if err != nil {
		return nil, err
	}
	g, err := New[F](loss, data, weights, f.Config)
	if err != nil {
		return nil, err
	}
	return &problem[F]{f.Expression, g, make([]F, f.Expression.Data.Len())}, nil
}

// Sample makes it a family of one problem: it ignores its key and returns f.Problem().
func (f FamilyOf[F]) Sample(uint64) (inner.ProblemOf[F], error) { return f.Problem() }

type problem[F params.Float] struct {
	expression inner.ExpressionOf[F]
	graph      *GraphOf[F]
	batch      []F // the minibatch
}

func (p *problem[F]) Params() params.Layout { return p.expression.Layout }

func (p *problem[F]) Init(theta []F, key uint64) {
	p.checkLen("theta", theta)
	clear(theta)
	if p.expression.Start != nil {
		p.expression.Start(theta, key)
	}
}

func (p *problem[F]) Eval(grad, theta []F, key uint64) (float64, error) {
	p.checkLen("theta", theta)
	if grad != nil {
		p.checkLen("grad", grad)
	}
	if !finite(theta) {
		fill(grad, F(math.NaN()))
		return math.NaN(), nil
	}
	if p.expression.Fill != nil {
		p.expression.Fill(p.batch, key)
	}
	data, weights := params.Split(p.expression.Data, p.batch), params.Split(p.expression.Layout, theta)
	if grad == nil {
		return p.graph.Loss(data, weights)
	}
	return p.graph.ParamGrad(params.Split(p.expression.Layout, grad), data, weights)
}

func (p *problem[F]) checkLen(what string, v []F) {
	if n := p.expression.Layout.Len(); len(v) != n {
		panic(fmt.Sprintf("predictive: %s of length %d, want %d", what, len(v), n))
	}
}

func finite[F params.Float](v []F) bool {
	for _, x := range v {
		if x-x != 0 {
			return false
		}
	}
	return true
}

func fill[F params.Float](v []F, x F) {
	for i := range v {
		v[i] = x
	}
}
