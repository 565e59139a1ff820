package credit

import (
	"github.com/seed1498fded/unroll/inner/nets"
	"github.com/seed1498fded/unroll/params"
)

// CDNIOf is DNIOf with models that see the label too (Jaderberg et al. 2017, arXiv 1608.05343): Mˡ([hˡ; y]), y one-hot. With it a
// linear model can be exact in a linear net under squared error.
type CDNIOf[F params.Float] struct {
	Synthesizer
}

// Name implements RuleOf.
func (CDNIOf[F]) Name() string { return "cdni" }

// Bind implements RuleOf.
func (r CDNIOf[F]) Bind(net *nets.NetOf[F], size int) (AssignerOf[F], error) {
	return bindSynthetic(r.Name(), net, size, r.Synthesizer, true, 0)
}
