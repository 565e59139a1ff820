package synthetic

import (
	"cmp"
	"fmt"
	"math"

	"github.com/seed1498fded/unroll/inner"
	"github.com/seed1498fded/unroll/internal/rng"
	"github.com/seed1498fded/unroll/params"
)

// ClustersOf is a network that tells clouds of points apart, one for each class, around centres that the problem's key draws from
// N(0, 1): points from N(centre, Spread²), new for each minibatch, of classes that are equally likely. Each input is measured in a unit
// of its own, from 1/Units to Units, uniformly in the logarithm: the more these differ, the worse the condition. Without hidden layers,
// the default, it is logistic regression, which is convex. Weights are w0 [inputs, units], b0 [units], w1 and so on.
type ClustersOf[F params.Float] struct {
	Student
	Inputs  int     // 16 if zero
	Classes int     // 4 if zero; at most 256
	Spread  float64 // 1 if zero
	Units   float64 // at least 1; 1 if zero
}

// Clusters is ClustersOf in use.
type Clusters = ClustersOf[float32]

var _ inner.Family = Clusters{}

// Sample returns the problem named by key. Fields out of their ranges are errors.
func (f ClustersOf[F]) Sample(key uint64) (inner.ProblemOf[F], error) {
	inputs, classes, batch := cmp.Or(f.Inputs, 16), cmp.Or(f.Classes, 4), cmp.Or(f.Batch, 64)
	if err := checkClasses("Clusters", inputs, classes, batch); err != nil {
		return nil, err
	}
	if f.Spread == 0 {
		f.Spread = 1
	}
	if f.Units == 0 {
		f.Units = 1
	}
	if !(f.Spread > 0 && f.Spread <= math.MaxFloat32) || !(f.Units >= 1 && f.Units <= math.MaxFloat32) {
		return nil, fmt.Errorf("synthetic: Clusters: a Spread of %v and Units of %v; want above 0, and 1 or more", f.Spread, f.Units)
	}
	c := &clusters[F]{spread: F(f.Spread), draws: rng.New(0), centres: make([]F, classes*inputs), units: make([]F, inputs)}
	rng.Normal(c.centres, rng.Split(key, 0), 1)
	rng.Uniform(c.units, rng.Split(key, 1), -1, 1)
	for i, u := range c.units {
		c.units[i] = F(math.Pow(f.Units, float64(u)))
	}
	student, err := build[F](f.Student, inputs, classes, c)
	if err != nil {
		return nil, err
	}
	return newProblem(student), nil
}

type clusters[F params.Float] struct {
	centres []F // [classes, inputs]
	units   []F
	spread  F
	draws   *rng.Stream
}

func (c *clusters[F]) numbers() int { return len(c.centres) + len(c.units) }

func (c *clusters[F]) fill(x []F, labels []byte, key uint64) {
	c.draws.Reset(key)
	normal(x, c.draws)
	n := len(c.units)
	for row := range labels {
		class := c.draws.IntN(len(c.centres) / n)
		labels[row] = byte(class)
		x, centre := x[row*n:(row+1)*n], c.centres[class*n:(class+1)*n]
		for i, u := range c.units {
			x[i] = u * (centre[i] + c.spread*x[i])
		}
	}
}
