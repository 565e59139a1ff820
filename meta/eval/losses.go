package eval

import (
	"math"

	"github.com/seed1498fded/unroll/meta"
)

// Losses are the losses of a number of runs: Losses[i][t] is that of run i at its step t, counted from 0: at the weights that
// the update starts from, on the minibatch this update sees. Of runs by epochs it is the mean of these over epoch t. From the
// first one that is not finite on, a run's losses are +Inf.
type Losses [][]float64

// Summary is the mean of a number over runs, and the standard error of that mean, σ/√runs with σ over runs−1. With
// diverged runs the mean is +Inf; with one run the error is 0.
type Summary struct{ Mean, StdErr float64 }

func summarize(v []float64) Summary {
	n := float64(len(v))
	var s Summary
	for _, x := range v {
		s.Mean += x / n
	}
	if math.IsInf(s.Mean, 0) || math.IsNaN(s.Mean) {
		return Summary{Mean: math.Inf(1), StdErr: math.NaN()}
	}
	if len(v) > 1 {
		for _, x := range v {
			s.StdErr += (x - s.Mean) * (x - s.Mean)
		}
		s.StdErr = math.Sqrt(s.StdErr / (n - 1) / n)
	}
	return s
}

// means returns the means of all runs, step by step, and their standard errors.
func (l Losses) means() (mean, stderr []meta.Number) {
	mean, stderr = make([]meta.Number, len(l[0])), make([]meta.Number, len(l[0]))
	for t := range mean {
		s := stat(l.At(t))
		mean[t], stderr[t] = s.Mean, s.StdErr
	}
	return mean, stderr
}

// over summarizes f of every run.
func (l Losses) over(f func(run []float64) float64) Summary {
	v := make([]float64, len(l))
	for i, run := range l {
		v[i] = f(run)
	}
	return summarize(v)
}

// finalSteps is how many of the last losses of a run are averaged to its final loss: minibatches make one too noisy.
const finalSteps = 5

// Final summarizes the mean of the last 5 losses of a run, or of all if there are fewer.
func (l Losses) Final() Summary { return l.last(finalSteps) }

// last summarizes the mean of the last n losses of a run, or of all if there are fewer.
func (l Losses) last(n int) Summary {
	return l.over(func(run []float64) float64 {
		last := run[max(0, len(run)-n):]
		return sum(last) / float64(len(last))
	})
}

// Sum summarizes the sum of a run's losses.
func (l Losses) Sum() Summary { return l.over(sum) }

// Mean summarizes the mean of a run's losses, the score that meta-training minimises.
func (l Losses) Mean() Summary {
	return l.over(func(run []float64) float64 { return sum(run) / float64(len(run)) })
}

// At summarizes the loss at step t.
func (l Losses) At(t int) Summary { return l.over(func(run []float64) float64 { return run[t] }) }

// Diverged counts the runs whose loss was not finite at some step.
func (l Losses) Diverged() int {
	n := 0
	for _, run := range l {
		if math.IsInf(run[len(run)-1], 0) {
			n++
		}
	}
	return n
}

func sum(v []float64) float64 {
	s := 0.0
	for _, x := range v {
		s += x
	}
	return s
}
