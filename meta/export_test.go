package meta

import (
	"github.com/seed1498fded/unroll/learnedopt"
	"github.com/seed1498fded/unroll/params"
)

// Bytes is what NewBPTT estimates that an estimator takes.
func Bytes(c BPTTConfig) float64 {
	c, err := c.filled()
	if err != nil {
		panic(err)
	}
	p, err := c.Family.Sample(0)
	if err != nil {
		panic(err)
	}
	state, err := learnedopt.StateLen(c.Rule, p.Params(), 1)
	if err != nil {
		panic(err)
	}
	return c.bytes(p, state)
}

// SingleOf returns the one estimator that there is of many.
func SingleOf[F params.Float](m *ManyOf[F]) EstimatorOf[F] { return m.all[0] }
