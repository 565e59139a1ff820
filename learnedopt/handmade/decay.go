package handmade

import (
	"fmt"
	"math"

	G "gorgonia.org/gorgonia"

	"github.com/seed1498fded/unroll/internal/graph"
	"github.com/seed1498fded/unroll/learnedopt/internal/hyper"
	"github.com/seed1498fded/unroll/learnedopt/rule"
	"github.com/seed1498fded/unroll/params"
)

// A decay is λ of a rule whose weights decay only if λ is above 0. Phi has a log_decay at its end then.
type decay float64

// spec adds what a decay reads and learns.
func (d decay) spec(s rule.Spec) rule.Spec {
	if d > 0 {
		s.Reads |= rule.Theta
		s.Phi = append(append(params.Layout{}, s.Phi...), hyper.Scalars("log_decay")...)
	}
	return s
}

// init fills in the end of phi.
func (d decay) init(phi []float32) {
	if d > 0 {
		phi[len(phi)-1] = hyper.Log(float64(d))
	}
}

// add returns x + λ·theta.
func (d decay) add(b *graph.Builder, in rule.Inputs, x, theta *G.Node) *G.Node {
	if d > 0 {
		return b.Add(x, b.Mul(b.Exp(in.Phi["log_decay"]), theta))
	}
	return x
}

// check reports a λ that is no finite number, or below 0.
func (d decay) check() error {
	if v := float64(d); !(v >= 0) || math.IsInf(v, 1) {
		return fmt.Errorf("decay is %v, want 0 or a number above 0", v)
	}
	return nil
}
