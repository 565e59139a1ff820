package problemtest_test

import (
	"testing"

	"github.com/seed1498fded/unroll/inner"
	"github.com/seed1498fded/unroll/inner/problemtest"
)

// The test of a problem of one's own. A key names another function here; starts and minibatches do not differ.
func ExampleRun() {
	_ = func(t *testing.T) { // TestMine
		problemtest.Run(t, inner.QuadraticOf[float64]{}, problemtest.Options{Varies: problemtest.Function})
		problemtest.Agree(t, inner.QuadraticOf[float32]{}, inner.QuadraticOf[float64]{})
	}
}
