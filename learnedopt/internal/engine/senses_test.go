package engine_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed1498fded/unroll/internal/graph"
	"github.com/seed1498fded/unroll/learnedopt/internal/engine"
	"github.com/seed1498fded/unroll/learnedopt/rule"
	"github.com/seed1498fded/unroll/params"
)

// senser is a rule that reads presynaptic activities, modulators and the reward: step = reward·preᵀ·mod.
func senser(scope rule.Scope) written {
	return written{
		spec: rule.Spec{Reads: rule.Pre | rule.Mod | rule.Reward, Scope: scope, Phi: params.Layout{number("unused")}},
		update: func(b *graph.Builder, in rule.Inputs) (out rule.Outputs) {
			for _, x := range in.Tensors {
				step := b.Mul(in.Reward, b.MatMul(b.Transpose(x.Pre), x.Mod))
				out.Tensors = append(out.Tensors, rule.TensorOutputs{Step: b.Reshape(step, x.Spec.Shape...)})
			}
			return out
		},
	}
}

func shape(name string, shape ...int) params.Spec { return params.Spec{Name: name, Shape: shape} }

// What a problem does not show, or not in the shape that the weights ask for, comes out when a rule is bound.
func TestCompileRefusesSenses(t *testing.T) {
	reward, before, mod := shape("reward", 1), shape("pre.w", 5, 3), shape("mod.w", 5, 2)
	w := shape("w", 3, 2)
	for _, tt := range []struct {
		scope  rule.Scope
		w      params.Spec
		senses params.Layout
		want   string
	}{
		{rule.Tensor, w, params.Layout{before, mod, reward}, ""},
		{rule.Whole, shape("w", 2), params.Layout{shape("pre.w", 1, 1), shape("mod.w", 1, 2), reward}, ""},
		{rule.Coordinates, w, params.Layout{before, mod, reward},
			"a rule of scope coordinates reads pre, but sees no neurons"},
		{rule.Tensor, w, nil,
			"it reads pre, which the problem does not show for weights w[3 2]; it shows its gradient alone"},
		{rule.Tensor, w, params.Layout{before, reward},
			"it reads mod, which the problem does not show for weights w[3 2]; it shows pre.w, reward"},
		{rule.Tensor, w, params.Layout{before, mod},
			"it reads reward, which the problem does not show for weights w[3 2]; it shows pre.w, mod.w"},
		{rule.Tensor, w, params.Layout{before, mod, shape("reward", 2)}, "the problem shows reward[2]; want shape [1]"},
		{rule.Tensor, w, params.Layout{before, mod, shape("reward", 1, 1)}, "the problem shows reward[1 1]; want shape [1]"},
		{rule.Tensor, shape("w", 2, 2), params.Layout{before, mod, reward},
			"the problem shows pre.w[5 3] for weights w[2 2]; want as many examples as its other senses by 2"},
		{rule.Tensor, shape("w", 3, 1), params.Layout{before, mod, reward},
			"the problem shows mod.w[5 2] for weights w[3 1]; want as many examples as its other senses by 1"},
		{rule.Tensor, w, params.Layout{before, shape("mod.w", 4, 2), reward},
			"the problem shows mod.w[4 2] for weights w[3 2]; want as many examples as its other senses by 2"},
		{rule.Tensor, w, params.Layout{shape("pre.w", 3), mod, reward},
			"the problem shows pre.w[3] for weights w[3 2]; want as many examples as its other senses by 3"},
		{rule.Tensor, shape("w", 3, 2, 1), params.Layout{before, mod, reward},
			"weights w[3 2 1] have 3 dimensions; a synapse has a presynaptic and a postsynaptic neuron"},
		{rule.Tensor, w, params.Layout{before, mod, mod, reward}, `senses: params: tensor "mod.w" is named twice`},
	} {
		_, err := engine.Compile[float64](senser(tt.scope), params.Layout{tt.w}, engine.Options{Senses: tt.senses})
		if tt.want == "" {
			require.NoError(t, err)
		} else {
			require.ErrorContains(t, err, "learnedopt: written: "+tt.want)
		}
	}
}

// In closed form, with two runs side by side: each by what it feels itself.
func TestSensesOfRuns(t *testing.T) {
	senses := params.Layout{shape("mod.w", 2, 1), shape("reward", 1), shape("pre.w", 2, 2)}
	for _, scope := range []rule.Scope{rule.Tensor, rule.Whole} {
		c, err := engine.Compile[float64](senser(scope), params.Layout{shape("w", 2, 1)}, engine.Options{Copies: 2, Senses: senses})
		require.NoError(t, err)
		p := rule.Point[float64]{Phi: []float64{0}, Senses: []float64{
			1, 2, 3 /* reward */, 4, 5, 6, 7,
			-1, 1, 2 /* reward */, 3, 2, 1, 4,
		}}
		step := make([]float64, 4)
		require.NoError(t, c.Step(step, nil, p))
		require.Equal(t, []float64{3 * (4 + 12), 3 * (5 + 14), 2 * (-3 + 1), 2 * (-2 + 4)}, step)
		d := rule.Cotangents[float64]{Step: []float64{1, 10, 2, -1}, Phi: []float64{0}, Senses: make([]float64, 14)}
		require.NoError(t, c.Pullback(d, p))
		require.Equal(t, []float64{
			3 * (4 + 50), 3 * (6 + 70), 16 + 190, 3, 30, 6, 60,
			2 * (6 - 2), 2 * (2 - 4), -4 - 2, -4, 2, 4, -2,
		}, d.Senses)
	}
}

// deep is a kernel with a backward pass of its own, which sees where the cotangents of senses go.
type deep struct{}

func (deep) Step(_, _ []float32, _ rule.Point[float32]) error { return nil }
func (deep) Pullback(d rule.Cotangents[float32], p rule.Point[float32]) error {
	copy(d.Senses, p.Senses)
	return nil
}

type withKernel struct{ written }

func (withKernel) Kernel(rule.Rule, rule.Binding, int) rule.Kernel { return deep{} }

func TestKernelsSeeCotangentsOfSenses(t *testing.T) {
	senses := params.Layout{shape("pre.w", 1, 1), shape("mod.w", 1, 2), shape("reward", 1)}
	c, err := engine.Compile[float32](withKernel{senser(rule.Tensor)}, params.Layout{shape("w", 2)}, engine.Options{Senses: senses})
	require.NoError(t, err)
	d := rule.Cotangents[float32]{Step: make([]float32, 2), Phi: []float32{0}, Senses: []float32{9, 9, 9, 9}}
	p := rule.Point[float32]{Phi: []float32{0}, Senses: []float32{1, 2, 3, 4}}
	require.NoError(t, c.Pullback(d, p))
	require.Equal(t, p.Senses, d.Senses)
	require.PanicsWithValue(t, "learnedopt: written: senses of length 3, want 4", func() {
		p.Senses = p.Senses[:3]
		_ = c.Step(d.Step, nil, p)
	})
}
