package credit

import (
	"fmt"

	"github.com/seed1498fded/unroll/inner/nets"
	"github.com/seed1498fded/unroll/params"
)

// Relaxed is implemented by assigners that look for the minimum of an energy.
type Relaxed interface {
	// Energies returns the energy of the batch that was last assigned, as a mean over its examples: at the forward pass,
	// and after each step of inference. It is valid until the next Assign.
	Energies() []float64
}

// Energies returns the energy curve of the last gradient; nil if the rule has none. See Relaxed.
func (p *ProblemOf[F]) Energies() []float64 {
	if r, ok := p.assigner.(Relaxed); ok {
		return r.Energies()
	}
	return nil
}

// A relaxation is the inference of predictive coding. Every block but the last has values xˡ, [N, Output(l)], free to
// leave what the block below predicts for them:
//
//	μˡ = φ(A(xˡ⁻¹; wˡ) + bˡ),  εˡ = xˡ − μˡ,  x⁻¹ the data
//	F = Σ_{l<L} ½|εˡ|² + p·loss(μ^L)                                  of one example
//	−∂F/∂xˡ = −εˡ + Jˡ⁺¹ᵀεˡ⁺¹,  Jˡ = ∂μˡ/∂xˡ⁻¹,  ε^L = −p·∂loss/∂μ^L
//
// With ½ squared error, the last term is ½p|y − μ^L|²: the output is clamped at y, with precision p. Cross-entropy takes its
// place as it is.
//
// This is the convention f(Wx), values at the outputs of blocks. The other one, W·f(x), has them at the pre-activations;
// here it would not do, because a Skip would make a prediction depend on the values of all blocks below, and because the
// loss is one of the last block's output.
//
// Examples do not see each other, and F is a sum over them: nothing depends on N but the mean that energies are given as.
type relaxation[F params.Float] struct {
	net       *nets.NetOf[F]
	precision float64

	own   *nets.TraceOf[F] // the predictions; not block 0's, which stay those of the forward pass
	x     [][]F            // for each block but the last its values
	tried [][]F            // and those of the step that is tried
	slope [][]F            // and −∂F/∂x
	g     [][]F            // for each block ∂F/∂μ = −ε
	delta [][]F            // and ∂F/∂u
}

func newRelaxation[F params.Float](net *nets.NetOf[F], size int, precision float64) relaxation[F] {
	r := relaxation[F]{net: net, precision: precision, own: net.NewTrace(size)}
	for l := range net.Blocks() {
		r.g = append(r.g, make([]F, size*net.Output(l).Size()))
		r.delta = append(r.delta, make([]F, size*net.Pre(l).Size()))
	}
	for _, g := range r.g[:net.Blocks()-1] {
		r.x = append(r.x, make([]F, len(g)))
		r.tried = append(r.tried, make([]F, len(g)))
		r.slope = append(r.slope, make([]F, len(g)))
	}
	return r
}

// start puts the values at the forward pass in t, where every prediction but the last is right, and returns the energy.
func (r *relaxation[F]) start(t *nets.TraceOf[F]) float64 {
	copy(r.own.Labels, t.Labels)
	copy(r.own.Target, t.Target)
	for l, x := range r.x {
		copy(x, t.Out(l))
		clear(r.g[l])
	}
	return r.score(t)
}

// score sets the last block's g from the loss that the trace has, and returns the output's part of the energy.
func (r *relaxation[F]) score(t *nets.TraceOf[F]) float64 {
	top := r.g[len(r.g)-1]
	scale := F(r.precision * float64(t.N)) // E has 1/N in it
	for i, e := range t.E {
		top[i] = scale * e
	}
	return r.precision * t.Loss
}

// steer sets the slopes at the values that g was computed for. at has the predictions: the trace of the forward pass as
// long as no step was taken, then own.
func (r *relaxation[F]) steer(at *nets.TraceOf[F], theta []F) {
	for l := r.net.Blocks() - 1; l > 0; l-- {
		w, _ := r.net.Weights(theta, l)
		r.net.Delta(at, l, r.delta[l], r.g[l])
		r.net.Below(at, l, r.slope[l-1], w, r.delta[l])
		subtractFrom(r.slope[l-1], r.g[l-1])
	}
}

// try goes along the slopes and returns the energy there; accept stays there.
func (r *relaxation[F]) try(t *nets.TraceOf[F], theta []F, gamma float64) float64 {
	for l, x := range r.x {
		step(r.tried[l], x, r.slope[l], F(gamma))
	}
	return r.predict(t, theta, r.tried)
}

func (r *relaxation[F]) accept() { r.x, r.tried = r.tried, r.x }

// predict sets own and g for some values, and returns their energy. t is the forward pass with the same weights. The way is
// from the top down, because a block's prediction takes the place of its values.
func (r *relaxation[F]) predict(t *nets.TraceOf[F], theta []F, x [][]F) float64 {
	top := r.net.Blocks() - 1
	if top == 0 {
		return r.score(t)
	}
	for l := range top {
		copy(r.own.Out(l), x[l])
	}
	sum := 0.0
	for l := top; l > 0; l-- {
		r.net.ForwardBlock(r.own, theta, l)
		if l < top {
			sum += miss(r.g[l], r.own.Out(l), x[l])
		}
	}
	sum += miss(r.g[0], t.Out(0), x[0])
	r.net.ForwardFrom(r.own, theta, top+1) // the loss alone
	return sum/float64(t.N) + r.score(r.own)
}

// assign overwrites the signal of block l, such that δˡ times the block's input is the derivative of F/(p·N) summed over the
// batch. at is as in steer.
func (r *relaxation[F]) assign(s *SignalOf[F], t, at *nets.TraceOf[F], l int) {
	if l == 0 {
		at = t
	}
	r.net.Delta(at, l, s.Delta[l], r.g[l])
	scale := F(1 / (r.precision * float64(t.N)))
	for i := range s.Delta[l] {
		s.Delta[l][i] *= scale
	}
}

// assignAll overwrites all signals, and the inputs with the values.
func (r *relaxation[F]) assignAll(s *SignalOf[F], t, at *nets.TraceOf[F]) {
	for l := range r.g {
		r.assign(s, t, at, l)
		if l > 0 {
			s.Pre[l] = r.x[l-1]
		}
	}
}

// miss overwrites g with mu − x and returns half its square.
func miss[F params.Float](g, mu, x []F) float64 {
	sum := 0.0
	for i, v := range x {
		d := mu[i] - v
		g[i] = d
		sum += float64(d) * float64(d)
	}
	return sum / 2
}

func subtractFrom[F params.Float](y, x []F) {
	for i, v := range x {
		y[i] = v - y[i]
	}
}

// step overwrites y with x + gamma·slope.
func step[F params.Float](y, x, slope []F, gamma F) {
	for i, v := range x {
		y[i] = v + gamma*slope[i]
	}
}

// maxSteps is far above what is of use: relaxations converge in tens of steps.
const maxSteps = 1_000_000

// inference returns the settings that all relaxations share, or their defaults.
func inference(rule string, gamma float64, steps int, g float64, t int) (float64, int, error) {
	gamma, err := positive(rule, "gamma", gamma, g)
	if steps == 0 {
		steps = t
	}
	if err == nil && (steps < 1 || steps > maxSteps) {
		err = fmt.Errorf("credit: %s: %d steps; want 1 to %d", rule, steps, maxSteps)
	}
	return gamma, steps, err
}
