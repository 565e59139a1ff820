package catalog_test

import (
	"math"
	"runtime"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed1498fded/unroll/inner/catalog"
	"github.com/seed1498fded/unroll/inner/problemtest"
)

// Numbers beyond all reason are errors of one line, at once and for nothing.
func TestHugeNumbersAreRefused(t *testing.T) {
	dir := writeImages(t, problemtest.Images(36, 28))
	large := []int{1 << 24, 1 << 30, math.MaxInt/8 + 1, math.MaxInt}
	var options []catalog.Options
	for _, n := range large {
		options = append(options,
			catalog.Options{Hidden: []int{n}}, catalog.Options{Hidden: []int{2, n, 3}}, catalog.Options{Hidden: []int{n, n}},
			catalog.Options{Batch: n}, catalog.Options{Batch: n, Hidden: []int{n}})
	}
	options = append(options,
		catalog.Options{Hidden: []int{5000, 5000}},
		catalog.Options{Hidden: slices.Repeat([]int{1}, 100_000)},
		catalog.Options{Hidden: slices.Repeat([]int{130}, 999)},
		catalog.Options{Hidden: []int{2000}, Batch: catalog.MaxBatch},
		catalog.Options{Hidden: []int{math.MinInt}}, catalog.Options{Batch: math.MinInt},
	)
	var before, after runtime.MemStats
	for _, o := range options {
		o.Data = dir
		for _, credit := range []string{"", "backprop", "fa", "dfa"} {
			o.Credit = credit
			runtime.ReadMemStats(&before)
			_, err := catalog.Lookup("mnist", o)
			_, benchErr := catalog.LookupBenchmark("mnist", o)
			runtime.ReadMemStats(&after)
			for _, err := range []error{err, benchErr} {
				require.ErrorContains(t, err, "catalog: mnist: ")
				assert.Less(t, len(err.Error()), 300)
				assert.NotContains(t, err.Error(), "\n")
			}
			assert.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(16<<20))
		}
	}
}

func TestLargeButReasonableNumbersAreNot(t *testing.T) {
	dir := writeImages(t, problemtest.Images(36, 28))
	for _, o := range []catalog.Options{
		{Hidden: []int{1000, 1000, 1000}}, {Batch: 60_000}, {Hidden: slices.Repeat([]int{8}, 100)},
	} {
		o.Data = dir
		_, err := catalog.Lookup("mnist", o)
		assert.NoError(t, err)
	}
}
