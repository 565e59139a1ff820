package suite

import (
	"fmt"
	"math"

	"github.com/seed1498fded/unroll/inner"
	"github.com/seed1498fded/unroll/inner/data/tables"
	"github.com/seed1498fded/unroll/inner/nets"
	"github.com/seed1498fded/unroll/params"
)

// LogisticOf is logistic regression, by softmax, on all rows of a table at a time: the mean cross-entropy plus Decay times half the
// sum of the squares of w0 [features, classes]. It is convex. w0 ~ N(0, .01²) and b0 [classes] alike.
type LogisticOf[F params.Float] struct {
	Train, Test *tables.Table // go together; tables.BreastCancer if nil
	Decay       float64       // 1e-4 if zero
}

// Logistic is LogisticOf in use.
type Logistic = LogisticOf[float32]

var _ inner.Family = Logistic{}

// Sample returns a new instance of the one problem. A negative Decay and tables without classes are errors.
func (f LogisticOf[F]) Sample(uint64) (inner.ProblemOf[F], error) {
	train, test, err := table("Logistic", f.Train, f.Test, tables.BreastCancer)
	if err != nil {
		return nil, err
	}
	if f.Decay == 0 {
		f.Decay = 1e-4
	}
	switch {
	case train.Classes < 2:
		return nil, fmt.Errorf("suite: Logistic: a table of %d classes; want 2 or more", train.Classes)
	case !(f.Decay > 0) || math.IsInf(f.Decay, 1):
		return nil, fmt.Errorf("suite: Logistic: a Decay of %v; want a number above 0", f.Decay)
	}
	net, err := nets.New[F](nets.Vector(train.Features), nets.CrossEntropy, nets.Dense{Units: train.Classes})
	if err != nil {
		return nil, err
	}
	return feedforward[F]{net: net, init: "normal0.01", decay: f.Decay, train: rows[F]{train}, test: rows[F]{test}}.problem()
}

// wines is the family of logistic regression on tables.Wine.
type wines struct{ Logistic }

// Sample returns a new instance of the one problem.
func (f wines) Sample(key uint64) (_ inner.Problem, err error) {
	if f.Train, f.Test, err = tables.Wine(); err != nil {
		return nil, err
	}
	return f.Logistic.Sample(key)
}
