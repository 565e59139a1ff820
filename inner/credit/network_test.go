package credit_test

import (
	"cmp"
	"fmt"
	"math"
	"runtime"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	G "gorgonia.org/gorgonia"

	"github.com/seed1498fded/unroll/inner"
	"github.com/seed1498fded/unroll/inner/credit"
	"github.com/seed1498fded/unroll/inner/data"
	"github.com/seed1498fded/unroll/inner/nets"
	"github.com/seed1498fded/unroll/inner/problemtest"
	"github.com/seed1498fded/unroll/internal/graph"
	"github.com/seed1498fded/unroll/internal/rng"
	"github.com/seed1498fded/unroll/params"
)

// A network is a fully connected one that learns by its gradient, the optimizee of Andrychowicz et al. 2016, section 3.2:
//
//	x⁰ = pixels/255                       [batch, pixels]
//	zˡ = xˡWˡ + bˡ,  xˡ⁺¹ = f(zˡ)         for each hidden layer
//	f(θ) = mean over the minibatch of −log softmax(z^L)[label]
type network struct {
	set        *data.Set
	hidden     []int
	activation string    // sigmoid if empty
	batch      int       // 128 if zero
	init       nets.Init // normal0.1 if empty
}

func familyOf[F params.Float](t testing.TB, n network) credit.FamilyOf[F] {
	t.Helper()
	var layers []nets.Layer
	for _, width := range n.hidden {
		layers = append(layers, nets.Dense{Units: width}, nets.Activation(cmp.Or(n.activation, "sigmoid")))
	}
	net, err := nets.New[F](nets.Shape{Channels: 1, Rows: n.set.Rows, Cols: n.set.Cols}, nets.CrossEntropy,
		append(layers, nets.Dense{Units: n.set.Classes})...)
	require.NoError(t, err)
	return credit.FamilyOf[F]{Net: net, Data: n.set, Batch: n.batch, Init: cmp.Or(n.init, nets.Normal)}
}

func sample[F params.Float](t testing.TB, n network) inner.ProblemOf[F] {
	t.Helper()
	p, err := familyOf[F](t, n).Sample(0)
	require.NoError(t, err)
	return p
}

// start returns the start of an episode named by key.
func start[F params.Float](p inner.ProblemOf[F], key uint64) []F {
	theta := make([]F, p.Params().Len())
	p.Init(theta, key)
	return theta
}

// written is a network as an expression: its formulas and nothing of its code.
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
	case "silu":
		return b.Mul(x, b.Sigmoid(x))
	case "gelu":
		return b.Mul(x, below(b, x))
	}
	panic("no activation " + activation)
}

// below is the distribution function of N(0, 1).
func below(b *graph.Builder, x *G.Node) *G.Node {
	return b.Apply(graph.Def{
		Name: "distribution function", Shape: x.Shape().Clone(),
		F32: graph.Kernel[float32]{Forward: func(dst []float32, in [][]float32) { distribution(dst, in[0]) }},
		F64: graph.Kernel[float64]{Forward: func(dst []float64, in [][]float64) { distribution(dst, in[0]) }},
		Diff: func(in []*G.Node, _, cot *G.Node) ([]*G.Node, error) {
			b := new(graph.Builder)
			density := b.Scale(1/math.Sqrt(2*math.Pi), b.Exp(b.Scale(-.5, b.Square(in[0]))))
			return []*G.Node{b.Mul(cot, density)}, b.Err()
		},
	}, x)
}

func distribution[F params.Float](dst, x []F) {
	for i, v := range x {
		dst[i] = F(math.Erfc(-float64(v)/math.Sqrt2) / 2)
	}
}

func TestNetworksAreTheExpression(t *testing.T) {
	set := problemtest.Images(30, 3)
	for _, hidden := range [][]int{nil, {5}, {5, 3}} {
		for _, a := range nets.Activations() {
			if hidden == nil && a != "tanh" {
				continue
			}
			t.Run(fmt.Sprint(hidden, a), func(t *testing.T) {
				hand := sample[float64](t, network{set: set, hidden: hidden, activation: a, batch: 7})
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

func TestNetworkDefaults(t *testing.T) {
	p := sample[float32](t, network{set: problemtest.Images(30, 3), hidden: []int{200}})
	assert.Equal(t, "w0[9 200] b0[200] w1[200 4] b1[4]", p.Params().String())
	theta := start(p, 1)
	square := 0.0
	for _, x := range theta {
		square += float64(x) * float64(x)
	}
	assert.InDelta(t, 0.1, math.Sqrt(square/float64(len(theta))), 0.005)

	hand := sample[float64](t, network{set: problemtest.Images(30, 3), hidden: []int{2}})
	sigmoid128, err := written[float64](problemtest.Images(30, 3), []int{2}, "sigmoid", 128).Problem()
	require.NoError(t, err)
	at := start(hand, 1)
	got, err := hand.Eval(nil, at, 2)
	require.NoError(t, err)
	want, err := sigmoid128.Eval(nil, at, 2)
	require.NoError(t, err)
	assert.InDelta(t, want, got, 1e-12)
}

func TestFamilyRefuses(t *testing.T) {
	set := problemtest.Images(30, 3)
	broken := problemtest.Images(30, 3)
	broken.Labels[3] = 9
	sound := familyOf[float32](t, network{set: set})
	for want, change := range map[string]func(f *credit.Family){
		"no net":  func(f *credit.Family) { f.Net = nil },
		"no data": func(f *credit.Family) { f.Data = nil },
		"label 9": func(f *credit.Family) { f.Data = broken },
		"images of 16 pixels in 4 classes; the net has 9 inputs and 4 outputs": func(f *credit.Family) { f.Data = problemtest.Images(30, 4) },
		"minibatches of -1":    func(f *credit.Family) { f.Batch = -1 },
		`no init "orthogonal"`: func(f *credit.Family) { f.Init = "orthogonal" },
		`no init "normal-1"`:   func(f *credit.Family) { f.Init = "normal-1" },
		`no init "normalNaN"`:  func(f *credit.Family) { f.Init = "normalNaN" },
		`no init "normalInf"`:  func(f *credit.Family) { f.Init = "normalInf" },
	} {
		f := sound
		change(&f)
		_, err := f.Sample(0)
		require.ErrorContains(t, err, want)
		_, err = f.Problem()
		require.ErrorContains(t, err, want)
	}
}

func TestHugeLogitsMakeAHugeLoss(t *testing.T) {
	set := problemtest.Images(30, 3)
	p := sample[float32](t, network{set: set, batch: 50})
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
	p := sample[float32](t, network{set: set, hidden: []int{2}})
	theta := start(p, 1)
	theta[0] = float32(math.Inf(-1))
	grad := make([]float32, len(theta))
	loss, err := p.Eval(grad, theta, 1)
	require.NoError(t, err)
	assert.True(t, math.IsNaN(loss))
	allNaN := func() {
		t.Helper()
		for i, g := range grad {
			require.True(t, math.IsNaN(float64(g)))
			grad[i] = 0
		}
	}
	allNaN()
	h, sound := p.(inner.Curvature), start(p, 1)
	require.NoError(t, h.HessianVector(grad, theta, sound, 1))
	allNaN()
	require.NoError(t, h.HessianVector(grad, sound, theta, 1))
	allNaN()
}

// Softmax regression that has learned a few images by heart is right about them.
func TestErrorRate(t *testing.T) {
	set := problemtest.Images(10, 6)
	p, err := familyOf[float64](t, network{set: set, batch: 4}).Problem()
	require.NoError(t, err)
	theta := make([]float64, p.Params().Len())
	constant := 0 // theta = 0 says class 0 of everything
	for _, label := range set.Labels {
		if label != 0 {
			constant++
		}
	}
	rate, err := p.ErrorRate(theta, set)
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
	rate, err = p.ErrorRate(theta, set)
	require.NoError(t, err)
	assert.Zero(t, rate)

	theta[0] = math.NaN()
	rate, err = p.ErrorRate(theta, set)
	require.NoError(t, err)
	assert.Equal(t, 1., rate)
	_, err = p.ErrorRate(theta, problemtest.Images(5, 7))
	require.ErrorContains(t, err, "images of 49 pixels")
	assert.PanicsWithValue(t, "credit: theta of length 1, want 148", func() { _, _ = p.ErrorRate(theta[:1], set) })
}

// The two element types take different ways, that of float32 leading through assembly where there is some. Some of the
// sizes are multiples of its tiles, some leave remainders, some are smaller than one.
func TestNetworksInBothPrecisions(t *testing.T) {
	for _, n := range []network{
		{set: problemtest.Images(300, 28), hidden: []int{20}},
		{set: problemtest.Images(300, 8), hidden: []int{20}},
		{set: problemtest.Images(300, 8)},
		{set: problemtest.Images(30, 1), hidden: []int{1}, batch: 1},
		{set: problemtest.Images(30, 3), hidden: []int{33, 70}, batch: 51},
	} {
		for _, n.activation = range nets.Activations() {
			t.Run(fmt.Sprint(n.set.Pixels(), n.hidden, n.batch, n.activation), func(t *testing.T) {
				single, double := sample[float32](t, n), sample[float64](t, n)
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
	p := sample[float32](t, network{set: problemtest.Images(30, 3), hidden: []int{20}})
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

// The laws of problems, for networks that learn by their gradient and for the same written as expressions.
func TestNetworkLaws(t *testing.T) {
	set := problemtest.Images(30, 3)
	o := problemtest.Options{Varies: problemtest.Start | problemtest.Batch}
	subjects := map[string]network{
		"logistic":          {batch: 7},
		"two hidden layers": {hidden: []int{5, 3}, batch: 7, init: "normal0.5"},
		"wide":              {hidden: []int{130}, batch: 200}, // more than one tile of a product, both ways
	}
	for _, a := range nets.Activations() {
		subjects[a] = network{hidden: []int{6}, activation: a, batch: 7}
	}
	for _, init := range nets.Inits() {
		subjects[init] = network{hidden: []int{6}, batch: 7, init: nets.Init(init)}
	}
	for name, n := range subjects {
		n.set = set
		t.Run(name, func(t *testing.T) {
			problemtest.Run(t, familyOf[float64](t, n), o)
			problemtest.Agree(t, familyOf[float32](t, n), familyOf[float64](t, n))
		})
	}
	o.Allocates = true
	for _, a := range append(nets.Activations(), "") {
		hidden := []int{5, 3}
		if a == "" {
			hidden = nil
		}
		t.Run("expression "+a, func(t *testing.T) {
			problemtest.Run(t, written[float64](set, hidden, a, 7), o)
			problemtest.Agree(t, written[float32](set, hidden, a, 7), written[float64](set, hidden, a, 7))
		})
	}
}

func BenchmarkNetwork(b *testing.B) {
	const batch, classes = 128, 10
	for _, size := range []struct{ side, hidden int }{{8, 20}, {28, 20}, {28, 1258}} { // 1,510, 15,910 and 1,000,120 weights
		hidden, pixels := size.hidden, size.side*size.side
		set := problemtest.Images(1000, size.side)
		set.Classes = classes
		p := sample[float32](b, network{set: set, hidden: []int{hidden}, batch: batch})
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

// A step of training allocates nothing, on any number of processors.
func TestStepsAllocateNothing(t *testing.T) {
	for _, n := range []network{
		{set: problemtest.Images(300, 28), hidden: []int{20}},
		{set: problemtest.Images(300, 8), hidden: []int{20}},
		{set: problemtest.Images(300, 28)},
	} {
		p := sample[float32](t, n)
		theta, v := start(p, 1), start(p, 2)
		grad := make([]float32, len(theta))
		steps := func() {
			for key := range uint64(20) {
				_, _ = p.Eval(grad, theta, key)
				_, _ = p.Eval(nil, theta, key)
				_ = p.(inner.Curvature).HessianVector(grad, theta, v, key)
			}
		}
		steps()
		var before, after runtime.MemStats
		least := uint64(math.MaxUint64)
		for range 5 { // what else runs in the process may allocate
			runtime.ReadMemStats(&before)
			steps()
			runtime.ReadMemStats(&after)
			least = min(least, after.Mallocs-before.Mallocs)
		}
		assert.Zero(t, least, "%d processors", runtime.GOMAXPROCS(0))
	}
}
