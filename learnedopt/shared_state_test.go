package learnedopt_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	G "gorgonia.org/gorgonia"

	"github.com/seed1498fded/unroll/internal/graph"
	"github.com/seed1498fded/unroll/learnedopt"
	"github.com/seed1498fded/unroll/learnedopt/ruletest"
	"github.com/seed1498fded/unroll/params"
)

// A pacer is a rule that is not coordinatewise: its steps grow with a number that all coordinates share, and that depends
// on phi,
//
//	s ← e^φ s + 1,  step = −0.1 s g.
type pacer struct{}

func (pacer) Name() string                      { return "pacer" }
func (pacer) Reads() learnedopt.Vars            { return learnedopt.Grad }
func (pacer) Phi() params.Layout                { return params.Layout{{Name: "log_growth", Shape: []int{1}}} }
func (pacer) Init(phi []float32, _ uint64)      { phi[0] = -0.5 }
func (pacer) State(params.Layout) params.Layout { return params.Layout{{Name: "s", Shape: []int{1}}} }

func (pacer) Update(in learnedopt.Inputs) (*G.Node, map[string]*G.Node, error) {
	b := new(graph.Builder)
	s := b.Shift(1, b.Mul(b.Exp(in.Phi["log_growth"]), in.State["s"]))
	return b.Scale(-0.1, b.Mul(s, in.Grad)), map[string]*G.Node{"s": s}, b.Err()
}

// The laws hold for a state that is shared and depends on phi, where the rule does not say that it is coordinatewise.
func TestSharedStateThatDependsOnPhi(t *testing.T) { ruletest.Run(t, new(pacer)) }

// In closed form: over two steps from s = 0, s₁ = 1 and s₂ = e^φ + 1, so that φ moves the second step alone, by e^φ a unit.
func TestCotangentsOfASharedState(t *testing.T) {
	c, err := learnedopt.Compile[float64](pacer{}, vector(600))
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
