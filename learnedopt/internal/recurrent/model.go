package recurrent

import (
	"github.com/seed1498fded/unroll/internal/kernel"
	"github.com/seed1498fded/unroll/learnedopt/internal/engine"
	"github.com/seed1498fded/unroll/params"
)

// A Model is a rule whose coordinates are each a stack of LSTM cells: what its workers share. A coordinate's state is what
// the model has of its own, then h0, c0, h1, c1, ... of the cells; after all coordinates' comes what is shared.
type Model[F params.Float] interface {
	Shape() kernel.Shape
	Scale() F    // multiplies read-outs
	Phi() int    // numbers of phi
	Own() int    // numbers of state a coordinate beside those of the cells, a vector of all coordinates each
	Shared() int // numbers of state that there are once

	// Take takes up phi, of which it packs the cells' weights, and the shared state of a step, or of a window's first.
	Take(w *kernel.Weights[F], phi, shared []F)
	// Next writes the shared state after the step.
	Next(shared []F)
	// Front makes what a worker needs before and behind the cells, for blocks of up to BlockLen coordinates.
	Front() Front[F]
}

// A Front is what lies before the cells, from gradients to features, and behind them, from read-outs to steps. It belongs to
// one worker, and works on one block at a time. What the way back needs it keeps for the steps of a window.
type Front[F params.Float] interface {
	Reserve(window int)

	// Load begins with a block's share of its own state of n coordinates; Save stores it, as the steps since have left it.
	Load(own []F, n int, b engine.Block)
	Save(own []F, n int, b engine.Block)

	In(cells *kernel.Block[F], t int, grad []F) // the features of step t
	Out(t int, out []F)                         // turns read-outs into steps

	// OutBack returns the cotangents of the read-outs of step t.
	OutBack(t int, dStep []F) []F
	// InBack carries the cotangents of the features of step t back as far as its weights, and adds up theirs.
	InBack(cells *kernel.Block[F], t, n int)
	// StateBack goes on, for the first step of a window, to what is there before it: dOwn may be dNext itself, dGrad may be
	// nil.
	StateBack(cells *kernel.Block[F], dOwn, dNext, dGrad []F, grad []F, n int, b engine.Block)

	// Clear forgets what InBack and StateBack have added up; AddTo adds it, and the gradient of the cells' weights, to the
	// cotangents of phi and of the shared state.
	Clear()
	AddTo(dPhi, dShared []F, cells *kernel.Gradient[F])
}
