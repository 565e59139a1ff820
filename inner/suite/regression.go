package suite

import (
	"cmp"
	"fmt"

	"github.com/seed1498fded/unroll/inner"
	"github.com/seed1498fded/unroll/inner/data/tables"
	"github.com/seed1498fded/unroll/inner/nets"
	"github.com/seed1498fded/unroll/params"
)

// RegressionOf is a network of dense layers that tells a number from features by the mean squared error; it must stand in a table
// without classes. Weights are named as those of MLPOf; w ~ N(0, 1/fan-in), b = 0.
type RegressionOf[F params.Float] struct {
	Train, Test *tables.Table // go together; tables.Diabetes if nil
	Hidden      []int         // units of the hidden layers; [64 64] if empty
	Activation  string        // of the hidden layers, one of nets.Activations(); tanh if empty
	Batch       int           // rows in a minibatch, drawn with replacement; 32 if zero
}

// Regression is RegressionOf in use.
type Regression = RegressionOf[float32]

var _ inner.Family = Regression{}

// Sample returns a new instance of the one problem. Fields out of their ranges and tables with classes are errors.
func (f RegressionOf[F]) Sample(uint64) (inner.ProblemOf[F], error) {
	train, test, err := table("Regression", f.Train, f.Test, tables.Diabetes)
	if err != nil {
		return nil, err
	}
	if train.Classes > 0 {
		return nil, fmt.Errorf("suite: Regression: a table of %d classes; want numbers", train.Classes)
	}
	batch := cmp.Or(f.Batch, 32)
	if err := check("Regression", size{"a Batch", batch}); err != nil {
		return nil, err
	}
	if len(f.Hidden) == 0 {
		f.Hidden = []int{64, 64}
	}
	if f.Activation == "" {
		f.Activation = "tanh"
	}
	net, err := newMLP[F](train.Features, f.Hidden, 1, f.Activation, nets.SquaredError)
	if err != nil {
		return nil, err
	}
	return feedforward[F]{net: net, init: nets.LeCun, batch: batch, scale: 2, train: rows[F]{train}, test: rows[F]{test}}.problem()
}

// table returns the tables of a family, or those it has by default.
func table(family string, train, test *tables.Table, usual func() (_, _ *tables.Table, _ error)) (_, _ *tables.Table, err error) {
	if err := checkData(family, train != nil, test != nil); err != nil {
		return nil, nil, err
	}
	if train == nil {
		if train, test, err = usual(); err != nil {
			return nil, nil, err
		}
	}
	if train.Len() == 0 || test.Len() == 0 || train.Features != test.Features || train.Classes != test.Classes {
		const form = "suite: %s: tables of %d and %d rows, %d and %d features, %d and %d classes; want rows, of one kind"
		return nil, nil, fmt.Errorf(form, family, train.Len(), test.Len(), train.Features, test.Features, train.Classes, test.Classes)
	}
	return train, test, nil
}
