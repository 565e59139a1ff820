package credit

import (
	"fmt"

	"github.com/seed1498fded/unroll/inner/nets"
	"github.com/seed1498fded/unroll/params"
)

// BPLambdaOf is BP(λ), which mixes what comes down with what is predicted (Jaderberg et al. 2017, supplement). From the top
// down, with the models and their regression of DNIOf,
//
//	δ^L = φ'ᵀe,
//	g̃ˡ = Wˡ⁺¹ᵀδˡ⁺¹                    what comes down, and what Mˡ regresses on
//	gˡ = λg̃ˡ + (1 − λ)Mˡ(hˡ)/N        what block l gets
//	δˡ = φ'ᵀgˡ.
//
// λ = 1 is backprop, whatever the models say. λ = 0 is DNIOf or CDNIOf.
type BPLambdaOf[F params.Float] struct {
	Synthesizer
	Lambda float64 `json:"lambda"` // above 0, up to 1; 0.5 if zero
	Labels bool    `json:"labels"` // models see the label too, as in CDNIOf
}

// Name implements RuleOf.
func (BPLambdaOf[F]) Name() string { return "bplambda" }

// Bind implements RuleOf.
func (r BPLambdaOf[F]) Bind(net *nets.NetOf[F], size int) (AssignerOf[F], error) {
	lambda, err := positive("bplambda", "lambda", r.Lambda, 0.5)
	if err != nil {
		return nil, err
	}
	if lambda > 1 {
		return nil, fmt.Errorf("credit: bplambda: lambda is %v, want a number above 0, up to 1", lambda)
	}
	return bindSynthetic(r.Name(), net, size, r.Synthesizer, r.Labels, lambda)
}
