package learnedopt_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed1498fded/unroll/learnedopt"
	"github.com/seed1498fded/unroll/learnedopt/handmade"
	"github.com/seed1498fded/unroll/learnedopt/lstm"
	"github.com/seed1498fded/unroll/learnedopt/stepsize"
)

// A vector of another length than the rule's is misuse, whichever it is: a panic that names it.
func TestVectorsOfAnotherLengthPanic(t *testing.T) {
	c, err := learnedopt.CompileWith[float64](new(stepsize.Polyak), vector(3), learnedopt.Options{Copies: 2})
	require.NoError(t, err)
	phi, state := c.Phi().Len(), c.State().Len()
	zeros := func(n int) []float64 { return make([]float64, n) }
	for what, spoil := range map[string]func(step, next *[]float64, p *learnedopt.Point[float64]){
		"phi of length":        func(_, _ *[]float64, p *learnedopt.Point[float64]) { p.Phi = zeros(phi + 1) },
		"state of length":      func(_, _ *[]float64, p *learnedopt.Point[float64]) { p.State = zeros(state + 1) },
		"gradient of length":   func(_, _ *[]float64, p *learnedopt.Point[float64]) { p.Grad = zeros(7) },
		"losses of length":     func(_, _ *[]float64, p *learnedopt.Point[float64]) { p.Loss = zeros(1) },
		"step of length":       func(step, _ *[]float64, _ *learnedopt.Point[float64]) { *step = zeros(5) },
		"next state of length": func(_, next *[]float64, _ *learnedopt.Point[float64]) { *next = zeros(state + 1) },
	} {
		p := learnedopt.Point[float64]{Phi: zeros(phi), State: zeros(state), Grad: zeros(6), Theta: zeros(6), Loss: zeros(2), Horizon: 1}
		step, next := zeros(6), zeros(state)
		require.NoError(t, c.Step(step, next, p))
		spoil(&step, &next, &p)
		requirePanic(t, what, func() { _ = c.Step(step, next, p) })
	}
	for what, spoil := range map[string]func(d *learnedopt.Cotangents[float64]){
		"cotangent of the step":       func(d *learnedopt.Cotangents[float64]) { d.Step = zeros(5) },
		"cotangent of the next state": func(d *learnedopt.Cotangents[float64]) { d.Next = zeros(state + 1) },
		"cotangent of phi":            func(d *learnedopt.Cotangents[float64]) { d.Phi = zeros(phi + 1) },
		"cotangent of the state":      func(d *learnedopt.Cotangents[float64]) { d.State = zeros(state + 1) },
		"cotangent of the gradient":   func(d *learnedopt.Cotangents[float64]) { d.Grad = zeros(7) },
		"cotangent of theta":          func(d *learnedopt.Cotangents[float64]) { d.Theta = zeros(1) },
		"cotangent of the loss":       func(d *learnedopt.Cotangents[float64]) { d.Loss = zeros(3) },
	} {
		p := learnedopt.Point[float64]{Phi: zeros(phi), State: zeros(state), Grad: zeros(6), Theta: zeros(6), Loss: zeros(2), Horizon: 1}
		d := learnedopt.Cotangents[float64]{
			Step: zeros(6), Next: zeros(state), Phi: zeros(phi), State: zeros(state), Grad: zeros(6), Theta: zeros(6), Loss: zeros(2),
		}
		require.NoError(t, c.Pullback(d, p))
		spoil(&d)
		requirePanic(t, what, func() { _ = c.Pullback(d, p) })
	}
	requirePanic(t, "state", func() { _ = c.Start(zeros(state+1), zeros(phi)) })
	requirePanic(t, "phi", func() { _ = c.Start(zeros(state), zeros(phi+1)) })
}

func requirePanic(t *testing.T, what string, f func()) {
	t.Helper()
	defer func() {
		t.Helper()
		require.Contains(t, recover(), what)
	}()
	f()
}

func TestWindowsOfAnotherLengthPanic(t *testing.T) {
	c, err := learnedopt.Compile[float32](&lstm.Rule{Hidden: 4}, vector(3))
	require.NoError(t, err)
	vectors := func(n int) [][]float32 { return [][]float32{make([]float32, 3), make([]float32, n)} }
	for what, spoil := range map[string]func(w *learnedopt.Window[float32]){
		"phi of length":         func(w *learnedopt.Window[float32]) { w.Phi = w.Phi[1:] },
		"state of length":       func(w *learnedopt.Window[float32]) { w.State = w.State[1:] },
		"cotangent of phi":      func(w *learnedopt.Window[float32]) { w.DPhi = w.DPhi[1:] },
		"gradient of length 2":  func(w *learnedopt.Window[float32]) { w.Grads = vectors(2) },
		"cotangent of a step":   func(w *learnedopt.Window[float32]) { w.DStep = vectors(4) },
		"1 gradients and 2 cot": func(w *learnedopt.Window[float32]) { w.Grads = w.Grads[:1] },
	} {
		n := c.Phi().Len()
		w := learnedopt.Window[float32]{
			Phi: make([]float32, n), State: make([]float32, c.State().Len()), Grads: vectors(3), DStep: vectors(3), DPhi: make([]float32, n),
		}
		require.NoError(t, c.PullbackWindow(w))
		spoil(&w)
		requirePanic(t, what, func() { _ = c.PullbackWindow(w) })
	}
	graph, err := learnedopt.CompileGraph[float32](&lstm.Rule{Hidden: 4}, vector(3))
	require.NoError(t, err)
	require.ErrorIs(t, graph.PullbackWindow(learnedopt.Window[float32]{}), learnedopt.ErrNoWindow)
	require.False(t, graph.HasWindow())
	adam, err := learnedopt.Compile[float32](new(handmade.Adam), vector(3))
	require.NoError(t, err)
	require.False(t, adam.HasWindow())
}
