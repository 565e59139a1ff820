package meta_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed1498fded/unroll/checkpoints"
	"github.com/seed1498fded/unroll/inner"
	"github.com/seed1498fded/unroll/inner/plastic"
	"github.com/seed1498fded/unroll/internal/rng"
	"github.com/seed1498fded/unroll/learnedopt"
	"github.com/seed1498fded/unroll/learnedopt/handmade"
	"github.com/seed1498fded/unroll/learnedopt/lstm"
	"github.com/seed1498fded/unroll/learnedopt/stepsize"
	"github.com/seed1498fded/unroll/meta"
	"github.com/seed1498fded/unroll/params"
)

func metaLosses() map[string]meta.MetaLoss {
	adam := json.RawMessage(`{"lr":0.05}`)
	return map[string]meta.MetaLoss{
		"log":                {Log: true, Eps: 0.5},
		"relative":           {Baseline: "adam", BaselineConfig: adam},
		"log relative":       {Baseline: "adam", BaselineConfig: adam, Log: true, Eps: 0.1},
		"other":              {Minibatches: meta.Other},
		"other log relative": {Minibatches: meta.Other, Log: true, Baseline: "adam", BaselineConfig: adam},
	}
}

// Law: the derivative is that of the meta-loss, for both windows of an episode, of which the second is shorter, on both tapes, and for a
// rule that reads losses; by central differences of order four of the meta-loss itself, which the exact meta-gradient is of.
func TestMetaLossDerivatives(t *testing.T) {
	for name, m := range metaLosses() {
		for which, r := range map[string]learnedopt.Rule{
			"adam": &handmade.Adam{LR: 0.1, Beta1: 0.8, Beta2: 0.9, Eps: 0.01}, "loss": &stepsize.Polyak{Scale: 0.2, Beta: 0.6},
		} {
			for _, o := range []meta.Objective{meta.Borders, meta.Mean, meta.Min} {
				t.Run(fmt.Sprintf("%s/%s/%s", name, which, o), func(t *testing.T) {
					problem, err := weighed[float64]{6}.Sample(3)
					require.NoError(t, err)
					theta := make([]float64, 6)
					rng.Normal(theta, 5, 1)
					c := meta.BPTTConfigOf[float64]{
						Rule: r, Family: fixed[float64]{problem, theta, nil}, Horizon: 7, Window: 4, Exact: true, Objective: o, MetaLoss: m, Copies: 2,
					}
					b, err := meta.NewBPTT(c)
					require.NoError(t, err)
					phi := params.Convert[float64](learnedopt.Phi(r, 2))
					grad := make([]float64, len(phi))
					for range 2 {
						before := saved(t, b)
						_, err = b.Estimate(context.Background(), grad, phi, 1)
						require.NoError(t, err)
						for d := range phi {
							at := func(h float64) float64 {
								other, err := meta.NewBPTT(c)
								require.NoError(t, err)
								require.NoError(t, other.Load(before, "episode"))
								x := slices.Clone(phi)
								x[d] += h
								est, err := other.Estimate(context.Background(), make([]float64, len(x)), x, 1)
								require.NoError(t, err)
								return est.Loss
							}
							const h = 2e-4
							want := (8*(at(h)-at(-h)) - (at(2*h) - at(-2*h))) / (12 * h)
							require.InDelta(t, want, grad[d], 1e-6*max(1e-2, math.Abs(want)), "number %d", d)
						}
					}
				})
			}
		}
	}
}

func saved(t *testing.T, b meta.Resumable) *checkpoints.File {
	t.Helper()
	f := &checkpoints.File{Meta: make(map[string]string)}
	require.NoError(t, b.Save(f, "episode"))
	return f
}

// Law: first-order meta-gradients of meta-losses are those of the losses with each weight times the slope; on the kernels of a window
// and in float32.
func TestMetaLossOnKernels(t *testing.T) {
	r := new(lstm.Rule)
	phi := learnedopt.Phi(r, 2)
	for name, m := range metaLosses() {
		single, err := meta.NewBPTT(meta.BPTTConfig{Rule: r, Family: weighed[float32]{7}, Horizon: 8, Window: 4, MetaLoss: m, Copies: 3})
		require.NoError(t, err)
		double, err := meta.NewBPTT(meta.BPTTConfigOf[float64]{Rule: r, Family: weighed[float64]{7}, Horizon: 8, Window: 4, MetaLoss: m, Copies: 3})
		require.NoError(t, err)
		got, want := make([]float32, len(phi)), make([]float64, len(phi))
		for range 2 {
			_, err = single.Estimate(context.Background(), got, phi, 6)
			require.NoError(t, err)
			_, err = double.Estimate(context.Background(), want, params.Convert[float64](phi), 6)
			require.NoError(t, err)
			require.Less(t, distance(want, params.Convert[float64](got)), 1e-4*size(want), name)
		}
	}
}

// trainingLosses are those of a training run by a rule, from the start on.
func trainingLosses(t *testing.T, r learnedopt.Rule, f inner.FamilyOf[float64], key uint64, steps int) (losses []float64) {
	t.Helper()
	p, err := f.Sample(0)
	require.NoError(t, err)
	c, err := learnedopt.CompileWith[float64](r, p.Params(), learnedopt.Options{Reference: true})
	require.NoError(t, err)
	tr, phi := meta.NewTrajectory(c, steps), params.Convert[float64](learnedopt.Phi(r, 0))
	require.NoError(t, tr.Begin(f, phi, key))
	for range steps {
		require.NoError(t, tr.Evaluate())
		require.NoError(t, tr.Advance(phi))
		require.NoError(t, tr.Evaluate())
		losses = append(losses, tr.Losses[0])
	}
	return losses
}

// Law: a meta-loss relative to a baseline is that over the loss of the baseline's own training; with the logarithm the logarithm of it;
// and the rule that is its own baseline is as good as it.
func TestMetaLossIsWhatItSays(t *testing.T) {
	family, key := inner.QuadraticOf[float64]{Dim: 6}, uint64(9)
	rule, base := &handmade.SGD{LR: 0.002}, &handmade.Adam{LR: 0.05}
	const steps, eps = 5, 0.25
	own, others := trainingLosses(t, rule, family, key, steps), trainingLosses(t, base, family, key, steps)
	loss := func(m meta.MetaLoss) float64 {
		b, err := meta.NewBPTT(meta.BPTTConfigOf[float64]{Rule: rule, Family: family, Horizon: steps, Window: steps, Objective: meta.Sum, MetaLoss: m})
		require.NoError(t, err)
		est, err := b.Estimate(context.Background(), make([]float64, 1), params.Convert[float64](learnedopt.Phi(rule, 0)), key)
		require.NoError(t, err)
		return est.Loss
	}
	relative, log, both := 0.0, 0.0, 0.0
	for i, f := range own {
		relative += (f + eps) / (others[i] + eps)
		log += math.Log(f + eps)
		both += math.Log((f + eps) / (others[i] + eps))
	}
	adam := json.RawMessage(`{"lr":0.05}`)
	require.InEpsilon(t, relative, loss(meta.MetaLoss{Baseline: "adam", BaselineConfig: adam, Eps: eps}), 1e-9)
	require.InEpsilon(t, log, loss(meta.MetaLoss{Log: true, Eps: eps}), 1e-12)
	require.InEpsilon(t, both, loss(meta.MetaLoss{Log: true, Baseline: "adam", BaselineConfig: adam, Eps: eps}), 1e-9)
	itself := meta.MetaLoss{Baseline: "sgd", BaselineConfig: json.RawMessage(`{"lr":0.002}`)}
	require.InEpsilon(t, steps, loss(itself), 1e-12)
	itself.Minibatches = meta.Other
	require.InEpsilon(t, steps, loss(itself), 1e-12)
}

// Law: with other minibatches, no loss that counts is on a minibatch that a step is computed from.
func TestOtherMinibatches(t *testing.T) {
	problem, err := weighed[float64]{6}.Sample(3)
	require.NoError(t, err)
	var keys []uint64
	b, err := meta.NewBPTT(meta.BPTTConfigOf[float64]{
		Rule: &handmade.SGD{LR: 0.02}, Family: fixed[float64]{problem, []float64{1, 2, 3, 4, 5, 6}, &keys}, Horizon: 4, Window: 4,
		Objective: meta.Mean, MetaLoss: meta.MetaLoss{Minibatches: meta.Other},
	})
	require.NoError(t, err)
	est, err := b.Estimate(context.Background(), make([]float64, 1), []float64{math.Log(0.02)}, 1)
	require.NoError(t, err)
	require.Len(t, keys, 10, "two at each of five places")
	theta, grad, want := []float64{1, 2, 3, 4, 5, 6}, make([]float64, 6), 0.0
	for step := range 5 {
		f, err := problem.Eval(nil, theta, keys[2*step+1])
		require.NoError(t, err)
		if step > 0 {
			want += f / 4
		}
		_, err = problem.Eval(grad, theta, keys[2*step])
		require.NoError(t, err)
		for i, g := range grad {
			theta[i] -= 0.02 * g
		}
	}
	require.InEpsilon(t, want, est.Loss, 1e-12)
	slices.Sort(keys)
	require.Len(t, slices.Compact(keys), 10, "no two are the same")
}

// Law: a baseline that diverges counts with its last finite loss; a loss too small for the logarithm is a run that diverged.
func TestMetaLossesThatAreNotFinite(t *testing.T) {
	estimate := func(m meta.MetaLoss) meta.Estimate {
		b, err := meta.NewBPTT(meta.BPTTConfigOf[float64]{Rule: &handmade.SGD{LR: 1e-3}, Family: inner.QuadraticOf[float64]{Dim: 6}, Horizon: 400, Window: 400, MetaLoss: m})
		require.NoError(t, err)
		est, err := b.Estimate(context.Background(), make([]float64, 1), []float64{math.Log(1e-3)}, 1)
		require.NoError(t, err)
		return est
	}
	est := estimate(meta.MetaLoss{Baseline: "sgd", BaselineConfig: json.RawMessage(`{"lr":100}`), Log: true})
	require.False(t, math.IsInf(est.Loss, 0))
	require.Less(t, est.Loss, -100.0)
	low, err := meta.NewBPTT(meta.BPTTConfigOf[float64]{
		Rule: &handmade.SGD{LR: 0.01}, Family: weighed[float64]{6}, Horizon: 400, Window: 400, MetaLoss: meta.MetaLoss{Log: true},
	})
	require.NoError(t, err)
	est, err = low.Estimate(context.Background(), make([]float64, 1), []float64{math.Log(0.01)}, 1)
	require.NoError(t, err)
	require.True(t, math.IsInf(est.Loss, 1), "these losses fall below nothing")
}

// What a run carries goes on to the bit, and a call that is cut short leaves no trace.
func TestMetaLossResumes(t *testing.T) {
	r := &lstm.Rule{Hidden: 4}
	phi := learnedopt.Phi(r, 1)
	cancelled, cancel := context.WithCancel(context.Background())
	cancel()
	for name, m := range metaLosses() {
		c := meta.BPTTConfig{Rule: r, Family: weighed[float32]{5}, Horizon: 11, Window: 4, Copies: 2, MetaLoss: m}
		whole, err := meta.NewBPTT(c)
		require.NoError(t, err)
		parts, err := meta.NewBPTT(c)
		require.NoError(t, err)
		for call := range uint64(7) {
			want, got := make([]float32, len(phi)), make([]float32, len(phi))
			est, err := whole.Estimate(context.Background(), want, phi, call)
			require.NoError(t, err)
			_, err = parts.Estimate(cancelled, got, phi, call)
			require.ErrorIs(t, err, context.Canceled)
			again, err := parts.Estimate(context.Background(), got, phi, call)
			require.NoError(t, err)
			require.Equal(t, est, again, name)
			require.Equal(t, want, got, name)
			f := saved(t, parts)
			parts, err = meta.NewBPTT(c)
			require.NoError(t, err)
			require.NoError(t, parts.Load(f, "episode"))
		}
	}
}

func TestMetaLossInJSON(t *testing.T) {
	m, err := meta.ParseMetaLoss([]byte(`{"minibatches":"train","log":true,"baseline":"adam"}`))
	require.NoError(t, err)
	text, err := json.Marshal(m)
	require.NoError(t, err)
	require.Equal(t, `{"log":true,"baseline":"adam","baseline_config":{"lr":0.001,"beta1":0.9,"beta2":0.999,"eps":1e-8},"eps":0.000001}`, string(text))
	again, err := meta.ParseMetaLoss(text)
	require.NoError(t, err)
	require.Equal(t, m, again)
	plain, err := meta.ParseMetaLoss([]byte(`{"minibatches":"train"}`))
	require.NoError(t, err)
	require.True(t, plain.Plain())
	require.False(t, m.Plain())
	for text, want := range map[string]string{
		`{"minibatches":"test"}`: `meta: meta-loss: minibatches is "test"; want train or other`,
		`{"eps":-1}`:             `meta: meta-loss: eps is -1; want above 0 and finite`,
		`{"eps":1}`:              `meta: meta-loss: eps is for log and baseline alone`,
		`{"baseline_config":{}}`: `meta: meta-loss: baseline_config without a baseline`,
		`{"Log":true}`:           `meta: meta-loss: json: unknown field "Log"`,
		`{"baseline":"cubic"}`:   `meta: meta-loss: baseline: learnedopt: unknown rule "cubic"`,
		`{"baseline":"adam","baseline_config":{"lr":-1}}`: `meta: meta-loss: baseline: `,
	} {
		_, err := meta.ParseMetaLoss([]byte(text))
		require.ErrorContains(t, err, want)
	}
	_, err = meta.NewBPTT(meta.BPTTConfig{
		Rule: new(handmade.SGD), Family: plastic.XOR{}, MetaLoss: meta.MetaLoss{Minibatches: meta.Other},
	})
	require.ErrorContains(t, err, "which has neither other minibatches nor a baseline")
}
