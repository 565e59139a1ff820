package credit

import (
	"github.com/seed1498fded/unroll/inner/nets"
	"github.com/seed1498fded/unroll/params"
)

// TargetProjectionOf is direct random target projection (Frenkel, Lefebvre and Bol 2021): every block but the last gets a fixed
// random vector for each label, and no word of what the net said,
//
//	δˡ = φ'ᵀ(Dˡy)/N,  y the one-hot label, N the examples of a minibatch, Dˡ ~ N(0, Std²), [outputs, Output(l)].
//
// Labels stand in for the sign of the error, which is negative at the label and positive elsewhere. As in the authors' code
// δ takes the place of the gradient, with +D: the outputs of a block are pushed along −Dy, the last block learns to tell
// the labels by that, and so the gradient, Wᵀe, turns towards +Dy. D has no preferred sign: −D would be the same rule.
//
// Dividing by N makes the gradient of the weights a mean, like that of every other rule. The authors' is a sum, with a D of
// variance 2/Output(l); under Adam the two are one, and under SGD of a rate that suits the other rules, D must be larger.
//
// The signal does not fade as the loss falls; only activations that saturate end it. It is meant for sigmoid and tanh.
type TargetProjectionOf[F params.Float] struct {
	Std float64 `json:"std"` // above 0, 0.5 if zero
}

// Name implements RuleOf.
func (TargetProjectionOf[F]) Name() string { return "drtp" }

// Bind implements RuleOf.
func (r TargetProjectionOf[F]) Bind(net *nets.NetOf[F], size int) (AssignerOf[F], error) {
	d, err := newDirect("drtp", r.Std, 0.5, net, size)
	if err != nil {
		return nil, err
	}
	return &targetProjection[F]{direct: d, y: make([]F, size*net.Classes())}, nil
}

type targetProjection[F params.Float] struct {
	*direct[F]
	y []F // one-hot labels over N
}

func (p *targetProjection[F]) Assign(s *SignalOf[F], t *nets.TraceOf[F], _, _ []F, _ uint64) error {
	for i, v := range t.Target {
		p.y[i] = v / F(t.N)
	}
	p.project(s, t, p.y, p.d)
	return nil
}
