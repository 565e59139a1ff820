package meta

// Bytes is what NewBPTT estimates that an estimator takes.
func Bytes(c BPTTConfig) float64 {
	if err := c.fill(); err != nil {
		panic(err)
	}
	p, err := c.Family.Sample(0)
	if err != nil {
		panic(err)
	}
	return c.bytes(p, c.Rule.State(p.Params()).Len())
}
