package plastic_test

import (
	"testing"

	"github.com/seed1498fded/unroll/internal/graph"
	"github.com/seed1498fded/unroll/learnedopt"
	"github.com/seed1498fded/unroll/learnedopt/rule"
	"github.com/seed1498fded/unroll/learnedopt/ruletest"
	"github.com/seed1498fded/unroll/params"
)

// mine is the rule of docs/extending.md: the delta rule, with weights that decay where they are at work.
type mine struct{}

func (*mine) Name() string                 { return "mine" }
func (*mine) Init(phi []float32, _ uint64) { phi[0], phi[1] = 0.3, 0.1 }
func (*mine) Spec() rule.Spec {
	return rule.Spec{
		Reads: rule.Theta | rule.Pre | rule.Mod, Scope: rule.Tensor,
		Phi: params.Layout{{Name: "rate", Shape: []int{1}}, {Name: "decay", Shape: []int{1}}},
	}
}

func (*mine) Update(in rule.Inputs) (rule.Outputs, error) {
	b, x := new(graph.Builder), in.Tensors[0]
	learn := b.MatMul(b.Transpose(x.Pre), x.Mod)
	forget := b.Mul(b.Reshape(x.Theta, x.Pre.Shape()[1], x.Mod.Shape()[1]), b.MatMul(b.Transpose(x.Pre), b.Square(x.Mod)))
	step := b.Sub(b.Mul(in.Phi["rate"], learn), b.Mul(in.Phi["decay"], forget))
	return rule.One(b.Reshape(step, x.Spec.Shape...), nil), b.Err()
}

func TestARuleOfOnesOwn(t *testing.T) { ruletest.Run(t, func() learnedopt.Rule { return new(mine) }) }
