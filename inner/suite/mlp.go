package suite

import (
	"cmp"
	"fmt"

	"github.com/seed1498fded/unroll/inner"
	"github.com/seed1498fded/unroll/inner/data"
	"github.com/seed1498fded/unroll/inner/data/mnist"
	"github.com/seed1498fded/unroll/inner/nets"
	"github.com/seed1498fded/unroll/params"
)

// MLPOf is a network of dense layers that tells the class of an image by cross-entropy. Minibatches are drawn with replacement. The
// weights are w0 [pixels, units], b0 [units], w1 and so on.
type MLPOf[F params.Float] struct {
	Train, Test *data.Set // go together; those of package fashion if nil
	Hidden      []int     // units of the hidden layers; [128 128] if empty
	Activation  string    // of the hidden layers, one of nets.Activations(); relu if empty
	Init        nets.Init // how the weights start; nets.He (He et al. 2015) if empty
	Batch       int       // images in a minibatch; 128 if zero
}

// MLP is MLPOf in use.
type MLP = MLPOf[float32]

var _ inner.Family = MLP{}

// Sample returns a new instance of the one problem. Images that do not fit each other and fields out of their ranges are errors.
func (f MLPOf[F]) Sample(uint64) (inner.ProblemOf[F], error) {
	train, test, err := clothes("MLP", f.Train, f.Test)
	if err != nil {
		return nil, err
	}
	batch := cmp.Or(f.Batch, 128)
	if err := check("MLP", size{"a Batch", batch}); err != nil {
		return nil, err
	}
	init := cmp.Or(f.Init, nets.He)
	if err := init.Validate(); err != nil {
		return nil, fmt.Errorf("suite: MLP: %w", err)
	}
	if train.Pixels() != test.Pixels() || train.Classes != test.Classes {
		return nil, fmt.Errorf("suite: MLP: images of %d pixels in %d classes for training, %d and %d for tests; want the same",
			train.Pixels(), train.Classes, test.Pixels(), test.Classes)
	}
	net, err := newMLP[F](train.Pixels(), f.Hidden, train.Classes, f.Activation, nets.CrossEntropy)
	if err != nil {
		return nil, err
	}
	return feedforward[F]{net: net, init: init, batch: batch, train: labelled[F]{train}, test: labelled[F]{test}}.problem()
}

// newMLP returns a net of dense layers; [128 128] hidden units if there are none, of relu if no activation is named.
func newMLP[F params.Float](in int, hidden []int, out int, activation string, loss nets.Loss) (*nets.NetOf[F], error) {
	if len(hidden) == 0 {
		hidden = []int{128, 128}
	}
	if activation == "" {
		activation = "relu"
	}
	var layers []nets.Layer
	for _, units := range hidden {
		layers = append(layers, nets.Dense{Units: units}, nets.Activation(activation))
	}
	return nets.New[F](nets.Vector(in), loss, append(layers, nets.Dense{Units: out})...)
}

// secondHalf is the family of the networks on the half of MNIST's training images that no rule is learned on, 30,000, tested on
// the 10,000 test images.
type secondHalf struct {
	MLP
	side int // of the images, 28 if zero
}

// Sample returns a new instance of the one problem.
func (f secondHalf) Sample(key uint64) (inner.Problem, error) {
	train, test, err := mnist.Load()
	if err != nil {
		return nil, err
	}
	f.Train, f.Test = train.Slice(train.Len()/2, train.Len()), test
	if f.side > 0 {
		for _, set := range []**data.Set{&f.Train, &f.Test} {
			if *set, err = (*set).Downsample(f.side); err != nil {
				return nil, err
			}
		}
	}
	return f.MLP.Sample(key)
}
