package inner

import (
	"github.com/seed1498fded/unroll/internal/kernel"
	"github.com/seed1498fded/unroll/internal/matrix"
)

var _ Curvature = (*network[float32])(nil)

// HessianVector differentiates the gradient in the direction v (Pearlmutter 1994, "Fast exact multiplication by the
// Hessian"). With R the derivative in that direction, RWˡ = Vˡ, Rbˡ = vˡ and Rx⁰ = 0, each formula of the forward and
// backward pass gives one of
//
//	Rzˡ = Rxˡ Wˡ + xˡVˡ + vˡ,  Rxˡ⁺¹ = f'(zˡ)∘Rzˡ
//	Rδ^L = p∘(Rz^L − Σ p∘Rz^L)/Batch                         p = softmax(z^L)
//	R∂Wˡ = Rxˡᵀδˡ + xˡᵀRδˡ,  R∂bˡ = Σ Rδˡ
//	Rδˡ⁻¹ = (RδˡWˡᵀ + δˡVˡᵀ)∘f'(zˡ⁻¹) + (δˡWˡᵀ)∘f''(zˡ⁻¹)∘Rzˡ⁻¹
//
// It is exact wherever f has two derivatives.
func (p *network[F]) HessianVector(dst, theta, v []F, key uint64) error {
	checkHessianVector(dst, theta, v, p.layout.Len())
	if !kernel.Finite(theta) || !kernel.Finite(v) {
		fillNaN(dst)
		return nil
	}
	p.makeTwins()
	p.load(key)
	p.forward(theta)
	p.crossEntropy()
	p.forwardTwins(theta, v)
	p.crossEntropyTwin()
	p.backwardTwins(dst, theta, v)
	return nil
}

// makeTwins makes room for the derivatives, which problems that are only evaluated never need.
func (p *network[F]) makeTwins() {
	if p.layers[0].rz != nil {
		return
	}
	for i := range p.layers {
		l := &p.layers[i]
		l.rz, l.rdelta = make([]F, len(l.z)), make([]F, len(l.delta))
		if !l.firstLayer {
			l.rx = make([]F, len(l.x))
		}
	}
}

func (p *network[F]) forwardTwins(theta, v []F) {
	for i := range p.layers {
		l := &p.layers[i]
		b := v[l.b:l.end]
		for row := range p.batch {
			copy(l.rz[row*l.out:], b)
		}
		matrix.Mul(p.output(l, l.rz), p.input(l, l.x), weights(l, v), true)
		if !l.firstLayer {
			matrix.Mul(p.output(l, l.rz), p.input(l, l.rx), weights(l, theta), true)
		}
		if i+1 < len(p.layers) {
			next := &p.layers[i+1]
			for k, rz := range l.rz {
				next.rx[k] = F(p.act.first(float64(l.z[k]), float64(next.x[k]))) * rz
			}
		}
	}
}

func (p *network[F]) crossEntropyTwin() {
	last := &p.layers[len(p.layers)-1]
	scale := 1 / F(p.batch)
	for from := 0; from < len(p.prob); from += last.out {
		to := from + last.out
		prob, rz, rdelta := p.prob[from:to], last.rz[from:to], last.rdelta[from:to]
		var mean F
		for k, q := range prob {
			mean += q * rz[k]
		}
		for k, q := range prob {
			rdelta[k] = q * (rz[k] - mean) * scale
		}
	}
}

func (p *network[F]) backwardTwins(dst, theta, v []F) {
	for i := len(p.layers) - 1; i >= 0; i-- {
		l := &p.layers[i]
		matrix.Mul(weights(l, dst), p.input(l, l.x).T(), p.output(l, l.rdelta), false)
		sumRows(dst[l.b:l.end], l.rdelta)
		if l.firstLayer {
			break
		}
		matrix.Mul(weights(l, dst), p.input(l, l.rx).T(), p.output(l, l.delta), true)
		below := &p.layers[i-1]
		matrix.Mul(p.output(below, below.rdelta), p.output(l, l.rdelta), weights(l, theta).T(), false)
		matrix.Mul(p.output(below, below.rdelta), p.output(l, l.delta), weights(l, v).T(), true)
		matrix.Mul(p.output(below, below.delta), p.output(l, l.delta), weights(l, theta).T(), false)
		p.throughUnits(below, l.x)
	}
}

// throughUnits multiplies by f'(z) what has reached the outputs x of a layer's units.
func (p *network[F]) throughUnits(l *layer[F], x []F) {
	for k, z := range l.z {
		z, y := float64(z), float64(x[k])
		first, second := F(p.act.first(z, y)), F(p.act.second(z, y))
		l.rdelta[k] = l.rdelta[k]*first + l.delta[k]*second*l.rz[k]
		l.delta[k] *= first
	}
}
