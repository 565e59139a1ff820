package nets

import (
	"errors"
	"fmt"
	"slices"

	G "gorgonia.org/gorgonia"

	"github.com/seed1498fded/unroll/params"
)

// Expression is a layer with weights whose map is written with Gorgonia: u = A(x; w) + b, with one bias for each channel of
// the result. Its vector-Jacobian products are derived.
type Expression struct {
	Name string // what String returns

	// Weights is the shape of w. FanIn is how many inputs an element of u sees, 1 or more; it scales the start of w.
	Weights []int
	FanIn   int

	// Write writes A for one example. x has the dimensions [channels, rows, columns], or [n] for a vector, and so must the
	// result, in the element type of the net; a vector of one element is a scalar. A must be linear in x and in w, each by
	// itself; New tries it on a few. Write is called by New and, for each further goroutine that comes to run the layer, once
	// more, and must write the same each time. What it gets wrong is an error of New.
	Write func(x, w *G.Node) (*G.Node, error)
}

// String implements Layer.
func (e Expression) String() string { return e.Name }

func newExpression[F params.Float](e Expression, in Shape) (affine[F], error) {
	switch {
	case e.Write == nil:
		return nil, errors.New("no Write")
	case e.FanIn < 1:
		return nil, fmt.Errorf("a fan-in of %d; want 1 or more", e.FanIn)
	}
	if err := (params.Layout{{Name: "w", Shape: e.Weights}}).Validate(); err != nil {
		return nil, err
	}
	d, err := newDerived[F](in, slices.Clone(e.Weights), e.FanIn, e.Write)
	if err != nil {
		return nil, err
	}
	return d, nil
}
