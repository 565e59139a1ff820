package credit_test

import (
	"testing"

	"github.com/seed1498fded/unroll/inner/credit"
	"github.com/seed1498fded/unroll/inner/credit/credittest"
	"github.com/seed1498fded/unroll/inner/nets"
	"github.com/seed1498fded/unroll/params"
)

// centred is a rule as anybody may write it: backprop's signal, times inputs less their mean over the minibatch (Schraudolph
// 1998).
type centred[F params.Float] struct{}

func (centred[F]) Name() string { return "centred" }

func (centred[F]) Bind(net *nets.NetOf[F], size int) (credit.AssignerOf[F], error) {
	c := &centring[F]{net: net}
	for l := range net.Blocks() {
		c.pre = append(c.pre, make([]F, size*net.Input(l).Size()))
		c.dh = append(c.dh, make([]F, size*net.Output(l).Size()))
	}
	return c, nil
}

type centring[F params.Float] struct {
	net     *nets.NetOf[F]
	pre, dh [][]F
}

func (*centring[F]) Params() params.Layout { return nil }

func (*centring[F]) Init(_, _ []F, _ uint64) {}

func (c *centring[F]) Assign(s *credit.SignalOf[F], t *nets.TraceOf[F], theta, _ []F, _ uint64) error {
	dh := t.E
	for l := c.net.Blocks() - 1; l >= 0; l-- {
		c.net.Delta(t, l, s.Delta[l], dh)
		if l > 0 {
			dh = c.dh[l-1]
			w, _ := c.net.Weights(theta, l)
			c.net.Below(t, l, dh, w, s.Delta[l])
		}
		centre(c.pre[l], t.In(l), t.N)
		s.Pre[l] = c.pre[l]
	}
	return nil
}

// centre overwrites y with the rows of x less their mean.
func centre[F params.Float](y, x []F, rows int) {
	n := len(x) / rows
	for j := range n {
		mean := F(0)
		for i := j; i < len(x); i += n {
			mean += x[i] / F(rows)
		}
		for i := j; i < len(x); i += n {
			y[i] = x[i] - mean
		}
	}
}

func TestLawsOfARuleFromElsewhere(t *testing.T) {
	credittest.Run(t, centred[float32]{}, credittest.Options{})
	credittest.Run(t, centred[float64]{}, credittest.Options{})
}
