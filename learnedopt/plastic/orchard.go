package plastic

import (
	"cmp"
	"encoding/json"
	"fmt"
	"strings"

	G "gorgonia.org/gorgonia"

	"github.com/seed1498fded/unroll/internal/graph"
	"github.com/seed1498fded/unroll/internal/rng"
	"github.com/seed1498fded/unroll/learnedopt/internal/hyper"
	"github.com/seed1498fded/unroll/learnedopt/rule"
)

// Orchard is the rule of Orchard and Wang (The evolution of a generalized neural learning rule, IJCNN 2016): two small networks,
// one for all weights and one for all biases, that ask for no error and assume no Hebbian form,
//
//	Δw(i,j) = weight_scale·tanh(net₄(w(i,j), y(i), x(j), b(j)))
//	Δb(j)   = bias_scale·tanh(net₂(x(j), b(j)))
//
// with x the potential of a neuron and b its bias. The hidden layers have four and three tanh units, 38 numbers in all. Weights and
// biases never leave a range around zero.
//
// The bias of the neurons behind the weights "w..." is the tensor "b...", such as "b0" for "w0", if there is one, and zero if not.
type Orchard struct {
	WeightScale float64 `json:"weight_scale"` // the most that a weight changes by an example, above 0; 0.005 if zero
	BiasScale   float64 `json:"bias_scale"`   // likewise for a bias; 0.008 if zero
	WeightLimit float64 `json:"weight_limit"` // the size of a weight at most, above 0; 15 if zero
	BiasLimit   float64 `json:"bias_limit"`   // likewise for a bias; 166 if zero
	Std         float64 `json:"init"`         // size of the networks' outputs at the start of meta-training, above 0; 1 if zero
}

var _ rule.Rule = (*Orchard)(nil)

var (
	weightNetwork = network{name: "weight.", inputs: 4, hidden: 4, outputs: 1}
	biasNetwork   = network{name: "bias.", inputs: 2, hidden: 3, outputs: 1}
)

// Name implements rule.Rule.
func (*Orchard) Name() string { return "orchard" }

// Spec implements rule.Rule. Phi holds the weights' network, whose inputs are in the order w(i,j), y(i), x(j), b(j), and then the
// biases', in the order x(j), b(j).
func (*Orchard) Spec() rule.Spec {
	return rule.Spec{
		Reads: rule.Theta | rule.Pre | rule.Potential, Scope: rule.Whole, Phi: append(weightNetwork.phi(), biasNetwork.phi()...),
	}
}

func (r *Orchard) filled() Orchard {
	return Orchard{
		WeightScale: cmp.Or(r.WeightScale, 0.005), BiasScale: cmp.Or(r.BiasScale, 0.008),
		WeightLimit: cmp.Or(r.WeightLimit, 15), BiasLimit: cmp.Or(r.BiasLimit, 166), Std: cmp.Or(r.Std, 1),
	}
}

// Validate reports a field out of its range.
func (r *Orchard) Validate() error {
	f := r.filled()
	return hyper.Check("orchard", size("weight_scale", f.WeightScale), size("bias_scale", f.BiasScale),
		size("weight_limit", f.WeightLimit), size("bias_limit", f.BiasLimit), size("init", f.Std))
}

// MarshalJSON writes the configuration with every default in its place.
func (r *Orchard) MarshalJSON() ([]byte, error) {
	type plain Orchard
	return json.Marshal(plain(r.filled()))
}

// Init implements rule.Rule.
func (r *Orchard) Init(phi []float32, key uint64) {
	n, std := weightNetwork.phi().Len(), r.filled().Std
	weightNetwork.init(phi[:n], rng.Split(key, 0), std)
	biasNetwork.init(phi[n:], rng.Split(key, 1), std)
}

// Update implements rule.Rule.
func (r *Orchard) Update(in rule.Inputs) (rule.Outputs, error) {
	b := new(graph.Builder)
	var out rule.Outputs
	for _, x := range in.Tensors {
		var step *G.Node
		if len(x.Spec.Shape) == 2 {
			step = r.weights(b, in, x)
		} else {
			step = r.biases(b, in, x)
		}
		out.Tensors = append(out.Tensors, rule.TensorOutputs{Step: step})
	}
	return out, b.Err()
}

func (r *Orchard) weights(b *graph.Builder, in rule.Inputs, x rule.TensorInputs) *G.Node {
	f, s := r.filled(), synapsesOf(b, x.Spec, x.Potential)
	asked := b.Stack(s.own(x.Theta), s.before(x.Pre), s.behind(x.Potential), s.bias(in, x))
	step := b.Scale(f.WeightScale, b.Tanh(weightNetwork.apply(b, in.Phi, asked)))
	return within(b, f.WeightLimit, x, s.sum(step))
}

func (r *Orchard) biases(b *graph.Builder, in rule.Inputs, x rule.TensorInputs) *G.Node {
	f, s := r.filled(), synapsesOf(b, x.Spec, x.Potential)
	asked := b.Stack(s.behind(x.Potential), s.own(x.Theta))
	step := b.Scale(f.BiasScale, b.Tanh(biasNetwork.apply(b, in.Phi, asked)))
	return within(b, f.BiasLimit, x, s.sum(step))
}

// bias returns the bias of the postsynaptic neuron, for each synapse.
func (s synapses) bias(in rule.Inputs, x rule.TensorInputs) *G.Node {
	if rest, is := strings.CutPrefix(x.Spec.Name, "w"); is {
		for _, other := range in.Tensors {
			if other.Spec.Name == "b"+rest && len(other.Spec.Shape) == 1 {
				return s.everywhere(other)
			}
		}
	}
	return s.all(s.Const(x.Theta, 0))
}

// everywhere returns a bias of each postsynaptic neuron for all examples and presynaptic neurons.
func (s synapses) everywhere(bias rule.TensorInputs) *G.Node {
	if n := bias.Spec.Len(); n != s.post {
		s.Fail(fmt.Errorf("%d biases %v for weights %v; want one for each postsynaptic neuron", n, bias.Spec, s.weights))
		return nil
	}
	return s.Reshape(s.Spread(bias.Theta, 0, s.examples*s.pre, s.post), 1, s.count())
}

// within cuts a step off where it would take a weight beyond the limit, and gives it the shape of the weights.
func within(b *graph.Builder, limit float64, x rule.TensorInputs, step *G.Node) *G.Node {
	pre, post := neurons(x.Spec)
	w := b.Reshape(x.Theta, pre, post)
	return shaped(b, b.Sub(b.Clamp(b.Add(w, step), limit), w), x.Spec)
}
