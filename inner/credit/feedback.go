package credit

import (
	"fmt"
	"math"

	"github.com/seed1498fded/unroll/inner/nets"
	"github.com/seed1498fded/unroll/internal/rng"
	"github.com/seed1498fded/unroll/params"
)

// FeedbackAlignmentOf sends the signal down through fixed random weights in place of the transposed forward ones
// (Lillicrap et al. 2016):
//
//	δˡ = φ'ᵀ(Bˡ⁺¹δˡ⁺¹),  B ~ N(0, Scale²/fan-in) in the shape of Wᵀ.
//
// The forward weights come to align with B, so that the signal comes to within 90° of the gradient.
type FeedbackAlignmentOf[F params.Float] struct {
	Scale float64 `json:"scale"` // standard deviation of B, times the root of the block's fan-in; 1 if zero
}

// Name implements RuleOf.
func (FeedbackAlignmentOf[F]) Name() string { return "fa" }

// Bind implements RuleOf.
func (r FeedbackAlignmentOf[F]) Bind(net *nets.NetOf[F], size int) (AssignerOf[F], error) {
	scale, err := positive("fa", "scale", r.Scale, 1)
	if err != nil {
		return nil, err
	}
	return &feedback[F]{walk: newWalk(net, size), scale: scale, b: make([]F, net.Params().Len())}, nil
}

type feedback[F params.Float] struct {
	fixed
	walk[F]
	scale    float64
	b        []F   // laid out like theta; its biases are of no use
	downward [][]F // for each block but the first: its weights transposed, once, since they stay
}

func (f *feedback[F]) Init(_, _ []F, key uint64) {
	draw(f.net, f.b, key, f.scale)
	f.transpose()
}

// transpose makes downward of b.
func (f *feedback[F]) transpose() {
	f.downward = make([][]F, f.net.Blocks())
	for l := 1; l < f.net.Blocks(); l++ {
		w, _ := f.net.Weights(f.b, l)
		f.downward[l] = f.net.Transpose(l, w)
	}
}

// draw fills w with random weights of the net, of standard deviation scale/√fan-in.
func draw[F params.Float](net *nets.NetOf[F], b []F, key uint64, scale float64) {
	for l := range net.Blocks() {
		w, _ := net.Weights(b, l)
		rng.Normal(w, rng.Split(key, uint64(l)), scale/math.Sqrt(float64(net.FanIn(l))))
	}
}

func (f *feedback[F]) Assign(s *SignalOf[F], t *nets.TraceOf[F], _, _ []F, _ uint64) error {
	f.downBy(s, t, func(l int, dx, du []F) { f.net.BelowTransposed(t, l, dx, f.downward[l], du) })
	return nil
}

// positive returns a setting or its default, and an error unless it is a finite number above zero.
func positive(rule, name string, v, otherwise float64) (float64, error) {
	if v == 0 {
		v = otherwise
	}
	if !(v > 0) || math.IsInf(v, 1) {
		return 0, fmt.Errorf("credit: %s: %s is %v, want a number above 0", rule, name, v)
	}
	return v, nil
}
