package plastic

import (
	"cmp"
	"encoding/json"
	"errors"

	"github.com/seed1498fded/unroll/internal/rng"
	"github.com/seed1498fded/unroll/learnedopt/internal/hyper"
	"github.com/seed1498fded/unroll/learnedopt/rule"
)

// ABCD is the generalised Hebbian rule, with y the activities, shared by all synapses:
//
//	Δw(i,j) = η·(A·y(i)·y(j) + B·y(i) + C·y(j) + D)
//
// With Reward the whole is multiplied by the reward r, or, with Baseline too, by r − r₀ where r₀ is learned. The form is used by
// Najarro and Risi (Meta-learning through Hebbian plasticity in random networks, NeurIPS 2020), with numbers of its own for every
// synapse there.
type ABCD struct {
	Rate     float64 `json:"rate"`     // η at the start of meta-training, above 0; 0.1 if zero
	Std      float64 `json:"init"`     // standard deviation of A, B, C and D there, above 0; 0.1 if zero
	Reward   bool    `json:"reward"`   // whether the reward gates the rule
	Baseline bool    `json:"baseline"` // whether a learned number, which starts at zero, is taken from the reward
}

var _ rule.Kernels = (*ABCD)(nil)

func (r *ABCD) polynomial() polynomial {
	p := polynomial{
		terms: []term{{phi: "a", pre: true, post: rule.Post}, {phi: "b", pre: true}, {phi: "c", post: rule.Post}, {phi: "d"}},
		gate:  gate{logRate: "log_rate", reward: r.Reward},
	}
	if r.Baseline {
		p.gate.baseline = "baseline"
	}
	return p
}

func (r *ABCD) filled() ABCD {
	return ABCD{Rate: cmp.Or(r.Rate, 0.1), Std: cmp.Or(r.Std, 0.1), Reward: r.Reward, Baseline: r.Baseline}
}

// Validate reports a field out of its range.
func (r *ABCD) Validate() error {
	var lone error
	if r.Baseline && !r.Reward {
		lone = errors.New("baseline is true, want reward true too, or neither")
	}
	f := r.filled()
	return hyper.Check("abcd", size("rate", f.Rate), size("init", f.Std), lone)
}

// Init implements rule.Rule.
func (r *ABCD) Init(phi []float32, key uint64) {
	f := r.filled()
	rng.Normal(phi[:4], key, f.Std)
	clear(phi[4:])
	phi[4] = hyper.Log(f.Rate)
}

// Name implements rule.Rule.
func (*ABCD) Name() string { return "abcd" }

// Spec implements rule.Rule. Phi holds A to D, the logarithm of η and, with Baseline, r₀.
func (r *ABCD) Spec() rule.Spec { return r.polynomial().spec() }

// Update implements rule.Rule.
func (r *ABCD) Update(in rule.Inputs) (rule.Outputs, error) { return r.polynomial().update(in) }

// Kernel implements rule.Kernels.
func (r *ABCD) Kernel(bound rule.Rule, b rule.Binding, _ int) rule.Kernel {
	return r.polynomial().kernel(r, bound, b)
}

// MarshalJSON writes the configuration with every default in its place.
func (r *ABCD) MarshalJSON() ([]byte, error) {
	type plain ABCD
	return json.Marshal(plain(r.filled()))
}
