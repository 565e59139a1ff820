package ruletest_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	G "gorgonia.org/gorgonia"

	"github.com/seed1498fded/unroll/internal/graph"
	"github.com/seed1498fded/unroll/learnedopt"
	"github.com/seed1498fded/unroll/learnedopt/ruletest"
	"github.com/seed1498fded/unroll/params"
)

// A pacer is a rule whose steps grow with a number that all share, and that depends on phi,
//
//	s ← e^φ s + 1,  step = −0.1 s g.
type pacer struct{ Scope learnedopt.Scope }

func (pacer) Name() string                 { return "pacer" }
func (pacer) Init(phi []float32, _ uint64) { phi[0] = -0.5 }
func (p pacer) Spec() learnedopt.Spec {
	one := func(name string) params.Layout { return params.Layout{{Name: name, Shape: []int{1}}} }
	return learnedopt.Spec{Reads: learnedopt.Grad, Scope: p.Scope, Phi: one("log_growth"), State: learnedopt.State{Shared: one("s")}}
}

func (pacer) Update(in learnedopt.Inputs) (learnedopt.Outputs, error) {
	b := new(graph.Builder)
	s := b.Shift(1, b.Mul(b.Exp(in.Phi["log_growth"]), in.Shared["s"]))
	out := learnedopt.Outputs{Shared: map[string]*G.Node{"s": s}}
	for _, x := range in.Tensors {
		out.Tensors = append(out.Tensors, learnedopt.TensorOutputs{Step: b.Scale(-0.1, b.Mul(s, x.Grad))})
	}
	return out, b.Err()
}

// The laws hold for a state that is shared and depends on phi, in every scope.
func TestSharedStateThatDependsOnPhi(t *testing.T) {
	for _, scope := range []learnedopt.Scope{learnedopt.Coordinates, learnedopt.Tensor, learnedopt.Whole} {
		t.Run(scope.String(), func(t *testing.T) { ruletest.Run(t, func() learnedopt.Rule { return &pacer{scope} }) })
	}
}

// In closed form: over two steps from s = 0, s₁ = 1 and s₂ = e^φ + 1, so that φ moves the second step alone, by e^φ a unit.
func TestCotangentsOfASharedState(t *testing.T) {
	c, err := learnedopt.Compile[float64](pacer{}, params.Layout{{Name: "theta", Shape: []int{600}}})
	require.NoError(t, err)
	phi, grad, d := []float64{-0.5}, make([]float64, 600), learnedopt.Cotangents[float64]{
		Step: make([]float64, 600), Next: []float64{0}, Phi: []float64{0}, State: []float64{0},
	}
	sum := 0.0
	for i := range grad {
		grad[i], d.Step[i] = float64(i%7)-2, float64(i%5)-1
		sum += grad[i] * d.Step[i]
	}
	require.NoError(t, c.Pullback(d, learnedopt.Point[float64]{Phi: phi, State: []float64{1}, Grad: grad}))
	const growth = 0.6065306597126334 // e^−½
	require.InEpsilon(t, -0.1*growth*sum, d.Phi[0], 1e-12)
	require.InEpsilon(t, -0.1*growth*sum, d.State[0], 1e-12)

	d.Next[0] = 3 // what comes after the step depends on s too
	clear(d.Phi)
	require.NoError(t, c.Pullback(d, learnedopt.Point[float64]{Phi: phi, State: []float64{1}, Grad: grad}))
	require.InEpsilon(t, growth*(3-0.1*sum), d.Phi[0], 1e-12)
	require.InEpsilon(t, growth*(3-0.1*sum), d.State[0], 1e-12)
}

func TestRamp(t *testing.T) {
	ruletest.Run(t, func() learnedopt.Rule { return &ruletest.Ramp{LR: 0.1} })
}
