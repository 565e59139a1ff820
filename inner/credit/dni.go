package credit

import (
	"github.com/seed1498fded/unroll/inner/nets"
	"github.com/seed1498fded/unroll/params"
)

// DNIOf is a decoupled neural interface (Jaderberg et al. 2017, arXiv 1608.05343): a model Mˡ for every block but the last predicts
// the gradient at the block's output from that output alone, so that the block need not wait for those above it,
//
//	δ^L = φ'ᵀe,  δˡ = φ'ᵀgˡ,  gˡ = Mˡ(hˡ)/N.
//
// The models learn with the net. Each regresses on the gradient that comes down through the block above it, which begins
// with a prediction too (bootstrapping) except at the top:
//
//	minimise Σˡ ½ mean_i |Mˡ(hˡᵢ) − N·g̃ˡᵢ|²,  g̃ˡ = Wˡ⁺¹ᵀδˡ⁺¹ a constant.
//
// N is the number of examples: a model predicts the gradient of each example's own loss, as large for a batch of a
// thousand as for one. So Adam's usual rate of 1e-3 suits models and net alike; a rate of plain gradient descent must stay
// below two over the largest eigenvalue of mean hhᵀ.
//
// Without batch normalization, for which there is no layer here, a linear model on h alone is weak: see CDNIOf. What runs
// its blocks side by side is UnlockedOf.
type DNIOf[F params.Float] struct {
	Synthesizer
}

// Name implements RuleOf.
func (DNIOf[F]) Name() string { return "dni" }

// Bind implements RuleOf.
func (r DNIOf[F]) Bind(net *nets.NetOf[F], size int) (AssignerOf[F], error) {
	return bindSynthetic(r.Name(), net, size, r.Synthesizer, false, 0)
}
