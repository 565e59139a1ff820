package learnedopt

import (
	"fmt"
	"slices"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/seed1498fded/unroll/internal/graph"
	"github.com/seed1498fded/unroll/params"
)

// Solver returns the rule as a gorgonia.Solver: put it in the place of gorgonia.NewAdamSolver() in an existing program.
// Like Gorgonia's own solvers it zeroes the gradients it has used. The nodes given to Step must be the same, in the same
// order, at every step; they may be of float32 or float64.
func (t *Trained) Solver() G.Solver { return &solver{trained: t} }

type solver struct {
	trained     *Trained
	theta       params.Layout
	opt         *Optimizer
	flat, grads []float32
}

func (s *solver) Step(model []G.ValueGrad) error {
	weights, grads, theta, err := gather(model)
	if err != nil {
		return err
	}
	if s.opt == nil {
		if s.opt, err = s.trained.New(theta); err != nil {
			return err
		}
		s.theta = theta
		s.flat, s.grads = make([]float32, theta.Len()), make([]float32, theta.Len())
	}
	if diff := s.theta.Diff(theta); diff != "" {
		return fmt.Errorf("learnedopt: the model differs from that of the first step: %s", diff)
	}
	flat, flatGrads := params.Split(theta, s.flat), params.Split(theta, s.grads)
	for i := range model {
		toFloat32(flat[i], weights[i])
		toFloat32(flatGrads[i], grads[i])
	}
	if err := s.opt.Step(s.flat, s.grads); err != nil {
		return err
	}
	for i := range model {
		fromFloat32(weights[i], flat[i])
		zero(grads[i])
	}
	return nil
}

// gather returns the values and gradients of a model's nodes, and lays them out end to end.
func gather(model []G.ValueGrad) (weights, grads []G.Value, theta params.Layout, err error) {
	for i, m := range model {
		w := m.Value()
		g, err := m.Grad()
		if err != nil {
			return nil, nil, nil, fmt.Errorf("learnedopt: node %d: %w", i, err)
		}
		if !slices.Equal(w.Shape(), g.Shape()) || w.Dtype() != g.Dtype() {
			return nil, nil, nil, fmt.Errorf("learnedopt: node %d has a value %v%v and a gradient %v%v", i, w.Dtype(), w.Shape(), g.Dtype(), g.Shape())
		}
		if dt := w.Dtype(); dt != tensor.Float32 && dt != tensor.Float64 {
			return nil, nil, nil, fmt.Errorf("learnedopt: node %d is of %v; want float32 or float64", i, dt)
		}
		if d, ok := w.(*tensor.Dense); ok && d.RequiresIterator() {
			return nil, nil, nil, fmt.Errorf("learnedopt: node %d holds a view that is not contiguous", i)
		}
		shape := slices.Clone(w.Shape())
		if len(shape) == 0 {
			shape = []int{1}
		}
		weights, grads = append(weights, w), append(grads, g)
		theta = append(theta, params.Spec{Name: fmt.Sprint(i), Shape: shape})
	}
	return weights, grads, theta, nil
}

func toFloat32(dst []float32, v G.Value) {
	if v.Dtype() == tensor.Float32 {
		copy(dst, graph.Floats[float32](v))
		return
	}
	for i, x := range graph.Floats[float64](v) {
		dst[i] = float32(x)
	}
}

func fromFloat32(v G.Value, src []float32) {
	if v.Dtype() == tensor.Float32 {
		copy(graph.Floats[float32](v), src)
		return
	}
	dst := graph.Floats[float64](v)
	for i, x := range src {
		dst[i] = float64(x)
	}
}

func zero(v G.Value) {
	if v.Dtype() == tensor.Float32 {
		clear(graph.Floats[float32](v))
		return
	}
	clear(graph.Floats[float64](v))
}
