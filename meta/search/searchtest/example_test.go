package searchtest_test

import (
	"testing"

	"github.com/seed1498fded/unroll/meta/search"
	"github.com/seed1498fded/unroll/meta/search/searchtest"
)

// The test of a search of one's own: beside the laws, whether it finds the lowest point of a sphere within so many candidates.
func ExampleRun() {
	_ = func(t *testing.T) { // TestMine
		searchtest.Run(t, searchtest.Subject{Method: search.CMAES{}, Start: []float64{1, -2, 3}, Within: 4000, Below: 1e-10})
	}
}
