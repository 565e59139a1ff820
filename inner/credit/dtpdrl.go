package credit

import (
	"github.com/seed1498fded/unroll/inner/nets"
	"github.com/seed1498fded/unroll/params"
)

// DifferenceReconstructionOf is difference target propagation whose inverses learn to invert the whole way to the output
// (DTPDRL; Meulemans et al. 2020, arXiv 2006.14331). The targets are those of DifferenceTargetOf. The inverse gˡ
// descends the difference reconstruction loss: noise n ~ N(0, σ²) on the input hˡ⁻¹ of block l goes forward to the output, and
// what comes of it back down to hˡ⁻¹ the way that targets come,
//
//	Rˡ = 1/(2σ²N) Σ |ĥˡ⁻¹ − (hˡ⁻¹+n)|² + ½λ|Qˡ|²,  ĥ^L = h^L(hˡ⁻¹+n),  ĥᵐ⁻¹ = hᵐ⁻¹ + gᵐ(ĥᵐ) − gᵐ(hᵐ)
//
// with the sum over the N examples of the batch and over all elements, not their mean, and with h without noise. Rˡ moves gˡ
// alone, through both of the places where it stands last; the inverses above it move by their own losses. For linear
// blocks, and P the product of the inverses above times the Jacobian of the blocks l to L, its minimum is Qˡ = Pᵀ(PPᵀ + λ)⁻¹:
// σ drops out and λ is as in DirectTargetOf. Then all inverses together are the pseudo-inverse of the way to the output,
// up to λ, and the signal is the Gauss-Newton step.
type DifferenceReconstructionOf[F params.Float] struct {
	Inverses         // the step is 0.1 and the noise 0.05 if zero
	Decay    float64 `json:"decay"` // λ; 1e-3 if zero
}

// Name implements RuleOf.
func (DifferenceReconstructionOf[F]) Name() string { return "dtpdrl" }

// Bind implements RuleOf.
func (r DifferenceReconstructionOf[F]) Bind(net *nets.NetOf[F], size int) (AssignerOf[F], error) {
	lambda, err := positive(r.Name(), "decay", r.Decay, 1e-3)
	if err != nil {
		return nil, err
	}
	t, err := newTargets(r.Name(), r.Inverses, Inverses{Step: 0.1, Noise: 0.05}, net, size)
	if err != nil {
		return nil, err
	}
	return &differenceReconstruction[F]{t, lambda}, nil
}

type differenceReconstruction[F params.Float] struct {
	*targets[F]
	lambda float64
}

func (a *differenceReconstruction[F]) Assign(s *SignalOf[F], t *nets.TraceOf[F], _, own []F, _ uint64) error {
	a.assignDifference(s, t, own)
	return nil
}

// Learn implements LearnerOf: for each inverse the derivative of its own Rˡ.
func (a *differenceReconstruction[F]) Learn(dOwn, _ []F, _ *SignalOf[F], t *nets.TraceOf[F], theta, own []F, key uint64) error {
	a.setOffsets(t, own)
	for l := 1; l < len(a.g); l++ {
		a.learn(dOwn, l, t, theta, own, key)
	}
	return nil
}

func (a *differenceReconstruction[F]) learn(dOwn []F, l int, t *nets.TraceOf[F], theta, own []F, key uint64) {
	top, g := a.net.Blocks()-1, a.g[l]
	a.echo.run(t, theta, l-1, top, key)
	copy(a.target[top], a.echo.trace.Out(top))
	for m := top; m >= l; m-- {
		a.difference(m, own)
	}
	scale := F(1 / (a.echo.std * a.echo.std * float64(t.N)))
	x, dx := a.echo.trace.In(l), a.dh[l-1]
	for i, back := range a.target[l-1] {
		dx[i] = scale * (back - x[i])
	}
	dg := g.weights(dOwn)
	g.gradient(dg, g.other, dx)
	g.gradient(g.grad, g.output, dx)
	for i, v := range g.grad {
		dg[i] -= v
	}
	q, _ := g.net.Weights(g.weights(own), 0)
	dq, _ := g.net.Weights(dg, 0)
	decay(dq, q, a.lambda)
}
