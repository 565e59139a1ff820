package plastic

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"

	G "gorgonia.org/gorgonia"

	"github.com/seed1498fded/unroll/internal/brief"
	"github.com/seed1498fded/unroll/internal/formula"
	"github.com/seed1498fded/unroll/internal/graph"
	"github.com/seed1498fded/unroll/learnedopt/internal/hyper"
	"github.com/seed1498fded/unroll/learnedopt/rule"
)

// Formula moves every synapse by what a formula makes of what it feels, as genetic programming finds it (Bengio, Bengio and
// Cloutier 1995, "On the search for new learning rules for ANNs", searched for rules in that form). The formula is of pre, post,
// potential, mod, target and reward, see package params; of weight; of numbers; and of + - * /, tanh(x) and abs(x):
//
//	0.5*pre*(target - post)
//
// The numbers in it, from left to right, are learned: phi starts with them. The step on several examples is the sum of the
// formula's value over them. A formula that reads nothing of any example, such as -0.01*weight, counts once.
type Formula struct {
	Formula string `json:"formula"` // 0.1*pre*mod, the delta rule where mod is an error, if empty
}

var _ rule.Rule = (*Formula)(nil)

// Name implements rule.Rule.
func (*Formula) Name() string { return "formula" }

func (r *Formula) text() string { return cmp.Or(r.Formula, "0.1*pre*mod") }

// parsed returns the formula's tree, and that of 0 for a text that is none, which Validate reports.
func (r *Formula) parsed() *formula.Node {
	n, err := formula.Parse(r.text())
	if err != nil {
		return formula.Number(0)
	}
	return n
}

// Validate reports a text that is no formula, with the place.
func (r *Formula) Validate() error {
	_, err := formula.Parse(r.text())
	if err != nil {
		err = fmt.Errorf("formula is %s: %w", brief.Quote(r.text()), err)
	}
	return hyper.Check("formula", err)
}

// MarshalJSON writes the configuration with the default in its place.
func (r *Formula) MarshalJSON() ([]byte, error) {
	type plain Formula
	return json.Marshal(plain{r.text()})
}

// formulaReads says what a rule reads for each variable.
var formulaReads = map[formula.Kind]rule.Vars{
	formula.Pre: rule.Pre, formula.Post: rule.Post, formula.Potential: rule.Potential, formula.Weight: rule.Theta,
	formula.Mod: rule.Mod, formula.Target: rule.Target, formula.Reward: rule.Reward,
}

// Spec implements rule.Rule. Phi holds the formula's numbers, c0, c1 and so on.
func (r *Formula) Spec() rule.Spec {
	n := r.parsed()
	s := rule.Spec{Scope: rule.Tensor}
	for variable, read := range formulaReads {
		if n.Reads(variable) {
			s.Reads |= read
		}
	}
	var names []string
	for i := range n.Constants() {
		names = append(names, formulaConstant(i))
	}
	s.Phi = hyper.Scalars(names...)
	return s
}

func formulaConstant(i int) string { return fmt.Sprintf("c%d", i) }

// Init implements rule.Rule: phi starts with the numbers in the text.
func (r *Formula) Init(phi []float32, _ uint64) { copy(phi, r.parsed().Constants()) }

// Learned returns the formula's text with the numbers of phi in the place of its own, simplified. Phi must be of the rule's length.
func (r *Formula) Learned(phi []float32) string {
	n := r.parsed()
	if want := len(n.Constants()); len(phi) != want {
		panic(fmt.Sprintf("plastic: a phi of %d numbers for a formula of %d", len(phi), want))
	}
	return n.With(phi).Simplify().String()
}

// Update implements rule.Rule. A formula whose factors belong each to one side of the synapse, as in polynomials, becomes products
// of matrices; any other is computed for each example and synapse.
func (r *Formula) Update(in rule.Inputs) (rule.Outputs, error) {
	b := new(graph.Builder)
	n := r.parsed()
	step := formulaByProducts(b, n, in)
	if step == nil && b.Err() == nil {
		step = formulaByElement(b, n, in)
	}
	return rule.One(shaped(b, step, in.Tensors[0].Spec), nil), b.Err()
}

// formulaFunction writes one operation.
func formulaFunction(b *graph.Builder, k formula.Kind, args []*G.Node) *G.Node {
	x, y := args[0], args[len(args)-1]
	switch k {
	case formula.Add:
		return b.Add(x, y)
	case formula.Sub:
		return b.Sub(x, y)
	case formula.Mul:
		return b.Mul(x, y)
	case formula.Div:
		return b.Div(x, y)
	case formula.Neg:
		return b.Neg(x)
	case formula.Tanh:
		return b.Tanh(x)
	}
	return b.Abs(x)
}

// formulaFelt lists what a rule reads of the examples.
func formulaFelt(x rule.TensorInputs) []*G.Node {
	return slices.DeleteFunc([]*G.Node{x.Pre, x.Potential, x.Post, x.Mod, x.Target}, func(n *G.Node) bool { return n == nil })
}

// formulaInput returns a variable's input.
func formulaInput(k formula.Kind, in rule.Inputs) *G.Node {
	x := in.Tensors[0]
	return map[formula.Kind]*G.Node{
		formula.Pre: x.Pre, formula.Post: x.Post, formula.Potential: x.Potential, formula.Weight: x.Theta, formula.Mod: x.Mod,
		formula.Target: x.Target, formula.Reward: in.Reward,
	}[k]
}

// formulaByElement writes the step as the sum over examples of a value for each example and synapse. The formula reads something of
// the examples: what does not is a product.
func formulaByElement(b *graph.Builder, n *formula.Node, in rule.Inputs) *G.Node {
	x := in.Tensors[0]
	var s synapses
	for _, felt := range formulaFelt(x) {
		s = synapsesOf(b, x.Spec, felt)
	}
	constants := 0
	var write func(n *formula.Node) *G.Node
	write = func(n *formula.Node) *G.Node {
		switch {
		case n.Kind == formula.Const:
			constants++
			return in.Phi[formulaConstant(constants-1)]
		case n.Kind == formula.Reward:
			return in.Reward
		case n.Kind == formula.Pre:
			return s.before(x.Pre)
		case n.Kind == formula.Weight:
			return s.own(x.Theta)
		case n.Kind.Variable():
			return s.behind(formulaInput(n.Kind, in))
		}
		var args []*G.Node
		for _, a := range n.Args {
			args = append(args, write(a))
		}
		return formulaFunction(b, n.Kind, args)
	}
	return s.sum(write(n))
}
