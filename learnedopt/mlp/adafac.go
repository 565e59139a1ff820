package mlp

import (
	"cmp"
	"encoding/json"

	G "gorgonia.org/gorgonia"

	"github.com/seed1498fded/unroll/internal/graph"
	"github.com/seed1498fded/unroll/learnedopt/internal/features"
	"github.com/seed1498fded/unroll/learnedopt/internal/hyper"
	"github.com/seed1498fded/unroll/learnedopt/rule"
	"github.com/seed1498fded/unroll/params"
)

// AdafacMLP is the perceptron of Metz et al. (2022, arXiv 2203.11860), known as small_fc: beside the averages of the
// gradient g and its square it sees second moments that are kept by rows and columns, as in Adafactor; 28 features of each
// coordinate, each divided by its root mean square over the tensor, and eleven of time:
//
//	step = −α·d·e^(0.001·m)
//
// with d and m the perceptron's outputs. The decays of all averages are learned too. With 32 units and α of 0.01 it is what
// µLO and PyLO use.
type AdafacMLP struct {
	Hidden int     `json:"hidden"` // units of each of two hidden layers, 1 to 1024; 4 if zero
	Step   float64 `json:"step"`   // α, above 0; 0.001 if zero
}

var _ rule.Rule = (*AdafacMLP)(nil)

// Name implements rule.Rule.
func (*AdafacMLP) Name() string { return "adafacmlp" }

func (r *AdafacMLP) filled() AdafacMLP {
	return AdafacMLP{Hidden: cmp.Or(r.Hidden, 4), Step: cmp.Or(r.Step, 0.001)}
}

func (r *AdafacMLP) net() features.Perceptron { return adafacNet(r.filled().Hidden, 2) }

func adafacNet(hidden, out int) features.Perceptron {
	return features.Perceptron{In: features.AdafacRows + features.Times, Hidden: hidden, Out: out}
}

// adafacSpec is that of a rule with such a perceptron. Phi is the perceptron's and then the offsets of the decays; a
// coordinate has m0, m1, m2 and v0, a tensor the factored moments.
func adafacSpec(net features.Perceptron) rule.Spec {
	return rule.Spec{
		Reads: rule.Grad | rule.Theta | rule.Step, Scope: rule.Tensor,
		Phi: append(net.Phi(), params.Spec{Name: "momentum", Shape: []int{3}}, params.Spec{Name: "rms", Shape: []int{1}},
			params.Spec{Name: "adafactor", Shape: []int{3}}),
		State: rule.State{PerCoordinate: features.MomentRows(3, 1), PerTensor: features.FactoredState(3)},
	}
}

// Spec implements rule.Rule. Phi is the perceptron's, then what is added to the logarithms of the decays; the state is
// averages: m0, m1, m2 and v0 a coordinate, and the factored ones of each tensor.
func (r *AdafacMLP) Spec() rule.Spec { return adafacSpec(r.net()) }

// Validate reports a field out of its range.
func (r *AdafacMLP) Validate() error {
	f := r.filled()
	return hyper.Check("adafacmlp", hyper.Units("hidden", f.Hidden), hyper.Positive("step", f.Step))
}

// MarshalJSON writes the configuration with every default in its place.
func (r *AdafacMLP) MarshalJSON() ([]byte, error) {
	type plain AdafacMLP
	return json.Marshal(plain(r.filled()))
}

// Init implements rule.Rule: weights from truncated normal distributions of deviation 1/√inputs; decays of 0.9, 0.99 and
// 0.999, and of 0.999 for v.
func (r *AdafacMLP) Init(phi []float32, key uint64) { initAdafac(r.net(), phi, key) }

func initAdafac(net features.Perceptron, phi []float32, key uint64) {
	n := net.Phi().Len()
	net.Init(phi[:n], key)
	clear(phi[n:])
}

var threeDecays = []float64{.9, .99, .999}

// adafac takes the averages of a tensor's gradient.
func adafac(t *features.Tensor, in rule.Inputs) features.Factors {
	decays := func(name string, clip bool, from ...float64) []*G.Node {
		return features.Decays(t.Builder, t.Grad, in.Phi[name], clip, from...)
	}
	return t.Factors(t.Grad, decays("momentum", false, threeDecays...), decays("rms", true, .999)[0],
		decays("adafactor", true, threeDecays...), 1e-6)
}

// adafacOut is what the perceptron of such a rule says.
func adafacOut(t *features.Tensor, net features.Perceptron, in rule.Inputs, f features.Factors) *G.Node {
	rows := t.AdafacRows(f)
	return net.Apply(t.Builder, in.Phi, features.Seen{Rows: rows, Scale: t.Sizes(rows, 1e-5), Same: features.Time(t.Builder, in.Step)})
}

// Update implements rule.Rule.
func (r *AdafacMLP) Update(in rule.Inputs) (rule.Outputs, error) {
	t := features.NewTensor(new(graph.Builder), in.Tensors[0])
	out := adafacOut(t, r.net(), in, adafac(t, in))
	return rule.One(t.Scale(-r.filled().Step, direction(t, out)), t.Next), t.Err()
}
