package handmade_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed1498fded/unroll/internal/rng"
	"github.com/seed1498fded/unroll/learnedopt"
	"github.com/seed1498fded/unroll/learnedopt/handmade"
	"github.com/seed1498fded/unroll/params"
)

func vector(n int) params.Layout { return params.Layout{{Name: "theta", Shape: []int{n}}} }

// A formula is a published rule for one coordinate, written down again without graphs, vectors or logits: called with
// the gradients of steps 1, 2, ..., in turn, it returns the steps.
type formula func(g, theta float64) (step float64)

// logit is the form in which phi holds a decay, here in full precision.
func logit(p float64) float64 { return math.Log(p) - math.Log1p(-p) }

func adamFormula(lr, beta1, beta2, eps, decay float64) formula {
	var m, v float64
	t := 0.0
	return func(g, theta float64) float64 {
		t++
		m = beta1*m + (1-beta1)*g
		v = beta2*v + (1-beta2)*g*g
		mHat, vHat := m/(1-math.Pow(beta1, t)), v/(1-math.Pow(beta2, t))
		return -lr*mHat/(math.Sqrt(vHat)+eps) - lr*decay*theta
	}
}

// formulas are hand-made rules with hyperparameters other than their defaults.
var formulas = []struct {
	rule learnedopt.Rule
	phi  []float64
	lr   float64
	new  func() formula
}{
	{&handmade.SGD{LR: 0.03}, []float64{math.Log(0.03)}, 0.03, func() formula {
		return func(g, _ float64) float64 { return -0.03 * g }
	}},
	{&handmade.Momentum{LR: 0.03, Momentum: 0.8}, []float64{math.Log(0.03), logit(0.8)}, 0.03, func() formula {
		v := 0.0
		return func(g, _ float64) float64 {
			v = 0.8*v + g
			return -0.03 * v
		}
	}},
	{&handmade.NAG{LR: 0.03, Momentum: 0.8}, []float64{math.Log(0.03), logit(0.8)}, 0.03, func() formula {
		v := 0.0
		return func(g, _ float64) float64 {
			v = 0.8*v + g
			return -0.03 * (g + 0.8*v)
		}
	}},
	{&handmade.RMSprop{LR: 0.03, Alpha: 0.95, Eps: 1e-6}, []float64{math.Log(0.03), logit(0.95), math.Log(1e-6)}, 0.03, func() formula {
		v := 0.0
		return func(g, _ float64) float64 {
			v = 0.95*v + 0.05*g*g
			return -0.03 * g / (math.Sqrt(v) + 1e-6)
		}
	}},
	{&handmade.Adam{LR: 0.03, Beta1: 0.8, Beta2: 0.99, Eps: 1e-6},
		[]float64{math.Log(0.03), logit(0.8), logit(0.99), math.Log(1e-6)}, 0.03,
		func() formula { return adamFormula(0.03, 0.8, 0.99, 1e-6, 0) }},
	{&handmade.AdamW{Adam: handmade.Adam{LR: 0.03, Beta1: 0.8, Beta2: 0.99, Eps: 1e-6}, Decay: 0.2},
		[]float64{math.Log(0.03), logit(0.8), logit(0.99), math.Log(1e-6), math.Log(0.2)}, 0.03,
		func() formula { return adamFormula(0.03, 0.8, 0.99, 1e-6, 0.2) }},
	{&handmade.RAdam{LR: 0.03, Beta1: 0.8, Beta2: 0.8, Eps: 1e-6},
		[]float64{math.Log(0.03), logit(0.8), logit(0.8), math.Log(1e-6)}, 0.03, radamFormula},
}

// radamFormula divides by √v̂ from some step on only.
func radamFormula() formula {
	const long = 9 // 2/(1−0.8) − 1
	var m, v float64
	t := 0.0
	return func(g, _ float64) float64 {
		t++
		m, v = 0.8*m+0.2*g, 0.8*v+0.2*g*g
		bias := 1 - math.Pow(0.8, t)
		rho := long - 2*t*(1-bias)/bias
		if rho < 5 {
			return -0.03 * m / bias
		}
		r := math.Sqrt((rho - 4) * (rho - 2) * long / ((long - 4) * (long - 2) * rho))
		return -0.03 * r * m / bias / (math.Sqrt(v/bias) + 1e-6)
	}
}

func TestRulesAreTheirFormulas(t *testing.T) {
	for _, f := range formulas {
		t.Run(f.rule.Name()+"/float64", func(t *testing.T) { followsFormula(t, f.rule, f.phi, f.lr, f.new, 1e-12) })
		t.Run(f.rule.Name()+"/float32", func(t *testing.T) {
			followsFormula(t, f.rule, learnedopt.Phi(f.rule, 0), f.lr, f.new, 1e-5)
		})
	}
}

// followsFormula runs rule and formula side by side over random gradients of all sizes, each moving its own weights.
func followsFormula[F params.Float](t *testing.T, r learnedopt.Rule, phi []F, lr float64, newFormula func() formula, tolerance float64) {
	const n, steps = 7, 20
	c, err := learnedopt.Compile[F](r, vector(n))
	require.NoError(t, err)
	theta, grad, step, state := make([]F, n), make([]F, n), make([]F, n), make([]F, c.State().Len())
	rng.Normal(theta, 1, 1)
	want := params.Convert[float64](theta)
	var byHand [n]formula
	for i := range byHand {
		byHand[i] = newFormula()
	}
	for s := range steps {
		rng.Normal(grad, rng.Split(2, uint64(s)), 1)
		for i := range grad {
			grad[i] *= F(math.Pow(10, float64(i-3))) // 1e-3 to 1e3
		}
		grad[0] = 0 // a weight that never has a gradient
		require.NoError(t, c.Step(step, state, learnedopt.Point[F]{Phi: phi, State: state, Grad: grad, Theta: theta}))
		for i := range theta {
			w := byHand[i](float64(grad[i]), want[i])
			// Averages of gradients of both signs cancel, so the error is measured against what is averaged.
			scale := math.Abs(w) + lr*max(1, math.Pow(10, float64(i-3)))
			require.InDelta(t, w, float64(step[i]), tolerance*scale, "step %d of weight %d", s+1, i)
			theta[i] += step[i]
			want[i] += w
		}
	}
}

// The bias correction makes Adam's first step as long as any other: LR, against the sign of the gradient.
func TestFirstStepOfAdamIsLRAgainstTheSign(t *testing.T) {
	grad := []float32{1e-3, -1e-3, 1, -1, 1e3, -1e3, 0}
	want := []float32{-0.01, 0.01, -0.01, 0.01, -0.01, 0.01, 0}
	theta := make([]float32, len(grad))
	opt, err := learnedopt.New(&handmade.Adam{LR: 0.01}, nil, vector(len(grad)))
	require.NoError(t, err)
	require.NoError(t, opt.Step(theta, grad))
	require.InDeltaSlice(t, want, theta, 1e-6)
}

// The weights decay by LR·λ apart from the averages: without a gradient nothing else moves them.
func TestAdamWDecaysWithoutAGradient(t *testing.T) {
	theta := []float32{1, -2}
	opt, err := learnedopt.New(&handmade.AdamW{Adam: handmade.Adam{LR: 0.1}, Decay: 0.5}, nil, vector(2))
	require.NoError(t, err)
	for range 3 {
		require.NoError(t, opt.Step(theta, make([]float32, 2)))
	}
	keep := float32(0.95 * 0.95 * 0.95)
	require.InDeltaSlice(t, []float32{keep, -2 * keep}, theta, 1e-6)
}
