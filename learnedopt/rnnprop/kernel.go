package rnnprop

import (
	"math"

	"github.com/seed1498fded/unroll/internal/kernel"
	"github.com/seed1498fded/unroll/learnedopt/internal/recurrent"
	"github.com/seed1498fded/unroll/learnedopt/rule"
)

var _ rule.Kernels = (*Rule)(nil)

// Kernel implements rule.Kernels, for sizes that have kernels: multiples of 4.
func (r *Rule) Kernel(of rule.Rule, b rule.Binding, workers int) rule.Kernel {
	if of != rule.Rule(r) || r.filled().Hidden%4 != 0 {
		return nil
	}
	return recurrent.New(newModel(r), b.Coordinates(), workers)
}

// A model is RNNprop as a stack of cells with a front of its own.
type model struct {
	config Rule // with every default in its place
	shape  kernel.Shape
	cells  []float32 // of a layer, with forget gates open

	weights []float32 // of the first layer, [3, Hidden] with the biases last
	back    []float32 // its transpose without biases, [Hidden, 2]
	count   float64   // steps before the one, or the window, that is being taken
}

func newModel(r *Rule) *model {
	f := r.filled()
	m := &model{config: f, shape: kernel.Shape{Inputs: f.Hidden, Hidden: f.Hidden, Layers: f.Layers}}
	m.cells = make([]float32, m.layer())
	m.back = make([]float32, 2*f.Hidden)
	return m
}

// gates is the order that gates have in phi, i, g, f, o. A layer has one matrix there, see features.Cell.
var gates = kernel.Gates{0, 2, 1, 3}

// layer returns how many weights each layer of cells has.
func (m *model) layer() int { return 4 * m.config.Hidden * (2*m.config.Hidden + 1) }

// first returns where in phi the first cells' begin, behind those of the first layer.
func (m *model) first() int { return 3 * m.config.Hidden }

func (m *model) Shape() kernel.Shape { return m.shape }
func (m *model) Scale() float32      { return 1 }
func (m *model) Phi() int            { return m.first() + m.config.Layers*m.layer() + m.config.Hidden + 1 }
func (m *model) Own() int            { return 2 } // m and v
func (m *model) Shared() int         { return 1 } // t

func (m *model) Take(w *kernel.Weights[float32], phi, shared []float32) {
	h, rest := m.config.Hidden, phi[m.first():]
	for l := range m.config.Layers {
		copy(m.cells, rest)
		biases := m.cells[2*h*4*h:]
		for i := range h {
			biases[gates[1]*h+i]++ // the forget gates open with 1 added
		}
		w.PackMatrix(l, m.cells, gates)
		rest = rest[m.layer():]
	}
	w.PackReadOut(rest)
	m.weights = phi[:3*h]
	for i := range h {
		m.back[2*i], m.back[2*i+1] = phi[i], phi[h+i]
	}
	m.count = float64(shared[0])
}

func (m *model) Next(shared []float32) { shared[0] = float32(m.count + 1) }

func (m *model) Front() recurrent.Front[float32] { return newFront(m) }

// unbias returns 1 − β^t for the step after t others of the window.
func (m *model) unbias(t int) float32 {
	return float32(-math.Expm1(math.Log(m.config.Beta) * (m.count + float64(t+1))))
}
