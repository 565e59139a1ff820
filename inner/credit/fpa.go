package credit

import (
	"fmt"

	"github.com/seed1498fded/unroll/inner/nets"
	"github.com/seed1498fded/unroll/params"
)

// FixedPredictionOf is predictive coding under the fixed-prediction assumption (Millidge, Tschantz and Buckley
// 2020): predictions and their Jacobians stay those of the forward pass, and only the errors move,
//
//	εˡ ← (1−γ)εˡ + γ·Jˡ⁺¹ᵀεˡ⁺¹,  ε^L = −∂loss/∂h^L,  εˡ = 0 at the start;  δˡ = −φ'ᵀεˡ, times the forward hˡ⁻¹.
//
// The fixed point is backprop, which is what makes this backprop by another schedule (Rosenbaum 2022); nothing variational
// is left (Zahid et al. 2023). On the way there, after T steps, the block k below the last has backprop's δ times the
// probability of at least k successes in T trials with probability γ: with γ = 1 all of it from T = k on, and nothing
// before. With the defaults, four blocks are within 1e-4 of it.
type FixedPredictionOf[F params.Float] struct {
	Gamma      float64 `json:"gamma"`      // γ, above 0, up to 1; 0.5 if zero
	Steps      int     `json:"steps"`      // T; 20 if zero
	Sequential bool    `json:"sequential"` // each step goes from the top down and sees what it has changed, T+k−1 trials in place of T; else all move at once
}

// Name implements RuleOf.
func (FixedPredictionOf[F]) Name() string { return "fpa" }

// Bind implements RuleOf.
func (r FixedPredictionOf[F]) Bind(net *nets.NetOf[F], size int) (AssignerOf[F], error) {
	gamma, steps, err := inference("fpa", r.Gamma, r.Steps, 0.5, 20)
	if err != nil {
		return nil, err
	}
	if gamma > 1 {
		return nil, fmt.Errorf("credit: fpa: gamma is %v, want 1 or less", gamma)
	}
	f := &fpa[F]{walk: newWalk(net, size), gamma: F(gamma), steps: steps, sweep: (*fpa[F]).parallel}
	if r.Sequential {
		f.sweep = (*fpa[F]).sequential
	}
	for l := range net.Blocks() {
		f.incoming = append(f.incoming, make([]F, size*net.Input(l).Size()))
	}
	return f, nil
}

// In an fpa, dh is −ε.
type fpa[F params.Float] struct {
	fixed
	walk[F]
	gamma    F
	steps    int
	sweep    func(f *fpa[F], s *SignalOf[F], t *nets.TraceOf[F], theta []F, step int)
	incoming [][]F // for each block the cotangent of its input
}

func (*fpa[F]) Init(_, _ []F, _ uint64) {}

func (f *fpa[F]) Assign(s *SignalOf[F], t *nets.TraceOf[F], theta, _ []F, _ uint64) error {
	top := f.net.Blocks() - 1
	for _, dh := range f.dh[:top] {
		clear(dh)
	}
	copy(f.dh[top], t.E)
	for k := range f.steps {
		f.sweep(f, s, t, theta, k+1)
	}
	for l, dh := range f.dh {
		f.net.Delta(t, l, s.Delta[l], dh)
	}
	return nil
}

// parallel moves all errors at once: from the bottom up, each is computed from one not yet moved. Those that the target has
// not reached are left alone.
func (f *fpa[F]) parallel(s *SignalOf[F], t *nets.TraceOf[F], theta []F, step int) {
	top := f.net.Blocks() - 1
	for l := max(0, top-step); l < top; l++ {
		f.move(s, t, theta, l)
	}
}

func (f *fpa[F]) sequential(s *SignalOf[F], t *nets.TraceOf[F], theta []F, _ int) {
	for l := f.net.Blocks() - 2; l >= 0; l-- {
		f.move(s, t, theta, l)
	}
}

// move takes one step of block l's error. s is scratch.
func (f *fpa[F]) move(s *SignalOf[F], t *nets.TraceOf[F], theta []F, l int) {
	w, _ := f.net.Weights(theta, l+1)
	f.net.Delta(t, l+1, s.Delta[l+1], f.dh[l+1])
	f.net.Below(t, l+1, f.incoming[l+1], w, s.Delta[l+1])
	for i, v := range f.incoming[l+1] {
		f.dh[l][i] = (1-f.gamma)*f.dh[l][i] + f.gamma*v
	}
}
