package credit

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed1498fded/unroll/inner/nets"
	"github.com/seed1498fded/unroll/inner/problemtest"
	"github.com/seed1498fded/unroll/internal/matrix"
	"github.com/seed1498fded/unroll/internal/rng"
)

// bound returns a rule's problem on a net of 4x4 images in 4 classes, and its start.
func bound(t *testing.T, r RuleOf[float64], loss nets.Loss, layers ...nets.Layer) (p *ProblemOf[float64], theta []float64) {
	t.Helper()
	set := problemtest.Images(50, 4)
	net, err := nets.New[float64](nets.Shape{Channels: 1, Rows: 4, Cols: 4}, loss, append(layers, nets.Dense{Units: set.Classes})...)
	require.NoError(t, err)
	p, err = FamilyOf[float64]{Net: net, Rule: r, Data: set, Batch: 9}.Problem()
	require.NoError(t, err)
	theta = make([]float64, p.Params().Len())
	p.Init(theta, 1)
	return p, theta
}

func gradientOf(t *testing.T, p *ProblemOf[float64], theta []float64, key uint64) []float64 {
	t.Helper()
	grad := make([]float64, len(theta))
	_, err := p.Eval(grad, theta, key)
	require.NoError(t, err)
	return grad
}

// descend takes steps of SGD.
func descend(t *testing.T, p *ProblemOf[float64], theta []float64, rate float64, steps int) {
	t.Helper()
	for i := range uint64(steps) {
		for k, g := range gradientOf(t, p, theta, rng.Split(3, i)) {
			theta[k] -= rate * g
		}
	}
}

var deepLayers = []nets.Layer{
	nets.Dense{Units: 7}, nets.Activation("tanh"), nets.Dense{Units: 7}, nets.Skip{}, nets.Activation("sigmoid"),
	nets.Dense{Units: 5}, nets.Activation("elu"),
}

// With B = Wᵀ feedback alignment is backprop, and only then.
func TestFeedbackThroughTheWeightsIsBackprop(t *testing.T) {
	p, theta := bound(t, FeedbackAlignmentOf[float64]{}, nets.CrossEntropy, deepLayers...)
	q, _ := bound(t, BackpropOf[float64]{}, nets.CrossEntropy, deepLayers...)
	want := gradientOf(t, q, theta, 2)
	assert.Greater(t, furthest(want, gradientOf(t, p, theta, 2)), 1e-3)
	f := p.assigner.(*feedback[float64])
	copy(f.b, theta)
	f.transpose()
	assert.InDeltaSlice(t, want, gradientOf(t, p, theta, 2), 1e-12)
}

// furthest returns the largest difference of two elements.
func furthest(a, b []float64) float64 {
	sum := 0.0
	for i, x := range a {
		sum = max(sum, x-b[i], b[i]-x)
	}
	return sum
}

// With one hidden layer direct feedback is feedback alignment with the same weights, there as [outputs, units].
func TestDirectFeedbackToOneLayerIsFeedbackAlignment(t *testing.T) {
	layers := []nets.Layer{nets.Dense{Units: 7}, nets.Activation("tanh")}
	p, theta := bound(t, FeedbackAlignmentOf[float64]{}, nets.CrossEntropy, layers...)
	q, _ := bound(t, DirectOf[float64]{}, nets.CrossEntropy, layers...)
	b, _ := p.family.Net.Weights(p.assigner.(*feedback[float64]).b, 1)
	copy(q.assigner.(*direct[float64]).d[0], transposed(b, 7, 4))
	assert.InDeltaSlice(t, gradientOf(t, q, theta, 2), gradientOf(t, p, theta, 2), 1e-15)
}

func transposed(v []float64, rows, cols int) []float64 {
	out := make([]float64, len(v))
	for i := range rows {
		for j := range cols {
			out[j*rows+i] = v[i*cols+j]
		}
	}
	return out
}

// Target projection's signal depends on the label alone where the activation does not depend on the image: here there is none.
func TestTargetProjectionSeesTheLabelOnly(t *testing.T) {
	p, theta := bound(t, TargetProjectionOf[float64]{}, nets.CrossEntropy, nets.Dense{Units: 7})
	for step := range uint64(3) {
		gradientOf(t, p, theta, step)
		d := p.assigner.(*targetProjection[float64]).d[0]
		for i, label := range p.trace.Labels {
			for k := range 7 {
				want := d[int(label)*7+k] / float64(p.trace.N)
				assert.InDelta(t, want, p.signal.Delta[0][i*7+k], 1e-15)
			}
		}
		descend(t, p, theta, 0.1, 5)
	}
}

// Under SGD the difference of forward and feedback weights shrinks by the same factor in every step, whatever is learned.
func TestKolenPollackContracts(t *testing.T) {
	const rate, decay, steps = 0.1, 0.02, 100
	p, theta := bound(t, KolenPollackOf[float64]{Decay: decay}, nets.CrossEntropy, deepLayers...)
	want, was := apart(p, theta), slices.Clone(theta)
	descend(t, p, theta, rate, steps)
	for range steps {
		for i := range want {
			want[i] *= 1 - rate*decay
		}
	}
	assert.Less(t, furthest(want, apart(p, theta)), 2e-15)
	assert.Greater(t, furthest(was[p.Own():], theta[p.Own():]), 0.1, "B has moved")
}

// apart returns W − Bᵀ of every block that has feedback weights.
func apart(p *ProblemOf[float64], theta []float64) []float64 {
	net, own := p.split(theta)
	k := p.assigner.(*kolenPollack[float64])
	var d []float64
	for l := 1; l < p.family.Net.Blocks(); l++ {
		w, _ := p.family.Net.Weights(net, l)
		for i, b := range k.b(own, l) {
			d = append(d, w[i]-b)
		}
	}
	return d
}

// In a linear net with one hidden layer, feedback alignment keeps
//
//	B·Wᵀ + W·Bᵀ − W₀ᵀ·W₀ − b₀ᵀ·b₀     [hidden, hidden]
//
// as it was (Lillicrap et al. 2016, supplementary proof: there BW + WᵀBᵀ − W₀W₀ᵀ, with columns for our rows and no biases).
// Here W [hidden, out] is the last block's w, B lies in its shape, and W₀ [in, hidden] and b₀ are the first block's. For one
// example with input x, hidden h = xW₀ + b₀ and error e, all of them rows, a step of rate η adds
//
//	ΔW = −η hᵀe,  ΔW₀ = −η xᵀeBᵀ,  Δb₀ = −η eBᵀ
//
// and so B·ΔWᵀ = −η Beᵀh is ΔW₀ᵀW₀ + Δb₀ᵀb₀; sums over examples change nothing. What is left over is of second order,
// exactly ΔW₀ᵀΔW₀ + Δb₀ᵀΔb₀. So ten times as many steps of a tenth of the rate leave a tenth of the drift.
func TestFeedbackAlignmentConserves(t *testing.T) {
	drift := func(rate float64, steps int) float64 {
		p, theta := bound(t, FeedbackAlignmentOf[float64]{}, nets.SquaredError, nets.Dense{Units: 7})
		start := conserved(p, theta)
		var left []float64
		for range steps {
			grad := gradientOf(t, p, theta, 1) // the same minibatch always
			dw, db := p.family.Net.Weights(grad, 0)
			left = add(left, add(gram(dw, 16, 7), gram(db, 1, 7), 1), rate*rate)
			theta = add(theta, grad, -rate)
		}
		end := conserved(p, theta)
		assert.InDeltaSlice(t, start, add(end, left, 1), 1e-12, "what is left over, step by step")
		return furthest(end, start) / furthest(start, make([]float64, len(start)))
	}
	coarse, fine := drift(1e-2, 300), drift(1e-3, 3000)
	t.Logf("relative drift %.3g and %.3g", coarse, fine)
	assert.InDelta(t, 10, coarse/fine, 1)
}

func conserved(p *ProblemOf[float64], theta []float64) []float64 {
	w0, b0 := p.family.Net.Weights(theta, 0)
	w, _ := p.family.Net.Weights(theta, 1)
	b, _ := p.family.Net.Weights(p.assigner.(*feedback[float64]).b, 1)
	bw := make([]float64, 7*7)
	matrix.Mul(matrix.Of(bw, 7, 7), matrix.Of(b, 7, 4), matrix.Of(w, 7, 4).T(), false)
	return add(add(add(bw, transposed(bw, 7, 7), 1), gram(w0, 16, 7), -1), gram(b0, 1, 7), -1)
}

// gram returns MᵀM.
func gram(m []float64, rows, cols int) []float64 {
	g := make([]float64, cols*cols)
	matrix.Mul(matrix.Of(g, cols, cols), matrix.Of(m, rows, cols).T(), matrix.Of(m, rows, cols), false)
	return g
}

// add returns a + f·b; an a of nothing is zero.
func add(a, b []float64, f float64) []float64 {
	sum := make([]float64, len(b))
	copy(sum, a)
	for i, v := range b {
		sum[i] += f * v
	}
	return sum
}
