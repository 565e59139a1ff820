// Package classify holds the classifiers that tell learning rules apart: a random forest and multinomial logistic regression.
//
// Both take a [Table] and give an example's probability of each class. Randomness is in a key: the same table and key give the
// same bits, on any number of goroutines.
package classify

import (
	"errors"
	"fmt"
	"math"
)

// A Table holds labelled examples.
type Table struct {
	X       [][]float64 // a row of features for each example, all of one length, finite
	Y       []int       // the class of each example, 0..Classes-1
	Classes int         // 2 or more; a class need not have examples
}

// A Classifier was fitted to a table. It can be used by several goroutines.
type Classifier interface {
	// Probabilities overwrites p, of one number a class, with those of an example; they sum to 1.
	Probabilities(p, x []float64)
}

// Features returns the length of a row.
func (t Table) Features() int {
	if len(t.X) == 0 {
		return 0
	}
	return len(t.X[0])
}

// Rows returns the table of some examples; rows are shared.
func (t Table) Rows(which []int) Table {
	part := Table{Classes: t.Classes, X: make([][]float64, len(which)), Y: make([]int, len(which))}
	for i, r := range which {
		part.X[i], part.Y[i] = t.X[r], t.Y[r]
	}
	return part
}

// Validate reports the first thing wrong with the table: no examples or features, rows and labels of different numbers, rows of
// different lengths, a feature that is not finite, fewer than two classes, a label that is no class.
func (t Table) Validate() error {
	switch n := t.Features(); {
	case n == 0:
		return errors.New("classify: a table without examples or without features")
	case len(t.X) != len(t.Y):
		return fmt.Errorf("classify: %d rows for %d labels", len(t.X), len(t.Y))
	case t.Classes < 2:
		return fmt.Errorf("classify: %d classes; want 2 or more", t.Classes)
	default:
		for i, row := range t.X {
			if err := t.checkRow(i, row, n); err != nil {
				return err
			}
		}
	}
	return nil
}

func (t Table) checkRow(i int, row []float64, n int) error {
	if len(row) != n {
		return fmt.Errorf("classify: example %d has %d features, example 0 has %d", i, len(row), n)
	}
	for f, x := range row {
		if math.IsNaN(x) || math.IsInf(x, 0) {
			return fmt.Errorf("classify: feature %d of example %d is %v; want a finite number", f, i, x)
		}
	}
	if y := t.Y[i]; y < 0 || y >= t.Classes {
		return fmt.Errorf("classify: example %d is of class %d; want 0..%d", i, y, t.Classes-1)
	}
	return nil
}
