package learnedopt

// kernelEngine returns an engine on kernels for a rule that has them, for float32, and nil for any other. It asks for the
// exact types: a rule of somebody else's that embeds one of these has an Update of its own, and shall run it.
func kernelEngine(c *Compiled[float32]) engine[float32] {
	switch r := c.rule.(type) {
	case *SGD:
		return newVectorEngine(c, new(sgdPass))
	case *Momentum:
		return newVectorEngine(c, new(momentumPass))
	case *NAG:
		return newVectorEngine(c, new(nagPass))
	case *RMSprop:
		return newVectorEngine(c, new(rmspropPass))
	case *Adam:
		return newVectorEngine(c, new(adamPass))
	case *AdamW:
		return newVectorEngine(c, new(adamwPass))
	case *LSTM:
		if r.fits() {
			return newLSTMEngine(r, c.n)
		}
	}
	return nil
}
