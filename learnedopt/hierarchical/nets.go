package hierarchical

import (
	G "gorgonia.org/gorgonia"

	"github.com/seed1498fded/unroll/internal/rng"
	"github.com/seed1498fded/unroll/learnedopt/internal/features"
	"github.com/seed1498fded/unroll/learnedopt/internal/hyper"
	"github.com/seed1498fded/unroll/params"
)

// nets are the parts of the network.
type nets struct {
	parameter, tensor, global                features.GRU
	fromTensor, fromGlobal, tensorFromGlobal features.Linear // biases from above: of a weight's cell, of a tensor's
	scaleDecay, gradDecay, rate              features.Linear // from a weight's state
}

func (r *Rule) nets() nets {
	f := r.filled()
	n := nets{
		parameter: features.GRU{Name: "parameter", In: inputs, Units: f.Parameter},
		tensor:    features.GRU{Name: "tensor", In: f.Parameter + inputs, Units: f.Tensor},
		global:    features.GRU{Name: "global", In: f.Tensor, Units: f.Global},

		scaleDecay: features.Linear{Name: "scale_decay", In: f.Parameter, Out: 1},
		gradDecay:  features.Linear{Name: "grad_decay", In: f.Parameter, Out: 1},
		rate:       features.Linear{Name: "rate", In: f.Parameter, Out: 1},
	}
	n.fromTensor = features.Linear{Name: "parameter.from_tensor", In: f.Tensor, Out: n.parameter.Biases()}
	n.fromGlobal = features.Linear{Name: "parameter.from_global", In: f.Global, Out: n.parameter.Biases()}
	n.tensorFromGlobal = features.Linear{Name: "tensor.from_global", In: f.Global, Out: n.tensor.Biases()}
	return n
}

func (n nets) cells() []features.GRU { return []features.GRU{n.parameter, n.tensor, n.global} }

func (n nets) layers() []features.Linear {
	return []features.Linear{n.fromTensor, n.fromGlobal, n.tensorFromGlobal, n.scaleDecay, n.gradDecay, n.rate}
}

func (n nets) phi() params.Layout {
	var l params.Layout
	for _, c := range n.cells() {
		l = append(l, c.Phi()...)
	}
	for _, x := range n.layers() {
		l = append(l, x.Phi()...)
	}
	l = append(l,
		params.Spec{Name: "direction.w", Shape: []int{n.parameter.Units, 1}}, params.Spec{Name: "direction.grad", Shape: []int{scales, 1}})
	for _, c := range n.cells() {
		l = append(l, params.Spec{Name: c.Name + ".start", Shape: []int{1, c.Units}})
	}
	return append(l, hyper.Scalars("logit_momentum", "log_offset")...)
}

func (n nets) init(phi []float32, key uint64) {
	const scale, gate = 0.5, 2.2
	l, at := n.phi(), 0
	clear(phi)
	next := func(l params.Layout) []float32 {
		at += l.Len()
		return phi[at-l.Len() : at]
	}
	for i, c := range n.cells() {
		c.Init(next(c.Phi()), rng.Split(key, uint64(i)), scale, gate)
		rng.Uniform(params.Slice(l, phi, c.Name+".start"), rng.Split(key, uint64(20+i)), -1, 1)
	}
	for i, x := range n.layers() {
		x.Init(next(x.Phi()), rng.Split(key, uint64(10+i)), scale)
	}
	clear(params.Slice(l, phi, "rate.w"))
	direction := features.Linear{In: n.parameter.Units, Out: 1}
	direction.Init(params.Slice(l, phi, "direction.w"), rng.Split(key, 30), scale)
	grad := params.Slice(l, phi, "direction.grad")
	rng.Normal(grad, rng.Split(key, 31), 0.05)
	for i := range grad {
		grad[i] += 1. / scales
	}
	for name, v := range map[string]float32{"scale_decay.b": 3.2, "grad_decay.b": 2.2, "logit_momentum": 3.2, "log_offset": -1} {
		params.Slice(l, phi, name)[0] = v
	}
}

// read returns the step of a tensor from the states h of its weights' cells and g̃, and keeps the next decays and rates.
// log is the logarithm of α that rates are counted from.
func (n nets) read(t *features.Tensor, phi map[string]*G.Node, h, scaled *G.Node, log float64) *G.Node {
	shaped := func(x *G.Node) *G.Node {
		if t.Err() != nil {
			return nil
		}
		return t.Reshape(x, t.Grad.Shape()...)
	}
	project := func(l features.Linear) *G.Node { return shaped(l.Apply(t.Builder, phi, h)) }
	t.Keep("grad_decay", t.Sigmoid(project(n.gradDecay)))
	t.Keep("scale_decay", t.Sigmoid(project(n.scaleDecay)))

	before := t.State["rate"]
	rate := t.Shift(-log, t.Clamp(t.Shift(log, t.Add(before, project(n.rate))), most))
	t.Keep("rate", t.Add(rate, t.Mul(t.Sigmoid(phi["logit_momentum"]), t.Sub(before, rate))))

	direction := t.MatMul(h, t.Reshape(phi["direction.w"], n.parameter.Units, 1))
	direction = shaped(t.Add(direction, t.MatMul(scaled, phi["direction.grad"])))
	direction = t.Mul(direction, t.InverseRoot(t.Mean(t.Square(direction)), 1e-16))
	return t.Neg(t.Mul(t.Exp(t.Add(t.Shift(log, rate), phi["log_offset"])), direction))
}
