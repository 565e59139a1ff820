package inner_test

import (
	"fmt"
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	G "gorgonia.org/gorgonia"

	"github.com/seed1498fded/unroll/inner"
	"github.com/seed1498fded/unroll/inner/data"
	"github.com/seed1498fded/unroll/inner/problemtest"
	"github.com/seed1498fded/unroll/internal/graph"
	"github.com/seed1498fded/unroll/internal/rng"
	"github.com/seed1498fded/unroll/params"
)

// written is an MLP as an expression: the formulas of its doc comment and nothing of its code.
func written[F params.Float](set *data.Set, hidden []int, activation string, batch int) inner.ExpressionOf[F] {
	in, classes := set.Pixels(), set.Classes
	e := inner.ExpressionOf[F]{
		Data:  params.Layout{{Name: "pixels", Shape: []int{batch, in}}, {Name: "labels", Shape: []int{batch, classes}}},
		Start: func(theta []F, key uint64) { rng.Normal(theta, key, 0.1) },
	}
	e.Fill = func(v []F, key uint64) {
		clear(v)
		x, y := v[:batch*in], v[batch*in:]
		draw := rng.New(key)
		for i := range batch {
			j := draw.IntN(set.Len())
			for k, p := range set.Image(j) {
				x[i*in+k] = F(p) / 255
			}
			y[i*classes+int(set.Labels[j])] = 1
		}
	}
	widths := append([]int{in}, append(hidden, classes)...)
	for i := range len(widths) - 1 {
		e.Layout = append(e.Layout,
			params.Spec{Name: fmt.Sprintf("w%d", i), Shape: widths[i : i+2]},
			params.Spec{Name: fmt.Sprintf("b%d", i), Shape: widths[i+1 : i+2]})
	}
	e.Loss = func(theta, data map[string]*G.Node) (*G.Node, error) {
		b := new(graph.Builder)
		x := data["pixels"]
		for i := range len(widths) - 1 {
			if i > 0 {
				x = unit(b, activation, x)
			}
			w, bias := theta[fmt.Sprintf("w%d", i)], theta[fmt.Sprintf("b%d", i)]
			x = b.Add(b.MatMul(x, w), b.RepeatRows(bias, batch))
		}
		if b.Err() != nil {
			return nil, b.Err()
		}
		logProb, err := G.LogSoftMax(x)
		if err != nil {
			return nil, err
		}
		loss := b.Scale(-1/float64(batch), b.Sum(b.Mul(logProb, data["labels"])))
		return loss, b.Err()
	}
	return e
}

func unit(b *graph.Builder, activation string, x *G.Node) *G.Node {
	relu := func(x *G.Node) *G.Node {
		y, err := G.Rectify(x)
		if err != nil {
			b.Fail(err)
		}
		return y
	}
	switch activation {
	case "sigmoid":
		return b.Sigmoid(x)
	case "tanh":
		return b.Tanh(x)
	case "relu":
		return relu(x)
	case "elu":
		return b.Add(relu(x), b.Expm1(b.Neg(relu(b.Neg(x)))))
	}
	panic("no activation " + activation)
}

func TestMLPIsTheExpression(t *testing.T) {
	set := problemtest.Images(30, 3)
	for _, hidden := range [][]int{nil, {5}, {5, 3}} {
		for _, a := range inner.Activations() {
			if hidden == nil && a != "tanh" {
				continue
			}
			t.Run(fmt.Sprint(hidden, a), func(t *testing.T) {
				hand, err := inner.MLPOf[float64]{Data: set, Hidden: hidden, Activation: a, Batch: 7}.Sample(0)
				require.NoError(t, err)
				witness, err := written[float64](set, hidden, a, 7).Problem()
				require.NoError(t, err)
				require.Empty(t, witness.Params().Diff(hand.Params()))
				for key := range uint64(3) {
					theta := start(hand, key)
					v := make([]float64, len(theta))
					for i := range theta {
						theta[i] *= 8
					}
					rng.Normal(v, key+10, 1)
					got, want := make([]float64, len(theta)), make([]float64, len(theta))
					loss, err := hand.Eval(got, theta, key)
					require.NoError(t, err)
					wantLoss, err := witness.Eval(want, theta, key)
					require.NoError(t, err)
					assert.InDelta(t, wantLoss, loss, 1e-10)
					assert.InDeltaSlice(t, want, got, 1e-10, "gradient")
					require.NoError(t, hand.(inner.CurvatureOf[float64]).HessianVector(got, theta, v, key))
					require.NoError(t, witness.(inner.CurvatureOf[float64]).HessianVector(want, theta, v, key))
					assert.InDeltaSlice(t, want, got, 1e-10, "Hessian times v")
				}
			})
		}
	}
}

func TestMLPDefaults(t *testing.T) {
	p, err := inner.MLP{Data: problemtest.Images(30, 3), Hidden: []int{200}}.Sample(0)
	require.NoError(t, err)
	assert.Equal(t, "w0[9 200] b0[200] w1[200 4] b1[4]", p.Params().String())
	theta := start(p, 1)
	square := 0.0
	for _, x := range theta {
		square += float64(x) * float64(x)
	}
	assert.InDelta(t, 0.1, math.Sqrt(square/float64(len(theta))), 0.005)

	hand, err := inner.MLPOf[float64]{Data: problemtest.Images(30, 3), Hidden: []int{2}}.Sample(0)
	require.NoError(t, err)
	sigmoid128, err := written[float64](problemtest.Images(30, 3), []int{2}, "sigmoid", 128).Problem()
	require.NoError(t, err)
	at := start(hand, 1)
	got, err := hand.Eval(nil, at, 2)
	require.NoError(t, err)
	want, err := sigmoid128.Eval(nil, at, 2)
	require.NoError(t, err)
	assert.InDelta(t, want, got, 1e-12)
}

func TestMLPRefuses(t *testing.T) {
	set := problemtest.Images(30, 3)
	broken := problemtest.Images(30, 3)
	broken.Labels[3] = 9
	for want, m := range map[string]inner.MLP{
		"no data": {},
		"label 9": {Data: broken},
		`no activation "swish"; there are elu, relu, sigmoid, tanh`: {Data: set, Activation: "swish"},
		"width 0 of hidden layer 1; want 1 or more":                 {Data: set, Hidden: []int{3, 0}},
		"minibatches of -1":       {Data: set, Batch: -1},
		"standard deviation -1":   {Data: set, Std: -1},
		"standard deviation NaN":  {Data: set, Std: math.NaN()},
		"standard deviation +Inf": {Data: set, Std: math.Inf(1)},
	} {
		_, err := m.Sample(0)
		require.ErrorContains(t, err, want)
		_, err = m.ErrorRate(nil, set)
		require.ErrorContains(t, err, want)
	}
}

func TestHugeLogitsMakeAHugeLoss(t *testing.T) {
	set := problemtest.Images(30, 3)
	p, err := inner.MLP{Data: set, Batch: 50}.Sample(0)
	require.NoError(t, err)
	theta := make([]float32, p.Params().Len())
	for _, logit := range []float32{1e3, 1e20, math.MaxFloat32} {
		params.Slice(p.Params(), theta, "b0")[0] = logit
		loss, err := p.Eval(nil, theta, 1)
		require.NoError(t, err)
		wrong := 0.0 // fraction of the minibatch that is not of class 0
		draw := rng.New(1)
		for range 50 {
			if set.Labels[draw.IntN(30)] != 0 {
				wrong += 1. / 50
			}
		}
		assert.InEpsilon(t, wrong*float64(logit), loss, 1e-6)
	}
}

func TestUnseenPixelsCountWhenNotFinite(t *testing.T) {
	set := problemtest.Images(30, 3) // the first pixel of every image is 0
	p, err := inner.MLP{Data: set, Hidden: []int{2}}.Sample(0)
	require.NoError(t, err)
	theta := start(p, 1)
	theta[0] = float32(math.Inf(-1))
	grad := make([]float32, len(theta))
	loss, err := p.Eval(grad, theta, 1)
	require.NoError(t, err)
	assert.True(t, math.IsNaN(loss))
	for _, g := range grad {
		require.True(t, math.IsNaN(float64(g)))
	}
}

// Softmax regression that has learned a few images by heart is right about them.
func TestErrorRate(t *testing.T) {
	set := problemtest.Images(10, 6)
	m := inner.MLPOf[float64]{Data: set, Batch: 4}
	p, err := m.Sample(0)
	require.NoError(t, err)
	theta := make([]float64, p.Params().Len())
	constant := 0 // theta = 0 says class 0 of everything
	for _, label := range set.Labels {
		if label != 0 {
			constant++
		}
	}
	rate, err := m.ErrorRate(theta, set)
	require.NoError(t, err)
	assert.InDelta(t, float64(constant)/10, rate, 1e-12)
	grad := make([]float64, len(theta))
	for i := range 3000 {
		_, err := p.Eval(grad, theta, uint64(i))
		require.NoError(t, err)
		for k, g := range grad {
			theta[k] -= 0.3 * g
		}
	}
	rate, err = m.ErrorRate(theta, set)
	require.NoError(t, err)
	assert.Zero(t, rate)

	theta[0] = math.NaN()
	rate, err = m.ErrorRate(theta, set)
	require.NoError(t, err)
	assert.Equal(t, 1., rate)
	_, err = m.ErrorRate(theta, problemtest.Images(5, 7))
	require.ErrorContains(t, err, "7x7")
	assert.PanicsWithValue(t, "inner: theta of length 1, want 148", func() { _, _ = m.ErrorRate(theta[:1], set) })
}

// The two element types take different ways, that of float32 leading through assembly where there is some. Some of the
// sizes are multiples of its tiles, some leave remainders, some are smaller than one.
func TestMLPSingleIsDouble(t *testing.T) {
	for _, m := range []inner.MLP{
		{Data: problemtest.Images(300, 28), Hidden: []int{20}},
		{Data: problemtest.Images(300, 8), Hidden: []int{20}},
		{Data: problemtest.Images(300, 8)},
		{Data: problemtest.Images(30, 1), Hidden: []int{1}, Batch: 1},
		{Data: problemtest.Images(30, 3), Hidden: []int{33, 70}, Batch: 51},
	} {
		for _, m.Activation = range inner.Activations() {
			t.Run(fmt.Sprint(m.Data.Pixels(), m.Hidden, m.Batch, m.Activation), func(t *testing.T) {
				single, err := m.Sample(0)
				require.NoError(t, err)
				double, err := inner.MLPOf[float64](m).Sample(0)
				require.NoError(t, err)
				theta, v := start(single, 1), start(single, 2)
				theta64, v64 := params.Convert[float64](theta), params.Convert[float64](v)
				got, want := make([]float32, len(theta)), make([]float64, len(theta))
				loss, err := single.Eval(got, theta, 3)
				require.NoError(t, err)
				wantLoss, err := double.Eval(want, theta64, 3)
				require.NoError(t, err)
				assert.InEpsilon(t, wantLoss, loss, 1e-5)
				assert.Less(t, relative(want, got), 1e-5, "gradient")
				require.NoError(t, single.(inner.Curvature).HessianVector(got, theta, v, 3))
				require.NoError(t, double.(inner.CurvatureOf[float64]).HessianVector(want, theta64, v64, 3))
				assert.Less(t, relative(want, got), 1e-5, "Hessian times v")
				assert.Zero(t, testing.AllocsPerRun(5, func() { _, _ = single.Eval(got, theta, 4) }), "allocations")
			})
		}
	}
}

// relative returns |got − want|/|want|.
func relative(want []float64, got []float32) float64 {
	difference, size := 0.0, 0.0
	for i, x := range want {
		difference += (float64(got[i]) - x) * (float64(got[i]) - x)
		size += x * x
	}
	return math.Sqrt(difference / size)
}

// Sigmoid units are bounded, yet an infinite weight below them does not go unseen.
func TestSingleWeightsNotFinite(t *testing.T) {
	p, err := inner.MLP{Data: problemtest.Images(30, 3), Hidden: []int{20}}.Sample(0)
	require.NoError(t, err)
	for i := range p.Params().Len() {
		theta := start(p, 1)
		for _, bad := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
			theta[i] = float32(bad)
			loss, err := p.Eval(nil, theta, 1)
			require.NoError(t, err)
			require.True(t, math.IsNaN(loss-loss), "theta[%d] is %v, the loss %v", i, bad, loss)
		}
	}
}

func BenchmarkMLP(b *testing.B) {
	const batch, classes = 128, 10
	for _, size := range []struct{ side, hidden int }{{8, 20}, {28, 20}, {28, 1258}} { // 1,510, 15,910 and 1,000,120 weights
		hidden, pixels := size.hidden, size.side*size.side
		set := problemtest.Images(1000, size.side)
		set.Classes = classes
		p, err := inner.MLP{Data: set, Hidden: []int{hidden}, Batch: batch}.Sample(0)
		require.NoError(b, err)
		theta := start(p, 1)
		grad, v := make([]float32, len(theta)), start(p, 2)
		forward := 2 * batch * float64(hidden*(pixels+classes)) // floating-point operations of the products
		backward := forward + 2*batch*float64(hidden)*classes
		for _, f := range []struct {
			name string
			flop float64
			run  func(key uint64)
		}{
			{"loss", forward, func(key uint64) { _, _ = p.Eval(nil, theta, key) }},
			{"gradient", forward + backward, func(key uint64) { _, _ = p.Eval(grad, theta, key) }},
			{"hessian", 2*forward + 2*backward + 4*batch*float64(hidden)*classes,
				func(key uint64) { _ = p.(inner.Curvature).HessianVector(grad, theta, v, key) }},
		} {
			b.Run(fmt.Sprintf("%d-%d-%d/%s", pixels, hidden, classes, f.name), func(b *testing.B) {
				b.ReportAllocs()
				for i := 0; b.Loop(); i++ {
					f.run(uint64(i))
				}
				ns := float64(b.Elapsed().Nanoseconds()) / float64(b.N)
				b.ReportMetric(f.flop/ns, "GFLOP/s")
				b.ReportMetric(ns/float64(len(theta)), "ns/coordinate")
			})
		}
	}
}
