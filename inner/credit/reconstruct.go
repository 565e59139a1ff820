package credit

import (
	"github.com/seed1498fded/unroll/inner/nets"
	"github.com/seed1498fded/unroll/internal/rng"
	"github.com/seed1498fded/unroll/params"
)

// An echo is a batch run again with noise on the output of one block, which an inverse is then trained to find again.
type echo[F params.Float] struct {
	net   *nets.NetOf[F]
	trace *nets.TraceOf[F]
	std   float64
	noise [][]F // for each block but the last, [N, Output(l)]
}

func newEcho[F params.Float](net *nets.NetOf[F], size int, std float64) echo[F] {
	e := echo[F]{net: net, trace: net.NewTrace(size), std: std}
	for l := range net.Blocks() - 1 {
		e.noise = append(e.noise, make([]F, size*net.Output(l).Size()))
	}
	return e
}

// run makes the output of block l in the echo's trace h + n, for the output h of the batch in t and n ~ N(0, std²), and
// runs the blocks above up to and with block last. It returns n.
func (e *echo[F]) run(t *nets.TraceOf[F], theta []F, l, last int, key uint64) []F {
	n, h, noisy := e.noise[l], t.Out(l), e.trace.Out(l)
	rng.Normal(n, rng.Split(key, uint64(l)), e.std)
	for i := range noisy {
		noisy[i] = h[i] + n[i]
	}
	for m := l + 1; m <= last; m++ {
		e.net.ForwardBlock(e.trace, theta, m)
	}
	return n
}

// decay adds λw, the derivative of ½λ|w|², to dw.
func decay[F params.Float](dw, w []F, lambda float64) {
	for i, v := range w {
		dw[i] += F(lambda) * v
	}
}
