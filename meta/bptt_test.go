package meta_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed1498fded/unroll/inner"
	"github.com/seed1498fded/unroll/internal/rng"
	"github.com/seed1498fded/unroll/learnedopt"
	"github.com/seed1498fded/unroll/learnedopt/compose"
	"github.com/seed1498fded/unroll/learnedopt/handmade"
	"github.com/seed1498fded/unroll/learnedopt/lstm"
	"github.com/seed1498fded/unroll/learnedopt/stepsize"
	"github.com/seed1498fded/unroll/meta"
	"github.com/seed1498fded/unroll/meta/estimatortest"
	"github.com/seed1498fded/unroll/params"
)

// fixed is a family of one problem with a start of its own. It notes the keys it is asked for.
type fixed[F params.Float] struct {
	inner.ProblemOf[F]
	theta []F
	evals *[]uint64
}

func (f fixed[F]) Sample(uint64) (inner.ProblemOf[F], error) { return f, nil }
func (f fixed[F]) Init(theta []F, _ uint64)                  { copy(theta, f.theta) }

func (f fixed[F]) Eval(grad, theta []F, key uint64) (float64, error) {
	if f.evals != nil {
		*f.evals = append(*f.evals, key)
	}
	return f.ProblemOf.Eval(grad, theta, key)
}

func (f fixed[F]) HessianVector(dst, theta, v []F, key uint64) error {
	return f.ProblemOf.(inner.CurvatureOf[F]).HessianVector(dst, theta, v, key)
}

// matrix is f(θ) = |Wθ − y|² with given W and y.
type matrix struct {
	w [][]float64
	y []float64
}

func (m matrix) Params() params.Layout { return estimatortest.Vector(len(m.y)) }
func (matrix) Init([]float64, uint64)  {}

func (m matrix) Eval(grad, theta []float64, _ uint64) (loss float64, err error) {
	clear(grad)
	for i, row := range m.w {
		r := -m.y[i]
		for j, w := range row {
			r += w * theta[j]
		}
		loss += r * r
		for j, w := range row {
			if grad != nil {
				grad[j] += 2 * r * w
			}
		}
	}
	return loss, nil
}

func (m matrix) HessianVector(dst, _, v []float64, _ uint64) error {
	clear(dst)
	for _, row := range m.w {
		r := 0.0
		for j, w := range row {
			r += w * v[j]
		}
		for j, w := range row {
			dst[j] += 2 * r * w
		}
	}
	return nil
}

// rules are those whose meta-gradient is checked, at a phi where nothing vanishes.
func rules() map[string]learnedopt.Rule {
	return map[string]learnedopt.Rule{
		"sgd":      &handmade.SGD{LR: 0.02},
		"momentum": &handmade.Momentum{LR: 0.02, Momentum: 0.7},
		"nag":      &handmade.NAG{LR: 0.02, Momentum: 0.7},
		"rmsprop":  &handmade.RMSprop{LR: 0.05, Alpha: 0.8, Eps: 0.01},
		"adam":     &handmade.Adam{LR: 0.1, Beta1: 0.8, Beta2: 0.9, Eps: 0.01},
		"adamw":    &handmade.AdamW{Adam: handmade.Adam{LR: 0.1, Beta1: 0.8, Beta2: 0.9, Eps: 0.01}, Decay: 0.5},
		"lstm":     &lstm.Rule{},
		"raw lstm": &lstm.Rule{Hidden: 6, Layers: 1, Preprocess: -1, Scale: 1},
		"tensor":   &stepsize.RMSMomentum{LR: 0.05, Beta: 0.7}, // of scope tensor, from a state that is learned
		"composed": composed(),
		"whole":    &stepsize.Polyak{Scale: 0.2, Beta: 0.6}, // of scope whole, reads loss and step
	}
}

// composed is a composition of learned rules of different scopes, some of which read the step and the horizon.
func composed() learnedopt.Rule {
	raw := compose.Of(&lstm.Rule{Hidden: 3, Layers: 1, Preprocess: -1, Scale: 1})
	sum := compose.Of(&compose.Sum{Terms: []compose.Term{{Rule: raw}, {Rule: compose.Of(&stepsize.RMSMomentum{LR: 0.05, Beta: 0.7}), Weight: 0.5}}})
	graft := compose.Of(&compose.Graft{Direction: sum, Length: compose.Of(&handmade.SGD{LR: 0.02})})
	return &compose.Schedule{Rule: compose.Of(&compose.Decay{Rule: graft, Decay: 0.01}), Warmup: 3, End: 0.1}
}

// All windows of an episode, of which the last is shorter, first-order and exact, against central differences in float64.
// Minibatches differ, so each step must be asked about its own.
func TestMetaGradientMatchesCentralDifferences(t *testing.T) {
	ctx := context.Background()
	for name, r := range rules() {
		for _, exact := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/exact=%v", name, exact), func(t *testing.T) {
				problem, err := weighed[float64]{10}.Sample(3)
				require.NoError(t, err)
				theta := make([]float64, 10)
				rng.Normal(theta, 5, 1)
				var keys []uint64
				family := fixed[float64]{problem, theta, &keys}
				b, err := meta.NewBPTT(meta.BPTTConfigOf[float64]{Rule: r, Family: family, Horizon: 20, Window: 8, Exact: exact})
				require.NoError(t, err)
				phi := params.Convert[float64](learnedopt.Phi(r, 2))
				grad := make([]float64, len(phi))
				var state []float64
				at := 0 // the loss where a window starts was evaluated at the end of the last one
				for _, width := range []int{8, 8, 4} {
					est, err := b.Estimate(ctx, grad, phi, 1)
					require.NoError(t, err)
					require.Equal(t, width, est.Steps)
					require.Len(t, keys[at:], width+1, "the loss after the last step counts")
					u := estimatortest.Unroll{Rule: r, Problem: problem, Theta: theta, State: state, Batches: keys[at:], Before: at, Horizon: 20}
					loss, _ := u.Loss(t, phi, nil)
					require.InEpsilon(t, loss, est.Loss, 1e-12)
					u.CheckGradient(t, grad, phi, exact, 1e-5)
					theta, state = u.End(t, phi)
					at += width
				}
				require.Zero(t, snapshotOf(t, b).Step, "the episode is over")
				slices.Sort(keys)
				require.Len(t, slices.Compact(keys), 21, "each step has a minibatch of its own")
			})
		}
	}
}

// SGD on f(θ) = ½hθ² multiplies θ by 1−ηh at each step, so that everything is known in closed form: with φ = log η,
// exactly dL/dφ = η/(K+1) Σ_t f'(θ_t)·dθ_t/dη with dθ_t/dη = −h·t·(1−ηh)^{t−1}·θ_0, and to first order, with the gradients g_s
// held, dθ_t/dη = −Σ_{s<t} g_s.
func TestClosedFormOfSGDOnAParabola(t *testing.T) {
	const h, eta, k = 3.0, 0.1, 5
	start := 1.7
	problem := matrix{w: [][]float64{{math.Sqrt(h / 2)}}, y: []float64{0}}
	for _, exact := range []bool{false, true} {
		r := &handmade.SGD{LR: eta}
		b, err := meta.NewBPTT(meta.BPTTConfigOf[float64]{
			Rule: r, Family: fixed[float64]{problem, []float64{start}, nil}, Horizon: k, Window: k, Exact: exact,
		})
		require.NoError(t, err)
		phi := []float64{math.Log(eta)}
		grad := make([]float64, 1)
		est, err := b.Estimate(context.Background(), grad, phi, 1)
		require.NoError(t, err)
		loss, want, sumG := 0.0, 0.0, 0.0
		for s := range k + 1 {
			theta := math.Pow(1-eta*h, float64(s)) * start
			dTheta := -sumG
			if exact {
				dTheta = -h * float64(s) * math.Pow(1-eta*h, float64(s-1)) * start
			}
			loss += h / 2 * theta * theta / (k + 1)
			want += eta * h * theta * dTheta / (k + 1)
			sumG += h * theta
		}
		require.InEpsilon(t, loss, est.Loss, 1e-12)
		require.InEpsilon(t, want, grad[0], 1e-12, "exact: %v", exact)
		require.Equal(t, 1, est.Episodes)
		require.Equal(t, k, est.Steps)
	}
}

func TestLawsOfBPTT(t *testing.T) {
	for name, r := range rules() {
		for _, c := range []meta.BPTTConfigOf[float64]{
			{Horizon: 12, Window: 4},
			{Horizon: 10, Window: 4, Copies: 3, Exact: true}, // the last window is shorter
			{Horizon: 5, Window: 5},
		} {
			c.Rule, c.Family = r, inner.QuadraticOf[float64]{}
			t.Run(fmt.Sprintf("%s/%d of %d", name, c.Window, c.Horizon), func(t *testing.T) {
				estimatortest.Run(t, estimatortest.Subject{
					New: func() (meta.EstimatorOf[float64], error) { return meta.NewBPTT(c) },
					Phi: params.Convert[float64](learnedopt.Phi(r, 1)), Key: 5,
				})
			})
		}
	}
}

// Problems side by side give the mean of what they give one by one.
func TestCopiesAverage(t *testing.T) {
	r := &lstm.Rule{Hidden: 4}
	phi := params.Convert[float64](learnedopt.Phi(r, 1))
	many, err := meta.NewBPTT(meta.BPTTConfigOf[float64]{Rule: r, Family: inner.QuadraticOf[float64]{}, Horizon: 6, Window: 6, Copies: 2})
	require.NoError(t, err)
	got := make([]float64, len(phi))
	est, err := many.Estimate(context.Background(), got, phi, 9)
	require.NoError(t, err)
	require.Equal(t, 12, est.Steps)
	require.Equal(t, 2, est.Episodes)

	want := make([]float64, len(phi))
	loss := 0.0
	for i := range uint64(2) {
		problem, err := inner.QuadraticOf[float64]{}.Sample(rng.Split(rng.Split(9, 0), i))
		require.NoError(t, err)
		one, err := meta.NewBPTT(meta.BPTTConfigOf[float64]{Rule: r, Family: fixed[float64]{problem, make([]float64, 10), nil}, Horizon: 6, Window: 6})
		require.NoError(t, err)
		grad := make([]float64, len(phi))
		e, err := one.Estimate(context.Background(), grad, phi, 9)
		require.NoError(t, err)
		loss += e.Loss / 2
		for i, g := range grad {
			want[i] += g / 2
		}
	}
	require.InEpsilon(t, loss, est.Loss, 1e-12)
	require.InDeltaSlice(t, want, got, 1e-12)
}

// A run that blows up is a result: +Inf, a zero gradient, and the next call starts a fresh episode.
func TestDivergence(t *testing.T) {
	r := &handmade.SGD{LR: 1e20}
	b, err := meta.NewBPTT(meta.BPTTConfig{Rule: r, Family: inner.Quadratic{}, Horizon: 40, Window: 20})
	require.NoError(t, err)
	grad := []float32{7}
	for key := range uint64(3) {
		est, err := b.Estimate(context.Background(), grad, learnedopt.Phi(r, 0), key)
		require.NoError(t, err)
		require.True(t, math.IsInf(est.Loss, 1))
		require.Equal(t, []float32{0}, grad)
		require.Equal(t, 1, est.Episodes)
		require.Zero(t, snapshotOf(t, b).Step)
	}
}

// Going on from a snapshot is the same as never having stopped.
func TestSnapshot(t *testing.T) {
	r := &lstm.Rule{}
	newBPTT := func() *meta.BPTT {
		b, err := meta.NewBPTT(meta.BPTTConfig{Rule: r, Family: inner.Quadratic{}, Horizon: 10, Window: 4})
		require.NoError(t, err)
		return b
	}
	phi := learnedopt.Phi(r, 1)
	b := newBPTT()
	for key := range uint64(8) {
		other := newBPTT()
		require.NoError(t, restore(other, snapshotOf(t, b)))
		want, got := make([]float32, len(phi)), make([]float32, len(phi))
		wantEst, err := b.Estimate(context.Background(), want, phi, key)
		require.NoError(t, err)
		gotEst, err := other.Estimate(context.Background(), got, phi, key)
		require.NoError(t, err)
		require.Equal(t, wantEst, gotEst)
		require.Equal(t, want, got)
	}
	s := snapshotOf(t, b)
	require.Positive(t, s.Step)
	s.Theta = s.Theta[1:]
	require.ErrorContains(t, restore(newBPTT(), s), "episode")
}

func TestNewBPTTRefuses(t *testing.T) {
	noCurvature := struct{ inner.ProblemOf[float32] }{}
	noCurvature.ProblemOf, _ = inner.Quadratic{}.Sample(1)
	for want, c := range map[string]meta.BPTTConfig{
		"horizon -1":              {Horizon: -1},
		"between 1 and the horiz": {Horizon: 10, Window: 11},
		"window -3":               {Window: -3},
		"-2 copies":               {Copies: -2},
		"Hessian-vector products": {Exact: true, Family: family{noCurvature}},
		"lstm of 2 layers of -1":  {Rule: &lstm.Rule{Hidden: -1}},
	} {
		if c.Rule == nil {
			c.Rule = new(handmade.SGD)
		}
		if c.Family == nil {
			c.Family = inner.Quadratic{}
		}
		_, err := meta.NewBPTT(c)
		require.ErrorContains(t, err, want)
	}
}

type family struct{ p inner.Problem }

func (f family) Sample(uint64) (inner.Problem, error) { return f.p, nil }

// witness is what an independent implementation computed; see testdata/witness.py.
type witness struct {
	LSTM struct {
		Phi   map[string][]float64
		Grads [][]float64
		Steps [][]float64
		State map[string][]float64
	}
	Meta struct {
		W             [][]float64
		Y, Theta0     []float64
		Losses, Theta []float64
		FirstOrder    map[string][]float64 `json:"first_order"`
		Exact         map[string][]float64
	}
	Adam struct {
		Phi           map[string][]float64
		Losses, Theta []float64
		FirstOrder    map[string][]float64 `json:"first_order"`
		Exact         map[string][]float64
	}
}

func readWitness(t *testing.T) witness {
	text, err := os.ReadFile("testdata/witness.json")
	require.NoError(t, err)
	var w witness
	require.NoError(t, json.Unmarshal(text, &w))
	return w
}

// flat lays named tensors end to end.
func flat(t *testing.T, l params.Layout, tensors map[string][]float64) []float64 {
	require.Len(t, tensors, len(l))
	var v []float64
	for _, s := range l {
		require.Len(t, tensors[s.Name], s.Len(), s.Name)
		v = append(v, tensors[s.Name]...)
	}
	return v
}

var witnessLSTM = &lstm.Rule{Hidden: 4}

func TestWitnessOfTheLSTMStep(t *testing.T) {
	w := readWitness(t).LSTM
	c, err := learnedopt.Compile[float64](witnessLSTM, estimatortest.Vector(6))
	require.NoError(t, err)
	phi, state, step := flat(t, c.Phi(), w.Phi), make([]float64, c.State().Len()), make([]float64, 6)
	for i, g := range w.Grads {
		require.NoError(t, c.Step(step, state, learnedopt.Point[float64]{Phi: phi, State: state, Grad: g}))
		require.InDeltaSlice(t, w.Steps[i], step, 1e-14)
	}
	require.InDeltaSlice(t, flat(t, c.State(), w.State), state, 1e-14)
}

func TestWitnessOfTheMetaGradient(t *testing.T) {
	w := readWitness(t)
	problem := matrix{w.Meta.W, w.Meta.Y}
	for _, c := range []struct {
		rule       learnedopt.Rule
		phi        map[string][]float64
		losses     []float64
		firstOrder map[string][]float64
		exact      map[string][]float64
	}{
		{witnessLSTM, w.LSTM.Phi, w.Meta.Losses, w.Meta.FirstOrder, w.Meta.Exact},
		{new(handmade.Adam), w.Adam.Phi, w.Adam.Losses, w.Adam.FirstOrder, w.Adam.Exact},
	} {
		for exact, want := range map[bool]map[string][]float64{false: c.firstOrder, true: c.exact} {
			t.Run(fmt.Sprintf("%s/exact=%v", c.rule.Name(), exact), func(t *testing.T) {
				b, err := meta.NewBPTT(meta.BPTTConfigOf[float64]{
					Rule: c.rule, Family: fixed[float64]{problem, w.Meta.Theta0, nil}, Horizon: 4, Window: 4, Exact: exact,
				})
				require.NoError(t, err)
				phi := flat(t, b.Phi(), c.phi)
				grad := make([]float64, len(phi))
				est, err := b.Estimate(context.Background(), grad, phi, 1)
				require.NoError(t, err)
				sum := 0.0
				for _, f := range c.losses {
					sum += f
				}
				terms := float64(len(c.losses)) // theirs is the sum, ours the mean
				require.InEpsilon(t, sum, terms*est.Loss, 1e-12)
				for i, g := range params.Split(b.Phi(), grad) {
					expected := want[b.Phi()[i].Name]
					for j := range g {
						require.InDelta(t, expected[j], terms*g[j], 1e-9*size(expected), "%s[%d]", b.Phi()[i].Name, j)
					}
				}
			})
		}
	}
}

func size(v []float64) float64 {
	s := 0.0
	for _, x := range v {
		s += x * x
	}
	return math.Sqrt(s)
}
