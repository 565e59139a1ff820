package predictive_test

import (
	"fmt"
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	G "gorgonia.org/gorgonia"
	"pgregory.net/rapid"

	"github.com/seed1498fded/unroll/inner/predictive"
	"github.com/seed1498fded/unroll/internal/graph"
	"github.com/seed1498fded/unroll/internal/rng"
)

var nets = map[string]func(t *testing.T) *net{
	"two layers":     func(t *testing.T) *net { return mlp(t, 10, 20, 5) },
	"three layers":   func(t *testing.T) *net { return mlp(t, 10, 20, 20, 5) },
	"six layers":     func(t *testing.T) *net { return mlp(t, 10, 20, 20, 20, 20, 20, 5) },
	"residual":       residual,
	"shared weights": shared,
	"LSTM":           lstm,
	"scalar":         scalar,
}

func TestZILIsBackprop(t *testing.T) {
	for name, f := range nets {
		t.Run(name, func(t *testing.T) {
			n := f(t)
			got, g := n.coded(t, predictive.Config{Rule: predictive.ZIL})
			assert.Less(t, apart(got, n.backprop(t, n.weights...)), 1e-12)
			assert.Equal(t, g.Depth(), g.Steps())
		})
	}
}

// At rate 1 in parallel, the last message arrives in the step that is the longest path's length, and not before.
func TestRateOneIsExactAtTheDepth(t *testing.T) {
	for name, f := range nets {
		t.Run(name, func(t *testing.T) {
			n := f(t)
			want := n.backprop(t, n.weights...)
			got, g := n.coded(t, predictive.Config{Gamma: 1})
			assert.Equal(t, g.Depth(), g.Steps(), "as many steps as it takes")
			assert.Less(t, apart(got, want), 1e-14)
			before, _ := n.coded(t, predictive.Config{Gamma: 1, Steps: g.Depth() - 1})
			assert.Greater(t, apart(before, want), 1e-10)
			after, _ := n.coded(t, predictive.Config{Gamma: 1, Steps: g.Depth() + 3})
			assert.Equal(t, got, after, "at rest")
		})
	}
}

func TestOneSequentialStepAtRateOneIsExact(t *testing.T) {
	for name, f := range nets {
		t.Run(name, func(t *testing.T) {
			n := f(t)
			got, g := n.coded(t, predictive.Config{Gamma: 1, Sequential: true})
			assert.Equal(t, 1, g.Steps(), "as many steps as it takes")
			assert.Less(t, apart(got, n.backprop(t, n.weights...)), 1e-14)
		})
	}
}

// Without Steps, inference goes on until it is done.
func TestTheDefaultStepsAreEnough(t *testing.T) {
	for name, f := range nets {
		for _, sequential := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/sequential=%t", name, sequential), func(t *testing.T) {
				if name == "LSTM" && testing.Short() {
					t.Skip("94 vertices deep: 1556 steps")
				}
				n := f(t)
				got, _ := n.coded(t, predictive.Config{Sequential: sequential})
				assert.Less(t, apart(got, n.backprop(t, n.weights...)), 1e-7)
			})
		}
	}
}

// binomialBelow returns P(Bin(n, p) < d).
func binomialBelow(n int, p float64, d int) float64 {
	sum, term := 0.0, math.Pow(1-p, float64(n))
	for k := range d {
		sum += term
		term *= float64(n-k) / float64(k+1) * p / (1 - p)
	}
	return sum
}

// Of the gradient of a layer with d hidden layers above it, the share P(Bin(T, γ) < d) is missing after T parallel steps,
// P(Bin(T+d−1, γ) < d) after T sequential ones, whatever the weights.
func TestTheMissingShareIsBinomial(t *testing.T) {
	n := mlp(t, 10, 20, 20, 20, 5)
	want := n.backprop(t, n.weights...)
	for _, gamma := range []float64{0.1, 0.2, 0.5} {
		for _, steps := range []int{1, 2, 3, 10, 20, 50, 100, 200} {
			parallel, g := n.coded(t, predictive.Config{Gamma: gamma, Steps: steps, Vertex: n.isLayer})
			require.Equal(t, 3, g.Depth())
			sequential, _ := n.coded(t, predictive.Config{Gamma: gamma, Steps: steps, Vertex: n.isLayer, Sequential: true})
			for l := range want {
				d := len(want) - 1 - l
				missing := binomialBelow(steps, gamma, d)
				assert.InDelta(t, missing, apart(parallel[l:l+1], want[l:l+1]), 1e-12+1e-9*missing, "γ=%v T=%d layer %d", gamma, steps, l)
				missing = binomialBelow(steps+d-1, gamma, d)
				assert.InDelta(t, missing, apart(sequential[l:l+1], want[l:l+1]), 1e-12+1e-9*missing, "sequential γ=%v T=%d layer %d", gamma, steps, l)
			}
		}
	}
}

// The relative error of the whole gradient lies where an independent implementation found it with other weights.
func TestErrorFalls(t *testing.T) {
	for _, tt := range []struct {
		widths []int
		gamma  float64
		at     map[int]float64 // by the number of steps
	}{
		{[]int{10, 20, 20, 20, 5}, 0.1, map[int]float64{20: 3.6e-1, 50: 5.0e-2, 100: 8.2e-4, 200: 7.8e-8}},
		{[]int{10, 20, 20, 20, 5}, 0.2, map[int]float64{20: 9.3e-2, 50: 5.4e-4, 100: 2.8e-8}},
		{[]int{10, 20, 20, 20, 5}, 0.5, map[int]float64{20: 8.3e-5}},
		{[]int{10, 20, 20, 20, 20, 20, 5}, 0.1, map[int]float64{20: 6.0e-1, 50: 1.8e-1, 100: 8.0e-3, 200: 2.7e-6}},
	} {
		n := mlp(t, tt.widths...)
		want := n.backprop(t, n.weights...)
		layers := len(tt.widths) - 1
		var c float64
		for steps, off := range tt.at {
			got, _ := n.coded(t, predictive.Config{Gamma: tt.gamma, Steps: steps, Vertex: n.isLayer})
			ratio := apart(got, want) / off
			t.Logf("%d layers, γ=%v, T=%d: %.2g, there %.2g", layers, tt.gamma, steps, ratio*off, off)
			assert.True(t, ratio > 0.8 && ratio < 1.25, "%d layers, γ=%v, T=%d: %v times %v", layers, tt.gamma, steps, ratio, off)
			c = max(c, ratio*off/(math.Pow(float64(steps), float64(layers-2))*math.Pow(1-tt.gamma, float64(steps))))
		}
		assert.Less(t, c, 1., "the bound C T^(L−2) (1−γ)^T")
	}
}

// At rest, a vertex's error is the negative gradient of the loss with respect to its value, and the energy is half its square.
func TestErrorsAreNegativeGradients(t *testing.T) {
	n := residual(t)
	var energies []float64
	_, g := n.coded(t, predictive.Config{Gamma: 0.5, Observe: func(step int, energy float64) {
		energies = append(energies, energy)
		assert.Equal(t, len(energies), step)
	}})
	want := 0.0
	for i, d := range n.backprop(t, g.Vertices()...) {
		for k, x := range d {
			assert.InDelta(t, -x, g.Error(i)[k], 1e-6)
			want += x * x / 2
		}
	}
	require.Len(t, energies, g.Steps())
	assert.InEpsilon(t, want, energies[len(energies)-1], 1e-6)
	assert.Less(t, energies[0], energies[len(energies)-1], "frozen predictions do not descend the energy")
}

// Consumers sum. Were their messages averaged, the gradient would be half.
func TestTwoConsumersSum(t *testing.T) {
	n, b := new(net), new(graph.Builder)
	x := n.weight(1)
	y := b.Exp(x)
	n.loss = b.Add(b.Mul(y, n.input()), b.Mul(y, n.input()))
	require.NoError(t, b.Err())
	for _, rule := range []predictive.Rule{predictive.FixedPrediction, predictive.ZIL} {
		got, _ := n.coded(t, predictive.Config{Rule: rule})
		assert.InEpsilon(t, math.Exp(n.weightsAt[0][0])*(n.inputsAt[0][0]+n.inputsAt[1][0]), got[0][0], 1e-7)
	}
}

func TestClipBreaksEquality(t *testing.T) {
	n := mlp(t, 10, 20, 20, 5)
	want := n.backprop(t, n.weights...)
	for _, c := range []predictive.Config{{Rule: predictive.ZIL}, {Gamma: 1}, {Gamma: 1, Sequential: true}} {
		c.Clip = 0.1
		got, g := n.coded(t, c)
		assert.Greater(t, apart(got, want), 0.1)
		for i := range g.Vertices() {
			for _, e := range g.Error(i) {
				require.LessOrEqual(t, math.Abs(e), 0.1)
			}
		}
		c.Clip = 1e6
		got, _ = n.coded(t, c)
		assert.Less(t, apart(got, want), 1e-12, "a bound that is never reached")
	}
}

// StopGrad stops errors too, and a weight that the loss does not see has no gradient.
func TestWhereNoErrorGoes(t *testing.T) {
	n, b := new(net), new(graph.Builder)
	w, unseen := n.weight(1, 3), n.weight(1, 2)
	n.loss = b.Sum(b.Mul(b.Tanh(w), b.StopGrad(b.Exp(w))))
	require.NoError(t, b.Err())
	got, g := n.coded(t, predictive.Config{Rule: predictive.ZIL})
	assert.Less(t, apart(got, n.backprop(t, w, unseen)), 1e-14)
	assert.Equal(t, []float64{0, 0}, got[1])
	assert.Len(t, g.Vertices(), 2, "the product and the tanh")
}

// A loss without vertices is differentiated in one piece.
func TestNoVertices(t *testing.T) {
	n := new(net)
	n.loss = n.weight(1)
	for _, c := range []predictive.Config{{}, {Rule: predictive.ZIL}, {Sequential: true}} {
		got, g := n.coded(t, c)
		assert.Equal(t, [][]float64{{1}}, got)
		assert.Zero(t, g.Depth())
	}
}

// A second call leaves no trace of the first, nor does a second New on the same graph.
func TestCallsAreIndependent(t *testing.T) {
	n := residual(t)
	first, g := n.coded(t, predictive.Config{Steps: 7})
	again, _ := n.coded(t, predictive.Config{Steps: 7})
	assert.Equal(t, first, again)
	loss, err := g.Loss(n.inputsAt, n.weightsAt)
	require.NoError(t, err)
	grads := [][]float64{}
	other := [][]float64{}
	for _, w := range n.weightsAt {
		grads, other = append(grads, make([]float64, len(w))), append(other, make([]float64, len(w)))
	}
	_, err = g.ParamGrad(grads, n.inputsAt, other)
	require.NoError(t, err)
	assert.NotEqual(t, first, grads)
	lossAgain, err := g.ParamGrad(grads, n.inputsAt, n.weightsAt)
	require.NoError(t, err)
	assert.Equal(t, first, grads)
	assert.Equal(t, loss, lossAgain)
}

// dag draws a graph of 3×3 matrices, each the result of an operation of earlier ones, some of which nobody reads.
func dag(t *rapid.T) *net {
	n, b := new(net), new(graph.Builder)
	var nodes []*G.Node
	for range rapid.IntRange(1, 3).Draw(t, "weights") {
		nodes = append(nodes, n.weight(0.7, 3, 3))
	}
	nodes = append(nodes, n.input(3, 3))
	for range rapid.IntRange(1, 20).Draw(t, "operations") {
		pick := func() *G.Node { return nodes[rapid.IntRange(0, len(nodes)-1).Draw(t, "operand")] }
		var y *G.Node
		switch rapid.IntRange(0, 7).Draw(t, "operation") {
		case 0:
			y = b.Tanh(b.Add(pick(), pick()))
		case 1:
			y = b.Mul(pick(), b.Sigmoid(pick()))
		case 2:
			y = b.Tanh(b.MatMul(pick(), pick()))
		case 3:
			y = b.Transpose(pick())
		case 4:
			y = b.Softplus(b.Sub(pick(), pick()))
		case 5:
			y = b.Tanh(b.Mul(b.Sum(pick()), pick()))
		case 6:
			y = b.RepeatRows(b.Reshape(b.Rows(pick(), 1, 2), 3), 3)
		case 7:
			y = b.StopGrad(pick())
		}
		if b.Err() == nil && rapid.Bool().Draw(t, "layer") {
			n.layer(y)
		}
		nodes = append(nodes, y)
	}
	n.loss = b.Add(b.Sum(b.Tanh(nodes[len(nodes)-1])), b.Sum(b.Mul(nodes[len(nodes)-2], nodes[0])))
	require.NoError(t, b.Err())
	rng.Normal(n.inputsAt[0], rapid.Uint64().Draw(t, "key"), 0.7)
	return n
}

func TestRandomGraphs(t *testing.T) {
	for name, c := range map[string]predictive.Config{
		"Z-IL":       {Rule: predictive.ZIL},
		"parallel":   {Gamma: 1},
		"sequential": {Gamma: 1, Sequential: true},
		"relaxed":    {Gamma: 0.6},
	} {
		t.Run(name, func(t *testing.T) {
			rapid.Check(t, func(r *rapid.T) {
				n := dag(r)
				want := n.backprop(r, n.weights...)
				c := c
				if rapid.Bool().Draw(r, "some vertices") {
					c.Vertex = func(op *G.Node) bool { return !n.isLayer(op) }
				}
				grads, _ := n.coded(r, c)
				tol := 1e-11
				if c.Gamma == 0.6 {
					tol = 1e-6
				}
				for i := range want {
					for k := range want[i] {
						require.InDelta(r, want[i][k], grads[i][k], tol*(1+math.Abs(want[i][k])))
					}
				}
			})
		})
	}
}
