package plastic

import (
	"cmp"
	"encoding/json"
	"strings"

	"github.com/seed1498fded/unroll/internal/rng"
	"github.com/seed1498fded/unroll/learnedopt/internal/hyper"
	"github.com/seed1498fded/unroll/learnedopt/rule"
)

// Bengio16 is the parametric rule of sixteen numbers in our reading of it: one for each product of some of the presynaptic
// activity y(i), the postsynaptic potential x(j), the weight w(i,j) and the modulator m(j),
//
//	Δw(i,j) = Σ θ_abcd·y(i)^a·x(j)^b·w(i,j)^c·m(j)^d,  a, b, c, d ∈ {0, 1}
//
// Bengio7 is a part of it. Bengio, Bengio, Cloutier: Learning a synaptic learning rule, IJCNN 1991.
type Bengio16 struct {
	Std float64 `json:"init"` // standard deviation of θ at the start of meta-training, above 0; 0.1 if zero
}

var _ rule.Kernels = (*Bengio16)(nil)

func (*Bengio16) polynomial() polynomial {
	var p polynomial
	for i := range 16 {
		has := func(bit int) bool { return i>>bit&1 == 1 }
		t := term{pre: has(3), weight: has(1)}
		var names []string
		for _, factor := range []struct {
			is   bool
			name string
			post rule.Vars
		}{{has(3), "pre", 0}, {has(2), "potential", rule.Potential}, {has(1), "weight", 0}, {has(0), "mod", rule.Mod}} {
			if factor.is {
				names, t.post = append(names, factor.name), t.post|factor.post
			}
		}
		t.phi = cmp.Or(strings.Join(names, "_"), "one")
		p.terms = append(p.terms, t)
	}
	return p
}

func (r *Bengio16) filled() Bengio16 { return Bengio16{Std: cmp.Or(r.Std, 0.1)} }

// Validate reports a field out of its range.
func (r *Bengio16) Validate() error { return hyper.Check("bengio16", size("init", r.filled().Std)) }

// Init implements rule.Rule.
func (r *Bengio16) Init(phi []float32, key uint64) { rng.Normal(phi, key, r.filled().Std) }

// Name implements rule.Rule.
func (*Bengio16) Name() string { return "bengio16" }

// Spec implements rule.Rule. Phi holds the sixteen numbers, each by the name of its factors, in the order of the bits abcd.
func (r *Bengio16) Spec() rule.Spec { return r.polynomial().spec() }

// Update implements rule.Rule.
func (r *Bengio16) Update(in rule.Inputs) (rule.Outputs, error) { return r.polynomial().update(in) }

// Kernel implements rule.Kernels.
func (r *Bengio16) Kernel(bound rule.Rule, b rule.Binding, _ int) rule.Kernel {
	return r.polynomial().kernel(r, bound, b)
}

// MarshalJSON writes the configuration with every default in its place.
func (r *Bengio16) MarshalJSON() ([]byte, error) {
	type plain Bengio16
	return json.Marshal(plain(r.filled()))
}
