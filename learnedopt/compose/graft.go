package compose

import (
	"cmp"
	"encoding/json"
	"fmt"

	G "gorgonia.org/gorgonia"

	"github.com/seed1498fded/unroll/internal/graph"
	"github.com/seed1498fded/unroll/learnedopt/handmade"
	"github.com/seed1498fded/unroll/learnedopt/internal/hyper"
	"github.com/seed1498fded/unroll/learnedopt/rule"
)

// Graft moves in the direction of one rule by the length of another's step (Agarwal et al. 2020, Disentangling Adaptive
// Gradient Methods from Learning Rates, arXiv 2002.11803):
//
//	step = d·‖l‖/‖d‖
//
// with d and l the steps of both, which see the same gradients and the weights as they are moved together. Lengths are Euclidean,
// of each tensor or of all. Where d is 0 so is the step.
type Graft struct {
	Direction Inner  `json:"direction"` // Adam if left out
	Length    Inner  `json:"length"`    // SGD if left out
	Per       string `json:"per"`       // whose lengths: tensor or all; tensor if empty
}

var _ composition = (*Graft)(nil)

// What lengths may be of.
const (
	perTensor = "tensor"
	perAll    = "all"
)

// scopeOf is what a rule sees that takes lengths.
func scopeOf(per string) rule.Scope {
	if per == perAll {
		return rule.Whole
	}
	return rule.Tensor
}

// checkPer reports a word for neither.
func checkPer(per string) error {
	if per != perTensor && per != perAll {
		return fmt.Errorf("per is %.30q, want %s or %s", per, perTensor, perAll)
	}
	return nil
}

// Name implements rule.Rule.
func (*Graft) Name() string { return "graft" }

func (r *Graft) filled() Graft {
	return Graft{r.Direction.or(new(handmade.Adam)), r.Length.or(new(handmade.SGD)), cmp.Or(r.Per, perTensor)}
}

func (r *Graft) parts() []part {
	f := r.filled()
	return []part{newPart("direction", f.Direction), newPart("length", f.Length)}
}

// Spec implements rule.Rule.
func (r *Graft) Spec() rule.Spec { return join(scopeOf(r.filled().Per), r.parts()) }

// Init implements rule.Rule.
func (r *Graft) Init(phi []float32, key uint64) { initParts(r.parts(), phi, key) }

// Validate reports a field out of its range.
func (r *Graft) Validate() error {
	f := r.filled()
	return hyper.Check("graft", f.Direction.check(), f.Length.check(), checkPer(f.Per))
}

// MarshalJSON writes the configuration with every default in its place.
func (r *Graft) MarshalJSON() ([]byte, error) {
	type plain Graft
	return json.Marshal(plain(r.filled()))
}

// Update implements rule.Rule.
func (r *Graft) Update(in rule.Inputs) (rule.Outputs, error) {
	b, parts := new(graph.Builder), r.parts()
	direction, length := parts[0].update(b, in), parts[1].update(b, in)
	d, l := lengths(b, steps(direction), r.filled().Per), lengths(b, steps(length), r.filled().Per)
	collect(&direction, length)
	for i := range direction.Tensors {
		x := &direction.Tensors[i]
		x.Step = b.Mul(x.Step, b.Div(l[i], orOne(b, d[i])))
	}
	return direction, b.Err()
}

// InitState implements rule.InitialState.
func (r *Graft) InitState(in rule.Inputs) (rule.Outputs, error) { return start(r.parts(), in) }

func steps(out rule.Outputs) []*G.Node {
	var list []*G.Node
	for _, x := range out.Tensors {
		list = append(list, x.Step)
	}
	return list
}

// lengths returns for each tensor its length, or that of all.
func lengths(b *graph.Builder, tensors []*G.Node, per string) []*G.Node {
	list := make([]*G.Node, len(tensors))
	if per == perAll {
		all := hyper.Norm(b, tensors...)
		for i := range list {
			list[i] = all
		}
		return list
	}
	for i, x := range tensors {
		list[i] = hyper.Norm(b, x)
	}
	return list
}

// orOne returns a length, or 1 in the place of 0.
func orOne(b *graph.Builder, length *G.Node) *G.Node {
	if b.Err() != nil {
		return nil
	}
	return b.Add(length, b.Shift(1, b.Neg(b.Greater(length, b.Const(length, 0)))))
}
