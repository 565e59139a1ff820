package learnedopt_test

import (
	"fmt"
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed1498fded/unroll/internal/rng"
	"github.com/seed1498fded/unroll/learnedopt"
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

// formulas are the hand-made rules with hyperparameters other than their defaults.
var formulas = []struct {
	rule learnedopt.Rule
	phi  []float64
	lr   float64
	new  func() formula
}{
	{&learnedopt.SGD{LR: 0.03}, []float64{math.Log(0.03)}, 0.03, func() formula {
		return func(g, _ float64) float64 { return -0.03 * g }
	}},
	{&learnedopt.Momentum{LR: 0.03, Momentum: 0.8}, []float64{math.Log(0.03), logit(0.8)}, 0.03, func() formula {
		v := 0.0
		return func(g, _ float64) float64 {
			v = 0.8*v + g
			return -0.03 * v
		}
	}},
	{&learnedopt.NAG{LR: 0.03, Momentum: 0.8}, []float64{math.Log(0.03), logit(0.8)}, 0.03, func() formula {
		v := 0.0
		return func(g, _ float64) float64 {
			v = 0.8*v + g
			return -0.03 * (g + 0.8*v)
		}
	}},
	{&learnedopt.RMSprop{LR: 0.03, Alpha: 0.95, Eps: 1e-6}, []float64{math.Log(0.03), logit(0.95), math.Log(1e-6)}, 0.03, func() formula {
		v := 0.0
		return func(g, _ float64) float64 {
			v = 0.95*v + 0.05*g*g
			return -0.03 * g / (math.Sqrt(v) + 1e-6)
		}
	}},
	{&learnedopt.Adam{LR: 0.03, Beta1: 0.8, Beta2: 0.99, Eps: 1e-6},
		[]float64{math.Log(0.03), logit(0.8), logit(0.99), math.Log(1e-6)}, 0.03,
		func() formula { return adamFormula(0.03, 0.8, 0.99, 1e-6, 0) }},
	{&learnedopt.AdamW{Adam: learnedopt.Adam{LR: 0.03, Beta1: 0.8, Beta2: 0.99, Eps: 1e-6}, Decay: 0.2},
		[]float64{math.Log(0.03), logit(0.8), logit(0.99), math.Log(1e-6), math.Log(0.2)}, 0.03,
		func() formula { return adamFormula(0.03, 0.8, 0.99, 1e-6, 0.2) }},
}

func TestEveryHandMadeRuleHasItsFormula(t *testing.T) {
	have := map[string]bool{"lstm": true} // see TestLSTMIsItsFormula
	for _, f := range formulas {
		have[f.rule.Name()] = true
	}
	for _, name := range learnedopt.Names() {
		require.True(t, have[name], name)
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
	opt, err := learnedopt.New(&learnedopt.Adam{LR: 0.01}, nil, vector(len(grad)))
	require.NoError(t, err)
	require.NoError(t, opt.Step(theta, grad))
	require.InDeltaSlice(t, want, theta, 1e-6)
}

// The weights decay by LR·λ apart from the averages: without a gradient nothing else moves them.
func TestAdamWDecaysWithoutAGradient(t *testing.T) {
	theta := []float32{1, -2}
	opt, err := learnedopt.New(&learnedopt.AdamW{Adam: learnedopt.Adam{LR: 0.1}, Decay: 0.5}, nil, vector(2))
	require.NoError(t, err)
	for range 3 {
		require.NoError(t, opt.Step(theta, make([]float32, 2)))
	}
	keep := float32(0.95 * 0.95 * 0.95)
	require.InDeltaSlice(t, []float32{keep, -2 * keep}, theta, 1e-6)
}

// lstmFormula is the LSTM for one coordinate, as the equations have it, one unit at a time.
func lstmFormula(r *learnedopt.LSTM, phi []float64) func(g float64) float64 {
	h, cell := make([][]float64, r.Layers), make([][]float64, r.Layers)
	for l := range h {
		h[l], cell[l] = make([]float64, r.Hidden), make([]float64, r.Hidden)
	}
	sigmoid := func(x float64) float64 { return 1 / (1 + math.Exp(-x)) }
	layout := r.Phi()
	tensor := func(format string, l int) []float64 { return params.Slice(layout, phi, fmt.Sprintf(format, l)) }
	return func(g float64) float64 {
		x := []float64{-1, math.Exp(r.Preprocess) * g}
		switch {
		case r.Preprocess < 0:
			x = []float64{g}
		case math.Abs(g) >= math.Exp(-r.Preprocess):
			x = []float64{math.Log(math.Abs(g)) / r.Preprocess, math.Copysign(1, g)}
		}
		for l := range r.Layers {
			w, u, b := tensor("lstm.weight_ih_l%d", l), tensor("lstm.weight_hh_l%d", l), tensor("lstm.bias_l%d", l)
			before := append([]float64(nil), h[l]...)
			for k := range r.Hidden {
				var gate [4]float64 // i, f, g̃, o
				for j := range gate {
					row := j*r.Hidden + k
					gate[j] = b[row]
					for c, v := range x {
						gate[j] += w[row*len(x)+c] * v
					}
					for c, v := range before {
						gate[j] += u[row*r.Hidden+c] * v
					}
				}
				cell[l][k] = sigmoid(gate[1])*cell[l][k] + sigmoid(gate[0])*math.Tanh(gate[2])
				h[l][k] = sigmoid(gate[3]) * math.Tanh(cell[l][k])
			}
			x = h[l]
		}
		out := params.Slice(layout, phi, "linear.bias")[0]
		for k, v := range params.Slice(layout, phi, "linear.weight") {
			out += v * x[k]
		}
		return r.Scale * out
	}
}

func TestLSTMIsItsFormula(t *testing.T) {
	for _, r := range []*learnedopt.LSTM{
		{Hidden: 3, Layers: 2, Scale: 0.1, Preprocess: 10},
		{Hidden: 4, Layers: 3, Scale: 0.5, Preprocess: 2},
		{Hidden: 3, Layers: 1, Scale: 1, Preprocess: -1},
	} {
		const n, steps = 5, 20
		c, err := learnedopt.Compile[float64](r, vector(n))
		require.NoError(t, err)
		phi := make([]float64, r.Phi().Len())
		rng.Normal(phi, 1, 0.5)
		grad, step, state := make([]float64, n), make([]float64, n), make([]float64, c.State().Len())
		var byHand [n]func(float64) float64
		for i := range byHand {
			byHand[i] = lstmFormula(r, phi)
		}
		for s := range steps {
			rng.Normal(grad, rng.Split(2, uint64(s)), 1)
			for i := range grad {
				grad[i] *= math.Pow(10, -2*float64(i)) // down to 1e-8, below e^-10
			}
			require.NoError(t, c.Step(step, state, learnedopt.Point[float64]{Phi: phi, State: state, Grad: grad}))
			for i, got := range step {
				require.InDelta(t, byHand[i](grad[i]), got, 1e-12, "%+v: step %d of weight %d", *r, s+1, i)
			}
		}
	}
}

// The sizes of Andrychowicz et al. 2016: two layers of 20 units.
func TestSizesOfTheLSTM(t *testing.T) {
	for _, tt := range []struct {
		rule           *learnedopt.LSTM
		phi, stateEach int
	}{
		{new(learnedopt.LSTM), 5141, 80},
		{&learnedopt.LSTM{Preprocess: -1}, 5061, 80},
		{&learnedopt.LSTM{Hidden: 1, Layers: 1, Preprocess: -1}, 4 + 4 + 4 + 1 + 1, 2},
	} {
		require.Equal(t, tt.phi, tt.rule.Phi().Len())
		for _, n := range []int{1, 9} {
			require.Equal(t, n*tt.stateEach, tt.rule.State(vector(n)).Len())
		}
	}
}
