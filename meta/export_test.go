package meta

import "github.com/seed1498fded/unroll/learnedopt"

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
