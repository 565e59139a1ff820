package mine

import (
	"math/rand/v2"

	"github.com/seed1498fded/unroll/inner"
	"github.com/seed1498fded/unroll/inner/catalog"
	"github.com/seed1498fded/unroll/params"
)

// dimensions is how many weights a bowl has.
const dimensions = 6

// A bowl is the function Σᵢ aᵢ(θᵢ − cᵢ)², whose least value is 0.
type bowl struct{ steepness, centre [dimensions]float32 }

// Bowls returns a new bowl for each key, whatever the split: no two keys have the same.
func Bowls(catalog.Options) (inner.Family, error) { return bowls{}, nil }

type bowls struct{}

// Sample draws aᵢ from 1/2 to 4 and cᵢ from the normal distribution.
func (bowls) Sample(key uint64) (inner.Problem, error) {
	var b bowl
	random := rand.New(rand.NewPCG(key, 1))
	for i := range dimensions {
		b.steepness[i] = 0.5 + 3.5*random.Float32()
		b.centre[i] = float32(random.NormFloat64())
	}
	return &b, nil
}

func (*bowl) Params() params.Layout { return params.Layout{{Name: "theta", Shape: []int{dimensions}}} }

// Init starts at the origin.
func (*bowl) Init(theta []float32, _ uint64) { clear(theta) }

// Eval has no minibatches, and so no use for the key.
func (b *bowl) Eval(grad, theta []float32, _ uint64) (float64, error) {
	loss := 0.0
	for i, t := range theta {
		d := t - b.centre[i]
		loss += float64(b.steepness[i] * d * d)
		if grad != nil {
			grad[i] = 2 * b.steepness[i] * d
		}
	}
	return loss, nil
}
