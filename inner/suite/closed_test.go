package suite_test

import (
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed1498fded/unroll/inner"
	"github.com/seed1498fded/unroll/inner/data/opticks"
	"github.com/seed1498fded/unroll/inner/nets"
	"github.com/seed1498fded/unroll/inner/problemtest"
	"github.com/seed1498fded/unroll/inner/suite"
	"github.com/seed1498fded/unroll/internal/rng"
	"github.com/seed1498fded/unroll/params"
)

// losses returns the loss of a minibatch and that of the test at some weights.
func losses(t *testing.T, p inner.ProblemOf[float64], theta []float64, key uint64) (train, test float64) {
	t.Helper()
	train, err := p.Eval(nil, theta, key)
	require.NoError(t, err)
	test, err = p.(inner.TestedOf[float64]).TestLoss(theta)
	require.NoError(t, err)
	return train, test
}

func double(t *testing.T, f inner.FamilyOf[float64]) (p inner.ProblemOf[float64], theta []float64) {
	t.Helper()
	p, err := f.Sample(1)
	require.NoError(t, err)
	return p, make([]float64, p.Params().Len())
}

// With weights of zero a classifier finds all classes alike.
func TestZeroWeightsKnowNothing(t *testing.T) {
	for name, classes := range map[string]float64{"mlp": 4, "conv": 4, "residual": 4, "logistic": 3, "lstm": 5, "transformer": 5} {
		p, zero := double(t, members()[name].double)
		train, test := losses(t, p, zero, 1)
		assert.InDelta(t, math.Log(classes), train, 1e-12, name)
		assert.InDelta(t, math.Log(classes), test, 1e-12, name)
	}
}

// With weights of zero what is told is zero: the loss is the mean square of what is to be told.
func TestZeroWeightsTellZero(t *testing.T) {
	images := problemtest.Images(30, 6)
	p, zero := double(t, suite.AutoencoderOf[float64]{Train: images.Slice(0, 20), Test: images.Slice(20, 30)})
	_, test := losses(t, p, zero, 1)
	want := 0.0
	for _, v := range images.Slice(20, 30).Images {
		want += float64(v) * float64(v) / 255 / 255 / 360
	}
	assert.InDelta(t, want, test, 1e-12)

	held := table(300, 0, 2) // in two parts
	p, zero = double(t, suite.RegressionOf[float64]{Train: table(15, 0, 1), Test: held})
	_, test = losses(t, p, zero, 1)
	want = 0
	for _, y := range held.Y {
		want += y * y / 300
	}
	assert.InDelta(t, want, test, 1e-12)
}

// The mean square of A·sin(ωx + φ) is E A²/2 = 50/3, less what waves that hardly move leave out, which have any phase: nothing. The
// standard error over 1,024 waves is .6.
func TestSines(t *testing.T) {
	p, zero := double(t, suite.SinesOf[float64]{})
	train, test := losses(t, p, zero, 1)
	assert.InDelta(t, 50./3+.01, test, 1.8)
	assert.InDelta(t, 50./3+.01, train, 5.1)
}

// What is held out does not depend on how it is dealt out in parts.
func TestTestLossIsOverAll(t *testing.T) {
	images := problemtest.Images(30, 6)
	train, held := images.Slice(0, 20), images.Slice(20, 30)
	for name, family := range map[string]func(batch int) inner.FamilyOf[float64]{
		"conv": func(n int) inner.FamilyOf[float64] { return suite.ConvOf[float64]{Train: train, Test: held, Batch: n} },
		"residual": func(n int) inner.FamilyOf[float64] {
			return suite.ResidualOf[float64]{Train: train, Test: held, Batch: n}
		},
	} {
		var all []float64
		for _, batch := range []int{1, 4, 10, 16} {
			p, theta := double(t, family(batch))
			p.Init(theta, 1)
			_, test := losses(t, p, theta, 1)
			all = append(all, test)
		}
		assert.InDeltaSlice(t, []float64{all[0], all[0], all[0], all[0]}, all, 1e-12, name)
	}
}

// Decay is a matter of training: half of it times the sum of squares of what is not a bias.
func TestDecay(t *testing.T) {
	train, held := table(15, 3, 1), table(6, 3, 2)
	p, theta := double(t, suite.LogisticOf[float64]{Train: train, Test: held, Decay: .5})
	q, _ := double(t, suite.LogisticOf[float64]{Train: train, Test: held, Decay: 1.5})
	for i := range theta {
		theta[i] = 1
	}
	trainP, testP := losses(t, p, theta, 1)
	trainQ, testQ := losses(t, q, theta, 1)
	assert.InDelta(t, .5*12, trainQ-trainP, 1e-12, "12 weights of 1")
	assert.Equal(t, testP, testQ)
}

// A convolution with channels last is that of package nets with channels first.
func TestConvolutionIsThatOfNets(t *testing.T) {
	images := problemtest.Images(8, 7)
	const batch, a, b = 8, 3, 4
	p, theta := double(t, suite.ConvOf[float64]{Train: images, Test: images, Channels: [2]int{a, b}, Batch: batch})
	net, err := nets.New[float64](nets.Shape{Channels: 1, Rows: 7, Cols: 7}, nets.CrossEntropy,
		nets.Conv{Channels: a, Kernel: 3, Stride: 2, Pad: 1}, nets.Activation("relu"),
		nets.Conv{Channels: b, Kernel: 3, Stride: 2, Pad: 1}, nets.Activation("relu"), nets.Dense{Units: 4})
	require.NoError(t, err)
	p.Init(theta, 1)
	other := make([]float64, len(theta))
	rng.Normal(theta, 1, .5)
	at := 0
	turn := func(inner, outer, out, out2 int) { // [inner, outer, out] becomes [out, outer, inner]; biases stay
		for i := range inner {
			for c := range outer {
				for o := range out {
					other[at+o*out2+c*inner+i] = theta[at+(i*outer+c)*out+o]
				}
			}
		}
		at += inner * outer * out
		at += copy(other[at:at+out], theta[at:at+out])
	}
	turn(9, 1, a, 9)
	turn(9, a, b, 9*a)
	for pixel := range 4 { // the dense layer sees pixels, then channels, or the other way round
		for c := range b {
			copy(other[at+(c*4+pixel)*4:at+(c*4+pixel+1)*4], theta[at+(pixel*b+c)*4:])
		}
	}
	copy(other[at+16*b:], theta[at+16*b:])

	trace := net.NewTrace(batch)
	for i := range batch {
		for k, v := range images.Image(i) {
			trace.In(0)[i*49+k] = float64(v) / 255
		}
		trace.Labels[i] = images.Labels[i]
	}
	trace.SetLabels()
	net.Forward(trace, other)
	_, test := losses(t, p, theta, 1)
	assert.InDelta(t, trace.Loss, test, 1e-12)
}

func TestRosenbrockByHand(t *testing.T) {
	p, x := double(t, suite.RosenbrockOf[float64]{Dim: 3})
	copy(x, []float64{1, 1, 1})
	train, test := losses(t, p, x, 1)
	assert.Equal(t, []float64{0, 0}, []float64{train, test})
	copy(x, []float64{-1, 2, 0})
	train, _ = losses(t, p, x, 1)
	assert.Equal(t, 100*(2-1)*(2-1)+4+100*(0-4)*(0-4)+1., train)
}

// The smallest and the largest slope of the gradient are the eigenvalues, and the noise adds ½σ²·tr H on the mean.
func TestNoisyQuadraticIsConditioned(t *testing.T) {
	const dim, condition, noise = 5, 100., .1
	p, theta := double(t, suite.NoisyQuadraticOf[float64]{Dim: dim, Condition: condition, Noise: noise})
	trace, h := 0.0, make([]float64, dim*dim)
	zero, one := make([]float64, dim), make([]float64, dim)
	_, err := p.Eval(zero, theta, 1)
	require.NoError(t, err)
	for i := range dim {
		theta[i] = 1
		_, err = p.Eval(one, theta, 1)
		require.NoError(t, err)
		theta[i] = 0
		for j := range dim {
			h[i*dim+j] = one[j] - zero[j]
		}
		trace += h[i*dim+i]
	}
	want := 0.0
	for k := range dim {
		want += math.Pow(condition, -float64(k)/(dim-1))
	}
	assert.InDelta(t, want, trace, 1e-12)
	squares := 0.0 // the sum of squares of eigenvalues is that of elements
	for _, v := range h {
		squares += v * v
	}
	want = 0
	for k := range dim {
		want += math.Pow(condition, -2*float64(k)/(dim-1))
	}
	assert.InDelta(t, want, squares, 1e-12)

	mean, test := 0.0, 0.0
	const draws = 20000
	for key := range uint64(draws) {
		loss, err := p.Eval(nil, theta, key)
		require.NoError(t, err)
		mean += loss / draws
	}
	_, test = losses(t, p, theta, 1)
	assert.InDelta(t, noise*noise/2*trace, mean-test, .004)
}

// At the factors nothing is wrong but noise, neither with what is seen nor with the rest.
func TestFactorisationHasASolution(t *testing.T) {
	p, theta := double(t, suite.FactorisationOf[float64]{Dim: 6, Rank: 2, Noise: 1e-9})
	a, b := make([]float64, 12), make([]float64, 12)
	rng.Normal(a, rng.Split(1, 0), math.Pow(2, -.25))
	rng.Normal(b, rng.Split(1, 1), math.Pow(2, -.25))
	copy(theta, append(a, b...))
	train, test := losses(t, p, theta, 1)
	assert.InDelta(t, 0, train, 5e-18)
	assert.InDelta(t, 0, test, 5e-18)
	assert.Positive(t, train)
}

// With one element seen, only its row of u and of v has a gradient.
func TestWhatIsSeenIsLearnedFrom(t *testing.T) {
	p, theta := double(t, suite.FactorisationOf[float64]{Dim: 6, Rank: 2, Seen: 1. / 36})
	grad := make([]float64, len(theta))
	p.Init(theta, 1)
	_, err := p.Eval(grad, theta, 1)
	require.NoError(t, err)
	moved := 0
	for _, v := range grad {
		if v != 0 {
			moved++
		}
	}
	assert.Equal(t, 4, moved)
}

func TestWhatDoesNotFitIsNamed(t *testing.T) {
	images, words := problemtest.Images(20, 6), text(30, 1)
	otherWords := opticks.Number([]byte(strings.Repeat("xy", 50)))
	numbers, classes := table(5, 0, 1), table(5, 3, 1)
	for want, f := range map[string]inner.Family{
		"suite: MLP: a Batch of -1; want 1 or more":                                         suite.MLP{Batch: -1},
		"suite: MLP: Train and Test go together":                                            suite.MLP{Train: images},
		`no activation "swish"`:                                                             suite.MLP{Activation: "swish"},
		"suite: Conv: Channels of -2; want 1 or more":                                       suite.Conv{Channels: [2]int{16, -2}},
		"suite: Residual: Blocks of -1; want 1 or more":                                     suite.Residual{Blocks: -1},
		"suite: CharLSTM: a text of 30 characters; want 33 or more":                         suite.CharLSTM{Train: words, Test: words},
		"suite: Transformer: Heads of -4; want 1 or more":                                   suite.Transformer{Heads: -4},
		"suite: Transformer: Train and Test have different alphabets":                       suite.Transformer{Train: text(100, 1), Test: otherWords},
		"suite: Sines: Points of -1; want 1 or more":                                        suite.Sines{Points: -1},
		"suite: Logistic: a Decay of -1; want a number above 0":                             suite.Logistic{Decay: -1},
		"suite: Logistic: a table of 0 classes; want 2 or more":                             suite.Logistic{Train: numbers, Test: numbers},
		"suite: Regression: a table of 3 classes; want numbers":                             suite.Regression{Train: classes, Test: classes},
		"suite: Factorisation: Seen of 2 of 10000 elements; want some of them, and not all": suite.Factorisation{Seen: 2},
		"suite: Factorisation: Noise of -1; want more than 0":                               suite.Factorisation{Noise: -1},
		"suite: NoisyQuadratic: a Condition of 0.5; want 1 or more":                         suite.NoisyQuadratic{Condition: .5},
		"suite: NoisyQuadratic: Noise of -1; want more than 0":                              suite.NoisyQuadratic{Noise: -1},
		"suite: Rosenbrock: a Dim less one of 0; want 1 or more":                            suite.Rosenbrock{Dim: 1},
		"suite: Autoencoder: a Batch of -3; want 1 or more":                                 suite.Autoencoder{Batch: -3},
	} {
		_, err := f.Sample(1)
		require.Error(t, err, want)
		assert.Contains(t, err.Error(), want)
		assert.False(t, strings.Contains(err.Error(), "\n"))
	}
}

// The pieces of a test lie evenly over its text, half of which is one letter and half another. A network that knows their odds to be 3
// to 1 loses −log ¾ on one and −log ¼ on the other.
func TestTextsAreTestedAllOver(t *testing.T) {
	words := opticks.Number([]byte(strings.Repeat("a", 300) + strings.Repeat("b", 300)))
	for _, f := range []inner.FamilyOf[float64]{
		suite.CharLSTMOf[float64]{Train: words, Test: words, Length: 10, Batch: 3},
		suite.TransformerOf[float64]{Train: words, Test: words, Length: 10, Batch: 3},
	} {
		p, theta := double(t, f)
		params.Slice(p.Params(), theta, "out.b")[0] = math.Log(3)
		_, test := losses(t, p, theta, 1)
		assert.InDelta(t, -(math.Log(.75)+math.Log(.25))/2, test, .05)
	}
}

// Forget gates start open, and what is drawn has the spread that is promised: .02 of a transformer's matrices, less at the end of a
// layer, and √(2/fan-in) of an MLP's.
func TestStarts(t *testing.T) {
	part := func(f inner.FamilyOf[float64], name string) []float64 {
		p, theta := double(t, f)
		p.Init(theta, 1)
		return params.Slice(p.Params(), theta, name)
	}
	rms := func(v []float64) float64 {
		sum := 0.0
		for _, x := range v {
			sum += x * x / float64(len(v))
		}
		return math.Sqrt(sum)
	}
	lstm, transformer := suite.CharLSTMOf[float64]{}, suite.TransformerOf[float64]{}
	b := part(lstm, "lstm.b")
	assert.Equal(t, []float64{0, 1, 0, 0}, []float64{b[0], b[128], b[256], b[384]})
	assert.InEpsilon(t, 1/math.Sqrt(3*128), rms(part(lstm, "lstm.wh")), .02)
	assert.InEpsilon(t, .02, rms(part(transformer, "layer1.up.w")), .02)
	assert.InEpsilon(t, .01, rms(part(transformer, "layer1.down.w")), .02)
	assert.InEpsilon(t, math.Sqrt(2./784), rms(part(suite.MLPOf[float64]{}, "w0")), .02)
	assert.InEpsilon(t, math.Sqrt(1./64/6), rms(part(suite.ResidualOf[float64]{}, "block3.down.w")), .03)
	assert.InEpsilon(t, math.Sqrt(2./144), rms(part(suite.ConvOf[float64]{}, "conv1.w")), .03)
}
