package credittest

import (
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed1498fded/unroll/inner/credit"
	"github.com/seed1498fded/unroll/inner/nets"
	"github.com/seed1498fded/unroll/params"
)

// A witness is a rule that stands before another one, checks what it does, and notes the gradient that comes of its signal.
type witness[F params.Float] struct {
	credit.RuleOf[F]
	t    *testing.T
	to   credit.AssignerOf[F]
	net  *nets.NetOf[F]
	grad []F // of the net's weights, before the rule adds to it
}

// Bind implements credit.RuleOf.
func (w *witness[F]) Bind(net *nets.NetOf[F], size int) (credit.AssignerOf[F], error) {
	a, err := w.RuleOf.Bind(net, size)
	if err != nil {
		return nil, err
	}
	if len(a.Params()) > 0 {
		require.Implements(w.t, (*credit.LearnerOf[F])(nil), a, "a rule with weights of its own says how they learn")
	}
	w.net, w.to = net, a
	return &watched[F]{AssignerOf: a, witness: w}, nil
}

// moves reports whether block l's weights, and its biases, have a gradient.
func (w *witness[F]) moves(l int) bool {
	dw, db := w.net.Weights(w.grad, l)
	some := func(v F) bool { return v != 0 }
	return slices.ContainsFunc(dw, some) && slices.ContainsFunc(db, some)
}

type watched[F params.Float] struct {
	credit.AssignerOf[F]
	*witness[F]
}

// Params implements credit.AssignerOf.
func (w *watched[F]) Params() params.Layout { return w.AssignerOf.Params() }

// Assign implements credit.AssignerOf. What the signal held before must not matter.
func (w *watched[F]) Assign(s *credit.SignalOf[F], t *nets.TraceOf[F], theta, own []F, key uint64) error {
	for _, d := range s.Delta {
		for i := range d {
			d[i] = F(math.NaN())
		}
	}
	theta0, own0 := slices.Clone(theta), slices.Clone(own)
	if err := w.AssignerOf.Assign(s, t, theta, own, key); err != nil {
		return err
	}
	w.untouched("Assign", theta, theta0, own, own0)
	for l := range w.net.Blocks() {
		require.Len(w.t, s.Delta[l], t.N*w.net.Pre(l).Size(), "the signal of block %d", l)
		require.True(w.t, finite(s.Delta[l]), "the signal of block %d is finite", l)
		if s.Pre[l] != nil {
			require.Len(w.t, s.Pre[l], t.N*w.net.Input(l).Size(), "the input of block %d", l)
			require.True(w.t, finite(s.Pre[l]), "the input of block %d is finite", l)
		}
	}
	return nil
}

// Learn implements credit.LearnerOf.
func (w *watched[F]) Learn(dOwn, grad []F, s *credit.SignalOf[F], t *nets.TraceOf[F], theta, own []F, key uint64) error {
	w.grad = slices.Clone(grad)
	w.isProduct(s, t)
	l, ok := w.AssignerOf.(credit.LearnerOf[F])
	if !ok {
		return nil
	}
	theta0, own0 := slices.Clone(theta), slices.Clone(own)
	if err := l.Learn(dOwn, grad, s, t, theta, own, key); err != nil {
		return err
	}
	w.untouched("Learn", theta, theta0, own, own0)
	return nil
}

func (w *watched[F]) untouched(what string, theta, theta0, own, own0 []F) {
	require.True(w.t, slices.Equal(theta0, theta), "%s leaves the net's weights alone", what)
	require.True(w.t, slices.Equal(own0, own), "%s leaves the rule's weights alone", what)
}

// isProduct checks, for dense layers, that the gradient is the signal times the input, summed over the batch by hand.
func (w *watched[F]) isProduct(s *credit.SignalOf[F], t *nets.TraceOf[F]) {
	for l := range w.net.Blocks() {
		pre := s.Pre[l]
		if pre == nil {
			pre = t.In(l)
		}
		dw, db := w.net.Weights(w.grad, l)
		in, out := w.net.Input(l).Size(), w.net.Pre(l).Size()
		for j := range out {
			ones := make([]F, t.N)
			for n := range ones {
				ones[n] = 1
			}
			w.isSum(db[j], ones, column(s.Delta[l], j, out))
			for i := range in {
				w.isSum(dw[i*out+j], column(pre, i, in), column(s.Delta[l], j, out))
			}
		}
	}
}

// isSum checks that got is the inner product of x and y, to rounding.
func (w *watched[F]) isSum(got F, x, y []F) {
	want, size := 0.0, 0.0
	for n, v := range x {
		want += float64(v) * float64(y[n])
		size += math.Abs(float64(v) * float64(y[n]))
	}
	eps := 1e-14
	if _, single := any(got).(float32); single {
		eps = 1e-6
	}
	require.InDelta(w.t, want, float64(got), float64(len(x))*eps*size, "the gradient is the signal times the input")
}

// column returns column j of rows of n.
func column[F params.Float](v []F, j, n int) []F {
	var c []F
	for ; j < len(v); j += n {
		c = append(c, v[j])
	}
	return c
}
