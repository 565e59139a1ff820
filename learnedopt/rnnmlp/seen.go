package rnnmlp

import (
	"math"

	G "gorgonia.org/gorgonia"

	"github.com/seed1498fded/unroll/internal/graph"
	"github.com/seed1498fded/unroll/learnedopt/internal/features"
	"github.com/seed1498fded/unroll/learnedopt/rule"
)

const (
	lossDecay = 0.9  // of mean and variance of the loss
	sizeDecay = 0.99 // of the size of gradients
	sizes     = 10   // how many times their size gradients may have
)

// losses tells how far the loss is from its mean in units of its deviation, within ±5, and how far 0 is.
func losses(b *graph.Builder, in rule.Inputs, next map[string]*G.Node) (train, valid *G.Node) {
	average := func(name string, x *G.Node) *G.Node {
		next[name] = b.Add(b.Scale(lossDecay, in.Shared[name]), b.Scale(1-lossDecay, x))
		return next[name]
	}
	mean := average("loss_mean", in.Loss)
	variance := average("loss_var", b.Square(b.Sub(mean, in.Loss)))
	weight := b.Shift(1e-8, seen(b, lossDecay, in.Step))
	mean, deviation := b.Div(mean, weight), b.Sqrt(b.Shift(1e-8, b.Div(variance, weight)))
	return b.Clamp(b.Div(b.Sub(in.Loss, mean), deviation), 5), b.Clamp(b.Div(b.Neg(mean), deviation), 5)
}

// seen is 1 − decay^(t+1), how much an average has seen in step t.
func seen(b *graph.Builder, decay float64, step *G.Node) *G.Node {
	return b.Neg(b.Expm1(b.Scale(math.Log(decay), b.Shift(1, step))))
}

// clipped returns the gradients within ten times their size up to now, and takes their own size into it.
func clipped(b *graph.Builder, in rule.Inputs, next map[string]*G.Node) []*G.Node {
	limit := b.Scale(sizes, b.Div(in.Shared["size"], seen(b, sizeDecay, in.Step)))
	list, sum := make([]*G.Node, len(in.Tensors)), b.Const(in.Step, 0)
	for i, x := range in.Tensors {
		list[i] = b.Max(b.Min(x.Grad, limit), b.Neg(limit))
		sum = b.Add(sum, features.NewTensor(b, x).Mean(b.Square(list[i])))
	}
	size := b.Sqrt(b.Shift(1e-8, b.Scale(1/float64(len(list)), sum)))
	next["size"] = b.Add(b.Scale(sizeDecay, in.Shared["size"]), b.Scale(1-sizeDecay, size))
	return list
}

// moments are the clipped gradient of a tensor and its averages.
type moments struct {
	g    *G.Node
	m, v []*G.Node
}

func average(t *features.Tensor, g *G.Node) moments {
	beta := features.Decays(t.Builder, g, nil, false, decays...)
	return moments{g, t.Averages("m", beta, g), t.Averages("v", beta, t.Square(g))}
}

// rows are what a perceptron sees of its coordinate.
func (x moments) rows(t *features.Tensor) *G.Node {
	list := []*G.Node{x.g, t.Theta, t.Log(t.Shift(1e-8, t.Abs(t.Theta)))}
	list = append(append(list, x.m...), x.v...)
	var inverse []*G.Node
	for i, v := range x.v {
		root := t.InverseRoot(v, 1e-6)
		list, inverse = append(list, t.Mul(x.m[i], root)), append(inverse, root)
	}
	return t.Rows(append(list, inverse...)...)
}

// same is what the perceptrons of a tensor see alike, a vector: the time, sizes, and what the LSTM tells them.
func same(t *features.Tensor, step *G.Node, tensors int, told *G.Node) *G.Node {
	list := []*G.Node{
		features.Waves(t.Builder, step), t.Const(step, math.Log(float64(tensors))-1),
		t.Log(t.Shift(1e-8, norm(t, t.Theta))), t.Const(step, math.Log(float64(t.Len()))), told,
	}
	return t.Reshape(features.Join(t.Builder, list...), features.Times+3+toMLP)
}

// describe returns the statistics that a tensor's LSTM sees, in the order of the original's names for them.
func (r *Rule) describe(t *features.Tensor, x moments, train, valid *G.Node) []*G.Node {
	scalar := -1.
	if r.Scalars && len(t.Spec.Shape) == 1 && t.Len() == 1 {
		scalar = 1
	}
	meanM, varM := spread(t, x.m)
	meanV, varV := spread(t, x.v)
	meanP, varP := spread(t, []*G.Node{t.Theta})
	list := []*G.Node{
		size(t, norm(t, x.g)), t.Const(train, scalar), size(t, meanM), t.Sign(meanM), size(t, meanV), t.Sign(meanV),
		size(t, meanP), t.Sign(meanP), size(t, norm(t, t.Theta)),
	}
	for i := range 4 {
		n := 1
		if i < len(t.Spec.Shape) {
			n = t.Spec.Shape[i]
		}
		list = append(list, t.Const(train, math.Log(float64(n))-1))
	}
	return append(list, train, valid, size(t, varM), size(t, varV), size(t, varP))
}

// spread returns mean and variance of all numbers of some values of a tensor's shape.
func spread(t *features.Tensor, values []*G.Node) (mean, variance *G.Node) {
	over := func(f func(x *G.Node) *G.Node) *G.Node {
		sum := t.Mean(f(values[0]))
		for _, x := range values[1:] {
			sum = t.Add(sum, t.Mean(f(x)))
		}
		return t.Scale(1/float64(len(values)), sum)
	}
	mean = over(func(x *G.Node) *G.Node { return x })
	return mean, over(func(x *G.Node) *G.Node { return t.Square(t.Sub(x, mean)) })
}

func norm(t *features.Tensor, x *G.Node) *G.Node { return t.RootOrZero(t.Sum(t.Square(x))) }

// size is the logarithm of a number's size, within ±5.
func size(t *features.Tensor, x *G.Node) *G.Node {
	return t.Clamp(t.Log(t.Shift(1e-8, t.Abs(x))), 5)
}
