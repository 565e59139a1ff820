package ruletest

import (
	"math"

	"github.com/seed1498fded/unroll/internal/graph"
	"github.com/seed1498fded/unroll/learnedopt"
	"github.com/seed1498fded/unroll/params"
)

// Ramp is a rule for the tests of those who run rules: it tells whether they count steps and know the horizon. It is gradient
// descent with a rate that falls in a straight line to zero, at step t of T
//
//	step = −LR·(1 − t/T)·g
type Ramp struct {
	LR float64 `json:"lr"` // above 0
}

// Name implements learnedopt.Rule.
func (*Ramp) Name() string { return "ramp" }

// Spec implements learnedopt.Rule.
func (*Ramp) Spec() learnedopt.Spec {
	return learnedopt.Spec{
		Reads: learnedopt.Grad | learnedopt.Step | learnedopt.Horizon, Phi: params.Layout{{Name: "log_lr", Shape: []int{1}}},
	}
}

// Init implements learnedopt.Rule.
func (r *Ramp) Init(phi []float32, _ uint64) { phi[0] = float32(math.Log(r.LR)) }

// Update implements learnedopt.Rule.
func (*Ramp) Update(in learnedopt.Inputs) (learnedopt.Outputs, error) {
	b := new(graph.Builder)
	rate := b.Mul(b.Exp(in.Phi["log_lr"]), b.Shift(-1, b.Div(in.Step, in.Horizon)))
	return learnedopt.One(b.Mul(rate, in.Tensors[0].Grad), nil), b.Err()
}
