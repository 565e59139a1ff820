package suite

import (
	"math"
	"slices"

	"github.com/seed1498fded/unroll/internal/rng"
)

// IQM returns the interquartile mean: of the numbers in order, without a quarter at either end; of numbers that are not a
// multiple of four, those at the border count in part. It is +Inf if more than a quarter is, and NaN of no numbers.
func IQM(v []float64) float64 {
	sorted := slices.Sorted(slices.Values(v))
	n := float64(len(v))
	low, high, sum := n/4, n-n/4, 0.0
	for i, x := range sorted {
		weight := min(float64(i+1), high) - max(float64(i), low)
		if weight > 0 {
			sum += weight * x
		}
	}
	return sum / (high - low)
}

// Median returns the median; of an even number of numbers the mean of the two in the middle.
func Median(v []float64) float64 {
	sorted := slices.Sorted(slices.Values(v))
	n := len(sorted)
	if n == 0 {
		return math.NaN()
	}
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}

// Improvement returns the probability that a number of a, drawn at random, is below one of b; of equals half the time.
func Improvement(a, b []float64) float64 {
	sum := 0.0
	for _, x := range a {
		for _, y := range b {
			switch {
			case x < y:
				sum++
			case x == y:
				sum += .5
			}
		}
	}
	return sum / float64(len(a)*len(b))
}

// Profile returns the fraction of ratios that are tau or less.
func Profile(ratios []float64, tau float64) float64 {
	n := 0
	for _, r := range ratios {
		if r <= tau {
			n++
		}
	}
	return float64(n) / float64(len(ratios))
}

// resamples is how many times a bootstrap draws.
const resamples = 2000

// Bootstrap returns the borders that 95 % of a statistic lie between when the runs of each problem are drawn again, with
// replacement: the statistic is asked with draws[p], which of the runs of problem p to take. Everything follows from the key.
func Bootstrap(problems, runs int, key uint64, statistic func(draws [][]int) float64) (low, high float64) {
	stream := rng.New(key)
	draws, values := make([][]int, problems), make([]float64, resamples)
	for p := range draws {
		draws[p] = make([]int, runs)
	}
	for k := range values {
		redraw(stream, draws, runs)
		values[k] = statistic(draws)
	}
	slices.Sort(values)
	return values[resamples*25/1000], values[resamples*975/1000-1]
}

func redraw(r *rng.Stream, draws [][]int, runs int) {
	for _, d := range draws {
		for i := range d {
			d[i] = r.IntN(runs)
		}
	}
}

// drawn returns the mean of the runs that were drawn.
func drawn(v []float64, draw []int) float64 {
	sum := 0.0
	for _, i := range draw {
		sum += v[i]
	}
	return sum / float64(len(draw))
}
