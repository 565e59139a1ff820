package credit

import (
	"fmt"
	"math"

	"github.com/seed1498fded/unroll/inner/nets"
	"github.com/seed1498fded/unroll/internal/matrix"
	"github.com/seed1498fded/unroll/internal/rng"
	"github.com/seed1498fded/unroll/params"
)

// DirectTargetOf is direct difference target propagation with linear feedback (DDTP-linear; Meulemans et al. 2020, arXiv
// 2006.14331): the output's target ĥ^L = h^L − η̂e goes to every block through learned weights of its own,
//
//	ĥˡ = hˡ + Qˡ(ĥ^L − h^L),  δˡ = φ'ᵀ(hˡ − ĥˡ)/η̂ = φ'ᵀ(Qˡe),  Qˡ [outputs, Output(l)].
//
// The stepsize η̂ of the target drops out, and there is no factor of 2: with Qˡ the transposed Jacobian of the blocks above,
// the signal is backprop's, and with random weights that stay as they are it is direct feedback alignment's.
//
// Qˡ descends the difference reconstruction loss. For noise n ~ N(0, σ²) on the output of block l, of which the blocks above
// make the change Δ = h^L(hˡ+n) − h^L(hˡ) of the net's output,
//
//	Rˡ = 1/(2σ²N) Σ |QˡΔ − n|² + ½λ|Qˡ|²
//
// with the sum over the N examples of the batch and over all elements of the block: not their mean. Since Δ is about Jn, and
// 1/σ² takes the size of the noise out, its minimum for small σ and the same J in all examples is Qˡ = Jᵀ(JJᵀ + λ)⁻¹, a damped
// pseudo-inverse: the signal is a damped Gauss-Newton step where backprop's is Jᵀe. Take λ from elsewhere with care: that of a
// loss without 1/σ² is λ/σ² here, and that of one with the mean over the m elements of the block mλ.
//
// Nets of any layers will do. Of a block with Skip, hˡ is what comes out of the sum; what the target says moves the weights of
// the block alone.
type DirectTargetOf[F params.Float] struct {
	Noise    float64 `json:"noise"`    // σ; 0.05 if zero
	Decay    float64 `json:"decay"`    // λ; 1e-3 if zero
	Pretrain int     `json:"pretrain"` // epochs in which only Q learns, before all else; 1 if zero, none if negative
}

// Name implements RuleOf.
func (DirectTargetOf[F]) Name() string { return "ddtp" }

// Bind implements RuleOf.
func (r DirectTargetOf[F]) Bind(net *nets.NetOf[F], size int) (AssignerOf[F], error) {
	std, err := positive("ddtp", "noise", r.Noise, 0.05)
	if err != nil {
		return nil, err
	}
	lambda, err := positive("ddtp", "decay", r.Decay, 1e-3)
	if err != nil {
		return nil, err
	}
	d := &directTarget[F]{walk: newWalk(net, size), echo: newEcho(net, size, std), pretraining: pretraining(r.Pretrain), lambda: lambda}
	for l := range net.Blocks() - 1 {
		d.layout = append(d.layout, params.Spec{Name: fmt.Sprintf("q%d", l), Shape: []int{net.Classes(), net.Output(l).Size()}})
	}
	d.change = make([]F, size*net.Classes())
	return d, nil
}

type directTarget[F params.Float] struct {
	walk[F]
	pretraining
	echo   echo[F]
	lambda float64
	layout params.Layout
	change []F // Δ, [N, outputs]
}

func (d *directTarget[F]) Params() params.Layout { return d.layout }

// Init draws Q from N(0, 1/outputs), the net's own distribution for that many inputs.
func (d *directTarget[F]) Init(own, _ []F, key uint64) {
	for l, q := range params.Split(d.layout, own) {
		rng.Normal(q, rng.Split(key, uint64(l)), 1/math.Sqrt(float64(d.net.Classes())))
	}
}

func (d *directTarget[F]) Assign(s *SignalOf[F], t *nets.TraceOf[F], _, own []F, _ uint64) error {
	d.project(s, t, t.E, params.Split(d.layout, own))
	return nil
}

// Learn implements LearnerOf: the derivative of ΣRˡ.
func (d *directTarget[F]) Learn(dOwn, _ []F, _ *SignalOf[F], t *nets.TraceOf[F], theta, own []F, key uint64) error {
	dq, q := params.Split(d.layout, dOwn), params.Split(d.layout, own)
	for l := range q {
		d.learn(dq[l], q[l], l, t, theta, key)
	}
	return nil
}

func (d *directTarget[F]) learn(dq, q []F, l int, t *nets.TraceOf[F], theta []F, key uint64) {
	top, classes, size := d.net.Blocks()-1, d.net.Classes(), d.net.Output(l).Size()
	n := d.echo.run(t, theta, l, top, key)
	h := t.Out(top)
	for i, v := range d.echo.trace.Out(top) {
		d.change[i] = v - h[i]
	}
	change, residual := matrix.Of(d.change, t.N, classes), matrix.Of(d.dh[l], t.N, size)
	matrix.MulShared(residual, change, matrix.Of(q, classes, size), false)
	scale := F(1 / (d.echo.std * d.echo.std * float64(t.N)))
	for i, v := range n {
		residual.Data[i] = scale * (residual.Data[i] - v)
	}
	matrix.MulShared(matrix.Of(dq, classes, size), change.T(), residual, false)
	decay(dq, q, d.lambda)
}
