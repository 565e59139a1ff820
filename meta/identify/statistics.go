package identify

import (
	"math"
	"slices"
)

// functions are applied to each element of an observable before its statistics are taken.
var functions = []string{"raw", "abs", "square"}

// measures are the statistics, in the order in which describe writes them:
//
//	mean, variance σ² (over n), median m, third quartile (both between order statistics, linearly), L2 norm,
//	skew        Pearson's second, 3(mean - m)/σ
//	kurtosis    mean of (x - mean)⁴/σ⁴; 3 for a normal distribution
var measures = []string{"mean", "variance", "median", "quartile", "norm", "skew", "kurtosis"}

// Statistics returns the names of the statistics of an observable, such as "square.median".
func Statistics() []string {
	var names []string
	for _, f := range functions {
		for _, m := range measures {
			names = append(names, f+"."+m)
		}
	}
	return names
}

// A describer has room to take statistics in.
type describer struct {
	sorted, other []uint32 // radix sort
	raw, size     []float64
}

// describe overwrites dst with the Statistics of v. Where all elements are the same skew and kurtosis are not defined, and NaN.
func (d *describer) describe(dst []float64, v []float32) {
	d.sort(v)
	d.sizes()
	n := len(measures)
	measure(dst[:n], d.raw)
	measure(dst[n:2*n], d.size)
	for i, x := range d.size {
		d.size[i] = x * x
	}
	measure(dst[2*n:], d.size)
}

// sort sets raw to v's elements in ascending order.
func (d *describer) sort(v []float32) {
	const few, digits = 256, 1 << 11
	d.raw = slices.Grow(d.raw[:0], len(v))[:len(v)]
	if len(v) < few {
		for i, x := range v {
			d.raw[i] = float64(x)
		}
		slices.Sort(d.raw)
		return
	}
	d.sorted, d.other = slices.Grow(d.sorted[:0], len(v))[:len(v)], slices.Grow(d.other[:0], len(v))[:len(v)]
	for i, x := range v {
		d.sorted[i] = ordered(x)
	}
	for shift := 0; shift < 32; shift += 11 {
		var at [digits + 1]int
		for _, k := range d.sorted {
			at[k>>shift%digits+1]++
		}
		for i := 1; i < digits; i++ {
			at[i] += at[i-1]
		}
		for _, k := range d.sorted {
			digit := k >> shift % digits
			d.other[at[digit]] = k
			at[digit]++
		}
		d.sorted, d.other = d.other, d.sorted
	}
	for i, k := range d.sorted {
		d.raw[i] = float64(unordered(k))
	}
}

// ordered maps numbers to others that are in the same order without a sign.
func ordered(x float32) uint32 {
	k := math.Float32bits(x)
	if k>>31 != 0 {
		return ^k
	}
	return k | 1<<31
}

func unordered(k uint32) float32 {
	if k>>31 != 0 {
		return math.Float32frombits(k &^ (1 << 31))
	}
	return math.Float32frombits(^k)
}

// sizes merges the negative elements of raw, from their end, with the others.
func (d *describer) sizes() {
	d.size = slices.Grow(d.size[:0], len(d.raw))[:0]
	positive, _ := slices.BinarySearch(d.raw, 0)
	negative := positive - 1
	for negative >= 0 || positive < len(d.raw) {
		if positive == len(d.raw) || negative >= 0 && -d.raw[negative] < d.raw[positive] {
			d.size = append(d.size, -d.raw[negative])
			negative--
		} else {
			d.size = append(d.size, d.raw[positive])
			positive++
		}
	}
}

// measure overwrites dst with the measures of numbers in ascending order.
func measure(dst, v []float64) {
	n := float64(len(v))
	sum, squares := 0.0, 0.0
	for _, x := range v {
		sum += x
		squares += x * x
	}
	mean := sum / n
	second, fourth := 0.0, 0.0
	for _, x := range v {
		s := (x - mean) * (x - mean)
		second += s
		fourth += s * s
	}
	second, fourth = second/n, fourth/n
	if v[0] == v[len(v)-1] { // rounding must not make a distribution of it
		mean, second = v[0], 0
	}
	median := quantile(v, 0.5)
	dst[0], dst[1], dst[2], dst[3], dst[4] = mean, second, median, quantile(v, 0.75), math.Sqrt(squares)
	dst[5], dst[6] = math.NaN(), math.NaN()
	if second > 0 {
		dst[5], dst[6] = 3*(mean-median)/math.Sqrt(second), fourth/(second*second)
	}
}

// quantile interpolates between order statistics: q = 0 is the first, 1 the last.
func quantile(v []float64, q float64) float64 {
	at := q * float64(len(v)-1)
	i := int(at)
	if i+1 >= len(v) {
		return v[len(v)-1]
	}
	return v[i] + (at-float64(i))*(v[i+1]-v[i])
}
