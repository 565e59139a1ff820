package eval

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed1498fded/unroll/learnedopt/ruletest"
)

// A rule is told the steps of a run and how many there will be: on a bowl a rate that falls in a straight line over the horizon
// multiplies the distance to the minimum by 1 − a·LR·(1 − t/T), in every run.
func TestStepsAndHorizonOfRuns(t *testing.T) {
	const rate, a, steps = 0.3, 2, 6
	losses, err := Measure(t.Context(), untrained(&ruletest.Ramp{LR: rate}), Runs{Family: bowl{a: a}, Steps: steps, Count: 3, Key: 4})
	require.NoError(t, err)
	for _, run := range losses {
		left := 1.0
		for step, loss := range run {
			require.InEpsilon(t, run[0]*left*left, loss, 1e-5)
			left *= 1 - a*rate*(1-float64(step)/steps)
		}
	}
}
