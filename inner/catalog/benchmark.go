package catalog

import (
	"errors"
	"fmt"

	"github.com/seed1498fded/unroll/inner/credit"
	"github.com/seed1498fded/unroll/inner/data"
)

// A Benchmark is a problem as everybody else has it, to be trained on for epochs: all training images to learn from, those
// that learned rules were trained on among them, and the test images, which nothing here has seen, to be measured on.
type Benchmark struct {
	Family     credit.Family // its Data are the 60,000 training images of MNIST, or all of a folder's
	Test       *data.Set     // the 10,000 test images
	Activation string
}

// LookupBenchmark returns a benchmark by the name of its problem, one on images. Options.Credit is backprop if empty;
// Options.Split does not matter.
func LookupBenchmark(name string, o Options) (Benchmark, error) {
	l, err := find(name)
	if err != nil {
		return Benchmark{}, err
	}
	o.Credit = o.credit()
	b, err := l.benchmark(o)
	if err != nil {
		return Benchmark{}, fmt.Errorf("catalog: %s: %w", name, err)
	}
	return b, nil
}

func (l listing) benchmark(o Options) (b Benchmark, err error) {
	if l.own != nil {
		return b, errors.New("no benchmark; training for epochs is on the images of this module's own problems")
	}
	if err := l.check(o); err != nil {
		return b, err
	}
	if !l.images {
		return b, errors.New("no benchmark; training for epochs is on images")
	}
	train, test, err := load(o.Data)
	if err != nil {
		return b, err
	}
	if train, err = l.sized(train); err != nil {
		return b, err
	}
	if b.Test, err = l.sized(test); err != nil {
		return b, err
	}
	if err := l.checkSize(o, train); err != nil {
		return b, err
	}
	if b.Family, err = network[float32](l, o, train); err != nil {
		return b, err
	}
	b.Activation = o.activation()
	if l.hidden == nil {
		b.Activation = "" // softmax regression has no units
	}
	return b, nil
}
