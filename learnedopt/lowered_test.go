package learnedopt_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed1498fded/unroll/internal/rng"
	"github.com/seed1498fded/unroll/learnedopt"
	"github.com/seed1498fded/unroll/learnedopt/ruletest"
	"github.com/seed1498fded/unroll/params"
)

// written is a rule as if somebody else had written it: it has no kernels, so that its expression is lowered.
type written struct{ learnedopt.Rule }

func (written) Coordinatewise() {}

// expressions returns every rule of ours as somebody else's, and one that knows of no coordinates.
func expressions() map[string]learnedopt.Rule {
	rules := map[string]learnedopt.Rule{"whole": &whole{new(learnedopt.LSTM)}}
	for i, r := range handMade() {
		rules[fmt.Sprintf("%d %s", i, r.Name())] = &written{r}
	}
	for i := range lstms {
		rules[fmt.Sprintf("%d layers of %d", lstms[i].Layers, lstms[i].Hidden)] = &written{&lstms[i]}
	}
	return rules
}

func TestLoweredLaws(t *testing.T) {
	for name, r := range expressions() {
		t.Run(name, func(t *testing.T) { ruletest.Run(t, r) })
	}
}

// A lowered expression does what it does as it is written, in float32 and against float64.
func TestLoweredIsTheExpression(t *testing.T) {
	for name, r := range expressions() {
		sizes := []int{1, 2, 33, 300}
		switch {
		case name == "whole":
			sizes = sizes[1:] // a vector of one element is a scalar, which the LSTM does not take
		case r.State(vector(1)).Len() < 4:
			sizes = append(sizes, 5000) // more than a block of what has little state
		}
		for _, n := range sizes {
			t.Run(fmt.Sprintf("%s/%d", name, n), func(t *testing.T) { testLoweredIsTheExpression(t, r, n) })
		}
	}
}

func testLoweredIsTheExpression(t *testing.T, r learnedopt.Rule, n int) {
	lowered := newWalk(t, learnedopt.Compile[float32], r, n)
	single := newWalk(t, learnedopt.CompileGraph[float32], r, n)
	double := newWalk(t, learnedopt.CompileGraph[float64], r, n)
	e := newEpisode[float32](r, n, 4)
	for _, grad := range e.grads {
		lowered.take(t, grad)
		single.take(t, grad)
		double.take(t, params.Convert[float64](grad))
	}
	got := lowered.outcome(t, e)
	single.outcome(t, e).agree(t, got, 1e-5)
	double.outcome(t, e).agree(t, got, 1e-5)
}

// outcome is what the last step and its pullback give.
func (w *walk[F]) outcome(t *testing.T, e episode[float32]) outcome {
	t.Helper()
	n, last := w.c.Coordinates(), len(e.grads)-1
	next := make([]float32, len(w.state))
	rng.Normal(next, 3, 1)
	d := learnedopt.Cotangents[F]{
		Step: params.Convert[F](e.dStep[last]), Next: params.Convert[F](next),
		Phi: make([]F, len(w.phi)), State: make([]F, len(w.state)), Grad: make([]F, n), Theta: make([]F, n),
	}
	require.NoError(t, w.c.Pullback(d, w.point(params.Convert[F](e.grads[last]))))
	return outcome{
		step: params.Convert[float64](w.step), state: params.Convert[float64](w.state), dPhi: params.Convert[float64](d.Phi),
		dState: params.Convert[float64](d.State), dGrad: params.Convert[float64](append(d.Grad, d.Theta...)),
	}
}

// Once compiled, a lowered rule allocates nothing, forwards and back.
func TestLoweredAllocatesNothing(t *testing.T) {
	for name, r := range expressions() {
		t.Run(name, func(t *testing.T) {
			const n = 600
			w := newWalk(t, learnedopt.Compile[float32], r, n)
			grad := newEpisode[float32](r, n, 1).grads[0]
			w.take(t, grad)
			p := w.point(grad)
			require.Zero(t, testing.AllocsPerRun(10, func() { _ = w.c.Step(w.step, w.state, p) }))
			d := learnedopt.Cotangents[float32]{
				Step: make([]float32, n), Next: make([]float32, len(w.state)), Phi: make([]float32, len(w.phi)),
				State: make([]float32, len(w.state)), Grad: make([]float32, n), Theta: make([]float32, n),
			}
			require.Zero(t, testing.AllocsPerRun(10, func() { _ = w.c.Pullback(d, p) }))
		})
	}
}
