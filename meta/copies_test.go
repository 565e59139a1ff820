package meta_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed1498fded/unroll/inner"
	"github.com/seed1498fded/unroll/internal/rng"
	"github.com/seed1498fded/unroll/learnedopt"
	"github.com/seed1498fded/unroll/meta"
	"github.com/seed1498fded/unroll/params"
)

// child is a family whose single run is the i-th of runs side by side: it takes the i-th child of every key.
type child struct {
	inner.FamilyOf[float64]
	i uint64
}

type childProblem struct {
	inner.ProblemOf[float64]
	i uint64
}

func (c child) Sample(key uint64) (inner.ProblemOf[float64], error) {
	p, err := c.FamilyOf.Sample(rng.Split(key, c.i))
	return childProblem{p, c.i}, err
}

func (c childProblem) Init(theta []float64, key uint64) { c.ProblemOf.Init(theta, rng.Split(key, c.i)) }

func (c childProblem) Eval(grad, theta []float64, key uint64) (float64, error) {
	return c.ProblemOf.Eval(grad, theta, rng.Split(key, c.i))
}

func (c childProblem) HessianVector(dst, theta, v []float64, key uint64) error {
	return c.ProblemOf.(inner.CurvatureOf[float64]).HessianVector(dst, theta, v, rng.Split(key, c.i))
}

// Runs side by side are runs apart: loss and meta-gradient are the means of what each has alone, on its own problem, from its
// own start and over its own minibatches, first-order and exact, for every rule and objective, window by window.
func TestRunsSideBySideAreRunsApart(t *testing.T) {
	const copies = 3
	for name, r := range rules() {
		for _, exact := range []bool{false, true} {
			for _, objective := range meta.Objectives() {
				t.Run(fmt.Sprintf("%s/exact=%v/%s", name, exact, objective), func(t *testing.T) {
					c := meta.BPTTConfigOf[float64]{
						Rule: r, Family: weighed[float64]{4}, Horizon: 5, Window: 3, Exact: exact, Objective: objective, Copies: copies,
					}
					phi := params.Convert[float64](learnedopt.Phi(r, 2))
					many, err := meta.NewBPTT(c)
					require.NoError(t, err)
					var alone []*meta.BPTTOf[float64]
					c.Copies = 1
					for i := range uint64(copies) {
						c.Family = child{weighed[float64]{4}, i}
						b, err := meta.NewBPTT(c)
						require.NoError(t, err)
						alone = append(alone, b)
					}
					for call := range uint64(3) {
						got, want, loss := make([]float64, len(phi)), make([]float64, len(phi)), 0.0
						est, err := many.Estimate(context.Background(), got, phi, call)
						require.NoError(t, err)
						for _, b := range alone {
							grad := make([]float64, len(phi))
							e, err := b.Estimate(context.Background(), grad, phi, call)
							require.NoError(t, err)
							require.Equal(t, []int{copies * e.Steps, copies * e.Episodes}, []int{est.Steps, est.Episodes})
							loss += e.Loss / copies
							for i, g := range grad {
								want[i] += g / copies
							}
						}
						require.InEpsilon(t, loss, est.Loss, 1e-12)
						require.LessOrEqual(t, distance(want, got), 1e-10*size(want), "call %d", call)
					}
				})
			}
		}
	}
}
