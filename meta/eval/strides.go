package eval

import (
	"context"
	"math"

	"github.com/seed1498fded/unroll/learnedopt"
	"github.com/seed1498fded/unroll/params"
)

// Strides are how far a rule moves weights in a run, at some of its steps, evenly spaced, the first among them.
type Strides struct {
	// Counts tell how many steps of single weights were how long: Counts[i] from 2^(Lowest+i) to below twice that; the first has the
	// shorter ones too, the last the longer ones.
	Counts  []int
	Zero    int      // steps of exactly 0
	Odd     int      // steps that are not finite
	Tensors []Stride // of each tensor of weights, in the order of their layout
}

// A Stride is the root mean square of the steps of a tensor's weights that are finite.
type Stride struct {
	Name string
	RMS  float64
}

// The steps that are counted: from 2^Lowest on, in so many bars, of which each is twice as wide as that before it.
const (
	Lowest      = -40
	strideBars  = 48
	strideLooks = 12 // steps that are looked at
)

// Watch is Measure that also looks at the steps of the first run. The losses are the same to the bit.
func Watch(ctx context.Context, t *learnedopt.Trained, r Runs) (Losses, *Strides, error) {
	s := &watcher{every: max(1, r.Steps/strideLooks)}
	runs, err := r.measure(ctx, t, hooks{watch: s})
	if err != nil {
		return nil, nil, err
	}
	return lossesOf(runs), s.strides(), nil
}

// A watcher looks at the steps of a run.
type watcher struct {
	every  int
	layout params.Layout
	before []float32
	found  Strides
	sum    []float64 // of squares, for each tensor
	n      []int
}

// wants reports whether a step is to be looked at.
func (w *watcher) wants(step int) bool { return w != nil && step%w.every == 0 }

// look takes the weights before a step.
func (w *watcher) look(theta []float32) { w.before = append(w.before[:0], theta...) }

// note takes them after it.
func (w *watcher) note(theta []float32) {
	if w.found.Counts == nil {
		w.found.Counts, w.sum, w.n = make([]int, strideBars), make([]float64, len(w.layout)), make([]int, len(w.layout))
	}
	at := 0
	for i, p := range w.layout {
		for end := at + p.Len(); at < end; at++ {
			d := theta[at] - w.before[at]
			switch exponent := int(math.Float32bits(d)>>23&0xff) - 127; {
			case exponent == 128:
				w.found.Odd++
				continue
			case d == 0:
				w.found.Zero++
			default:
				w.found.Counts[max(0, min(strideBars-1, exponent-Lowest))]++
			}
			w.sum[i] += float64(d) * float64(d)
			w.n[i]++
		}
	}
}

func (w *watcher) strides() *Strides {
	for i, p := range w.layout {
		if w.n != nil {
			w.found.Tensors = append(w.found.Tensors, Stride{p.Name, math.Sqrt(w.sum[i] / float64(max(1, w.n[i])))})
		}
	}
	return &w.found
}
