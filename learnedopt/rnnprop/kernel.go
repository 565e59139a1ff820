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
	order  []int     // where in phi each weight of the cells is, in their own order
	forget []int     // where among these the biases of forget gates are
	cells  []float32 // them, in that order

	weights []float32 // of the first layer, [3, Hidden] with the biases last
	back    []float32 // its transpose without biases, [Hidden, 2]
	count   float64   // steps before the one, or the window, that is being taken
}

func newModel(r *Rule) *model {
	f := r.filled()
	m := &model{config: f, shape: kernel.Shape{Inputs: f.Hidden, Hidden: f.Hidden, Layers: f.Layers}}
	m.order, m.forget = cellOrder(m.shape, 3*f.Hidden)
	m.cells = make([]float32, len(m.order))
	m.back = make([]float32, 2*f.Hidden)
	return m
}

// cellOrder lists where in phi the weights of cells and read-out are, in the order of package kernel: of each layer the
// matrices on inputs and on the hidden state with a row for each unit of gates i, f, g, o, and biases. In phi a layer has one
// matrix with a column for each unit of gates i, g, f, o, see features.Cell; the first of them begins at from.
func cellOrder(s kernel.Shape, from int) (order, forget []int) {
	h := s.Hidden
	column := func(row int) int { return []int{0, 2, 1, 3}[row/h]*h + row%h }
	for range s.Layers {
		for _, first := range []int{0, h} { // of the rows that inputs, and the hidden state, are multiplied by
			for row := range 4 * h {
				for in := range h {
					order = append(order, from+(first+in)*4*h+column(row))
				}
			}
		}
		for row := range 4 * h {
			if row/h == 1 {
				forget = append(forget, len(order))
			}
			order = append(order, from+2*h*4*h+column(row))
		}
		from += (2*h + 1) * 4 * h
	}
	for i := range h + 1 {
		order = append(order, from+i)
	}
	return order, forget
}

func (m *model) Shape() kernel.Shape { return m.shape }
func (m *model) Scale() float32      { return 1 }
func (m *model) Phi() int            { return 3*m.config.Hidden + len(m.order) }
func (m *model) Own() int            { return 2 } // m and v
func (m *model) Shared() int         { return 1 } // t

func (m *model) Take(w *kernel.Weights[float32], phi, shared []float32) {
	for i, at := range m.order {
		m.cells[i] = phi[at]
	}
	for _, i := range m.forget {
		m.cells[i]++ // the forget gates open with 1 added
	}
	w.Pack(m.cells)
	h := m.config.Hidden
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
