// What the fragments of Go in the Markdown files take as given: names of things that the text around them has spoken of. A fragment is
// checked together with this file.
package snippet

import (
	"context"
	"testing"

	"gorgonia.org/gorgonia"

	"github.com/seed1498fded/unroll/inner"
	"github.com/seed1498fded/unroll/inner/problemtest"
	"github.com/seed1498fded/unroll/learnedopt"
	"github.com/seed1498fded/unroll/params"
)

var (
	ctx         context.Context
	t           *testing.T
	theta, grad []float32
	layout      params.Layout
	loss        float64
	trained     *learnedopt.Trained
	family      inner.Family
	rosenbrock  func(*gorgonia.Node) (*gorgonia.Node, error)
	options     problemtest.Options
)

// A Mine is a rule of one's own.
type Mine struct{}
