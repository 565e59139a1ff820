package meta_test

import (
	"bytes"
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

// scripted is an estimator that says what it is told to.
type scripted struct {
	layout params.Layout
	grads  [][]float32
	losses []float64
	call   int
}

func (s *scripted) Phi() params.Layout { return s.layout }

func (s *scripted) Estimate(_ context.Context, grad, _ []float32, _ uint64) (meta.Estimate, error) {
	i := s.call % len(s.grads)
	s.call++
	copy(grad, s.grads[i])
	return meta.Estimate{Loss: s.losses[i], Steps: 1, Episodes: 1}, nil
}

func never(meta.Status) bool { return false }

func after(outerSteps int) func(meta.Status) bool {
	return func(s meta.Status) bool { return s.OuterSteps >= outerSteps }
}

func ignore(meta.Event) error { return nil }

func constantScore(context.Context, []float32) (float64, error) { return 1, nil }

func TestTrainerSkipsWhatIsNotFinite(t *testing.T) {
	r := new(handmade.SGD)
	nan, inf := float32(math.NaN()), math.Inf(1)
	e := &scripted{r.Spec().Phi, [][]float32{{nan}, {0}, {0.5}}, []float64{1, inf, 2}, 0}
	var seen [][]float32
	tr, err := newTraining(setup{
		Rule: r, Estimator: e, Outer: &handmade.SGD{LR: 0.1}, Every: 1,
		Validate: func(_ context.Context, phi []float32) (float64, error) {
			seen = append(seen, append([]float32(nil), phi...))
			return 1, nil
		},
	})
	require.NoError(t, err)
	require.NoError(t, tr.Run(context.Background(), after(3), ignore))
	require.Equal(t, seen[0], seen[1], "a gradient that is not finite moves nothing")
	require.Equal(t, seen[0], seen[2], "nor does a run that diverged")
	require.InDelta(t, seen[0][0]-0.05, seen[3][0], 1e-6)
	s := tr.Status()
	require.Equal(t, 2, s.Skipped)
	require.Equal(t, 1, s.Diverged)
	require.Equal(t, 3, s.OuterSteps)
}

func TestTrainerClips(t *testing.T) {
	r := new(handmade.Momentum)
	for clip, want := range map[float64][]float32{5: {3, 4}, 2.5: {1.5, 2}, 0: {0.6, 0.8}, -1: {3, 4}} {
		e := &scripted{r.Spec().Phi, [][]float32{{3, 4}}, []float64{1}, 0}
		tr, err := newTraining(setup{
			Rule: r, Estimator: e, Outer: &handmade.SGD{LR: 1}, Clip: clip, Validate: constantScore,
		})
		require.NoError(t, err)
		start := learnedopt.Phi(r, 0)
		require.NoError(t, tr.Run(context.Background(), after(1), ignore))
		for i, phi := range tr.Raw() {
			require.InDelta(t, start[i]-want[i], phi, 1e-5, "clip %v", clip)
		}
	}
}

func TestTrainerKeepsTheBestAndLosesPatience(t *testing.T) {
	r := new(handmade.SGD)
	e := &scripted{r.Spec().Phi, [][]float32{{1}}, []float64{1}, 0}
	scores := []float64{5, 3, 4, 3.5, 9, 9, 9}
	var phis [][]float32
	var list []meta.Record
	tr, err := newTraining(setup{
		Rule: r, Estimator: e, Every: 2, Patience: 3,
		Validate: func(_ context.Context, phi []float32) (float64, error) {
			phis = append(phis, append([]float32(nil), phi...))
			return scores[len(phis)-1], nil
		},
	})
	require.NoError(t, err)
	require.NoError(t, tr.Run(context.Background(), never, records(func(r meta.Record) error { list = append(list, r); return nil })))
	require.Len(t, list, 5, "three validations after the best")
	require.Equal(t, phis[1], tr.Best())
	require.Equal(t, 3.0, tr.Status().Best)
	require.Equal(t, 2, tr.Status().BestEpisode)
	for i, r := range list {
		require.Equal(t, 2*i, r.Episodes)
		require.Equal(t, i <= 1, r.Best)
	}
	line, err := json.Marshal(list[0])
	require.NoError(t, err)
	require.Contains(t, string(line), `"train_loss":null`)
}

func TestTrainerEndsOnErrors(t *testing.T) {
	r := new(handmade.SGD)
	e := &scripted{r.Spec().Phi, [][]float32{{1}}, []float64{1}, 0}
	boom := errors.New("boom")
	tr, err := newTraining(setup{Rule: r, Estimator: e, Validate: constantScore})
	require.NoError(t, err)
	require.ErrorIs(t, tr.Run(context.Background(), never, func(meta.Event) error { return boom }), boom)
	_, err = tr.Checkpoint(nil)
	require.ErrorContains(t, err, "can't be saved")
}

func TestNewTrainerRefuses(t *testing.T) {
	sgd := new(handmade.SGD)
	e := &scripted{sgd.Spec().Phi, [][]float32{{1}}, []float64{1}, 0}
	for want, c := range map[string]setup{
		"no validation":       {Rule: sgd, Estimator: e},
		"for another rule":    {Rule: new(handmade.Adam), Estimator: e, Validate: constantScore},
		"validation every -1": {Rule: sgd, Estimator: e, Validate: constantScore, Every: -1},
		"a start of 2 numbers for a rule of 1": {
			Rule: sgd, Estimator: e, Validate: constantScore, Start: []float32{1, 2},
		},
		"cosine of -1": {Rule: sgd, Estimator: e, Validate: constantScore, Cosine: -1},
	} {
		_, err := newTraining(c)
		require.ErrorContains(t, err, want)
	}
}

// A trainer begins where it is told to.
func TestTrainerStart(t *testing.T) {
	r := new(handmade.SGD)
	e := &scripted{r.Spec().Phi, [][]float32{{1}}, []float64{1}, 0}
	start := []float32{-2}
	tr, err := newTraining(setup{
		Rule: r, Estimator: e, Outer: &handmade.SGD{LR: 0.1}, Start: start, Validate: constantScore,
	})
	require.NoError(t, err)
	require.Equal(t, start, tr.Raw())
	require.NoError(t, tr.Run(context.Background(), after(1), ignore))
	require.InDelta(t, -2.1, tr.Raw()[0], 1e-6)
	require.Equal(t, []float32{-2}, start, "the caller's own")
}

// With Cosine, outer steps shrink to nothing and stay there.
func TestTrainerSlowsDown(t *testing.T) {
	r := new(handmade.SGD)
	e := &scripted{r.Spec().Phi, [][]float32{{1}}, []float64{1}, 0}
	tr, err := newTraining(setup{
		Rule: r, Estimator: e, Outer: &handmade.SGD{LR: 0.1}, Cosine: 8, Validate: constantScore,
	})
	require.NoError(t, err)
	for n := range 12 {
		before := tr.Raw()[0]
		require.NoError(t, tr.Run(context.Background(), after(n+1), ignore))
		past := math.Min(1, float64(n+1)/8)
		require.InDelta(t, -0.1*(1+math.Cos(math.Pi*past))/2, tr.Raw()[0]-before, 1e-6)
	}
}

// With Average, what is validated and kept is the running average of phi.
func TestTrainerAverages(t *testing.T) {
	r := new(handmade.SGD)
	e := &scripted{r.Spec().Phi, [][]float32{{1}}, []float64{1}, 0}
	var seen []float64
	tr, err := newTraining(setup{
		Rule: r, Estimator: e, Outer: &handmade.SGD{LR: 0.1}, Every: 1, Average: 0.9,
		Validate: func(_ context.Context, phi []float32) (float64, error) {
			seen = append(seen, float64(phi[0]))
			return -float64(len(seen)), nil
		},
	})
	require.NoError(t, err)
	require.NoError(t, tr.Run(context.Background(), after(200), ignore))
	phi, mean := seen[0], seen[0]
	for n := 1; n < len(seen); n++ {
		phi -= 0.1
		past := math.Min(0.9, float64(n)/float64(n+10))
		mean += (1 - past) * (phi - mean)
		require.InDelta(t, mean, seen[n], 1e-3)
	}
	require.InDelta(t, seen[len(seen)-1], tr.Best()[0], 0)
	require.Less(t, float64(tr.Raw()[0]), mean)
}

// A trainer saved at any outer step and read back goes on to the same bits as one that never stopped.
func TestResumeIsExact(t *testing.T) {
	r := &lstm.Rule{Hidden: 4}
	build := func() training {
		e, err := meta.NewBPTT(meta.BPTTConfig{Rule: r, Family: inner.Quadratic{}, Horizon: 10, Window: 4})
		require.NoError(t, err)
		tr, err := newTraining(setup{
			Rule: r, Estimator: e, Key: 3, Every: 2, Average: 0.8, Cosine: 5,
			Validate: func(_ context.Context, phi []float32) (float64, error) { return math.Abs(float64(phi[0])), nil },
		})
		require.NoError(t, err)
		return tr
	}
	save := func(tr training) []byte {
		f, err := tr.Checkpoint(json.RawMessage(`{"a":1}`))
		require.NoError(t, err)
		var b bytes.Buffer
		require.NoError(t, f.Write(&b))
		return b.Bytes()
	}
	whole := build()
	require.NoError(t, whole.Run(context.Background(), after(13), ignore))
	want := save(whole)
	for stop := range 13 {
		first := build()
		require.NoError(t, first.Run(context.Background(), after(stop), ignore))
		f, err := checkpoints.Read(bytes.NewReader(save(first)), meta.KindTraining)
		require.NoError(t, err)
		require.JSONEq(t, `{"a":1}`, string(meta.CheckpointConfig(f)))
		second := build()
		require.NoError(t, second.Restore(f))
		require.NoError(t, second.Run(context.Background(), after(13), ignore))
		require.True(t, bytes.Equal(want, save(second)), "stopped at %d", stop)
	}
}

// The convergence test of the released code of Andrychowicz et al. 2016:
// minimise x² to 1e-5.
func TestLearnsAParabola(t *testing.T) {
	r := new(lstm.Rule)
	e, err := meta.NewBPTT(meta.BPTTConfig{Rule: r, Family: square{}, Horizon: 100, Window: 20})
	require.NoError(t, err)
	tr, err := newTraining(setup{
		Rule: r, Estimator: e, Outer: &handmade.Adam{LR: 0.01}, Every: 50,
		Validate: func(_ context.Context, phi []float32) (float64, error) {
			opt, err := learnedopt.New(r, phi, square{}.Params())
			if err != nil {
				return 0, err
			}
			theta, grad := []float32{1}, []float32{0}
			loss := 0.0
			for range 100 {
				loss, _ = square{}.Eval(grad, theta, 0)
				if err := opt.Step(theta, grad); err != nil {
					return 0, err
				}
			}
			return loss, nil
		},
	})
	require.NoError(t, err)
	require.NoError(t, tr.Run(context.Background(), func(s meta.Status) bool { return s.Episodes >= 500 }, ignore))
	require.Less(t, tr.Status().Best, 1e-5)
}

// square is f(x) = x² from x = 1.
type square struct{}

func (square) Sample(uint64) (inner.Problem, error) { return square{}, nil }
func (square) Params() params.Layout                { return params.Layout{{Name: "x", Shape: []int{1}}} }
func (square) Init(theta []float32, _ uint64)       { theta[0] = 1 }
func (square) Eval(g, x []float32, _ uint64) (float64, error) {
	if g != nil {
		g[0] = 2 * x[0]
	}
	return float64(x[0]) * float64(x[0]), nil
}
