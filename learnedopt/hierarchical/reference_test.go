package hierarchical_test

import (
	"math"

	"github.com/seed1498fded/unroll/learnedopt/hierarchical"
	"github.com/seed1498fded/unroll/params"
)

// A reference is the optimizer without graphs: a struct a weight and a tensor, loops, and math.
type reference struct {
	phi     map[string][]float64
	tensors []*tensorState
	global  []float64
}

type tensorState struct {
	h       []float64
	weights []*weightState
}

type weightState struct {
	h                     []float64
	average, square       [4]float64
	gradDecay, scaleDecay float64
	logRate               float64
}

func newReference(r *hierarchical.Rule, phi []float64) *reference {
	ref := &reference{phi: make(map[string][]float64)}
	l := r.Spec().Phi
	for i, v := range params.Split(l, phi) {
		ref.phi[l[i].Name] = v
	}
	lr := r.LR
	if lr == 0 {
		lr = 1e-4
	}
	copied := func(name string) []float64 { return append([]float64{}, ref.phi[name]...) }
	ref.global = copied("global.start")
	for _, s := range layout {
		tensor := &tensorState{h: copied("tensor.start")}
		for range s.Len() {
			tensor.weights = append(tensor.weights, &weightState{h: copied("parameter.start"), logRate: math.Log(lr)})
		}
		ref.tensors = append(ref.tensors, tensor)
	}
	return ref
}

func sigmoid(x float64) float64 { return 1 / (1 + math.Exp(-x)) }

// affine is xW + b.
func (r *reference) affine(name string, x []float64) []float64 {
	w, y := r.phi[name+".w"], append([]float64{}, r.phi[name+".b"]...)
	for i, v := range x {
		for j := range y {
			y[j] += v * w[i*len(y)+j]
		}
	}
	return y
}

func (r *reference) gru(name string, x, h, biases []float64) []float64 {
	k := len(h)
	gates := r.affine(name+".gates", append(append([]float64{}, x...), h...))
	held := append([]float64{}, x...)
	for j := range h {
		held = append(held, h[j]*sigmoid(gates[j]+biases[j]))
	}
	candidate := r.affine(name+".candidate", held)
	next := make([]float64, k)
	for j := range h {
		u := sigmoid(gates[k+j] + biases[k+j])
		next[j] = u*h[j] + (1-u)*math.Tanh(candidate[j]+biases[2*k+j])
	}
	return next
}

// see updates a weight's averages and returns what its cell sees, the four scaled averages first.
func (w *weightState) see(g, meanLogRate float64) []float64 {
	var seen, logs [4]float64
	decay, mean := w.gradDecay, 0.0
	for i := range 4 {
		w.average[i] = decay*w.average[i] + (1-decay)*g
		w.square[i] = w.scaleDecay*w.square[i] + (1-w.scaleDecay)*(w.average[i]*w.average[i]+1e-12)
		seen[i] = math.Asinh(w.average[i] / math.Sqrt(w.square[i]+1e-16))
		logs[i] = math.Log(w.square[i] + 1e-16)
		mean += logs[i] / 4
		decay = math.Sqrt(decay)
	}
	all := append([]float64{}, seen[:]...)
	all = append(all, seen[0]*seen[1], seen[1]*seen[2], seen[2]*seen[3])
	for _, x := range logs {
		all = append(all, x-mean)
	}
	return append(all, w.logRate-meanLogRate)
}

// read returns a weight's direction, and what its step is multiplied with.
func (r *reference) read(w *weightState, seen []float64) (direction, rate float64) {
	for j, x := range w.h {
		direction += x * r.phi["direction.w"][j]
	}
	for i, x := range r.phi["direction.grad"] {
		direction += x * seen[i]
	}
	w.gradDecay = sigmoid(r.affine("grad_decay", w.h)[0])
	w.scaleDecay = sigmoid(r.affine("scale_decay", w.h)[0])
	log := math.Max(-33, math.Min(33, w.logRate+r.affine("rate", w.h)[0]))
	momentum := sigmoid(r.phi["logit_momentum"][0])
	w.logRate = momentum*w.logRate + (1-momentum)*log
	return direction, math.Exp(log + r.phi["log_offset"][0])
}

func (r *reference) step(grad []float64) []float64 {
	mean, n := 0.0, 0
	for _, t := range r.tensors {
		for _, w := range t.weights {
			mean, n = mean+w.logRate, n+1
		}
	}
	mean /= float64(n)
	steps, above := []float64{}, make([]float64, len(r.tensors[0].h))
	for _, t := range r.tensors {
		first := len(steps)
		steps = append(steps, r.stepTensor(t, grad[first:], mean)...)
		for j, x := range t.h {
			above[j] += x / float64(len(r.tensors))
		}
	}
	r.global = r.gru("global", above, r.global, make([]float64, 3*len(r.global)))
	return steps
}

func (r *reference) stepTensor(t *tensorState, grad []float64, mean float64) []float64 {
	fromTensor, fromGlobal := r.affine("parameter.from_tensor", t.h), r.affine("parameter.from_global", r.global)
	for j := range fromTensor {
		fromTensor[j] += fromGlobal[j]
	}
	n := float64(len(t.weights))
	below := make([]float64, len(t.weights[0].h)+12)
	var directions, rates []float64
	square := 0.0
	for i, w := range t.weights {
		seen := w.see(grad[i], mean)
		w.h = r.gru("parameter", seen, w.h, fromTensor)
		for j, x := range append(append([]float64{}, w.h...), seen...) {
			below[j] += x / n
		}
		direction, rate := r.read(w, seen)
		directions, rates = append(directions, direction), append(rates, rate)
		square += direction * direction / n
	}
	t.h = r.gru("tensor", below, t.h, r.affine("tensor.from_global", r.global))
	for i := range directions {
		directions[i] *= -rates[i] / math.Sqrt(square+1e-16)
	}
	return directions
}
