package celo_test

import (
	"fmt"
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed1498fded/unroll/learnedopt"
	"github.com/seed1498fded/unroll/learnedopt/ruletest"
	"github.com/seed1498fded/unroll/params"
)

// The released weights take the steps that they take in their authors' code.
func TestReleased(t *testing.T) {
	for file, from := range map[string]string{"celo_released": "celo", "celo_adam": "celo_adam"} {
		for _, g := range ruletest.ReadGolden(t, "testdata/"+file+".json.gz") {
			if g.PhiFile == "" {
				continue
			}
			t.Run(file+" "+g.Name, func(t *testing.T) {
				trained := released(t, from)
				require.Equal(t, g.PhiFile, from+".theta.state")
				g.Phi = make(map[string][]float64)
				for i, v := range params.Split(trained.Rule.Spec().Phi, trained.Phi) {
					g.Phi[trained.Rule.Spec().Phi[i].Name] = params.Convert[float64](v)
				}
				g.Run(t, trained.Rule)
			})
		}
	}
}

func released(t *testing.T, name string) *learnedopt.Trained {
	trained, err := learnedopt.Load("testdata/" + name + ".theta.state")
	require.NoError(t, err)
	return trained
}

// 300 steps of training a small network, whose losses are those of the authors' code: to the digits given in float64, and up
// to step 100, before rounding grows, in float32.
func TestReleasedTraining(t *testing.T) {
	steps := []int{0, 1, 2, 5, 10, 20, 50, 100, 200, 299}
	for _, tt := range []struct {
		weights string
		easy    bool
		losses  []float64
	}{
		{"celo", false, []float64{
			1.39430161, 1.39287187, 1.39013272, 1.37807434, 1.36846867, 1.36516246, 1.35808787, 1.35158188, 1.34634606, 1.34235793,
		}},
		{"celo", true, []float64{
			1.4083217, 1.39615179, 1.37139395, 1.23657408, 0.97713136, 0.504717698, 0.0506721284, 0.0251861319, 0.00761691513, 0.00221002472,
		}},
		{"celo_adam", false, []float64{
			1.39430161, 1.39409813, 1.39384748, 1.39229454, 1.38935282, 1.3834012, 1.36776096, 1.34548119, 1.32791194, 1.3167553,
		}},
		{"celo_adam", true, []float64{
			1.4083217, 1.4068032, 1.40491981, 1.39284689, 1.36759126, 1.30784517, 0.513114093, 0.031082729, 0.0248044999, 0.0226938903,
		}},
	} {
		t.Run(fmt.Sprint(tt.weights, tt.easy), func(t *testing.T) {
			trained := released(t, tt.weights)
			double := train[float64](t, trained, learnedopt.Options{Reference: true}, newWaves(tt.easy), 300)
			single := train[float32](t, trained, learnedopt.Options{}, newWaves(tt.easy), 101)
			for i, k := range steps {
				require.InDelta(t, tt.losses[i], double[k], 1e-8, "step %d", k)
				if k < len(single) {
					require.InDelta(t, tt.losses[i], single[k], 1e-5, "step %d in float32", k)
				}
			}
		})
	}
}

// train returns the loss before each step.
func train[F params.Float](t *testing.T, r *learnedopt.Trained, o learnedopt.Options, w *waves, steps int) []float64 {
	c, err := learnedopt.CompileWith[F](r.Rule, w.layout(), o)
	require.NoError(t, err)
	phi, theta := params.Convert[F](r.Phi), params.Convert[F](w.start())
	state, step := make([]F, c.State().Len()), make([]F, len(theta))
	require.NoError(t, c.Start(state, phi))
	var losses []float64
	for k := range steps {
		loss, grad := w.loss(params.Convert[float64](theta))
		losses = append(losses, loss)
		p := learnedopt.Point[F]{
			Phi: phi, State: state, Grad: params.Convert[F](grad), Theta: theta, Loss: []F{F(loss)}, Step: k, Horizon: 300,
		}
		require.NoError(t, c.Step(step, state, p))
		for i := range theta {
			theta[i] += step[i]
		}
	}
	return losses
}

// waves is a network of 8, 16 rectified and 4 units on 64 examples, all given by formulas: softmax cross-entropy.
type waves struct{ labels [examples]int }

const examples, in, hidden, out = 64, 8, 16, 4

func newWaves(easy bool) *waves {
	w := new(waves)
	for i := range w.labels {
		w.labels[i] = i % 4
		if easy {
			w.labels[i] = 0
			if math.Sin(.7*float64(i)) > 0 {
				w.labels[i]++
			}
			if math.Cos(.7*float64(i)) > 0 {
				w.labels[i] += 2
			}
		}
	}
	return w
}

func (*waves) layout() params.Layout {
	return params.Layout{
		{Name: "W1", Shape: []int{in, hidden}}, {Name: "W2", Shape: []int{hidden, out}},
		{Name: "b1", Shape: []int{hidden}}, {Name: "b2", Shape: []int{out}},
	}
}

func (w *waves) start() []float64 {
	theta := make([]float64, w.layout().Len())
	parts := params.Split(w.layout(), theta)
	for k, cols := range []int{hidden, out} {
		for i := range parts[k] {
			parts[k][i] = .3 * math.Sin(1+.9*float64(i/cols)+1.7*float64(i%cols))
		}
	}
	return theta
}

// loss returns the mean loss and its gradient.
func (w *waves) loss(theta []float64) (loss float64, grad []float64) {
	grad = make([]float64, len(theta))
	p, d := params.Split(w.layout(), theta), params.Split(w.layout(), grad)
	for i, label := range w.labels {
		var x [in]float64
		var h, dh [hidden]float64
		for j := range x {
			x[j] = math.Sin(.7*float64(i) + 1.3*float64(j))
		}
		for k := range h {
			h[k] = p[2][k]
			for j := range x {
				h[k] += x[j] * p[0][j*hidden+k]
			}
			h[k] = max(h[k], 0)
		}
		var z [out]float64
		sum := 0.0
		for c := range z {
			z[c] = p[3][c]
			for k := range h {
				z[c] += h[k] * p[1][k*out+c]
			}
			sum += math.Exp(z[c])
		}
		loss += (math.Log(sum) - z[label]) / examples
		for c := range z {
			dz := math.Exp(z[c]) / sum / examples
			if c == label {
				dz -= 1. / examples
			}
			d[3][c] += dz
			for k := range h {
				d[1][k*out+c] += dz * h[k]
				dh[k] += dz * p[1][k*out+c]
			}
		}
		for k := range h {
			if h[k] > 0 {
				d[2][k] += dh[k]
				for j := range x {
					d[0][j*hidden+k] += dh[k] * x[j]
				}
			}
		}
	}
	return loss, grad
}
