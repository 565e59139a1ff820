package credit

import (
	"github.com/seed1498fded/unroll/inner/nets"
	"github.com/seed1498fded/unroll/internal/matrix"
	"github.com/seed1498fded/unroll/internal/rng"
	"github.com/seed1498fded/unroll/params"
)

// DirectOf is direct feedback alignment (Nøkland 2016): the output's error reaches every block through fixed random weights
// of its own, without passing those between,
//
//	δˡ = φ'ᵀ(Dˡe),  Dˡ ~ N(0, Std²), [outputs, Output(l)].
//
// With one hidden layer and the same weights it is feedback alignment.
type DirectOf[F params.Float] struct {
	Std float64 `json:"std"` // 0.3 if zero
}

// Name implements RuleOf.
func (DirectOf[F]) Name() string { return "dfa" }

// Bind implements RuleOf.
func (r DirectOf[F]) Bind(net *nets.NetOf[F], size int) (AssignerOf[F], error) {
	return newDirect("dfa", r.Std, 0.3, net, size)
}

func newDirect[F params.Float](rule string, std, otherwise float64, net *nets.NetOf[F], size int) (*direct[F], error) {
	std, err := positive(rule, "std", std, otherwise)
	if err != nil {
		return nil, err
	}
	d := &direct[F]{walk: newWalk(net, size), std: std}
	for l := range net.Blocks() - 1 {
		d.d = append(d.d, make([]F, net.Classes()*net.Output(l).Size()))
	}
	return d, nil
}

type direct[F params.Float] struct {
	fixed
	walk[F]
	std float64
	d   [][]F // for each block but the last, [outputs, Output(l)]
}

func (d *direct[F]) Init(_, _ []F, key uint64) {
	for l, w := range d.d {
		rng.Normal(w, rng.Split(key, uint64(l)), d.std)
	}
}

func (d *direct[F]) Assign(s *SignalOf[F], t *nets.TraceOf[F], _, _ []F, _ uint64) error {
	d.project(s, t, t.E, d.d)
	return nil
}

// project sets the last block's signal from the loss, and every other's from the same rows [N, outputs] through weights
// [outputs, Output(l)].
func (w walk[F]) project(s *SignalOf[F], t *nets.TraceOf[F], rows []F, weights [][]F) {
	top, classes := w.net.Blocks()-1, w.net.Classes()
	w.net.Delta(t, top, s.Delta[top], t.E)
	for l := range top {
		size := w.net.Output(l).Size()
		matrix.MulShared(matrix.Of(w.dh[l], t.N, size), matrix.Of(rows, t.N, classes), matrix.Of(weights[l], classes, size), false)
		w.net.Delta(t, l, s.Delta[l], w.dh[l])
	}
}
