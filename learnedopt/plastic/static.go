package plastic

import (
	"github.com/seed1498fded/unroll/internal/graph"
	"github.com/seed1498fded/unroll/learnedopt/rule"
)

// Static moves nothing and learns nothing: what there is without plasticity, for comparison. It runs on any problem.
//
//	Δw = 0
type Static struct{}

var _ rule.Rule = (*Static)(nil)

// Name implements rule.Rule.
func (*Static) Name() string { return "static" }

// Spec implements rule.Rule. Phi is empty.
func (*Static) Spec() rule.Spec { return rule.Spec{Reads: rule.Theta} }

// Init implements rule.Rule.
func (*Static) Init([]float32, uint64) {}

// Update implements rule.Rule.
func (*Static) Update(in rule.Inputs) (rule.Outputs, error) {
	b := new(graph.Builder)
	return rule.One(b.Scale(0, in.Tensors[0].Theta), nil), b.Err()
}
