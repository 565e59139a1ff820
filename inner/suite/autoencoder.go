package suite

import (
	"cmp"
	"github.com/seed1498fded/unroll/inner"
	"github.com/seed1498fded/unroll/inner/data"
	"github.com/seed1498fded/unroll/inner/nets"
	"github.com/seed1498fded/unroll/params"
)

// AutoencoderOf is a network of dense layers that tells an image from what passes through a narrow layer: the loss is the squared
// error, the mean over images and pixels. The output layer is linear. Weights are named and drawn as those of MLPOf.
type AutoencoderOf[F params.Float] struct {
	Train, Test *data.Set // go together; those of package fashion if nil
	Hidden      []int     // units of the hidden layers; [128 32 128] if empty
	Activation  string    // of the hidden layers, one of nets.Activations(); relu if empty
	Batch       int       // images in a minibatch; 128 if zero
}

// Autoencoder is AutoencoderOf in use.
type Autoencoder = AutoencoderOf[float32]

var _ inner.Family = Autoencoder{}

// Sample returns a new instance of the one problem. Fields out of their ranges are errors.
func (f AutoencoderOf[F]) Sample(uint64) (inner.ProblemOf[F], error) {
	train, test, err := clothes("Autoencoder", f.Train, f.Test)
	if err != nil {
		return nil, err
	}
	batch := cmp.Or(f.Batch, 128)
	if err := check("Autoencoder", size{"a Batch", batch}); err != nil {
		return nil, err
	}
	if len(f.Hidden) == 0 {
		f.Hidden = []int{128, 32, 128}
	}
	pixels := train.Pixels()
	net, err := newMLP[F](pixels, f.Hidden, pixels, f.Activation, nets.SquaredError)
	if err != nil {
		return nil, err
	}
	return feedforward[F]{ // the net's loss is half the sum over pixels
		net: net, init: nets.He, batch: batch, scale: 2 / float64(pixels), train: pictures[F]{train}, test: pictures[F]{test},
	}.problem()
}
