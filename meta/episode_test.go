package meta_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed1498fded/unroll/inner"
	"github.com/seed1498fded/unroll/inner/credit"
	"github.com/seed1498fded/unroll/internal/rng"
	"github.com/seed1498fded/unroll/learnedopt"
	"github.com/seed1498fded/unroll/learnedopt/handmade"
	"github.com/seed1498fded/unroll/learnedopt/lstm"
	"github.com/seed1498fded/unroll/meta"
)

// watched is a family that does something before the loss is looked at, and may spoil it. Its problems are signalled if
// those of the family are.
type watched struct {
	inner.Family
	before func(theta []float32, batch uint64) error
	loss   func(loss float64) float64 // nil: as it is
}

type watchedProblem struct {
	inner.Problem
	watched
}

type watchedSignal struct {
	watchedProblem
	inner.Signalled
}

func (f watched) Sample(key uint64) (inner.Problem, error) {
	p, err := f.Family.Sample(key)
	w := watchedProblem{p, f}
	if s, ok := p.(inner.Signalled); ok {
		return watchedSignal{w, s}, err
	}
	return w, err
}

func (p watchedProblem) Eval(grad, theta []float32, batch uint64) (float64, error) {
	if err := p.before(theta, batch); err != nil {
		return 0, err
	}
	loss, err := p.Problem.Eval(grad, theta, batch)
	if p.loss != nil {
		loss = p.loss(loss)
	}
	return loss, err
}

// families are the two kinds of problem: where the rule sees the gradient, and where it sees a signal.
func families(t *testing.T) map[string]inner.Family {
	return map[string]inner.Family{"gradient": weighed[float32]{7}, "signal": onSignal[float32](t, credit.DirectOf[float32]{})}
}

// episodeRules are one for each way to go back: a window at once, and step by step.
var episodeRules = []learnedopt.Rule{&lstm.Rule{Hidden: 4}, &lstm.Rule{Hidden: 3}, new(handmade.Adam), new(handmade.AdamW)}

// A point of an episode: where the weights are and which minibatch is looked at.
type pointOfEpisode struct {
	theta string
	batch uint64
}

// However an episode is cut into windows, it goes the same way: what a window leaves is where the next one begins.
func TestWindowsAreOneEpisode(t *testing.T) {
	const horizon = 7
	for name, f := range families(t) {
		for _, r := range episodeRules {
			var want []pointOfEpisode
			for _, window := range []int{7, 3, 2, 1} {
				var got []pointOfEpisode
				b, err := meta.NewBPTT(meta.BPTTConfig{Rule: r, Horizon: horizon, Window: window, Family: watched{
					Family: f,
					before: func(theta []float32, batch uint64) error {
						got = append(got, pointOfEpisode{fmt.Sprint(theta), batch})
						return nil
					},
				}})
				require.NoError(t, err)
				phi, grad, steps, calls := learnedopt.Phi(r, 2), make([]float32, r.Spec().Phi.Len()), 0, uint64(0)
				for ; steps < horizon; calls++ {
					require.Equal(t, steps, snapshotOf(t, b).Step)
					est, err := b.Estimate(context.Background(), grad, phi, 5+calls)
					require.NoError(t, err)
					require.Equal(t, steps+est.Steps == horizon, est.Episodes == 1)
					steps += est.Steps
				}
				require.Equal(t, horizon, steps)
				require.EqualValues(t, (horizon+window-1)/window, calls)
				if want == nil {
					want = got
				}
				require.Len(t, got, horizon+1)
				require.Equal(t, want, got, "%s on a %s, windows of %d", r.Name(), name, window)
			}
		}
	}
}

// The parts of an episode have keys of their own: another episode has another problem, another start and other
// minibatches.
func TestEpisodesDiffer(t *testing.T) {
	seen := map[string]bool{}
	learning := false // before, the family may be asked for its layout
	note := func(what string, key uint64) {
		if k := fmt.Sprint(what, key); learning {
			require.False(t, seen[k], "%s comes twice", k)
			seen[k] = true
		}
	}
	f := keysOf{weighed[float32]{4}, note}
	b, err := meta.NewBPTT(meta.BPTTConfig{Rule: new(handmade.SGD), Family: f, Horizon: 6, Window: 2})
	require.NoError(t, err)
	learning = true
	grad := make([]float32, 1)
	for call := range uint64(12) {
		_, err := b.Estimate(context.Background(), grad, []float32{-5}, call)
		require.NoError(t, err)
	}
	require.Len(t, seen, 4*(1+1+7))
}

// Which keys these are is part of what a seed means: children of the episode's, 0 for the problem, 1 for the start, and
// those of 2 for the minibatches, in turn.
func TestKeysOfAnEpisode(t *testing.T) {
	var got []uint64
	f := keysOf{weighed[float32]{4}, func(_ string, key uint64) { got = append(got, key) }}
	b, err := meta.NewBPTT(meta.BPTTConfig{Rule: new(handmade.SGD), Family: f, Horizon: 3, Window: 2})
	require.NoError(t, err)
	const episode = 77
	batch := func(step uint64) uint64 { return rng.Split(rng.Split(episode, 2), step) }
	got = nil
	for call := range uint64(2) {
		_, err := b.Estimate(context.Background(), make([]float32, 1), []float32{-5}, episode+call)
		require.NoError(t, err)
	}
	require.Equal(t, []uint64{rng.Split(episode, 0), rng.Split(episode, 1), batch(0), batch(1), batch(2), batch(3)}, got)
}

// keysOf is a family that tells the keys it is asked for.
type keysOf struct {
	inner.Family
	note func(what string, key uint64)
}

func (f keysOf) Sample(key uint64) (inner.Problem, error) {
	f.note("key", key)
	p, err := f.Family.Sample(key)
	return keysOfProblem{p, f.note}, err
}

type keysOfProblem struct {
	inner.Problem
	note func(what string, key uint64)
}

func (p keysOfProblem) Init(theta []float32, key uint64) {
	p.note("key", key)
	p.Problem.Init(theta, key)
}

func (p keysOfProblem) Eval(grad, theta []float32, key uint64) (float64, error) {
	p.note("key", key)
	return p.Problem.Eval(grad, theta, key)
}

// An estimator that is cut short in the middle of a window, by an error of the problem or by the end of its context, is as
// it was before: asked again it gives what it would have given.
func TestCutShortInTheMiddle(t *testing.T) {
	boom := errors.New("boom")
	for name, f := range families(t) {
		for _, r := range episodeRules {
			t.Run(r.Name()+" on a "+name, func(t *testing.T) {
				phi := learnedopt.Phi(r, 2)
				evals, failAt := 0, -1
				ctx, cancel := context.WithCancel(context.Background())
				byContext := false
				flaky := watched{Family: f, before: func([]float32, uint64) error {
					evals++
					if evals-1 != failAt {
						return nil
					}
					if byContext {
						cancel()
						return nil
					}
					return boom
				}}
				c := meta.BPTTConfig{Rule: r, Family: f, Horizon: 7, Window: 4}
				steady, err := meta.NewBPTT(c)
				require.NoError(t, err)
				c.Family = flaky
				cut, err := meta.NewBPTT(c)
				require.NoError(t, err)
				want, got := make([]float32, len(phi)), make([]float32, len(phi))
				for call := range uint64(4) {
					for failAt = range 3 {
						evals, byContext = 0, failAt == 1
						got[0] = 7
						_, err := cut.Estimate(ctx, got, phi, 50+call) // not even its key stays behind
						require.Error(t, err)
						require.Equal(t, make([]float32, len(phi)), got, "there is no gradient")
						require.True(t, byContext == errors.Is(err, context.Canceled) && byContext != errors.Is(err, boom), err)
						ctx, cancel = context.WithCancel(context.Background())
					}
					failAt = -1
					gotEst, err := cut.Estimate(ctx, got, phi, call)
					require.NoError(t, err)
					wantEst, err := steady.Estimate(ctx, want, phi, call)
					require.NoError(t, err)
					require.Equal(t, wantEst, gotEst)
					require.Equal(t, want, got)
				}
				cancel()
			})
		}
	}
}

// flakyCurvature is a family whose Hessian-vector products fail, or end a context, at one of the calls.
type flakyCurvature struct {
	inner.Family
	at    *int
	event func() error
}

type flakyCurvatureProblem struct {
	*weighedProblem[float32]
	f flakyCurvature
}

func (f flakyCurvature) Sample(key uint64) (inner.Problem, error) {
	p, err := f.Family.Sample(key)
	return flakyCurvatureProblem{p.(*weighedProblem[float32]), f}, err
}

func (p flakyCurvatureProblem) HessianVector(dst, theta, v []float32, batch uint64) error {
	if *p.f.at--; *p.f.at == 0 {
		if err := p.f.event(); err != nil {
			return err
		}
	}
	return p.weighedProblem.HessianVector(dst, theta, v, batch)
}

// Nor does it leave anything behind when it is cut short in the backward pass: half a gradient is none.
func TestCutShortOnTheWayBack(t *testing.T) {
	boom := errors.New("boom")
	for _, byContext := range []bool{false, true} {
		for _, r := range []learnedopt.Rule{&lstm.Rule{Hidden: 4}, new(handmade.Adam)} {
			ctx, cancel := context.WithCancel(context.Background())
			at := 0
			f := weighed[float32]{7}
			c := meta.BPTTConfig{Rule: r, Family: f, Horizon: 7, Window: 4, Exact: true}
			steady, err := meta.NewBPTT(c)
			require.NoError(t, err)
			c.Family = flakyCurvature{f, &at, func() error {
				if byContext {
					cancel()
					return nil
				}
				return boom
			}}
			cut, err := meta.NewBPTT(c)
			require.NoError(t, err)
			phi := learnedopt.Phi(r, 2)
			want, got := make([]float32, len(phi)), make([]float32, len(phi))
			for call := range uint64(4) {
				at = 2
				_, err := cut.Estimate(ctx, got, phi, call)
				require.ErrorIs(t, err, map[bool]error{true: context.Canceled, false: boom}[byContext])
				require.Equal(t, make([]float32, len(phi)), got)
				ctx, cancel = context.WithCancel(context.Background())
				gotEst, err := cut.Estimate(ctx, got, phi, call)
				require.NoError(t, err)
				wantEst, err := steady.Estimate(ctx, want, phi, call)
				require.NoError(t, err)
				require.Equal(t, wantEst, gotEst)
				require.Equal(t, want, got)
			}
			cancel()
		}
	}
}

// A window in which a loss is not finite ends there and ends its episode: +Inf, no gradient, and the next estimate is the
// first of another episode, as a new estimator would make it.
func TestDivergenceInTheMiddle(t *testing.T) {
	for name, f := range families(t) {
		for _, r := range episodeRules {
			for _, bad := range []float64{math.Inf(1), math.NaN(), math.Inf(-1)} {
				for at := range 8 { // evaluations before the bad one
					t.Run(fmt.Sprintf("%s on a %s/%v at %d", r.Name(), name, bad, at), func(t *testing.T) {
						evals := 0
						c := meta.BPTTConfig{Rule: r, Horizon: 7, Window: 3, Copies: 1, Family: watched{
							Family: f, before: func([]float32, uint64) error { return nil },
							loss: func(loss float64) float64 {
								evals++
								if evals-1 == at {
									return bad
								}
								return loss
							},
						}}
						b, err := meta.NewBPTT(c)
						require.NoError(t, err)
						phi := learnedopt.Phi(r, 2)
						grad := make([]float32, len(phi))
						steps := 0
						for call := uint64(0); ; call++ {
							est, err := b.Estimate(context.Background(), grad, phi, call)
							require.NoError(t, err)
							steps += est.Steps
							if math.IsInf(est.Loss, 1) {
								require.Equal(t, 1, est.Episodes)
								require.Equal(t, make([]float32, len(phi)), grad)
								break
							}
							require.Zero(t, est.Episodes)
							require.Less(t, call, uint64(3))
						}
						require.Equal(t, max(1, at), steps, "the step before the bad loss is the last")
						require.Equal(t, snapshot{}, snapshotOf(t, b))
						fresh, err := meta.NewBPTT(c)
						require.NoError(t, err)
						want := make([]float32, len(phi))
						wantEst, err := fresh.Estimate(context.Background(), want, phi, 77)
						require.NoError(t, err)
						est, err := b.Estimate(context.Background(), grad, phi, 77)
						require.NoError(t, err)
						require.Equal(t, wantEst, est)
						require.Equal(t, want, grad)
					})
				}
			}
		}
	}
}

// What a snapshot holds is a copy, and an estimator restored from it goes on to the same bits, on a signal and over a
// fraction of the coordinates too.
func TestSnapshotsOfAllKinds(t *testing.T) {
	r := &lstm.Rule{Hidden: 4}
	for name, f := range families(t) {
		for _, fraction := range []float64{0, 0.5} {
			for _, copies := range []int{1, 2} {
				for _, objective := range meta.Objectives() {
					c := meta.BPTTConfig{Rule: r, Family: f, Horizon: 8, Window: 3, Copies: copies, Fraction: fraction, Objective: objective}
					t.Run(fmt.Sprintf("%s, fraction %v, %d copies, %s", name, fraction, copies, objective), func(t *testing.T) { goesOn(t, c) })
				}
			}
		}
	}
}

// goesOn holds an estimator with a past to one made anew at each window.
func goesOn(t *testing.T, c meta.BPTTConfig) {
	t.Helper()
	phi := learnedopt.Phi(c.Rule, 1)
	b, err := meta.NewBPTT(c)
	require.NoError(t, err)
	for key := range uint64(7) {
		s := snapshotOf(t, b)
		kept := snapshot{Key: s.Key, Step: s.Step, Theta: append([]float32(nil), s.Theta...), State: append([]float32(nil), s.State...)}
		other, err := meta.NewBPTT(c)
		require.NoError(t, err)
		require.NoError(t, restore(other, s))
		require.Equal(t, s, snapshotOf(t, other))
		want, got := make([]float32, len(phi)), make([]float32, len(phi))
		wantEst, err := b.Estimate(context.Background(), want, phi, key)
		require.NoError(t, err)
		gotEst, err := other.Estimate(context.Background(), got, phi, key)
		require.NoError(t, err)
		require.Equal(t, wantEst, gotEst)
		require.Equal(t, want, got, "call %d", key)
		require.Equal(t, kept.Theta, append([]float32(nil), s.Theta...), "a snapshot stays as it was")
		require.Equal(t, kept.State, append([]float32(nil), s.State...))
	}
}

// A snapshot that does not fit is refused, whatever it is that does not.
func TestSnapshotsThatDoNotFit(t *testing.T) {
	b, err := meta.NewBPTT(meta.BPTTConfig{Rule: new(handmade.Momentum), Family: inner.Quadratic{Dim: 3}, Horizon: 5, Window: 2})
	require.NoError(t, err)
	fits := snapshot{Step: 4, Theta: make([]float32, 3), State: make([]float32, 3)}
	require.NoError(t, restore(b, fits))
	for what, spoil := range map[string]func(s *snapshot){
		"a step at the horizon": func(s *snapshot) { s.Step = 5 },
		"a step before":         func(s *snapshot) { s.Step = -1 },
		"too many weights":      func(s *snapshot) { s.Theta = make([]float32, 4) },
		"too small a state":     func(s *snapshot) { s.State = make([]float32, 2) },
	} {
		s := fits
		spoil(&s)
		require.ErrorContains(t, restore(b, s), "episode", what)
	}
	require.Equal(t, 4, snapshotOf(t, b).Step, "a refused snapshot changes nothing")
}

// The defaults that the documentation names.
func TestDefaultsOfBPTT(t *testing.T) {
	r := &lstm.Rule{Hidden: 4}
	estimate := func(c meta.BPTTConfig) (meta.Estimate, []float32, *meta.BPTT) {
		c.Rule, c.Family = r, weighed[float32]{4}
		b, err := meta.NewBPTT(c)
		require.NoError(t, err)
		grad := make([]float32, r.Spec().Phi.Len())
		est, err := b.Estimate(context.Background(), grad, learnedopt.Phi(r, 1), 3)
		require.NoError(t, err)
		return est, grad, b
	}
	est, grad, b := estimate(meta.BPTTConfig{})
	full, fullGrad, _ := estimate(meta.BPTTConfig{Horizon: 100, Window: 20, Copies: 1, Fraction: 1})
	require.Equal(t, full, est)
	require.Equal(t, fullGrad, grad)
	require.Equal(t, 20, est.Steps)
	for call := range uint64(4) {
		require.Zero(t, est.Episodes)
		var err error
		est, err = b.Estimate(context.Background(), grad, learnedopt.Phi(r, 1), call)
		require.NoError(t, err)
	}
	require.Equal(t, 1, est.Episodes, "after 100 steps")
	est, _, _ = estimate(meta.BPTTConfig{Horizon: 6})
	require.Equal(t, 6, est.Steps, "a short horizon is one window")
	require.Equal(t, 1, est.Episodes)
}

// An estimator asks for vectors of its length, by name.
func TestEstimatePanicsOnWrongLengths(t *testing.T) {
	b, err := meta.NewBPTT(meta.BPTTConfig{Rule: new(handmade.Adam), Family: inner.Quadratic{}})
	require.NoError(t, err)
	n := b.Phi().Len()
	for _, lens := range [][2]int{{n - 1, n}, {n, n + 1}} {
		want := fmt.Sprintf("meta: gradient of length %d and phi of length %d, want %d", lens[0], lens[1], n)
		require.PanicsWithValue(t, want, func() {
			_, _ = b.Estimate(context.Background(), make([]float32, lens[0]), make([]float32, lens[1]), 1)
		})
	}
}
