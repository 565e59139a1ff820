package credit

import (
	"fmt"
	"math"

	"github.com/seed1498fded/unroll/inner/nets"
	"github.com/seed1498fded/unroll/internal/rng"
	"github.com/seed1498fded/unroll/params"
)

// KolenPollackOf is feedback alignment with feedback weights that learn (Kolen and Pollack 1994; Akrout et al. 2019): they get
// the increments of the forward weights, and both decay,
//
//	δˡ = φ'ᵀ(Bˡ⁺¹δˡ⁺¹),  dW = (pre⊗δ) + Decay·W,  dB = (pre⊗δ)ᵀ + Decay·B,
//
// so that they meet without ever being copied. Under SGD of rate η, W − Bᵀ shrinks by exactly 1 − η·Decay a step. Under an
// update rule that is not linear in the gradient, such as Adam, the two do not move alike and that law is lost.
//
// B is a weight of the problem, behind those of the net: feedback1, feedback2 and so on, each in the shape of the w of its
// block, as Bᵀ. The first block has none, and no decay.
type KolenPollackOf[F params.Float] struct {
	Scale float64 `json:"scale"` // standard deviation of B at the start, times the root of the fan-in; above 0, 1 if zero
	Decay float64 `json:"decay"` // above 0, 0.001 if zero
}

// Name implements RuleOf.
func (KolenPollackOf[F]) Name() string { return "kp" }

// Bind implements RuleOf.
func (r KolenPollackOf[F]) Bind(net *nets.NetOf[F], size int) (AssignerOf[F], error) {
	scale, err := positive("kp", "scale", r.Scale, 1)
	if err != nil {
		return nil, err
	}
	decay, err := positive("kp", "decay", r.Decay, 0.001)
	if err != nil {
		return nil, err
	}
	k := &kolenPollack[F]{walk: newWalk(net, size), scale: scale, decay: F(decay), at: []int{0, 0}}
	for l := 1; l < net.Blocks(); l++ {
		w := net.Params()[2*l]
		k.layout = append(k.layout, params.Spec{Name: fmt.Sprintf("feedback%d", l), Shape: w.Shape})
		k.at = append(k.at, k.layout.Len())
	}
	return k, nil
}

type kolenPollack[F params.Float] struct {
	walk[F]
	scale  float64
	decay  F
	layout params.Layout
	at     []int // for each block where its B begins in own, and where the last one ends
}

func (k *kolenPollack[F]) Params() params.Layout { return k.layout }

func (k *kolenPollack[F]) b(own []F, l int) []F { return own[k.at[l]:k.at[l+1]] }

func (k *kolenPollack[F]) Init(own, _ []F, key uint64) {
	for l := 1; l < k.net.Blocks(); l++ {
		rng.Normal(k.b(own, l), rng.Split(key, uint64(l)), k.scale/math.Sqrt(float64(k.net.FanIn(l))))
	}
}

func (k *kolenPollack[F]) Assign(s *SignalOf[F], t *nets.TraceOf[F], _, own []F, _ uint64) error {
	k.down(s, t, func(l int) []F { return k.b(own, l) })
	return nil
}

// Learn implements LearnerOf.
func (k *kolenPollack[F]) Learn(dOwn, grad []F, _ *SignalOf[F], _ *nets.TraceOf[F], theta, own []F, _ uint64) error {
	for l := 1; l < k.net.Blocks(); l++ {
		w, _ := k.net.Weights(theta, l)
		dw, _ := k.net.Weights(grad, l)
		b, db := k.b(own, l), k.b(dOwn, l)
		for i, g := range dw {
			db[i] = g + k.decay*b[i]
			dw[i] = g + k.decay*w[i]
		}
	}
	return nil
}
