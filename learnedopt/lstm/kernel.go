package lstm

import (
	"github.com/seed1498fded/unroll/internal/kernel"
	"github.com/seed1498fded/unroll/learnedopt/internal/engine"
	"github.com/seed1498fded/unroll/learnedopt/internal/recurrent"
	"github.com/seed1498fded/unroll/params"
)

// A model is the LSTM as a stack of cells: phi is in their own order.
type model[F params.Float] struct {
	config Rule // with every default in its place
	shape  kernel.Shape
	phi    int
}

func newModel[F params.Float](r *Rule) model[F] {
	return model[F]{r.filled(), r.kernelShape(), r.phi().Len()}
}

// fits says whether the kernels can do the hidden size.
func (r *Rule) fits() bool { return r.hidden()%4 == 0 }

// kernelShape returns r's sizes in the words of package kernel.
func (r *Rule) kernelShape() kernel.Shape {
	return kernel.Shape{Inputs: r.inputs(0), Hidden: r.hidden(), Layers: r.filled().Layers}
}

func (m model[F]) Shape() kernel.Shape                   { return m.shape }
func (m model[F]) Scale() F                              { return F(m.config.Scale) }
func (m model[F]) Phi() int                              { return m.phi }
func (m model[F]) Own() int                              { return 0 }
func (m model[F]) Shared() int                           { return 0 }
func (m model[F]) Take(w *kernel.Weights[F], phi, _ []F) { w.Pack(phi) }
func (m model[F]) Next([]F)                              {}

func (m model[F]) Front() recurrent.Front[F] {
	if m.config.Preprocess <= 0 {
		return raw[F]{}
	}
	return &logSigns[F]{logSign: newLogSign[F](m.config.Preprocess), logs: make([]F, recurrent.BlockLen)}
}

// raw is the front of cells that see gradients as they are, and say the steps.
type raw[F params.Float] struct{}

func (raw[F]) Reserve(int)                                  {}
func (raw[F]) Load([]F, int, engine.Block)                  {}
func (raw[F]) Save([]F, int, engine.Block)                  {}
func (raw[F]) Out(int, []F)                                 {}
func (raw[F]) OutBack(_ int, dStep []F) []F                 { return dStep }
func (raw[F]) InBack(*kernel.Block[F], int, int)            {}
func (raw[F]) Clear()                                       {}
func (raw[F]) AddTo(dPhi, _ []F, cells *kernel.Gradient[F]) { cells.AddTo(dPhi) }

func (raw[F]) In(cells *kernel.Block[F], t int, grad []F) {
	for i, g := range grad {
		cells.Features(t, i)[0] = g
	}
}

func (raw[F]) StateBack(cells *kernel.Block[F], _, _, dGrad, _ []F, _ int, _ engine.Block) {
	for i := range dGrad {
		dGrad[i] = cells.DFeatures(i)[0]
	}
}

// logSigns is the front of cells that see logarithm and sign.
type logSigns[F params.Float] struct {
	raw[F]
	logSign logSignOf[F]
	logs    []F // of a block's gradients
}

func (l *logSigns[F]) In(cells *kernel.Block[F], t int, grad []F) {
	logs := l.logs[:len(grad)]
	kernel.LogSize(logs, grad)
	for i, g := range grad {
		x := cells.Features(t, i)
		x[0], x[1] = l.logSign.features(g, logs[i])
	}
}

func (l *logSigns[F]) StateBack(cells *kernel.Block[F], _, _, dGrad, grad []F, _ int, _ engine.Block) {
	for i := range dGrad {
		d := cells.DFeatures(i)
		dGrad[i] = l.logSign.pullback(grad[i], d[0], d[1])
	}
}
