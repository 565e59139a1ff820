package es_test

import (
	"context"
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed1498fded/unroll/inner"
	"github.com/seed1498fded/unroll/internal/rng"
	"github.com/seed1498fded/unroll/learnedopt"
	"github.com/seed1498fded/unroll/learnedopt/handmade"
	"github.com/seed1498fded/unroll/meta"
	"github.com/seed1498fded/unroll/meta/es"
	"github.com/seed1498fded/unroll/params"
)

// linear is a system whose only loss is the last, Σ a_i phi_i for the phi of each step i, and its derivative: of a stretch, what phi does
// within it.
type linear struct {
	system
	a []float64
}

func newLinear(a ...float64) linear {
	return linear{a: a, system: system{size: 1, step: func(state, phi []float64, t int) float64 {
		state[0] += a[t] * phi[0]
		if t < len(a)-1 {
			return 0
		}
		return state[0]
	}}}
}

func (l linear) Differentiate(ctx context.Context, grad, state, phi []float64, e es.Episode, from, n int) error {
	grad[0] = 0
	if from+n == len(l.a) {
		for _, a := range l.a[from:] {
			grad[0] += a
		}
	}
	return l.Unroll(ctx, make([]float64, n), state, phi, e, from)
}

// Law: a control leaves the mean as it is, and takes off the variance that it explains. With one pair, where c is 1, what is left is an
// estimate of the windows before the last: dτΣ|a|² + |A|² of a = (1, −2, ½, 0) for PES, 2(A−3)² for NRES, and nothing for truncated ES and
// for full ES, whose window is all of the episode.
func TestControlOfLinear(t *testing.T) {
	for method, want := range map[es.Method]struct{ mean, variance float64 }{
		es.PES: {2.5, 21.25}, es.NRES: {2.5, 0.5}, es.GPES: {2.5, 21.25}, es.Truncated: {3, 0}, es.Full: {2.5, 0},
	} {
		c := es.ConfigOf[float64]{
			Settings: es.Settings{Method: method, Pairs: 1, Sigma: 0.1, Together: method != es.Full, Control: es.ExactControl},
			Horizon:  4, Window: 1, Objective: meta.Sum, Workers: 1, Phi: params.Layout{{Name: "phi", Shape: []int{1}}},
			NewSystem: func() (es.SystemOf[float64], error) { return newLinear(1, -2, 0.5, 3), nil },
		}
		if method == es.GPES {
			c.K = 1
		}
		if method == es.Full {
			c.Window = 4
		}
		e, err := es.New(c)
		require.NoError(t, err)
		const n = 20000
		var sum, square, fourth float64
		for i := range uint64(n) {
			total := 0.0
			for w := range uint64(4 / c.Window) {
				total += estimate(t, e, []float64{0.7}, rng.Split(i, w))[0]
			}
			d := total - want.mean
			sum, square, fourth = sum+d, square+d*d, fourth+d*d*d*d
		}
		variance := square / n
		require.InDelta(t, 0, sum/n, 4*math.Sqrt(want.variance/n)+1e-9, "mean of %s", method)
		require.InDelta(t, want.variance, variance, 4*math.Sqrt((fourth/n-variance*variance)/n)+1e-9, "variance of %s", method)
	}
}

// Law: with several pairs too the mean stays, though the coefficient is a regression, and where the derivative says all there is to
// say of a difference no variance is left. On the training of problems: the exact derivative explains more than that of the first order.
func TestControlOfTraining(t *testing.T) {
	rule := &handmade.Momentum{LR: 0.001, Momentum: 0.5}
	phi := phiOf[float64](rule)
	study := func(control es.Control, method es.Method) (mean []float64, trace float64) {
		const n = 400
		e, err := es.New(es.ConfigOf[float64]{
			Settings: es.Settings{Method: method, Pairs: 4, Sigma: 0.01, Control: control, Together: method != es.Full}, Rule: rule,
			Family: inner.QuadraticOf[float64]{}, Horizon: 10, Window: 10, Pinned: 77, Workers: 2,
		})
		require.NoError(t, err)
		mean = make([]float64, len(phi))
		for i := range uint64(n) {
			for j, x := range estimate(t, e, phi, i) {
				mean[j] += x / n
				trace += x * x / n
			}
		}
		for _, x := range mean {
			trace -= x * x
		}
		return mean, trace / n
	}
	b, err := meta.NewBPTT(meta.BPTTConfigOf[float64]{
		Rule: rule, Family: inner.QuadraticOf[float64]{}, Horizon: 10, Window: 10, Exact: true, Objective: meta.Mean,
	})
	require.NoError(t, err)
	truth := make([]float64, len(phi))
	_, err = b.Estimate(context.Background(), truth, phi, 77)
	require.NoError(t, err)
	for _, method := range []es.Method{es.Full, es.NRES, es.PES} {
		_, plain := study(es.NoControl, method)
		first, some := study(es.BPTTControl, method)
		exact, least := study(es.ExactControl, method)
		require.InDeltaSlice(t, truth, first, 4*math.Sqrt(some)+1e-2*math.Abs(truth[0]), "%s", method)
		require.InDeltaSlice(t, truth, exact, 4*math.Sqrt(least)+1e-2*math.Abs(truth[0]), "%s", method)
		require.Less(t, some, plain/100, "%s", method)
		require.Less(t, least, plain/1e4, "%s", method)
		t.Logf("%s: variance %.3g, by bptt %.3g, exact %.3g", method, plain, some, least)
	}
}

// A system without a derivative has no control.
func TestNoControl(t *testing.T) {
	_, err := es.New(es.ConfigOf[float64]{
		Settings: es.Settings{Control: es.BPTTControl}, NewSystem: func() (es.SystemOf[float64], error) { return influence(), nil },
		Phi: params.Layout{{Name: "phi", Shape: []int{1}}},
	})
	require.ErrorContains(t, err, "es: pes: control is bptt, but es_test.system has no derivative")
	_, err = es.New(es.ConfigOf[float32]{Settings: es.Settings{Control: es.ExactControl}, Rule: new(handmade.SGD), Family: flat{}})
	require.ErrorContains(t, err, "needs Hessian-vector products")
}

// flat is a problem without second derivatives.
type flat struct{}

func (flat) Sample(uint64) (inner.ProblemOf[float32], error) { return flat{}, nil }
func (flat) Params() params.Layout                           { return params.Layout{{Name: "x", Shape: []int{1}}} }
func (flat) Init(theta []float32, _ uint64)                  { theta[0] = 1 }
func (flat) Eval(grad, theta []float32, _ uint64) (loss float64, err error) {
	if grad != nil {
		grad[0] = 1
	}
	return float64(theta[0]), nil
}

// Law: the loss of training is the meta-loss: relative to itself each is 1, and the logarithm's estimates are those of losses by their
// size.
func TestMetaLossOfTraining(t *testing.T) {
	rule := &handmade.SGD{LR: 0.001}
	for _, method := range []es.Method{es.Full, es.PES} {
		loss := func(m meta.MetaLoss, sigma float64) (meta.Estimate, []float64) {
			e, err := es.New(es.ConfigOf[float64]{
				Settings: es.Settings{Method: method, Sigma: sigma, Pairs: 40, Together: method != es.Full}, Rule: rule,
				Family: inner.QuadraticOf[float64]{}, Horizon: 6, Window: 6, MetaLoss: m, Pinned: 5,
			})
			require.NoError(t, err)
			grad := make([]float64, 1)
			est, err := e.Estimate(context.Background(), grad, phiOf[float64](rule), 3)
			require.NoError(t, err)
			return est, grad
		}
		itself := meta.MetaLoss{Baseline: "sgd", BaselineConfig: []byte(`{"lr":0.001}`)}
		est, _ := loss(itself, 1e-6)
		require.InDelta(t, 1, est.Loss, 1e-6)
		m := meta.MetaLoss{Log: true, Minibatches: meta.Other}
		est, grad := loss(m, 1e-4)
		b, err := meta.NewBPTT(meta.BPTTConfigOf[float64]{
			Rule: rule, Family: inner.QuadraticOf[float64]{}, Horizon: 6, Window: 6, Exact: true, Objective: meta.Mean, MetaLoss: m,
		})
		require.NoError(t, err)
		want := make([]float64, 1)
		exact, err := b.Estimate(context.Background(), want, params.Convert[float64](learnedopt.Phi(rule, 0)), 5)
		require.NoError(t, err)
		require.InEpsilon(t, exact.Loss, est.Loss, 1e-5)
		require.InEpsilon(t, want[0], grad[0], 1, "of the same sign and size")
		require.Positive(t, want[0]*grad[0])
	}
}
