package estimatortest_test

import (
	"testing"

	"github.com/seed1498fded/unroll/inner"
	"github.com/seed1498fded/unroll/learnedopt/handmade"
	"github.com/seed1498fded/unroll/meta"
	"github.com/seed1498fded/unroll/meta/estimatortest"
)

// The test of an estimator of one's own: New makes it, with episodes short enough to be run a few dozen times.
func ExampleRun() {
	_ = func(t *testing.T) { // TestMine
		rule := &handmade.SGD{LR: 0.01}
		estimatortest.Run(t, estimatortest.Subject{
			New: func() (meta.EstimatorOf[float64], error) {
				return meta.NewBPTT(meta.BPTTConfigOf[float64]{Rule: rule, Family: inner.QuadraticOf[float64]{}, Horizon: 6, Window: 3})
			},
			Phi: []float64{-4}, Key: 1,
		})
	}
}
