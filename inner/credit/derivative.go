package credit

import (
	"math"

	"github.com/seed1498fded/unroll/inner"
	"github.com/seed1498fded/unroll/params"
)

var _ inner.Signalled = (*Problem)(nil)

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

// Derivative implements inner.SignalledOf: what Eval's gradient is under backprop. The loss is a matter of the net alone,
// so that for the rule's own weights it is zero.
func (p *ProblemOf[F]) Derivative(dst, theta []F, key uint64) error {
	checkLen("theta", theta, p.layout.Len())
	checkLen("dst", dst, p.layout.Len())
	if !finite(theta) {
		nan := F(math.NaN())
		for i := range dst {
			dst[i] = nan
		}
		return nil
	}
	drawImages(p.draw, p.images, p.family.Data.Len(), key)
	p.load(p.family.Data, p.images)
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
