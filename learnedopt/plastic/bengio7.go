package plastic

import (
	"cmp"
	"encoding/json"

	"github.com/seed1498fded/unroll/internal/rng"
	"github.com/seed1498fded/unroll/learnedopt/internal/hyper"
	"github.com/seed1498fded/unroll/learnedopt/rule"
)

// Bengio7 is the parametric rule of seven numbers in our reading of it, with y(i) the presynaptic activity, x(j) the postsynaptic
// potential and m(j) the modulator, an activity of the neuron that modulates j:
//
//	Δw(i,j) = θ0 + θ1·y(i) + θ2·x(j) + θ3·m(j) + θ4·y(i)·m(j) + θ5·y(i)·x(j) + θ6·y(i)·w(i,j)
//
// θ4 alone is the delta rule, see Delta; θ5 alone is Hebb's rule on potentials.
//
// Bengio, Bengio, Cloutier: Learning a synaptic learning rule, IJCNN 1991.
type Bengio7 struct {
	Std float64 `json:"init"` // standard deviation of θ at the start of meta-training, above 0; 0.1 if zero

	// Forget makes θ6 the square of a number that is learned, with a minus: weights fade by themselves or stay, and can't grow. A
	// rule that lets them grow can't be learned by a gradient, since that grows with them over a life.
	Forget bool `json:"forget"`
}

var _ rule.Kernels = (*Bengio7)(nil)

func (r *Bengio7) polynomial() polynomial {
	return polynomial{terms: []term{
		{phi: "one"}, {phi: "pre", pre: true}, {phi: "potential", post: rule.Potential}, {phi: "mod", post: rule.Mod},
		{phi: "pre_mod", pre: true, post: rule.Mod}, {phi: "pre_potential", pre: true, post: rule.Potential},
		{phi: "pre_weight", pre: true, weight: true, falls: r.Forget},
	}}
}

func (r *Bengio7) filled() Bengio7 { return Bengio7{Std: cmp.Or(r.Std, 0.1), Forget: r.Forget} }

// Validate reports a field out of its range.
func (r *Bengio7) Validate() error { return hyper.Check("bengio7", size("init", r.filled().Std)) }

// Init implements rule.Rule.
func (r *Bengio7) Init(phi []float32, key uint64) { rng.Normal(phi, key, r.filled().Std) }

// Name implements rule.Rule.
func (*Bengio7) Name() string { return "bengio7" }

// Spec implements rule.Rule. Phi holds θ0 to θ6, in order, each by the name of its factors.
func (r *Bengio7) Spec() rule.Spec { return r.polynomial().spec() }

// Update implements rule.Rule.
func (r *Bengio7) Update(in rule.Inputs) (rule.Outputs, error) { return r.polynomial().update(in) }

// Kernel implements rule.Kernels.
func (r *Bengio7) Kernel(bound rule.Rule, b rule.Binding, _ int) rule.Kernel {
	return r.polynomial().kernel(r, bound, b)
}

// MarshalJSON writes the configuration with every default in its place.
func (r *Bengio7) MarshalJSON() ([]byte, error) {
	type plain Bengio7
	return json.Marshal(plain(r.filled()))
}
