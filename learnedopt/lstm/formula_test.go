package lstm_test

import (
	"fmt"
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed1498fded/unroll/internal/rng"
	"github.com/seed1498fded/unroll/learnedopt"
	"github.com/seed1498fded/unroll/learnedopt/lstm"
	"github.com/seed1498fded/unroll/params"
)

func vector(n int) params.Layout { return params.Layout{{Name: "theta", Shape: []int{n}}} }

// lstmFormula is the LSTM for one coordinate, as the equations have it, one unit at a time.
func lstmFormula(r *lstm.Rule, phi []float64) func(g float64) float64 {
	h, cell := make([][]float64, r.Layers), make([][]float64, r.Layers)
	for l := range h {
		h[l], cell[l] = make([]float64, r.Hidden), make([]float64, r.Hidden)
	}
	sigmoid := func(x float64) float64 { return 1 / (1 + math.Exp(-x)) }
	layout := r.Spec().Phi
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
	for _, r := range []*lstm.Rule{
		{Hidden: 3, Layers: 2, Scale: 0.1, Preprocess: 10},
		{Hidden: 4, Layers: 3, Scale: 0.5, Preprocess: 2},
		{Hidden: 3, Layers: 1, Scale: 1, Preprocess: -1},
	} {
		const n, steps = 5, 20
		c, err := learnedopt.Compile[float64](r, vector(n))
		require.NoError(t, err)
		phi := make([]float64, r.Spec().Phi.Len())
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
		rule           *lstm.Rule
		phi, stateEach int
	}{
		{new(lstm.Rule), 5141, 80},
		{&lstm.Rule{Preprocess: -1}, 5061, 80},
		{&lstm.Rule{Hidden: 1, Layers: 1, Preprocess: -1}, 4 + 4 + 4 + 1 + 1, 2},
	} {
		require.Equal(t, tt.phi, tt.rule.Spec().Phi.Len())
		for _, n := range []int{1, 9} {
			c, err := learnedopt.Compile[float64](tt.rule, vector(n))
			require.NoError(t, err)
			require.Equal(t, n*tt.stateEach, c.State().Len())
		}
	}
}
