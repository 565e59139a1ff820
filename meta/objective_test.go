package meta_test

import (
	"context"
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed1498fded/unroll/internal/rng"
	"github.com/seed1498fded/unroll/learnedopt"
	"github.com/seed1498fded/unroll/learnedopt/handmade"
	"github.com/seed1498fded/unroll/learnedopt/lstm"
	"github.com/seed1498fded/unroll/meta"
	"github.com/seed1498fded/unroll/meta/estimatortest"
	"github.com/seed1498fded/unroll/params"
)

// objectives says again, for the losses that a window met, what each objective is.
var objectives = map[meta.Objective]func(losses []float64) float64{
	meta.Borders: func(f []float64) float64 { return sum(f) / float64(len(f)) },
	meta.Mean:    func(f []float64) float64 { return sum(f[1:]) / float64(len(f)-1) },
	meta.Sum:     func(f []float64) float64 { return sum(f[1:]) },
	meta.Last:    func(f []float64) float64 { return f[len(f)-1] },
	meta.Min:     func(f []float64) float64 { return slices.Min(f[1:]) },
}

func sum(v []float64) (s float64) {
	for _, x := range v {
		s += x
	}
	return s
}

// Each objective's derivative, over windows of which the last is shorter, by central differences; on both tapes.
func TestObjectives(t *testing.T) {
	for _, o := range meta.Objectives() {
		for name, r := range map[string]learnedopt.Rule{"steps": &handmade.Adam{LR: 0.3, Beta1: 0.8, Beta2: 0.9, Eps: 0.01}, "raw": &lstm.Rule{Hidden: 4, Preprocess: -1}} {
			t.Run(fmt.Sprintf("%s/%s", o, name), func(t *testing.T) {
				problem, err := weighed[float64]{10}.Sample(3)
				require.NoError(t, err)
				theta := make([]float64, 10)
				rng.Normal(theta, 5, 1)
				var keys []uint64
				b, err := meta.NewBPTT(meta.BPTTConfigOf[float64]{
					Rule: r, Family: fixed[float64]{problem, theta, &keys}, Horizon: 7, Window: 5, Objective: o,
				})
				require.NoError(t, err)
				phi := params.Convert[float64](learnedopt.Phi(r, 2))
				grad := make([]float64, len(phi))
				var state []float64
				at := 0
				for _, width := range []int{5, 2} {
					est, err := b.Estimate(context.Background(), grad, phi, 1)
					require.NoError(t, err)
					u := estimatortest.Unroll{
						Rule: r, Problem: problem, Theta: theta, State: state, Batches: keys[at:], Before: at, Horizon: 7, Objective: objectives[o],
					}
					loss, _ := u.Loss(t, phi, nil)
					require.InEpsilon(t, loss, est.Loss, 1e-12)
					u.CheckGradient(t, grad, phi, false, 1e-5)
					theta, state = u.End(t, phi)
					at += width
				}
			})
		}
	}
}

// A sum over an episode does not depend on where it is cut into windows: a loss on a border counts once. With Borders it
// counts twice.
func TestBordersCountOnce(t *testing.T) {
	r := &lstm.Rule{Hidden: 4}
	total := func(o meta.Objective, window int) (loss float64) {
		b, err := meta.NewBPTT(meta.BPTTConfig{Rule: r, Family: weighed[float32]{5}, Horizon: 12, Window: window, Objective: o, Copies: 2})
		require.NoError(t, err)
		grad, phi := make([]float32, b.Phi().Len()), learnedopt.Phi(r, 1)
		for {
			est, err := b.Estimate(context.Background(), grad, phi, 4)
			require.NoError(t, err)
			if o == meta.Borders {
				est.Loss *= float64(est.Steps/2 + 1)
			}
			if loss += est.Loss; est.Episodes > 0 {
				return loss
			}
		}
	}
	want := total(meta.Sum, 12)
	for _, window := range []int{1, 3, 5} {
		require.InEpsilon(t, want, total(meta.Sum, window), 1e-9, "windows of %d", window)
	}
	require.Greater(t, math.Abs(total(meta.Borders, 3)-total(meta.Borders, 12)), 1e-3)
}

func TestNoSuchObjective(t *testing.T) {
	_, err := meta.NewBPTT(meta.BPTTConfig{Rule: new(handmade.Adam), Family: weighed[float32]{5}, Objective: "median"})
	require.EqualError(t, err, `meta: no objective "median"; there are borders, mean, sum, last, min`)
}

// The float32 kernels of a window, with weights that differ, against the float64 graph.
func TestObjectivesOnKernels(t *testing.T) {
	r := new(lstm.Rule)
	phi := learnedopt.Phi(r, 2)
	for _, o := range meta.Objectives() {
		single, err := meta.NewBPTT(meta.BPTTConfig{Rule: r, Family: weighed[float32]{7}, Horizon: 8, Window: 4, Objective: o, Copies: 3})
		require.NoError(t, err)
		double, err := meta.NewBPTT(meta.BPTTConfigOf[float64]{Rule: r, Family: weighed[float64]{7}, Horizon: 8, Window: 4, Objective: o, Copies: 3})
		require.NoError(t, err)
		got, want := make([]float32, len(phi)), make([]float64, len(phi))
		for range 2 {
			_, err = single.Estimate(context.Background(), got, phi, 6)
			require.NoError(t, err)
			_, err = double.Estimate(context.Background(), want, params.Convert[float64](phi), 6)
			require.NoError(t, err)
			require.Less(t, distance(want, params.Convert[float64](got)), 1e-4*size(want), "%s", o)
		}
	}
}
