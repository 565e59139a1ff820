package plastic

import (
	"cmp"
	"encoding/json"
	"fmt"
	"strings"

	G "gorgonia.org/gorgonia"

	"github.com/seed1498fded/unroll/internal/brief"
	"github.com/seed1498fded/unroll/internal/graph"
	"github.com/seed1498fded/unroll/learnedopt/internal/hyper"
	"github.com/seed1498fded/unroll/learnedopt/rule"
)

// Runarsson is a rule that is itself a small network, a perceptron with a hidden layer of tanh units, the same for every synapse:
//
//	Δw(i,j) = scale·net(y(i), y(j), z, w(i,j))
//
// where z is the target of the neuron j, its modulator or the reward. With four hidden units it has 25 numbers to be learned. It is
// our reconstruction of the idea of Runarsson and Jonsson (Evolution and design of distributed learning rules, IEEE Symposium on
// Combinations of Evolutionary Computation and Neural Networks, 2000), whose inputs and sizes we do not know.
type Runarsson struct {
	Hidden int     `json:"hidden"` // units, up to 1024; 4 if zero
	Inputs string  `json:"inputs"` // what z is: "target", "mod" or "reward"; "target" if empty
	Scale  float64 `json:"scale"`  // of the step, above 0; 0.1 if zero
	Std    float64 `json:"init"`   // size of the network's outputs at the start of meta-training, above 0; 1 if zero
}

var _ rule.Rule = (*Runarsson)(nil)

// thirds are what the third input of a Runarsson can be.
var thirds = map[string]rule.Vars{"target": rule.Target, "mod": rule.Mod, "reward": rule.Reward}

// Name implements rule.Rule.
func (*Runarsson) Name() string { return "runarsson" }

// Spec implements rule.Rule. Phi holds the network: hidden.weight [hidden, 4], its columns in the order y(i), y(j), z, w(i,j),
// hidden.bias [hidden, 1], out.weight [1, hidden] and out.bias [1, 1].
func (r *Runarsson) Spec() rule.Spec {
	return rule.Spec{
		Reads: rule.Theta | rule.Pre | rule.Post | thirds[r.filled().Inputs], Scope: rule.Tensor, Phi: r.network().phi(),
	}
}

func (r *Runarsson) network() network {
	return network{inputs: 4, hidden: r.filled().Hidden, outputs: 1}
}

func (r *Runarsson) filled() Runarsson {
	return Runarsson{
		Hidden: cmp.Or(r.Hidden, 4), Inputs: cmp.Or(r.Inputs, "target"), Scale: cmp.Or(r.Scale, 0.1), Std: cmp.Or(r.Std, 1),
	}
}

// Validate reports a field out of its range.
func (r *Runarsson) Validate() error {
	f := r.filled()
	var inputs error
	if _, ok := thirds[f.Inputs]; !ok {
		names := []string{"target", "mod", "reward"}
		inputs = fmt.Errorf("inputs is %s, want one of %s", brief.Quote(f.Inputs), strings.Join(names, ", "))
	}
	return hyper.Check("runarsson", count("hidden", f.Hidden, 1024), inputs, size("scale", f.Scale), size("init", f.Std))
}

// MarshalJSON writes the configuration with every default in its place.
func (r *Runarsson) MarshalJSON() ([]byte, error) {
	type plain Runarsson
	return json.Marshal(plain(r.filled()))
}

// Init implements rule.Rule.
func (r *Runarsson) Init(phi []float32, key uint64) { r.network().init(phi, key, r.filled().Std) }

// Update implements rule.Rule.
func (r *Runarsson) Update(in rule.Inputs) (rule.Outputs, error) {
	b := new(graph.Builder)
	x := in.Tensors[0]
	s := synapsesOf(b, x.Spec, x.Post)
	var third *G.Node
	switch r.filled().Inputs {
	case "target":
		third = s.behind(x.Target)
	case "mod":
		third = s.behind(x.Mod)
	default:
		third = s.all(in.Reward)
	}
	out := r.network().apply(b, in.Phi, b.Stack(s.before(x.Pre), s.behind(x.Post), third, s.own(x.Theta)))
	return rule.One(shaped(b, b.Scale(r.filled().Scale, s.sum(out)), x.Spec), nil), b.Err()
}
