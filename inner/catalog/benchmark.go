package catalog

import (
	"fmt"

	"github.com/seed1498fded/unroll/inner"
	"github.com/seed1498fded/unroll/inner/credit"
	"github.com/seed1498fded/unroll/inner/data"
	"github.com/seed1498fded/unroll/inner/nets"
	"github.com/seed1498fded/unroll/params"
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
	if o.Credit == "" {
		o.Credit = credit.BackpropOf[float32]{}.Name()
	}
	b, err := l.benchmark(o)
	if err != nil {
		return Benchmark{}, fmt.Errorf("catalog: %s: %w", name, err)
	}
	return b, nil
}

func (l listing) benchmark(o Options) (b Benchmark, err error) {
	if err := l.check(o); err != nil {
		return b, err
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

func (o Options) activation() string {
	if o.Activation == "" {
		return "sigmoid"
	}
	return o.Activation
}

// network returns the problem's network with a credit rule.
func network[F params.Float](l listing, o Options, set *data.Set) (credit.FamilyOf[F], error) {
	f := credit.FamilyOf[F]{Data: set, Batch: o.Batch}
	var err error
	if f.Rule, err = credit.Named[F](o.Credit, o.CreditConfig); err != nil {
		return f, err
	}
	var layers []nets.Layer
	for _, width := range l.widths(o) {
		layers = append(layers, nets.Dense{Units: width}, nets.Activation(o.activation()))
	}
	layers = append(layers, nets.Dense{Units: set.Classes})
	loss := nets.CrossEntropy
	if o.Loss != "" {
		loss = nets.Loss(o.Loss)
	}
	if f.Net, err = nets.New[F](nets.Shape{Channels: 1, Rows: set.Rows, Cols: set.Cols}, loss, layers...); err != nil {
		return f, err
	}
	_, err = f.Problem()
	return f, err
}

// stepwise returns the network for training that takes each minibatch once, as all do that go by the keys of minibatches.
func stepwise[F params.Float](l listing, o Options, set *data.Set) (inner.FamilyOf[F], error) {
	f, err := network[F](l, o, set)
	if err != nil {
		return nil, err
	}
	p, err := f.Problem()
	if err != nil {
		return nil, err
	}
	if n := p.Repeats(); n > 1 {
		return nil, fmt.Errorf("credit rule %s makes %d updates on each minibatch, which only training for epochs does", o.Credit, n)
	}
	return f, nil
}
