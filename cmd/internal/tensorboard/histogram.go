package tensorboard

import (
	"math"
	"slices"
)

// buckets is how many of them a histogram has: TensorBoard draws about 30.
const buckets = 30

// A histogram counts numbers in buckets of one width, each of which reaches from the limit before it, exclusive, to its own.
type histogram struct {
	min, max, sum, squares float64
	limits, counts         []float64
}

// histogramOf is of the finite numbers. If they are all the same there is one bucket, and it is empty if there are none.
func histogramOf(numbers []float32) (h histogram) {
	finite := make([]float64, 0, len(numbers))
	for _, v := range numbers {
		if v := float64(v); !math.IsNaN(v) && !math.IsInf(v, 0) {
			finite = append(finite, v)
			h.sum += v
			h.squares += v * v
		}
	}
	if len(finite) == 0 {
		return histogram{limits: []float64{0}, counts: []float64{0}}
	}
	h.min, h.max = slices.Min(finite), slices.Max(finite)
	n := buckets
	if h.min == h.max {
		n = 1
	}
	width := (h.max - h.min) / float64(n)
	for i := range n {
		h.limits = append(h.limits, h.min+width*float64(i+1))
	}
	h.limits[n-1] = h.max // however the product was rounded
	h.counts = make([]float64, n)
	for _, v := range finite {
		at, _ := slices.BinarySearch(h.limits, v)
		h.counts[at]++
	}
	return h
}

// encode writes it as a HistogramProto.
func (h histogram) encode() []byte {
	count := 0.0
	for _, c := range h.counts {
		count += c
	}
	b := appendDouble(nil, fieldMin, h.min)
	b = appendDouble(b, fieldMax, h.max)
	b = appendDouble(b, fieldCount, count)
	b = appendDouble(b, fieldSum, h.sum)
	b = appendDouble(b, fieldSumSquares, h.squares)
	return appendDoubles(appendDoubles(b, fieldLimits, h.limits), fieldBuckets, h.counts)
}
