package credit_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed1498fded/unroll/inner/credit"
	"github.com/seed1498fded/unroll/inner/nets"
	"github.com/seed1498fded/unroll/inner/problemtest"
)

func TestZILIsBackprop(t *testing.T) {
	for _, sizes := range [][]int{{10, 20, 5}, {10, 20, 20, 5}, {10, 20, 20, 20, 20, 20, 5}} {
		for _, loss := range nets.Losses() {
			s := newStack(t, 16, nets.Loss(loss), sizes, tanh)
			off, _ := compare(s.gradient(t, credit.ZILOf[float64]{}), s.backprop(t))
			t.Logf("%d blocks, %s: %.2g", len(sizes)-1, loss, off)
			require.Less(t, off, 1e-14)
		}
	}
}

// So its problem obeys the laws of those with a gradient.
func TestZILIsAGradient(t *testing.T) {
	f := family[float64](t, "zil", nil,
		nets.Dense{Units: 7}, tanh, nets.Dense{Units: 7}, nets.Skip{}, nets.Activation("sigmoid"), nets.Dense{Units: 7}, nets.Dense{Units: 4})
	f.Data, f.Batch = problemtest.Images(50, 4), 9
	problemtest.Run(t, f, problemtest.Options{Varies: problemtest.Start | problemtest.Batch})
}
