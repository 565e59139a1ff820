package credit

import (
	"github.com/seed1498fded/unroll/inner"
	"github.com/seed1498fded/unroll/internal/kernel"
	"github.com/seed1498fded/unroll/params"
)

var (
	_ inner.Curvature = exact[float32]{}
	_ inner.Signalled = signalled[float32]{}
)

// exact is a problem under backprop, whose signal is the derivative and has a derivative of its own.
type exact[F params.Float] struct{ *ProblemOf[F] }

// HessianVector implements inner.CurvatureOf, see nets.NetOf.HessianVector.
func (p exact[F]) HessianVector(dst, theta, v []F, key uint64) error {
	n := p.size
	checkLen("dst", dst, n)
	checkLen("theta", theta, n)
	checkLen("v", v, n)
	if !kernel.Finite(theta) || !kernel.Finite(v) {
		fillNaN(dst)
		return nil
	}
	p.load(p.family.Data, p.minibatch(key))
	return p.family.Net.HessianVector(p.trace, dst, theta, v)
}

// signalled is a problem under another rule, which can tell the derivative of its loss from its signal.
type signalled[F params.Float] struct{ *ProblemOf[F] }

// Derivative implements inner.SignalledOf: what Eval's gradient is under backprop. The loss is a matter of the net alone,
// so that for the rule's own weights it is zero.
func (p signalled[F]) Derivative(dst, theta []F, key uint64) error {
	checkLen("theta", theta, p.size)
	checkLen("dst", dst, p.size)
	if !kernel.Finite(theta) {
		fillNaN(dst)
		return nil
	}
	p.load(p.family.Data, p.minibatch(key))
	net, _ := p.split(theta)
	p.family.Net.Forward(p.trace, net)
	s, err := p.backprop(net)
	if err != nil {
		return err
	}
	dNet, dOwn := p.split(dst)
	s.Gradient(p.family.Net, dNet, p.trace)
	clear(dOwn)
	return nil
}

// A truth is backprop beside a problem's own rule.
type truth[F params.Float] struct {
	assigner *backprop[F]
	signal   *SignalOf[F]
}

// backprop returns the signal of backprop for the batch that the net has just run forward. It is valid until the next call.
func (p *ProblemOf[F]) backprop(net []F) (*SignalOf[F], error) {
	if p.truth == nil {
		p.truth = &truth[F]{&backprop[F]{walk: newWalk(p.family.Net, p.family.Batch)}, NewSignal(p.family.Net, p.family.Batch)}
	}
	return p.truth.signal, p.truth.assigner.Assign(p.truth.signal, p.trace, net, nil, 0)
}
