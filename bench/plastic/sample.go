package main

import (
	"fmt"
	"math"
)

// A sample is a number for each of several seeds, or lives.
type sample []float64

func (s sample) mean() float64 {
	sum := 0.0
	for _, x := range s {
		sum += x
	}
	return sum / float64(len(s))
}

// stderr returns the standard error of the mean, NaN for less than two numbers.
func (s sample) stderr() float64 {
	sum, mean := 0.0, s.mean()
	for _, x := range s {
		sum += (x - mean) * (x - mean)
	}
	n := float64(len(s))
	return math.Sqrt(sum / (n * (n - 1)))
}

// String returns mean and standard error, if there is one.
func (s sample) String() string {
	if len(s) < 2 {
		return fmt.Sprintf("%.3f", s.mean())
	}
	return fmt.Sprintf("%.3f ± %.3f", s.mean(), s.stderr())
}

// each returns the numbers, which are printed one by one.
func (s sample) each() []float64 { return s }
