package mlp

import (
	"cmp"
	"math"

	G "gorgonia.org/gorgonia"

	"github.com/seed1498fded/unroll/learnedopt/internal/features"
)

// What General's rates are multiplied with where it is not to rely on what its controller has learned, as formulas and as numbers.

// ofOutputs is what rates are multiplied with in a net: see MostOutputs.
func (r *General) ofOutputs(net features.OfNet) float64 {
	if r.MostOutputs == 0 || net.Outputs <= r.MostOutputs {
		return 1
	}
	return max(.5, math.Sqrt(float64(r.MostOutputs)/float64(net.Outputs)))
}

// ofLength is a rate in runs of a length, nil where it is never known: see Longest and Shortest.
func (r *General) ofLength(t *features.Tensor, length, rate *G.Node) *G.Node {
	if length == nil {
		return rate
	}
	if longest := float64(r.Longest); longest > 0 {
		rate = t.Mul(rate, t.RootOrZero(t.Div(t.Const(t.Grad, longest), t.AtLeast(length, longest))))
	}
	if shortest := float64(r.Shortest); shortest > 0 {
		untold := t.Relu(t.Shift(1, t.Neg(length))) // 1 where nobody knows, and 0 from one step on
		part := t.Scale(1/shortest, t.Min(length, t.Const(t.Grad, shortest)))
		rate = t.Mul(rate, t.RootOrZero(t.Add(untold, part)))
	}
	return rate
}

// ofColumns is a rate in a step: see Widest.
func (r *General) ofColumns(t *features.Tensor, shape []int, net features.OfNet, step, rate *G.Node) *G.Node {
	first := r.first(shape, net)
	if first == 1 {
		return rate
	}
	return t.Mul(rate, t.Exp(t.Scale(math.Log(first), t.Exp(t.Scale(-.1, step)))))
}

// first is what a tensor's rate is multiplied with in the first step: see Widest.
func (r *General) first(shape []int, net features.OfNet) float64 {
	columns := shape[len(shape)-1]
	if r.Widest == 0 || columns <= r.Widest || columns == net.Outputs {
		return 1
	}
	return float64(r.Widest) / float64(columns)
}

// multiplier is all of these together, and LR.
func (r *General) multiplier(x features.Observed) float64 {
	m := cmp.Or(r.LR, 1) * r.ofOutputs(x.Net)
	if first := r.first(x.Shape, x.Net); first < 1 {
		m *= math.Pow(first, math.Exp(-.1*float64(x.Step)))
	}
	if x.Horizon == 0 || r.filled().Horizon == features.Free {
		return m
	}
	if r.Longest > 0 && x.Horizon > r.Longest {
		m *= math.Sqrt(float64(r.Longest) / float64(x.Horizon))
	}
	if x.Horizon < r.Shortest {
		m *= math.Sqrt(float64(x.Horizon) / float64(r.Shortest))
	}
	return m
}
