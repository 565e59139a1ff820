package nets

import (
	"fmt"

	"github.com/seed1498fded/unroll/params"
)

// Skip adds the input of the block it stands in, which must have the shape of what it is added to (He et al. 2016,
// section 3.1): [Conv, relu, Skip] is x + relu(conv(x)), [Conv, Skip, relu] is relu(x + conv(x)).
type Skip struct{}

// String implements Layer.
func (Skip) String() string { return "skip" }

// addInput is Skip for rows of a shape; the block does the adding.
type addInput[F params.Float] struct{ shape Shape }

func newSkip[F params.Float](in, blockIn Shape) (stage[F], error) {
	if in != blockIn {
		return nil, fmt.Errorf("the block's input of shape %v can't be added to %v", blockIn, in)
	}
	return addInput[F]{in}, nil
}

func (a addInput[F]) out() Shape { return a.shape }

func (a addInput[F]) forward(y, x []F, _ int) { copy(y, x) }

func (a addInput[F]) back(dx, _, _, dy []F, _ int) { copy(dx, dy) }

func (a addInput[F]) forwardR(ry, _, _, rx []F, _ int) { copy(ry, rx) }

func (a addInput[F]) backR(rdx, _, _, _, _, rdy []F, _ int) { copy(rdx, rdy) }
