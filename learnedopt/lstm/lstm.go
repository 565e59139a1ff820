package lstm

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math"

	G "gorgonia.org/gorgonia"

	"github.com/seed1498fded/unroll/internal/graph"
	"github.com/seed1498fded/unroll/internal/rng"
	"github.com/seed1498fded/unroll/learnedopt/internal/recurrent"
	"github.com/seed1498fded/unroll/learnedopt/rule"
	"github.com/seed1498fded/unroll/params"
)

// Rule is the learned optimizer of Andrychowicz et al. 2016 (section 2.1 and appendix A): a small LSTM that sees one
// coordinate's gradient and proposes that coordinate's step. All coordinates share its weights phi; each has its own
// hidden and cell state.
//
//	x⁰ = (log|g|/p, sgn g) where |g| ≥ e^−p, (−1, e^p·g) elsewhere; (g) alone where Preprocess is negative
//	i, f, g̃, o = W xˡ⁻¹ + U hˡ + b                             the gates of layer l, in PyTorch's order
//	cˡ ← σ(f)∘cˡ + σ(i)∘tanh(g̃)
//	hˡ ← σ(o)∘tanh(cˡ),  xˡ = hˡ
//	step = Scale·(v·x^L + v₀)
//
// The logarithm is the natural one. W xˡ⁻¹ + U hˡ uses hˡ of the step before, zero at the start like cˡ; what is added to
// theta is step itself, without a minus sign.
//
// With the defaults phi has 5,141 numbers and the state 80 a coordinate. The tensors of phi are named and shaped like
// those of torch.nn.LSTM and torch.nn.Linear, except that each gate has one bias and not two: in order, for each layer
// l = 0, 1, ... lstm.weight_ih_l (W) [4·Hidden, inputs], lstm.weight_hh_l (U) [4·Hidden, Hidden] and lstm.bias_l (b)
// [4·Hidden], then linear.weight (v) [1, Hidden] and linear.bias (v₀) [1]. The rows of W, U and b are those of gate i for
// all units, then of f, g̃ and o. The state's tensors are in order h0, c0, h1, c1, ..., each [coordinates, Hidden] in row
// order.
type Rule struct {
	Hidden     int     `json:"hidden"`     // units a layer; 20 if zero, at most 1024; multiples of 4 run on kernels
	Layers     int     `json:"layers"`     // 2 if zero, at most 16
	Scale      float64 `json:"scale"`      // of the output; 0.1 if zero
	Preprocess float64 `json:"preprocess"` // p; 10 if zero, at most 80; a negative value feeds the gradient as it is
}

var (
	_ rule.Rule    = (*Rule)(nil)
	_ rule.Kernels = (*Rule)(nil)
)

// Name implements rule.Rule.
func (*Rule) Name() string { return "lstm" }

// Spec implements rule.Rule. The state of a coordinate is h and c of each layer: h0, c0, h1, c1, ..., of Hidden numbers each.
func (r *Rule) Spec() rule.Spec {
	s := rule.Spec{Reads: rule.Grad, Phi: r.phi()}
	for l := range r.filled().Layers {
		s.State.PerCoordinate = append(s.State.PerCoordinate,
			rule.Row{Name: fmt.Sprintf("h%d", l), Width: r.hidden()}, rule.Row{Name: fmt.Sprintf("c%d", l), Width: r.hidden()})
	}
	return s
}

// The ranges of an LSTM's sizes, far above any in use. They bound what a small file can ask for.
const (
	maxHidden = 1024
	maxLayers = 16
	// maxPreprocess is a p at which e^p and e^−p are float32s still.
	maxPreprocess = 80
)

// filled returns r with every default in its place.
func (r *Rule) filled() Rule {
	return Rule{
		Hidden: cmp.Or(r.Hidden, 20), Layers: cmp.Or(r.Layers, 2),
		Scale: cmp.Or(r.Scale, 0.1), Preprocess: cmp.Or(r.Preprocess, 10),
	}
}

// Validate reports a field out of its range.
func (r *Rule) Validate() error {
	switch f := r.filled(); {
	case f.Hidden < 1 || f.Layers < 1:
		return fmt.Errorf("learnedopt: lstm of %d layers of %d units; want at least 1 of each", f.Layers, f.Hidden)
	case f.Hidden > maxHidden || f.Layers > maxLayers:
		return fmt.Errorf("learnedopt: lstm of %d layers of %d units; want at most %d layers of %d units", f.Layers, f.Hidden, maxLayers, maxHidden)
	case math.IsNaN(f.Scale) || math.Abs(f.Scale) > math.MaxFloat32:
		return fmt.Errorf("learnedopt: lstm: scale is %v, want a number of float32", f.Scale)
	case !(f.Preprocess <= maxPreprocess) || math.IsInf(f.Preprocess, -1):
		return fmt.Errorf("learnedopt: lstm: preprocess is %v, want at most %d", f.Preprocess, maxPreprocess)
	}
	return nil
}

// MarshalJSON writes the configuration with every default in its place, so that a file keeps its meaning.
func (r *Rule) MarshalJSON() ([]byte, error) {
	type plain Rule
	return json.Marshal(plain(r.filled()))
}

func (r *Rule) hidden() int        { return r.filled().Hidden }
func (r *Rule) preprocesses() bool { return r.filled().Preprocess > 0 }

// inputs returns the width of what layer l reads.
func (r *Rule) inputs(l int) int {
	switch {
	case l > 0:
		return r.hidden()
	case r.preprocesses():
		return 2
	}
	return 1
}

// phi lays out the meta-parameters.
func (r *Rule) phi() params.Layout {
	h := r.hidden()
	var phi params.Layout
	for l := range r.filled().Layers {
		phi = append(phi,
			params.Spec{Name: fmt.Sprintf("lstm.weight_ih_l%d", l), Shape: []int{4 * h, r.inputs(l)}},
			params.Spec{Name: fmt.Sprintf("lstm.weight_hh_l%d", l), Shape: []int{4 * h, h}},
			params.Spec{Name: fmt.Sprintf("lstm.bias_l%d", l), Shape: []int{4 * h}},
		)
	}
	return append(phi,
		params.Spec{Name: "linear.weight", Shape: []int{1, h}},
		params.Spec{Name: "linear.bias", Shape: []int{1}},
	)
}

// Init draws every weight from the uniform distribution on ±1/√Hidden, PyTorch's default for nn.LSTM.
func (r *Rule) Init(phi []float32, key uint64) {
	a := 1 / math.Sqrt(float64(r.hidden()))
	rng.Uniform(phi, key, -a, a)
}

// Update implements rule.Rule.
func (r *Rule) Update(in rule.Inputs) (rule.Outputs, error) {
	b := new(graph.Builder)
	grad, state := in.Tensors[0].Grad, in.Tensors[0].State
	n, width := grad.Shape()[0], r.hidden()
	x := b.Reshape(grad, n, 1)
	if r.preprocesses() {
		x = logSign(b, grad, r.filled().Preprocess)
	}
	next := make(map[string]*G.Node)
	for l := range r.filled().Layers {
		h, c := fmt.Sprintf("h%d", l), fmt.Sprintf("c%d", l)
		next[h], next[c] = r.layer(b, l, in.Phi, x, state[h], state[c])
		x = next[h]
	}
	out := b.MatMul(x, b.Reshape(in.Phi["linear.weight"], width))
	step := b.Scale(r.filled().Scale, b.Add(out, in.Phi["linear.bias"]))
	return rule.One(step, next), b.Err()
}

// layer writes layer l of n coordinates: what becomes of its hidden and cell states, [n, Hidden] each, under inputs x, a row a
// coordinate.
func (r *Rule) layer(b *graph.Builder, l int, phi map[string]*G.Node, x, h, c *G.Node) (nextH, nextC *G.Node) {
	if b.Err() != nil {
		return nil, nil
	}
	n, width := x.Shape()[0], r.hidden()
	w, u := phi[fmt.Sprintf("lstm.weight_ih_l%d", l)], phi[fmt.Sprintf("lstm.weight_hh_l%d", l)]
	gates := b.Add(b.MatMul(x, b.Transpose(w)), b.MatMul(h, b.Transpose(u)))
	gates = b.Add(gates, b.RepeatRows(phi[fmt.Sprintf("lstm.bias_l%d", l)], n))
	gate := func(k int) *G.Node { return b.Columns(gates, k*width, (k+1)*width) }
	nextC = b.Add(b.Mul(b.Sigmoid(gate(1)), c), b.Mul(b.Sigmoid(gate(0)), b.Tanh(gate(2))))
	return b.Mul(b.Sigmoid(gate(3)), b.Tanh(nextC)), nextC
}

// Kernel implements rule.Kernels, for sizes that have kernels.
func (r *Rule) Kernel(of rule.Rule, b rule.Binding, workers int) rule.Kernel {
	if of != rule.Rule(r) || !r.fits() {
		return nil
	}
	return recurrent.New(newModel[float32](r), b.Coordinates(), workers)
}
