package inner

import (
	"errors"
	"fmt"

	"github.com/seed1498fded/unroll/internal/rng"
	"github.com/seed1498fded/unroll/params"
)

// ReplicateOf is the family of several problems of another family side by side:
//
//	f(θ₀, θ₁, ...) = f₀(θ₀) + f₁(θ₁) + ...
//
// The i-th copy is sampled, started and evaluated with the i-th child of the key, so the copies are different functions
// or, where a family has only one, different starts and minibatches. The layout is the copies' one after another, their
// names led by "0/", "1/", .... If the loss of one copy is not finite, neither is the sum.
//
// The sum, and not the mean, leaves each copy its own gradient. A rule that moves every coordinate by itself then treats
// the copies as it would treat each alone, and learns from all of them in one episode: the meta-gradient is averaged over
// many problems at the cost of one larger one, which for problems as small as ten coordinates is almost no cost. A rule
// that looks at several coordinates at once sees the copies as one problem; it should be trained on the family itself.
type ReplicateOf[F params.Float] struct {
	Family FamilyOf[F]
	Copies int // at least 1
}

// Replicate is ReplicateOf in use.
type Replicate = ReplicateOf[float32]

var _ Family = Replicate{}

// Sample returns the copies named by the children of key as one problem. It implements CurvatureOf if all copies do, and
// so it is with SignalledOf, for copies that implement one of the two.
func (r ReplicateOf[F]) Sample(key uint64) (ProblemOf[F], error) {
	switch {
	case r.Family == nil:
		return nil, errors.New("inner: replicate: no family")
	case r.Copies < 1:
		return nil, fmt.Errorf("inner: replicate: %d copies; want 1 or more", r.Copies)
	}
	p := &replicas[F]{copies: make([]ProblemOf[F], r.Copies)}
	var curved []CurvatureOf[F]
	var signalled []SignalledOf[F]
	var one params.Layout
	for i := range p.copies {
		c, err := r.Family.Sample(rng.Split(key, uint64(i)))
		if err != nil {
			return nil, fmt.Errorf("inner: replicate: copy %d: %w", i, err)
		}
		layout := c.Params()
		if i == 0 {
			one, p.width = layout, layout.Len()
		} else if diff := one.Diff(layout); diff != "" {
			return nil, fmt.Errorf("inner: replicate: the layout of copy %d is not that of copy 0: %s", i, diff)
		}
		for _, s := range layout {
			p.layout = append(p.layout, params.Spec{Name: fmt.Sprintf("%d/%s", i, s.Name), Shape: s.Shape})
		}
		p.copies[i] = c
		if h, ok := c.(CurvatureOf[F]); ok {
			curved = append(curved, h)
		}
		if s, ok := c.(SignalledOf[F]); ok {
			signalled = append(signalled, s)
		}
	}
	switch len(p.copies) {
	case len(curved):
		return &curvedReplicas[F]{p, curved}, nil
	case len(signalled):
		return &signalledReplicas[F]{p, signalled}, nil
	}
	return p, nil
}

type replicas[F params.Float] struct {
	copies []ProblemOf[F]
	layout params.Layout
	width  int // weights of one copy
}

func (p *replicas[F]) Params() params.Layout { return p.layout }

func (p *replicas[F]) Init(theta []F, key uint64) {
	checkLen("theta", theta, p.len())
	for i, c := range p.copies {
		c.Init(p.part(theta, i), rng.Split(key, uint64(i)))
	}
}

func (p *replicas[F]) Eval(grad, theta []F, key uint64) (float64, error) {
	checkEval(grad, theta, p.len())
	total := 0.0
	for i, c := range p.copies {
		var g []F
		if grad != nil {
			g = p.part(grad, i)
		}
		loss, err := c.Eval(g, p.part(theta, i), rng.Split(key, uint64(i)))
		if err != nil {
			return 0, fmt.Errorf("inner: replicate: copy %d: %w", i, err)
		}
		total += loss
	}
	return total, nil
}

// Bytes implements Sized.
func (p *replicas[F]) Bytes() float64 {
	if s, ok := p.copies[0].(Sized); ok {
		return float64(len(p.copies)) * s.Bytes()
	}
	return 0
}

func (p *replicas[F]) len() int { return len(p.copies) * p.width }

// part returns the i-th copy's part of a vector.
func (p *replicas[F]) part(v []F, i int) []F {
	from, to := i*p.width, (i+1)*p.width
	return v[from:to:to]
}

// curvedReplicas are replicas each of which knows its second derivatives. The copies do not mix, so neither do those.
type curvedReplicas[F params.Float] struct {
	*replicas[F]
	curved []CurvatureOf[F]
}

func (p *curvedReplicas[F]) HessianVector(dst, theta, v []F, key uint64) error {
	checkHessianVector(dst, theta, v, p.len())
	for i, c := range p.curved {
		if err := c.HessianVector(p.part(dst, i), p.part(theta, i), p.part(v, i), rng.Split(key, uint64(i))); err != nil {
			return fmt.Errorf("inner: replicate: copy %d: %w", i, err)
		}
	}
	return nil
}

// signalledReplicas are replicas each of which tells the derivative of its loss from its signal.
type signalledReplicas[F params.Float] struct {
	*replicas[F]
	signalled []SignalledOf[F]
}

func (p *signalledReplicas[F]) Derivative(dst, theta []F, key uint64) error {
	checkEval(dst, theta, p.len())
	for i, c := range p.signalled {
		if err := c.Derivative(p.part(dst, i), p.part(theta, i), rng.Split(key, uint64(i))); err != nil {
			return fmt.Errorf("inner: replicate: copy %d: %w", i, err)
		}
	}
	return nil
}
