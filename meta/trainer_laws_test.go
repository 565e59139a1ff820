package meta_test

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed1498fded/unroll/checkpoints"
	"github.com/seed1498fded/unroll/inner"
	"github.com/seed1498fded/unroll/learnedopt"
	"github.com/seed1498fded/unroll/learnedopt/handmade"
	"github.com/seed1498fded/unroll/learnedopt/lstm"
	"github.com/seed1498fded/unroll/meta"
	"github.com/seed1498fded/unroll/params"
)

// plan is an estimator whose i-th estimate is known, and which notes what it is called with.
type plan struct {
	layout    params.Layout
	estimates func(i int) (meta.Estimate, []float32)
	keys      []uint64
	phis      [][]float32
}

func (p *plan) Phi() params.Layout { return p.layout }

func (p *plan) Estimate(_ context.Context, grad, phi []float32, key uint64) (meta.Estimate, error) {
	est, g := p.estimates(len(p.keys))
	p.keys, p.phis = append(p.keys, key), append(p.phis, append([]float32(nil), phi...))
	copy(grad, g)
	return est, nil
}

// gradients is a plan of made-up gradients, some longer than the bound of 1 and some shorter.
func gradients(r learnedopt.Rule) *plan {
	return &plan{layout: r.Spec().Phi, estimates: func(i int) (meta.Estimate, []float32) {
		g := []float32{float32(math.Sin(float64(i))), 2 * float32(math.Cos(float64(3*i)))}
		return meta.Estimate{Loss: float64(i), Steps: 7, Episodes: 3}, g
	}}
}

func mustTrain(t *testing.T, c setup, outerSteps int) (training, []meta.Record) {
	t.Helper()
	tr, err := newTraining(c)
	require.NoError(t, err)
	var list []meta.Record
	require.NoError(t, tr.Run(context.Background(), after(outerSteps), records(func(r meta.Record) error {
		list = append(list, r)
		return nil
	})))
	return tr, list
}

// The defaults that the documentation names, to the bit: Adam at 0.003 on gradients of norm 1 at most, a validation every
// 20 episodes and no end of patience.
func TestDefaultsOfTheTrainer(t *testing.T) {
	r := new(handmade.Momentum)
	given, givenRecords := mustTrain(t, setup{Rule: r, Estimator: gradients(r), Validate: constantScore}, 70)
	full, fullRecords := mustTrain(t, setup{
		Rule: r, Estimator: gradients(r), Validate: constantScore,
		Outer: &handmade.Adam{LR: 0.003, Beta1: 0.9, Beta2: 0.999, Eps: 1e-8}, Clip: 1, Every: 20,
	}, 70)
	require.Equal(t, full.Raw(), given.Raw())
	require.Len(t, givenRecords, 11, "at 0 and whenever 20 more of the 210 episodes are over")
	for i := range fullRecords {
		require.Equal(t, fullRecords[i].Episodes, givenRecords[i].Episodes)
	}
	require.Equal(t, full.Status().Due, given.Status().Due)
}

// What a trainer counts is what its estimator says, and the loss it records the mean since the last validation. An estimate
// may end several episodes: validations are due at the multiples of Every, and made at the first chance.
func TestTrainerCounts(t *testing.T) {
	r := new(handmade.Momentum)
	tr, records := mustTrain(t, setup{Rule: r, Estimator: gradients(r), Validate: constantScore, Every: 4}, 6)
	require.Equal(t, []int{0, 6, 9, 12, 18}, episodesOf(records), "due at 0, 4, 8, 12, 16")
	require.Equal(t, []int{0, 2, 3, 4, 6}, outerStepsOf(records))
	for i, want := range []float64{math.NaN(), 0.5, 2, 3, 4.5} {
		got := float64(records[i].TrainLoss)
		require.True(t, want == got || math.IsNaN(want) && math.IsNaN(got), "record %d: %v, want %v", i, got, want)
	}
	s := tr.Status()
	require.Equal(t, 6, s.OuterSteps)
	require.Equal(t, 18, s.Episodes)
	require.Equal(t, 42, s.InnerSteps)
	require.Equal(t, 20, s.Due)
	require.Equal(t, 6, s.Validated)
	require.Zero(t, s.Since.Count)
}

func episodesOf(records []meta.Record) (v []int) {
	for _, r := range records {
		v = append(v, r.Episodes)
	}
	return v
}

func outerStepsOf(records []meta.Record) (v []int) {
	for _, r := range records {
		v = append(v, r.OuterSteps)
	}
	return v
}

// The key of a trainer names all that is random in it: where phi starts and every estimate, each with a key of its own.
func TestKeysOfATrainer(t *testing.T) {
	r := &lstm.Rule{Hidden: 2, Layers: 1}
	seen := map[uint64]bool{}
	starts := map[float32]bool{}
	for key := range uint64(3) {
		e := &plan{layout: r.Spec().Phi, estimates: func(int) (meta.Estimate, []float32) {
			return meta.Estimate{Loss: 1, Steps: 1, Episodes: 1}, make([]float32, r.Spec().Phi.Len())
		}}
		mustTrain(t, setup{Rule: r, Estimator: e, Validate: constantScore, Key: key}, 5)
		again := &plan{layout: e.layout, estimates: e.estimates}
		mustTrain(t, setup{Rule: r, Estimator: again, Validate: constantScore, Key: key}, 5)
		require.Equal(t, e.keys, again.keys)
		require.Equal(t, e.phis, again.phis)
		for _, k := range e.keys {
			require.False(t, seen[k], "a key comes twice")
			seen[k] = true
		}
		starts[e.phis[0][0]] = true
	}
	require.Len(t, seen, 15)
	require.Len(t, starts, 3)
}

// Clipping shortens a gradient and keeps its direction; one as long as the bound stays as it is.
func TestClippingKeepsTheDirection(t *testing.T) {
	r := new(handmade.Momentum)
	for _, tt := range []struct{ grad, want []float32 }{
		{[]float32{3, -4}, []float32{0.6, -0.8}},
		{[]float32{0.6, 0.8}, []float32{0.6, 0.8}},
		{[]float32{0.3, -0.4}, []float32{0.3, -0.4}},
		{[]float32{0, 1e30}, []float32{0, 1}},
	} {
		e := &plan{layout: r.Spec().Phi, estimates: func(int) (meta.Estimate, []float32) {
			return meta.Estimate{Loss: 1, Episodes: 1}, tt.grad
		}}
		tr, _ := mustTrain(t, setup{Rule: r, Estimator: e, Outer: &handmade.SGD{LR: 1}, Validate: constantScore, Start: make([]float32, 2)}, 1)
		for i, phi := range tr.Raw() {
			require.InDelta(t, -tt.want[i], phi, 1e-6, "%v", tt.grad)
		}
	}
}

// Finish validates what has not been validated, and nothing twice.
func TestFinish(t *testing.T) {
	r := new(handmade.Momentum)
	for steps, want := range map[int]int{0: 1, 1: 2, 4: 2, 5: 3} { // Every is 4, an estimate is an episode
		validations := 0
		e := &plan{layout: r.Spec().Phi, estimates: func(int) (meta.Estimate, []float32) {
			return meta.Estimate{Loss: 1, Episodes: 1}, []float32{1, 1}
		}}
		var last []float32
		tr, _ := mustTrain(t, setup{Rule: r, Estimator: e, Every: 4, Validate: func(_ context.Context, phi []float32) (float64, error) {
			validations++
			last = append([]float32(nil), phi...)
			return 1, nil
		}}, steps)
		finished := 0
		for range 2 {
			require.NoError(t, tr.Finish(context.Background(), records(func(r meta.Record) error {
				finished++
				require.Equal(t, steps, r.OuterSteps)
				return nil
			})))
		}
		require.Equal(t, want, validations, "%d steps", steps)
		require.Equal(t, tr.Raw(), last)
		require.LessOrEqual(t, finished, 1)
	}
	// A trainer that has not begun has not been validated either.
	tr, err := newTraining(setup{Rule: r, Estimator: gradients(r), Validate: constantScore})
	require.NoError(t, err)
	finished := 0
	require.NoError(t, tr.Finish(context.Background(), func(meta.Event) error { finished++; return nil }))
	require.Equal(t, 1, finished)
}

// Errors of the estimator, of validation and of reports end a run and come out; nothing is counted for an estimate that was
// not made.
func TestErrorsComeOut(t *testing.T) {
	r := new(handmade.SGD)
	boom := errors.New("boom")
	e := &scripted{r.Spec().Phi, [][]float32{{1}}, []float64{1}, 0}
	tr, err := newTraining(setup{Rule: r, Estimator: e, Every: 1, Validate: func(context.Context, []float32) (float64, error) {
		if e.call == 2 {
			return 0, boom
		}
		return 1, nil
	}})
	require.NoError(t, err)
	require.ErrorIs(t, tr.Run(context.Background(), never, ignore), boom)
	require.Equal(t, 2, tr.Status().OuterSteps)
	require.ErrorIs(t, tr.Finish(context.Background(), ignore), boom)

	b, err := meta.NewBPTT(meta.BPTTConfig{Rule: r, Family: weighed[float32]{3}, Horizon: 4, Window: 2})
	require.NoError(t, err)
	tr, err = newTraining(setup{Rule: r, Estimator: b, Validate: constantScore})
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	require.ErrorIs(t, tr.Run(ctx, never, ignore), context.Canceled)
	require.Zero(t, tr.Status().OuterSteps)
}

// Patience is counted in validations that could have been made since the best one.
func TestPatience(t *testing.T) {
	r := new(handmade.SGD)
	for _, tt := range []struct{ patience, every, bestAt, want int }{
		{1, 2, 0, 2}, {3, 2, 0, 6}, {3, 2, 4, 10}, {2, 5, 10, 20}, {0, 2, 0, 50},
	} {
		e := &scripted{r.Spec().Phi, [][]float32{{1}}, []float64{1}, 0}
		tr, _ := mustTrain(t, setup{
			Rule: r, Estimator: e, Every: tt.every, Patience: tt.patience,
			Validate: func(context.Context, []float32) (float64, error) {
				if e.call <= tt.bestAt {
					return -float64(e.call), nil
				}
				return 1, nil
			},
		}, 50)
		require.Equal(t, tt.want, tr.Status().Episodes, "%+v", tt)
		require.Equal(t, tt.bestAt, tr.Status().BestEpisode)
	}
}

// The same score again is not a new best, and a score that is no number never is.
func TestOnlyABetterScoreIsBest(t *testing.T) {
	r := new(handmade.SGD)
	scores := []float64{math.NaN(), math.Inf(1), 3, 3, math.NaN(), 2.5, 4, math.Inf(-1)}
	best := []bool{false, false, true, false, false, true, false, true}
	e := &scripted{r.Spec().Phi, [][]float32{{1}}, []float64{1}, 0}
	i := -1
	start := learnedopt.Phi(r, 0)
	_, records := mustTrain(t, setup{Rule: r, Estimator: e, Every: 1, Validate: func(context.Context, []float32) (float64, error) {
		i++
		return scores[i], nil
	}}, len(scores)-1)
	for i, rec := range records {
		require.Equal(t, best[i], rec.Best, "score %d", i)
	}
	line, err := json.Marshal(records[1])
	require.NoError(t, err)
	require.JSONEq(t, `{"episodes":1,"outer_steps":1,"train_loss":1,"valid_loss":null,"best_loss":null,"best":false,"diverged":0,"skipped":0}`, string(line))
	line, err = json.Marshal(records[3])
	require.NoError(t, err)
	require.Contains(t, string(line), `"valid_loss":3,"best_loss":3,"best":false`)
	require.NotNil(t, start)
}

// Before any finite score the best phi is where phi began.
func TestBestBeforeAnyScore(t *testing.T) {
	r := new(handmade.SGD)
	e := &scripted{r.Spec().Phi, [][]float32{{1}}, []float64{1}, 0}
	tr, _ := mustTrain(t, setup{Rule: r, Estimator: e, Every: 1, Start: []float32{-3}, Validate: func(context.Context, []float32) (float64, error) {
		return math.NaN(), nil
	}}, 4)
	require.Equal(t, []float32{-3}, tr.Best())
	require.Equal(t, math.MaxFloat64, tr.Status().Best)
}

// What a trainer hands out is the caller's to change.
func TestTrainerHandsOutCopies(t *testing.T) {
	r := new(handmade.Momentum)
	tr, _ := mustTrain(t, setup{Rule: r, Estimator: gradients(r), Validate: constantScore, Average: 0.5}, 3)
	for _, get := range []func() []float32{tr.Raw, tr.Last, tr.Best} {
		want := append([]float32(nil), get()...)
		clear(get())
		require.Equal(t, want, get())
	}
	require.NotEqual(t, tr.Raw(), tr.Last())
	without, _ := mustTrain(t, setup{Rule: r, Estimator: gradients(r), Validate: constantScore}, 3)
	require.Equal(t, without.Raw(), without.Last(), "without an average it is phi")
}

func TestNewTrainerRefusesNumbersOutOfRange(t *testing.T) {
	sgd := new(handmade.SGD)
	for want, c := range map[string]setup{
		"average 1;":         {Average: 1},
		"average -0.1":       {Average: -0.1},
		"with patience -1":   {Patience: -1},
		"lr is -1":           {Outer: &handmade.Adam{LR: -1}},
		"validation every -": {Every: -3},
		"a start of 0":       {Start: []float32{}},
	} {
		c.Rule, c.Validate, c.Estimator = sgd, constantScore, &scripted{sgd.Spec().Phi, [][]float32{{1}}, []float64{1}, 0}
		_, err := newTraining(c)
		require.ErrorContains(t, err, want)
	}
	none := emptyRule{sgd}
	_, err := newTraining(setup{Rule: none, Validate: constantScore, Estimator: &scripted{none.Spec().Phi, nil, nil, 0}})
	require.ErrorContains(t, err, `rule "sgd" has nothing to learn`)
}

// emptyRule is a rule without meta-parameters.
type emptyRule struct{ *handmade.SGD }

func (emptyRule) Spec() learnedopt.Spec { return learnedopt.Spec{Reads: learnedopt.Grad} }

// A checkpoint that lacks a part, or has a part that is none, is refused by the name of the part.
func TestRestoreRefuses(t *testing.T) {
	r := &lstm.Rule{Hidden: 2, Layers: 1}
	build := func() training {
		b, err := meta.NewBPTT(meta.BPTTConfig{Rule: r, Family: inner.Quadratic{Dim: 3}, Horizon: 4, Window: 2})
		require.NoError(t, err)
		tr, err := newTraining(setup{Rule: r, Estimator: b, Validate: constantScore, Average: 0.5})
		require.NoError(t, err)
		return tr
	}
	saved := func() *checkpoints.File {
		tr := build()
		require.NoError(t, tr.Run(context.Background(), after(3), ignore))
		f, err := tr.Checkpoint(nil)
		require.NoError(t, err)
		return f
	}
	require.NoError(t, build().Restore(saved()))
	for want, spoil := range map[string]func(f *checkpoints.File){
		"status":          func(f *checkpoints.File) { f.Meta["status"] = "{" },
		"episode":         func(f *checkpoints.File) { f.Meta["episode"] = "1,2" },
		"phi.linear":      func(f *checkpoints.File) { drop(f, "phi.linear.bias") },
		"mean.lstm":       func(f *checkpoints.File) { drop(f, "mean.lstm.bias_l0") },
		"best.linear":     func(f *checkpoints.File) { drop(f, "best.linear.weight") },
		"outer.t":         func(f *checkpoints.File) { drop(f, "outer.t") },
		"does not fit":    func(f *checkpoints.File) { f.Meta["episode"] = `{"key":1,"step":9}` },
		`"episode.theta"`: func(f *checkpoints.File) { drop(f, "episode.theta") },
	} {
		f := saved()
		spoil(f)
		require.ErrorContains(t, build().Restore(f), want)
	}
	e := &scripted{r.Spec().Phi, [][]float32{{1}}, []float64{1}, 0}
	tr, err := newTraining(setup{Rule: r, Estimator: e, Validate: constantScore})
	require.NoError(t, err)
	require.ErrorContains(t, tr.Restore(saved()), "*meta_test.scripted can't be resumed")
}

func drop(f *checkpoints.File, name string) {
	for i, x := range f.Tensors {
		if x.Name == name {
			f.Tensors = append(f.Tensors[:i], f.Tensors[i+1:]...)
			return
		}
	}
	panic("no tensor " + name)
}
