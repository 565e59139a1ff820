package mlp

import (
	"cmp"
	"encoding/json"

	G "gorgonia.org/gorgonia"

	"github.com/seed1498fded/unroll/internal/graph"
	"github.com/seed1498fded/unroll/internal/kernel"
	"github.com/seed1498fded/unroll/learnedopt/internal/features"
	"github.com/seed1498fded/unroll/learnedopt/internal/hyper"
	"github.com/seed1498fded/unroll/learnedopt/rule"
	"github.com/seed1498fded/unroll/params"
)

// Celo2 is the second rule of Moudgil et al., as in amoudgl/celo. A perceptron sees 30 features of a coordinate, 15 in vectors,
// each in units of its root mean square over a matrix; the first of its three outputs, d, in such units too, is the direction:
//
//	step = −α·(d/rms(d) + λθ)
//
// The rate α comes from outside, as Adam's does. By default it is Celo2-base. With NewtonSchulz and AdamVectors it is Celo2 as
// in its meta-training: directions of matrices are orthogonalised, as in Muon, before they are measured, and vectors take the step
//
//	step = −20α·(m/√(v + 1e-8) + λθ)
//
// of decays 0.9 and 0.95, without correction of the bias.
type Celo2 struct {
	Hidden       int     `json:"hidden"`        // units of each of two hidden layers, 1 to 1024; 8 if zero
	LR           float64 `json:"lr"`            // α, above 0; 0.001 if zero
	Decay        float64 `json:"weight_decay"`  // λ, at least 0
	NewtonSchulz bool    `json:"newton_schulz"` // orthogonalise the directions of tensors of two dimensions and more
	AdamVectors  bool    `json:"adam_vectors"`  // move tensors of fewer dimensions by m/√v
}

var (
	_ rule.Kernels = (*Celo2)(nil)
	_ steered      = (*Celo2)(nil)
)

// Name implements rule.Rule.
func (*Celo2) Name() string { return "celo2" }

func (r *Celo2) filled() Celo2 {
	f := *r
	f.Hidden, f.LR = cmp.Or(r.Hidden, 8), cmp.Or(r.LR, 0.001)
	return f
}

func (r *Celo2) net() features.Perceptron {
	return features.Perceptron{In: features.CeloRows, Hidden: r.filled().Hidden, Out: 3}
}

// Spec implements rule.Rule. Phi is the perceptron's; the state is averages: m0, m1, m2 and v0 a coordinate, and the
// factored ones of each tensor.
func (r *Celo2) Spec() rule.Spec {
	return rule.Spec{
		Reads: rule.Grad | rule.Theta, Scope: rule.Tensor, Phi: r.net().Phi(),
		State: rule.State{PerCoordinate: features.MomentRows(3, 1), PerTensor: features.FactoredState(3)},
	}
}

// Validate reports a field out of its range.
func (r *Celo2) Validate() error {
	f := r.filled()
	return hyper.Check("celo2", hyper.Units("hidden", f.Hidden), hyper.Positive("lr", f.LR), notNegative("weight_decay", f.Decay))
}

// MarshalJSON writes the configuration with every default in its place.
func (r *Celo2) MarshalJSON() ([]byte, error) {
	type plain Celo2
	return json.Marshal(plain(r.filled()))
}

// Init implements rule.Rule: weights from truncated normal distributions of deviation 1/√inputs.
func (r *Celo2) Init(phi []float32, key uint64) { r.net().Init(phi, key) }

// Update implements rule.Rule.
func (r *Celo2) Update(in rule.Inputs) (rule.Outputs, error) {
	c := r.filled()
	t := features.NewTensor(new(graph.Builder), in.Tensors[0])
	rate, matrix := c.LR, len(t.Spec.Shape) > 1
	decays := func(from ...float64) []*G.Node { return features.Decays(t.Builder, t.Grad, nil, false, from...) }
	g, adam := t.Clamp(t.Grad, 1000), c.AdamVectors && !matrix
	if adam {
		g, rate = t.Grad, 20*rate
	}
	f := t.Factors(g, decays(threeDecays...), decays(.95)[0], decays(threeDecays...), 1e-8)
	step := t.Mul(f.M[0], f.Root)
	if !adam {
		d := t.Row(r.net().Apply(t.Builder, in.Phi, normalised(t, t.CeloRows(f, g, !matrix))), 0)
		if c.NewtonSchulz && matrix {
			d = t.Orthogonalise(d)
		}
		step = t.Normalise(d, 1e-9)
	}
	if c.Decay > 0 {
		step = t.Add(step, t.Scale(c.Decay, t.Theta))
	}
	return rule.One(t.Scale(-rate, step), t.Next), t.Err()
}

// Kernel implements rule.Kernels: where both layers have up to eight units, for vectors and matrices, if no branch is asked for.
func (r *Celo2) Kernel(bound rule.Rule, b rule.Binding, workers int) rule.Kernel {
	if bound != rule.Rule(r) || r.NewtonSchulz || r.AdamVectors || dimensions(b.Theta) > 2 {
		return nil
	}
	return newFused(r, b, workers, func(shape []int) sides { return sides{rowsAcross: shape[0] > shape[1]} })
}

// dimensions is the greatest number of them that a tensor has.
func dimensions(l params.Layout) (n int) {
	for _, s := range l {
		n = max(n, len(s.Shape))
	}
	return n
}

// steer implements steered.
func (r *Celo2) steer(*measured, []float32, *rule.Point[float32]) (rate, decay float64) {
	c := r.filled()
	return c.LR, c.Decay
}

// steerBack implements steered: nothing moves the rate.
func (*Celo2) steerBack(*measured, []float32, *rule.Point[float32], float64, float64, []float64, *[kernel.Streamed]float64) {
}

// normalised has rows in units of their root mean square over each matrix. Of a single one these go into the weights.
func normalised(t *features.Tensor, rows *G.Node) features.Seen {
	if t.Matrices() == 1 {
		return features.Seen{Rows: rows, Scale: t.Sizes(rows, 1e-9)}
	}
	return features.Seen{Rows: t.Normalise(rows, 1e-9)}
}
