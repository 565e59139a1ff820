package plastic

import (
	"cmp"
	"encoding/json"
	"fmt"

	"github.com/seed1498fded/unroll/internal/graph"
	"github.com/seed1498fded/unroll/learnedopt/internal/hyper"
	"github.com/seed1498fded/unroll/learnedopt/rule"
)

// Distributed is one network that sees all presynaptic activities and all modulators of a tensor, and says how all its synapses
// change: a rule that is not local, and that knows one synapse from another,
//
//	ΔW = scale·net(y(1), ..., y(pre), m(1), ..., m(post))
//
// with a hidden layer of tanh units and the changes row by row. So it fits tensors of one size only. It is our reconstruction of
// what Runarsson and Jonsson (2000, see Runarsson) call globally distributed.
type Distributed struct {
	Pre    int     `json:"pre"`    // presynaptic neurons, up to 1024; 3 if zero
	Post   int     `json:"post"`   // postsynaptic neurons, up to 1024; 1 if zero
	Hidden int     `json:"hidden"` // units, up to 1024; 4 if zero
	Scale  float64 `json:"scale"`  // of the step, above 0; 0.1 if zero
	Std    float64 `json:"init"`   // size of the network's outputs at the start of meta-training, above 0; 1 if zero
}

var _ rule.Rule = (*Distributed)(nil)

// Name implements rule.Rule.
func (*Distributed) Name() string { return "distributed" }

// Spec implements rule.Rule. Phi holds the network: hidden.weight [hidden, pre+post], hidden.bias [hidden, 1], out.weight
// [pre·post, hidden] and out.bias [pre·post, 1].
func (r *Distributed) Spec() rule.Spec {
	return rule.Spec{Reads: rule.Pre | rule.Mod, Scope: rule.Tensor, Phi: r.network().phi()}
}

func (r *Distributed) network() network {
	f := r.filled()
	return network{inputs: f.Pre + f.Post, hidden: f.Hidden, outputs: f.Pre * f.Post}
}

func (r *Distributed) filled() Distributed {
	return Distributed{
		Pre: cmp.Or(r.Pre, 3), Post: cmp.Or(r.Post, 1), Hidden: cmp.Or(r.Hidden, 4), Scale: cmp.Or(r.Scale, 0.1), Std: cmp.Or(r.Std, 1),
	}
}

// Validate reports a field out of its range.
func (r *Distributed) Validate() error {
	f := r.filled()
	return hyper.Check("distributed", count("pre", f.Pre, 1024), count("post", f.Post, 1024), count("hidden", f.Hidden, 1024),
		size("scale", f.Scale), size("init", f.Std))
}

// MarshalJSON writes the configuration with every default in its place.
func (r *Distributed) MarshalJSON() ([]byte, error) {
	type plain Distributed
	return json.Marshal(plain(r.filled()))
}

// Init implements rule.Rule.
func (r *Distributed) Init(phi []float32, key uint64) { r.network().init(phi, key, r.filled().Std) }

// Update implements rule.Rule. Weights of another size are an error.
func (r *Distributed) Update(in rule.Inputs) (rule.Outputs, error) {
	b, f, x := new(graph.Builder), r.filled(), in.Tensors[0]
	if pre, post := neurons(x.Spec); pre != f.Pre || post != f.Post {
		return rule.Outputs{}, fmt.Errorf("weights %v are between %d and %d neurons; it is configured for pre %d and post %d",
			x.Spec, pre, post, f.Pre, f.Post)
	}
	out := r.network().apply(b, in.Phi, b.Stack(b.Transpose(x.Pre), b.Transpose(x.Mod)))
	return rule.One(shaped(b, b.Scale(f.Scale, b.SumAlong(out, 1)), x.Spec), nil), b.Err()
}
