package credit

import (
	"encoding/json"
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gonum.org/v1/gonum/mat"

	"github.com/seed1498fded/unroll/inner/data"
	"github.com/seed1498fded/unroll/inner/nets"
	"github.com/seed1498fded/unroll/inner/problemtest"
	"github.com/seed1498fded/unroll/internal/rng"
)

// syntheticProblem is a deep net of 16 inputs under a rule with synthetic gradients.
func syntheticProblem(t *testing.T, set *data.Set, batch int, name, config string) *ProblemOf[float64] {
	net, err := nets.New[float64](nets.Shape{Channels: 1, Rows: 4, Cols: 4}, nets.CrossEntropy,
		nets.Dense{Units: 9}, nets.Activation("tanh"), nets.Dense{Units: 9}, nets.Skip{}, nets.Activation("sigmoid"),
		nets.Dense{Units: 7}, nets.Activation("elu"), nets.Dense{Units: set.Classes})
	require.NoError(t, err)
	return syntheticOn(t, net, set, batch, name, config)
}

func syntheticOn(t *testing.T, net *nets.NetOf[float64], set *data.Set, batch int, name, config string) *ProblemOf[float64] {
	rule, err := Named[float64](name, json.RawMessage(config))
	require.NoError(t, err)
	p, err := FamilyOf[float64]{Net: net, Rule: rule, Data: set, Batch: batch}.Problem()
	require.NoError(t, err)
	return p
}

// syntheticStart is a start with models that say something.
func syntheticStart(p *ProblemOf[float64]) []float64 {
	theta := make([]float64, p.Params().Len())
	p.Init(theta, 1)
	_, own := p.split(theta)
	rng.Normal(own, 3, 0.3)
	return theta
}

// syntheticGradient returns what a rule makes of a minibatch, and what backprop makes of it.
func syntheticGradient(t *testing.T, p *ProblemOf[float64], theta []float64, images []int) (net, own, truth []float64) {
	grad := make([]float64, len(theta))
	_, err := p.EvalOn(grad, theta, images, 5)
	require.NoError(t, err)
	net, own = p.split(grad)
	b := syntheticOn(t, p.family.Net, p.family.Data, p.family.Batch, "backprop", "")
	truth = make([]float64, p.Own())
	_, err = b.EvalOn(truth, theta[:p.Own()], images, 5)
	require.NoError(t, err)
	return net, own, truth
}

// outputGradients returns for each block but the last N times the derivative of the loss with respect to its output.
func outputGradients(p *ProblemOf[float64], theta []float64, images []int) [][]float64 {
	net := p.family.Net
	t := net.NewTrace(p.family.Batch)
	load(t, p.family.Data, images)
	net.Forward(t, theta[:p.Own()])
	w := newWalk(net, t.N)
	s := NewSignal(net, t.N)
	w.down(s, t, func(l int) []float64 {
		w, _ := net.Weights(theta[:p.Own()], l)
		return w
	})
	dh := w.dh[:net.Blocks()-1]
	for _, rows := range dh {
		for i := range rows {
			rows[i] *= float64(t.N)
		}
	}
	return dh
}

var syntheticRules = []struct{ name, config string }{
	{"dni", ""}, {"cdni", ""}, {"bplambda", `{"lambda": 0.3}`},
	{"dni", `{"hidden": 1, "width": 6}`}, {"cdni", `{"hidden": 2, "width": 6}`}, {"bplambda", `{"labels": true, "hidden": 1, "width": 6}`},
}

// Whoever predicts the gradient exactly is backprop. For a minibatch of one image over and over, a bias can.
func TestPerfectSyntheticGradientsAreBackprop(t *testing.T) {
	set := problemtest.Images(20, 4)
	for _, r := range syntheticRules {
		p := syntheticProblem(t, set, 6, r.name, r.config)
		images := []int{7, 7, 7, 7, 7, 7}
		theta := make([]float64, p.Params().Len())
		p.Init(theta, 1)
		_, own := p.split(theta)
		y := p.assigner.(*synthetic[float64])
		for l, dh := range outputGradients(p, theta, images) {
			m := y.models[l]
			_, b := m.net.Weights(y.part(own, l), m.net.Blocks()-1)
			copy(b, dh) // the first row; the last layer's other weights are zero
		}
		got, dOwn, want := syntheticGradient(t, p, theta, images)
		assert.InDeltaSlice(t, want, got, 1e-12, r.name)
		assert.InDeltaSlice(t, make([]float64, len(dOwn)), dOwn, 1e-12, "and there is nothing to learn")
	}
}

func TestBPLambdaOfOneIsBackprop(t *testing.T) {
	set, images := problemtest.Images(20, 4), []int{0, 1, 2, 3, 4, 5}
	p := syntheticProblem(t, set, 6, "bplambda", `{"lambda": 1}`)
	got, _, want := syntheticGradient(t, p, syntheticStart(p), images)
	assert.Equal(t, want, got)

	p = syntheticProblem(t, set, 6, "bplambda", `{"lambda": 0.99}`)
	got, _, want = syntheticGradient(t, p, syntheticStart(p), images)
	assert.Greater(t, math.Abs(got[0]-want[0]), 1e-6, "else it is no law of λ = 1")
}

// Models start at zero, so that block l gets λ as often as there are blocks above it; with λ = 0, nothing.
func TestFirstUpdate(t *testing.T) {
	set, images := problemtest.Images(20, 4), []int{0, 1, 2, 3, 4, 5}
	for _, r := range syntheticRules {
		p := syntheticProblem(t, set, 6, r.name, r.config)
		lambda := p.assigner.(*synthetic[float64]).lambda
		theta := make([]float64, p.Params().Len())
		p.Init(theta, 1)
		got, _, want := syntheticGradient(t, p, theta, images)
		factor := 1.0
		for l := p.family.Net.Blocks() - 1; l >= 0; l-- {
			w, b := p.family.Net.Weights(got, l)
			wantW, wantB := p.family.Net.Weights(want, l)
			for i := range wantW {
				require.InDelta(t, factor*wantW[i], w[i], 1e-15*factor, "%s, block %d", r.name, l)
			}
			for i := range wantB {
				require.InDelta(t, factor*wantB[i], b[i], 1e-15*factor, "%s, block %d", r.name, l)
			}
			factor *= lambda
		}
	}
}

// Learn's gradient is that of the loss DNIOf states, with targets that stand still; and they do not in the loss itself.
func TestLearnIsTheGradientOfTheStatedLoss(t *testing.T) {
	set, images := problemtest.Images(20, 4), []int{0, 1, 2, 3, 4, 5}
	for _, r := range syntheticRules {
		p := syntheticProblem(t, set, 6, r.name, r.config)
		theta := syntheticStart(p)
		net, own := p.split(theta)
		_, dOwn, _ := syntheticGradient(t, p, theta, images)
		y := p.assigner.(*synthetic[float64])
		loss := func() float64 {
			sum := 0.0
			for l, m := range y.models {
				m.predict(y.dh[l], p.trace, y.part(own, l))
				for i, v := range y.dh[l] {
					d := 6*v - 6*y.target[l][i]
					sum += d * d / 2 / 6
				}
			}
			return sum
		}
		live := func() float64 {
			require.NoError(t, y.Assign(p.signal, p.trace, net, own, 5))
			return loss()
		}
		const h = 1e-5
		central := func(i int, loss func() float64) float64 {
			was := own[i]
			defer func() { own[i] = was }()
			own[i] = was + h
			up := loss()
			own[i] = was - h
			return (up - loss()) / (2 * h)
		}
		for i := range own {
			require.InDelta(t, central(i, loss), dOwn[i], 1e-7, "%s %s", r.name, r.config)
		}
		leak := 0.0
		for i := range own {
			leak = max(leak, math.Abs(central(i, live)-dOwn[i]))
		}
		assert.Greater(t, leak, 1e-4, "%s: else targets that move are no different", r.name)
	}
}

// The models' loss does not reach the net: its gradient is the signal's and Learn adds nothing, nor touches what it reads.
func TestLearnLeavesTheNetAlone(t *testing.T) {
	set, images := problemtest.Images(20, 4), []int{0, 1, 2, 3, 4, 5}
	for _, r := range syntheticRules {
		p := syntheticProblem(t, set, 6, r.name, r.config)
		theta := syntheticStart(p)
		got, _, _ := syntheticGradient(t, p, theta, images)
		net, own := p.split(append([]float64(nil), theta...))
		want, dOwn := make([]float64, len(net)), make([]float64, len(own))
		require.NoError(t, p.assigner.Assign(p.signal, p.trace, net, own, 5))
		p.signal.Gradient(p.family.Net, want, p.trace)
		assert.Equal(t, want, got)

		rng.Normal(got, 9, 1)
		was := append([]float64(nil), got...)
		require.NoError(t, p.assigner.(LearnerOf[float64]).Learn(dOwn, got, p.signal, p.trace, net, own, 5))
		assert.Equal(t, was, got)
		assert.Equal(t, theta, append(net, own...))
	}
}

// A minibatch with every image twice is the same minibatch, to the net and to the models.
func TestSyntheticGradientsDoNotKnowTheBatchSize(t *testing.T) {
	set := problemtest.Images(20, 4)
	for _, r := range syntheticRules {
		one := syntheticProblem(t, set, 3, r.name, r.config)
		two := syntheticProblem(t, set, 6, r.name, r.config)
		theta := syntheticStart(one)
		net1, own1, _ := syntheticGradient(t, one, theta, []int{4, 5, 6})
		net2, own2, _ := syntheticGradient(t, two, theta, []int{4, 5, 6, 4, 5, 6})
		assert.InDeltaSlice(t, net1, net2, 1e-14, r.name)
		assert.InDeltaSlice(t, own1, own2, 1e-13, r.name)
	}
}

// In a linear net under squared error the gradient is linear in h and y: the best linear model on both is exact. On h alone
// it is not. Found by least squares over all images.
func TestBestLinearModelIsExactInALinearNet(t *testing.T) {
	const n = 60
	set := problemtest.Images(n, 4)
	net, err := nets.New[float64](nets.Shape{Channels: 1, Rows: 4, Cols: 4}, nets.SquaredError,
		nets.Dense{Units: 8}, nets.Dense{Units: 7}, nets.Dense{Units: set.Classes})
	require.NoError(t, err)
	images := make([]int, n)
	for i := range images {
		images[i] = i
	}
	fit := func(name string) (residual float64, aligned []Alignment, p *ProblemOf[float64], theta []float64) {
		p = syntheticOn(t, net, set, n, name, "")
		theta = make([]float64, p.Params().Len())
		p.Init(theta, 1)
		_, own := p.split(theta)
		y := p.assigner.(*synthetic[float64])
		load(p.trace, set, images)
		net.Forward(p.trace, theta[:p.Own()])
		for l, dh := range outputGradients(p, theta, images) {
			residual = max(residual, leastSquares(t, y.models[l], y.part(own, l), p.trace, dh))
		}
		aligned, err = p.Align(theta, images, 5)
		require.NoError(t, err)
		return residual, aligned, p, theta
	}
	residual, aligned, p, theta := fit("cdni")
	assert.Less(t, residual, 1e-12)
	for _, a := range aligned {
		assert.InDelta(t, 0, a.Degrees, 1e-5)
		assert.InDelta(t, 1, a.NormRatio, 1e-12)
	}
	got, dOwn, want := syntheticGradient(t, p, theta, images)
	assert.InDeltaSlice(t, want, got, 1e-12)
	assert.InDeltaSlice(t, make([]float64, len(dOwn)), dOwn, 1e-12, "the least of the loss that the models minimise")

	residual, aligned, _, _ = fit("dni")
	assert.Greater(t, residual, 0.3)
	for _, a := range aligned {
		assert.InDelta(t, 40, a.Degrees, 10)
	}
}

// leastSquares sets a linear model to the best there is for a trace, and returns its residual relative to the targets.
func leastSquares(t *testing.T, m *model[float64], own []float64, trace *nets.TraceOf[float64], target []float64) float64 {
	m.read(trace)
	n, inputs := trace.N, m.net.Input(0).Size()
	outputs := len(target) / n
	design := mat.NewDense(n, inputs+1, nil)
	for i := range n {
		design.SetRow(i, append(append([]float64(nil), m.trace.In(0)[i*inputs:(i+1)*inputs]...), 1))
	}
	want := mat.NewDense(n, outputs, target)
	var svd mat.SVD
	require.True(t, svd.Factorize(design, mat.SVDThin))
	var best, fitted mat.Dense
	svd.SolveTo(&best, want, svd.Rank(1e-12)) // labels and the bias are not independent
	copy(own, best.RawMatrix().Data)          // w [inputs, outputs], then b
	fitted.Mul(design, &best)
	fitted.Sub(&fitted, want)
	return mat.Norm(&fitted, 2) / mat.Norm(want, 2)
}

// While the net stands still and so the true gradient does, models come to know it. (They need not while it moves.)
func TestModelsLearnAFrozenNet(t *testing.T) {
	set := problemtest.Images(20, 4)
	images := []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}
	for _, r := range syntheticRules {
		p := syntheticProblem(t, set, 10, r.name, r.config)
		theta := make([]float64, p.Params().Len())
		p.Init(theta, 1)
		_, own := p.split(theta)
		y := p.assigner.(*synthetic[float64])
		truth := outputGradients(p, theta, images)
		off := func() (all []float64) {
			for l, m := range y.models {
				m.predict(y.dh[l], p.trace, y.part(own, l))
				sum := 0.0
				for i, v := range y.dh[l] {
					d := 10*v - truth[l][i]
					sum += d * d
				}
				all = append(all, sum)
			}
			return all
		}
		grad := make([]float64, len(theta))
		var first []float64
		for i := range 400 {
			_, err := p.EvalOn(grad, theta, images, 5)
			require.NoError(t, err)
			if i == 0 {
				first = off()
			}
			_, dOwn := p.split(grad)
			for j, g := range dOwn {
				own[j] -= 0.1 * g
			}
		}
		for l, last := range off() {
			assert.Less(t, last, 0.8*first[l], "%s %s, block %d", r.name, r.config, l)
		}
	}
}

func TestSyntheticGradientsDoNotAllocate(t *testing.T) {
	set := problemtest.Images(20, 4)
	for _, r := range syntheticRules {
		p := syntheticProblem(t, set, 6, r.name, r.config)
		theta := syntheticStart(p)
		grad := make([]float64, len(theta))
		assert.Zero(t, testing.AllocsPerRun(5, func() { _, _ = p.Eval(grad, theta, 1) }), r.name)
	}
}

func TestSyntheticSettings(t *testing.T) {
	net, err := nets.New[float64](nets.Vector(4), nets.CrossEntropy, nets.Dense{Units: 3}, nets.Dense{Units: 2})
	require.NoError(t, err)
	for _, tt := range []struct{ name, config, want string }{
		{"dni", `{"hidden": 3}`, "credit: dni: hidden is 3, want 0 to 2 layers"},
		{"cdni", `{"hidden": -1}`, "credit: cdni: hidden is -1"},
		{"dni", `{"hidden": 1, "width": -1}`, "credit: dni: width is -1, want 1 or more units"},
		{"bplambda", `{"lambda": 1.5}`, "credit: bplambda: lambda is 1.5, want a number above 0, up to 1"},
		{"bplambda", `{"lambda": -0.5}`, "credit: bplambda: lambda is -0.5"},
		{"bplambda", `{"hidden": 5}`, "credit: bplambda: hidden is 5"},
	} {
		rule, err := Named[float64](tt.name, json.RawMessage(tt.config))
		require.NoError(t, err)
		_, err = rule.Bind(net, 2)
		assert.ErrorContains(t, err, tt.want)
	}
	a, err := BPLambdaOf[float64]{Lambda: 1, Labels: true, Synthesizer: Synthesizer{Hidden: 1, Width: 5}}.Bind(net, 2)
	require.NoError(t, err)
	assert.Equal(t, "[sg0.w0[5 5] sg0.b0[5] sg0.w1[5 3] sg0.b1[3]]", "["+a.Params().String()+"]")
}
