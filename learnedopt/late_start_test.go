package learnedopt_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
	G "gorgonia.org/gorgonia"

	"github.com/seed1498fded/unroll/internal/graph"
	"github.com/seed1498fded/unroll/learnedopt"
	"github.com/seed1498fded/unroll/params"
)

// An eager rule begins with long steps, how long is in phi, and halves them from step to step:
//
//	v = e^φ at the start,  step = −v g,  v ← v/2
type eager struct{}

func (eager) Name() string                 { return "eager" }
func (eager) Init(phi []float32, _ uint64) { phi[0] = -1 }

func (eager) Spec() learnedopt.Spec {
	return learnedopt.Spec{
		Reads: learnedopt.Grad, Phi: params.Layout{{Name: "log_start", Shape: []int{1}}},
		State: learnedopt.State{PerCoordinate: []learnedopt.Row{{Name: "v"}}},
	}
}

func (eager) Update(in learnedopt.Inputs) (learnedopt.Outputs, error) {
	b, x := new(graph.Builder), in.Tensors[0]
	step := b.Neg(b.Mul(x.State["v"], x.Grad))
	return learnedopt.One(step, map[string]*G.Node{"v": b.Scale(0.5, x.State["v"])}), b.Err()
}

func (eager) InitState(in learnedopt.Inputs) (learnedopt.Outputs, error) {
	b := new(graph.Builder)
	n := in.Tensors[0].Spec.Len()
	v := b.Reshape(b.RepeatRows(b.Reshape(b.Exp(in.Phi["log_start"]), 1), n), n)
	return learnedopt.One(nil, map[string]*G.Node{"v": v}), b.Err()
}

// A coordinate whose gradient has been zero so far begins when it gets one, from the state that the rule starts with, learned
// or not: it moves as it would have, had the run begun then. Guards forget none of it at a reset.
func TestCoordinatesThatComeLateBeginAtTheStart(t *testing.T) {
	opt, err := trained(eager{}).New(vector(3))
	require.NoError(t, err)
	for range 2 {
		theta := make([]float32, 3)
		for step := range 5 {
			grad := []float32{1, 0, 0}
			if step >= 2 {
				grad[1] = 1
			}
			require.NoError(t, opt.Step(theta, grad))
		}
		moved := func(steps int) float64 { return -math.Exp(-1) * 2 * (1 - math.Pow(0.5, float64(steps))) }
		require.InDeltaSlice(t, []float64{moved(5), moved(3), 0}, params.Convert[float64](theta), 1e-6)
		require.InDeltaSlice(t, []float64{math.Exp(-1) / 32, math.Exp(-1) / 8, math.Exp(-1)}, params.Convert[float64](opt.State()), 1e-6)
		opt.Reset()
	}
}

// The first number of phi is looked at like any other.
func TestFirstNumberOfPhiIsChecked(t *testing.T) {
	_, err := (&learnedopt.Trained{Rule: eager{}, Phi: []float32{float32(math.NaN())}}).New(vector(2))
	require.ErrorContains(t, err, `phi is NaN at "log_start" [0]`)
}
