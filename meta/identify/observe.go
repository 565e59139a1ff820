package identify

import (
	"errors"
	"fmt"
	"slices"

	"github.com/seed1498fded/unroll/inner/data"
	"github.com/seed1498fded/unroll/inner/nets"
	"github.com/seed1498fded/unroll/internal/kernel"
)

// An Observer watches the training of a network.
type Observer interface {
	// Observe is told of the weights after a number of steps, 0 at the start. theta is a copy, to do with as one likes until
	// Observe returns; an error ends the training.
	Observe(step int, theta []float32) error
}

// ErrNotFinite is the error of weights with a NaN or an infinity among them: the training has diverged.
var ErrNotFinite = errors.New("weights that are not finite")

// A Recorder is the Observer that notes down the observables of a network. It runs the network on memory of its own.
// It is for one training run and one goroutine at a time.
type Recorder struct {
	net   *nets.Net
	trace *nets.Trace
	sums  [][]float32 // of each block, what its map makes of ones
	one   [][]float32 // of each block, a cotangent of ones
	delta [][]float32
	rec   Recording
}

// NewRecorder returns a recorder for a net that is looked at on all images of probe, pixels/255, at these times: numbers of
// steps, at least two, ascending. A probe that does not fit the net is an error; a few hundred images are enough.
func NewRecorder(net *nets.Net, probe *data.Set, times []int) (*Recorder, error) {
	if err := probe.Validate(); err != nil {
		return nil, fmt.Errorf("identify: probe: %w", err)
	}
	if probe.Pixels() != net.Input(0).Size() || probe.Classes > net.Classes() {
		return nil, fmt.Errorf("identify: probe: images of %d pixels in %d classes; the net has %d inputs and %d outputs",
			probe.Pixels(), probe.Classes, net.Input(0).Size(), net.Classes())
	}
	r := &Recorder{net: net, trace: net.NewTrace(probe.Len()), rec: Recording{Times: slices.Clone(times)}}
	for l := range net.Blocks() {
		n, w := probe.Len(), net.Params()[2*l].Shape
		last := w[len(w)-1]
		r.rec.Layers = append(r.rec.Layers, Layer{
			Inputs: net.Params()[2*l].Len() / last, Columns: last, Examples: n, Outputs: net.Output(l).Size(), Units: net.Pre(l).Size(),
		})
		r.sums = append(r.sums, make([]float32, net.Pre(l).Size()))
		r.one = append(r.one, ones(n*net.Output(l).Size()))
		r.delta = append(r.delta, make([]float32, n*net.Pre(l).Size()))
	}
	if err := r.rec.checkTimes(); err != nil {
		return nil, fmt.Errorf("identify: %w", err)
	}
	for i := range probe.Len() {
		kernel.Pixels(r.trace.In(0)[i*probe.Pixels():(i+1)*probe.Pixels()], probe.Image(i))
	}
	copy(r.trace.Labels, probe.Labels)
	r.trace.SetLabels()
	return r, nil
}

func ones(n int) []float32 {
	v := make([]float32, n)
	for i := range v {
		v[i] = 1
	}
	return v
}

// Observe implements Observer: at one of the recorder's times, which must come in their order, it notes down the observables.
// What follows the net's weights in theta, a credit rule's own, is not looked at. Weights that are not finite are an
// ErrNotFinite, at any time.
func (r *Recorder) Observe(step int, theta []float32) error {
	if n := r.net.Params().Len(); len(theta) < n {
		return fmt.Errorf("identify: %d weights of a net of %d", len(theta), n)
	}
	if !kernel.Finite(theta) {
		return fmt.Errorf("identify: %w after %d steps", ErrNotFinite, step)
	}
	seen := len(r.rec.Layers[0].Weights)
	at := slices.Index(r.rec.Times, step)
	switch {
	case at < 0:
		return nil
	case at != seen:
		return fmt.Errorf("identify: step %d, the time with number %d; %d were seen before it", step, at, seen)
	}
	theta = theta[:r.net.Params().Len()]
	r.net.Forward(r.trace, theta)
	for l := range r.rec.Layers {
		to := &r.rec.Layers[l]
		w, _ := r.net.Weights(theta, l)
		to.Weights = append(to.Weights, slices.Clone(w))
		to.Activations = append(to.Activations, slices.Clone(r.trace.Out(l)))
		to.Change = append(to.Change, r.change(theta, l))
	}
	return nil
}

// change returns what each unit contributes to the change of a block's outputs with its inputs. The sum of all derivatives
// ∂h/∂x of a block h = φ(A(x) + b) is that of 1ᵀφ'·A(1), since A is linear; a unit's part of it is φ'ᵀ1, which is one
// cotangent, times its part of A(1). What passes by the weights through a skip is not counted.
func (r *Recorder) change(theta []float32, l int) []float32 {
	w, b := r.net.Weights(theta, l)
	r.net.Affine(l, r.sums[l], ones(r.net.Input(l).Size()), w, make([]float32, len(b)), 1)
	r.net.Delta(r.trace, l, r.delta[l], r.one[l])
	change := slices.Clone(r.delta[l])
	units := len(r.sums[l])
	for i := range change {
		change[i] *= r.sums[l][i%units]
	}
	return change
}

// Recording returns what was seen. It is an error if a time is missing.
func (r *Recorder) Recording() (*Recording, error) {
	if seen := len(r.rec.Layers[0].Weights); seen < len(r.rec.Times) {
		return nil, fmt.Errorf("identify: %d of %d times were seen; the next is after %d steps", seen, len(r.rec.Times), r.rec.Times[seen])
	}
	return &r.rec, nil
}

// Times returns n numbers of steps from 0 to steps, as evenly spread as whole numbers can be. It panics unless n is 2 or more and
// steps at least n - 1, so that no two are the same.
func Times(n, steps int) []int {
	if n < 2 || steps < n-1 {
		panic(fmt.Sprintf("identify: %d times over %d steps; want 2 or more, and a step between any two", n, steps))
	}
	times := make([]int, n)
	for i := range times {
		times[i] = (2*i*steps + n - 1) / (2 * (n - 1))
	}
	return times
}
