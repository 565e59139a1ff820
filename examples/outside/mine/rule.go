// Package mine holds a rule and a problem of one's own.
package mine

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math"

	G "gorgonia.org/gorgonia"

	"github.com/seed1498fded/unroll/learnedopt"
	"github.com/seed1498fded/unroll/params"
)

// Bounded is momentum that no gradient can drive further than α in a step:
//
//	m ← βm + (1−β)g,  step = −α·tanh(m)
//
// α and β are learned, as log α and the logit of β, so that every real number will do.
type Bounded struct {
	Bound float64 `json:"bound"` // α at the start of learning; 0.1 if zero
}

var _ learnedopt.Rule = (*Bounded)(nil)

// Name is what files and command lines call the rule.
func (*Bounded) Name() string { return "bounded" }

// Spec says that the rule moves each coordinate by itself, after its gradient, and remembers a number for it.
func (*Bounded) Spec() learnedopt.Spec {
	number := []int{1}
	return learnedopt.Spec{
		Reads: learnedopt.Grad, Scope: learnedopt.Coordinates,
		Phi:   params.Layout{{Name: "log_bound", Shape: number}, {Name: "logit_beta", Shape: number}},
		State: learnedopt.State{PerCoordinate: []learnedopt.Row{{Name: "m"}}},
	}
}

func (r *Bounded) bound() float64 { return cmp.Or(r.Bound, 0.1) }

// Validate reports a setting out of its range.
func (r *Bounded) Validate() error {
	if !(r.bound() > 0) || math.IsInf(r.bound(), 1) {
		return fmt.Errorf("bounded: bound is %v, want a number above 0", r.Bound)
	}
	return nil
}

// MarshalJSON writes the default too, so that a file keeps its meaning when that changes.
func (r *Bounded) MarshalJSON() ([]byte, error) {
	return json.Marshal(map[string]float64{"bound": r.bound()})
}

// Init fills in where learning begins: α as the settings say, β = 1/2.
func (r *Bounded) Init(phi []float32, _ uint64) { phi[0], phi[1] = float32(math.Log(r.bound())), 0 }

// Update writes the two formulas.
func (*Bounded) Update(in learnedopt.Inputs) (learnedopt.Outputs, error) {
	var first error // the first error; all that follows from it fails with it
	try := func(n *G.Node, err error) *G.Node {
		first = cmp.Or(first, err)
		return n
	}
	x, logit := in.Tensors[0], in.Phi["logit_beta"]
	beta, rest := try(G.Sigmoid(logit)), try(G.Sigmoid(try(G.Neg(logit))))
	m := try(G.Add(try(G.HadamardProd(beta, x.State["m"])), try(G.HadamardProd(rest, x.Grad))))
	step := try(G.Neg(try(G.HadamardProd(try(G.Exp(in.Phi["log_bound"])), try(G.Tanh(m))))))
	return learnedopt.One(step, map[string]*G.Node{"m": m}), first
}
