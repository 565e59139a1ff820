package catalog

import (
	"fmt"

	"github.com/seed1498fded/unroll/inner/data"
)

// The largest networks and minibatches of the catalog. Command lines are typed by people: a zero too many should be an
// error, not hours or the end of the memory.
const (
	MaxWeights = 1 << 24 // a thousand times the network of Andrychowicz et al. 2016, section 3.2
	MaxBatch   = 1 << 16 // more than all training images of MNIST

	maxLayers  = 1000    // hidden ones
	maxOutputs = 1 << 26 // what a network makes of a minibatch: its pixels and the outputs of all its layers
)

// checkNumbers reports options that are too large for any data.
func (l listing) checkNumbers(o Options) error {
	if len(o.Hidden) > maxLayers {
		return fmt.Errorf("%d hidden layers; want %d or fewer", len(o.Hidden), maxLayers)
	}
	for i, width := range o.Hidden {
		if width < 1 || width > MaxWeights {
			return fmt.Errorf("width %d of hidden layer %d; want 1..%d", width, i, MaxWeights)
		}
	}
	if o.Batch < 0 || o.Batch > MaxBatch {
		return fmt.Errorf("minibatches of %d; want 1..%d", o.Batch, MaxBatch)
	}
	return nil
}

// checkSize reports options that are too large for the images of set. They have passed checkNumbers, so no sum here
// overflows: a set has less than 2^31 pixels, and a layer of more than MaxWeights weights ends the loop.
func (l listing) checkSize(o Options, set *data.Set) error {
	in := int64(set.Pixels())
	weights, outputs := int64(0), in
	for _, width := range append(append([]int(nil), l.widths(o)...), set.Classes) {
		out := int64(width)
		if weights += (in + 1) * out; weights > MaxWeights {
			return fmt.Errorf("a network with more than %d weights: %d pixels, hidden layers of %.60s, %d classes",
				MaxWeights, set.Pixels(), fmt.Sprint(l.widths(o)), set.Classes)
		}
		outputs += out
		in = out
	}
	batch := int64(max(o.Batch, 1))
	if batch*outputs > maxOutputs {
		return fmt.Errorf("minibatches of %d for a network that makes %d numbers of an image; want %d or fewer",
			batch, outputs, maxOutputs/outputs)
	}
	return nil
}
