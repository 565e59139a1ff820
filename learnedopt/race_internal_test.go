package learnedopt

import (
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/optimize/functions"

	"github.com/seed1498fded/unroll/learnedopt/handmade"
	"github.com/seed1498fded/unroll/params"
)

// A surface is a function with its gradient, and a constant that the gradient's changes are no faster than, if there is one.
type surface struct {
	at        func(grad, x []float64) float64
	start     []float32
	lipschitz float64
}

func surfaces() []surface {
	rosenbrock := functions.ExtendedRosenbrock{}
	return []surface{
		{func(grad, x []float64) float64 { rosenbrock.Grad(grad, x); return rosenbrock.Func(x) }, []float32{-1.2, 1, 0, 2}, 0},
		{func(grad, x []float64) (loss float64) {
			for i, c := range []float64{1, 20, 300} {
				loss += c * x[i] * x[i] / 2
				grad[i] = c * x[i]
			}
			return loss
		}, []float32{1, -1, 1}, 300},
	}
}

// Law, of exact losses: a check ends no higher than the fallback's steps from the same point and states, by gradient descent at
// 1/L at least |∇f|²/2L lower than it began; and the rule's own time ends no higher than it began.
func TestCheckEndsNoHigherThanTheFallback(t *testing.T) {
	lstm, err := Load(ZooPrefix + "lstm-mnist8")
	require.NoError(t, err)
	for _, f := range surfaces() {
		for _, tr := range []*Trained{
			lstm, {Rule: &handmade.Adam{LR: 0.05}}, {Rule: &handmade.Lion{LR: 0.01}}, {Rule: &handmade.Momentum{LR: 0.003}},
		} {
			for _, fallback := range []Rule{&handmade.Adam{LR: 0.01}, &handmade.SGD{LR: 1.0 / 300}} {
				if _, descent := fallback.(*handmade.SGD); descent && f.lipschitz == 0 {
					continue
				}
				o, err := tr.New(flatLayout(len(f.start)), WithGuard(LossCheck{Fallback: fallback, Steps: 6, Longest: 24}))
				require.NoError(t, err)
				watchRace(t, o, fallback, f)
			}
		}
	}
}

// watchRace holds a run to what a LossCheck promises.
func watchRace(t *testing.T, o *Optimizer, fallback Rule, f surface) {
	theta, grad, checks, alone := slices.Clone(f.start), make([]float64, len(f.start)), 0, 0
	r := o.guard.race
	other, err := (&Trained{Rule: fallback}).New(flatLayout(len(theta)))
	require.NoError(t, err)
	at := func(theta []float32) float64 { return f.at(grad, params.Convert[float64](theta)) }
	var began, reached float64
	for range 600 {
		turn, mark := r.Turn, r.mark.loss
		loss := at(theta)
		require.NoError(t, o.StepLoss(theta, params.Convert[float32](grad), loss))
		switch {
		case r.Turn == turn && r.Taken > 1:
		case r.Turn == trial: // it begins: the fallback by itself, from here
			began = r.mark.loss
			if turn == trusted {
				require.LessOrEqual(t, began, mark)
				alone++
			}
			require.Equal(t, at(params.Convert[float32](r.mark.theta)), began)
			steep := floats.Dot(grad, grad)
			copy(other.State(), r.mark.fallback)
			x := params.Convert[float32](r.mark.theta)
			for range r.LossCheck.Steps {
				at(x)
				require.NoError(t, other.Step(x, params.Convert[float32](grad)))
			}
			if reached = at(x); fallback.Name() == "sgd" {
				require.LessOrEqual(t, reached, began-steep/(2*f.lipschitz)*(1-1e-4))
			}
		case turn == answer:
			require.LessOrEqual(t, r.mark.loss, reached)
			require.Equal(t, at(params.Convert[float32](r.mark.theta)), r.mark.loss)
			checks++
		}
	}
	require.Equal(t, checks, r.Checks.Won+r.Checks.Lost)
	require.Greater(t, checks, 5)
	require.GreaterOrEqual(t, r.Checks.Won, alone)
}

// Law: the alarm is as loud for a loss that is scaled or set off, says nothing of noise around a level, and rings for a loss that
// climbs by its usual change, in as many steps as it is set to.
func TestAlarm(t *testing.T) {
	losses := func(i int) float64 { return math.Sin(float64(i) * 1.7) }
	for _, scale := range []float64{1, 1e6, 1e-9} {
		for _, offset := range []float64{0, 10, -1e3} {
			var a alarm
			a.rest(scale * (losses(0) + offset))
			for i := 1; i < 1000; i++ {
				require.Less(t, a.hear(scale*(losses(i)+offset)), 4.0)
			}
			level, step := scale*(losses(1000)+offset), a.Change/a.Weight
			a.rest(level)
			for i := range 20 {
				require.InDelta(t, float64(i), a.hear(level+float64(i)*step), 0.05*float64(i))
			}
			a.rest(level)
			require.Zero(t, a.hear(math.Inf(1)))
			require.Zero(t, a.hear(level+100*step), "after an infinite loss nobody knows how far it has risen")
			require.Zero(t, a.hear(level), "it fell")
			require.False(t, math.IsNaN(a.Change/a.Weight))
		}
	}
	var early alarm
	early.rest(0)
	for i := range alarmWarmUp {
		require.Zero(t, early.hear(float64(i*i)))
	}
	require.Positive(t, early.hear(1e6))
}
