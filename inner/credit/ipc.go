package credit

import (
	"slices"

	"github.com/seed1498fded/unroll/inner/nets"
	"github.com/seed1498fded/unroll/params"
)

// Repeated is implemented by assigners that want to see each minibatch several times in a row.
type Repeated interface {
	// Repeats returns how many updates of the weights one minibatch is good for. Between them nothing else may be
	// evaluated with a gradient.
	Repeats() int
}

// Repeats returns how many times in a row a training loop should evaluate a minibatch, with the same key, and step: 1 for
// most rules. See Repeated.
func (p *ProblemOf[F]) Repeats() int {
	if r, ok := p.assigner.(Repeated); ok {
		return r.Repeats()
	}
	return 1
}

// IncrementalPCOf is incremental predictive coding (Salvatori et al. 2022): the energy of PredictiveCodingOf goes down in
// values and weights in turn, one step each, where strict predictive coding takes all steps of the values first. Each
// minibatch is good for T updates,
//
//	xˡ += γ(−εˡ + Jˡ⁺¹ᵀεˡ⁺¹),  then δˡ = −φ'ᵀεˡ/(p·N) at the new values, times the new xˡ⁻¹.
//
// An assigner keeps the values from one Assign to the next while key and images stay the same, T times; see Repeated. So the
// plain Eval of a problem, on a minibatch of its own each, is one step of inference from the forward pass: no block but
// the last two gets a signal. A training loop must evaluate each minibatch Repeats times, moving the weights in between.
// An Eval with weights that have not moved gives the same again and is none of the T. Init forgets the values.
//
// Weights that move T times as often want a smaller rate: for 784-256-256-10 with relu units in batches of 500, Adam at 1e-4
// to 3e-4 with the defaults; at 1e-3 with T = 20 they run away from the values.
type IncrementalPCOf[F params.Float] struct {
	Gamma     float64 `json:"gamma"`     // γ, above 0; 0.5 if zero
	Steps     int     `json:"steps"`     // T; 5 if zero
	Precision float64 `json:"precision"` // p, above 0; 1 if zero
}

// Name implements RuleOf.
func (IncrementalPCOf[F]) Name() string { return "ipc" }

// Bind implements RuleOf.
func (r IncrementalPCOf[F]) Bind(net *nets.NetOf[F], size int) (AssignerOf[F], error) {
	gamma, steps, err := inference("ipc", r.Gamma, r.Steps, 0.5, 5)
	if err != nil {
		return nil, err
	}
	precision, err := positive("ipc", "precision", r.Precision, 1)
	if err != nil {
		return nil, err
	}
	return &ipc[F]{
		relaxation: newRelaxation(net, size, precision), gamma: gamma, steps: steps,
		energies: make([]float64, 0, steps+1), theta: make([]F, net.Params().Len()),
		images: make([]F, size*net.Input(0).Size()), labels: make([]byte, size),
	}, nil
}

type ipc[F params.Float] struct {
	fixed
	relaxation[F]
	gamma    float64
	steps    int
	energies []float64 // one more than the steps taken on this batch; empty before the first batch

	// What the last Assign was given.
	key    uint64
	theta  []F
	images []F
	labels []byte
}

// Repeats implements Repeated.
func (a *ipc[F]) Repeats() int { return a.steps }

// Energies implements Relaxed: of the steps on this batch so far, each with the weights of its time.
func (a *ipc[F]) Energies() []float64 { return a.energies }

func (a *ipc[F]) Init(_, _ []F, _ uint64) { a.energies = a.energies[:0] }

func (a *ipc[F]) Assign(s *SignalOf[F], t *nets.TraceOf[F], theta, _ []F, key uint64) error {
	again, still := a.sameBatch(t, key), same(a.theta, theta)
	switch taken := len(a.energies) - 1; {
	case again && still && taken > 0:
		a.accept() // back to the values before the last step
		a.energies = a.energies[:taken]
	case !again || taken == a.steps:
		a.energies = a.energies[:0]
	}
	at := t
	if len(a.energies) <= 1 {
		a.energies = append(a.energies[:0], a.start(t))
	} else {
		a.predict(t, theta, a.x)
		at = a.own
	}
	a.steer(at, theta)
	a.energies = append(a.energies, a.try(t, theta, a.gamma))
	a.accept()
	a.assignAll(s, t, a.own)
	return nil
}

// sameBatch reports whether key and batch are those of the last time, and remembers them.
func (a *ipc[F]) sameBatch(t *nets.TraceOf[F], key uint64) bool {
	ok := len(a.energies) > 0 && key == a.key && slices.Equal(a.labels, t.Labels)
	a.key = key
	copy(a.labels, t.Labels)
	return same(a.images, t.In(0)) && ok
}

// same reports whether two slices have the same elements, and kept has them from then on.
func same[F params.Float](kept, v []F) bool {
	if slices.Equal(kept, v) {
		return true
	}
	copy(kept, v)
	return false
}
