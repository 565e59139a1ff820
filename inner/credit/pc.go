package credit

import (
	"github.com/seed1498fded/unroll/inner/nets"
	"github.com/seed1498fded/unroll/params"
)

// PredictiveCodingOf is strict predictive coding (Whittington and Bogacz 2017; Bogacz 2017). Between data and target, both
// clamped, every block but the last has values xˡ that start at the forward pass and go down an energy for T steps of γ,
// with φ, A as in package nets and L the last block:
//
//	μˡ = φ(A(xˡ⁻¹; wˡ) + bˡ),  εˡ = xˡ − μˡ,  F = Σ_{l<L} ½|εˡ|² + p·loss(μ^L)
//	xˡ += γ(−εˡ + Jˡ⁺¹ᵀεˡ⁺¹),  Jˡ = ∂μˡ/∂xˡ⁻¹,  ε^L = −p·∂loss/∂μ^L
//	δˡ = −φ'ᵀεˡ/(p·N),  times the relaxed xˡ⁻¹
//
// so that the gradient is that of F/p, as a mean over the N examples, at the values reached. Only the last block's error
// tells the target; a step takes it one block further down. With ½ squared error, ε^L is p(y − μ^L).
//
// This is not backprop, and less so with more steps: at the minimum the errors are spread over all blocks. It tends to
// backprop as p goes to 0 and T·γ stays large (Whittington and Bogacz 2017). The best γ falls as nets get wider;
// the defaults are known to work for 784-256-256-10 with relu units and squared error, in batches of 500, with Adam at 1e-3.
//
// Values sit at the outputs of blocks: the convention f(Wx) of Millidge et al. 2020, not the W·f(x) of Whittington and
// Bogacz, since so a prediction depends on the values right below it alone whatever a block ends in. Away from training
// nothing is relaxed: without a target the forward pass is the minimum.
type PredictiveCodingOf[F params.Float] struct {
	Gamma      float64 `json:"gamma"`       // γ, above 0; 0.01 if zero
	Steps      int     `json:"steps"`       // T; 20 if zero
	Precision  float64 `json:"precision"`   // p, above 0; 1 if zero
	FixedGamma bool    `json:"fixed_gamma"` // never change γ; else a step at which the batch's F would rise is not taken, and γ is halved until the next batch
}

// Name implements RuleOf.
func (PredictiveCodingOf[F]) Name() string { return "pc" }

// Bind implements RuleOf.
func (r PredictiveCodingOf[F]) Bind(net *nets.NetOf[F], size int) (AssignerOf[F], error) {
	gamma, steps, err := inference("pc", r.Gamma, r.Steps, 0.01, 20)
	if err != nil {
		return nil, err
	}
	precision, err := positive("pc", "precision", r.Precision, 1)
	if err != nil {
		return nil, err
	}
	return &pc[F]{
		relaxation: newRelaxation(net, size, precision), gamma: gamma, steps: steps, backtrack: !r.FixedGamma,
		energies: make([]float64, 0, steps+1),
	}, nil
}

type pc[F params.Float] struct {
	fixed
	relaxation[F]
	gamma     float64
	steps     int
	backtrack bool
	energies  []float64
}

// Energies implements Relaxed.
func (a *pc[F]) Energies() []float64 { return a.energies }

func (*pc[F]) Init(_, _ []F, _ uint64) {}

func (a *pc[F]) Assign(s *SignalOf[F], t *nets.TraceOf[F], theta, _ []F, _ uint64) error {
	a.assignAll(s, t, a.relax(t, theta))
	return nil
}

// relax takes all steps from the forward pass in t. It returns where the predictions for the values reached are, but block
// 0's.
func (a *pc[F]) relax(t *nets.TraceOf[F], theta []F) *nets.TraceOf[F] {
	energy, gamma, at, moved := a.start(t), a.gamma, t, true
	a.energies = append(a.energies[:0], energy)
	for range a.steps {
		if moved {
			a.steer(at, theta)
		}
		f := a.try(t, theta, gamma)
		if moved = !a.backtrack || f <= energy*(1+rounding[F]()); moved {
			a.accept()
			energy, at = f, a.own
		} else {
			gamma /= 2
		}
		a.energies = append(a.energies, energy)
	}
	if !moved { // own and g are those of a step not taken
		a.predict(t, theta, a.x)
	}
	return a.own
}

// rounding bounds what rounding adds to an energy, relative to it. Without it γ would be halved over and over once the
// minimum is near.
func rounding[F params.Float]() float64 {
	if single := F(1)+F(1e-10) == F(1); single {
		return 1e-6
	}
	return 1e-14
}
