package es_test

import (
	"context"
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed1498fded/unroll/internal/rng"
	"github.com/seed1498fded/unroll/meta"
	"github.com/seed1498fded/unroll/meta/es"
	"github.com/seed1498fded/unroll/params"
)

// A system is a vector, how a step moves it, and what its loss is; it is what most test systems need.
type system struct {
	size int
	init func(state []float64)
	step func(state, phi []float64, t int) (loss float64)
}

func (s system) State() params.Layout { return params.Layout{{Name: "s", Shape: []int{s.size}}} }

func (s system) Start(state, _ []float64, _ es.Episode) error {
	clear(state)
	if s.init != nil {
		s.init(state)
	}
	return nil
}

func (s system) Unroll(ctx context.Context, losses []float64, state, phi []float64, _ es.Episode, from int) error {
	for i := range losses {
		losses[i] = s.step(state, phi, from+i)
	}
	return ctx.Err()
}

func newES(t *testing.T, s system, phi int, c es.ConfigOf[float64]) *es.EstimatorOf[float64] {
	t.Helper()
	c.NewSystem, c.Phi = func() (es.SystemOf[float64], error) { return s, nil }, params.Layout{{Name: "phi", Shape: []int{phi}}}
	e, err := es.New(c)
	require.NoError(t, err)
	return e
}

func estimate(t *testing.T, e *es.EstimatorOf[float64], phi []float64, key uint64) []float64 {
	t.Helper()
	grad := make([]float64, len(phi))
	_, err := e.Estimate(context.Background(), grad, phi, key)
	require.NoError(t, err)
	return grad
}

// Law: where an episode's loss is Σ a_i phi_i, linear in the phi of each window i, the estimates of an episode add up to A = Σa on
// average, with the variances that follow from Gaussian moments: dτΣ|a|² + |A|² for PES and (d+1)|A|² for NRES, with τ windows and d
// numbers in phi. Truncated ES only sees what its last window does.
func TestLinear(t *testing.T) {
	a := []float64{1, -2, 0.5, 3}
	s := system{size: 4, step: func(state, phi []float64, t int) float64 {
		// Each window's phi moves the last loss by its own sensitivity, and no other.
		state[t] = a[t] * phi[0]
		if t < len(a)-1 {
			return 0
		}
		return state[0] + state[1] + state[2] + state[3]
	}}
	for method, want := range map[es.Method]struct{ mean, variance float64 }{
		es.PES: {2.5, 63.25}, es.NRES: {2.5, 12.5}, es.GPES: {2.5, 63.25}, es.Truncated: {3, 18},
	} {
		const n = 40000
		var sum, square, fourth float64
		e := newES(t, s, 1, es.ConfigOf[float64]{
			Settings: es.Settings{Method: method, Pairs: 1, Sigma: 0.1, K: map[bool]int{true: 1}[method == es.GPES], Together: true},
			Horizon:  4, Window: 1, Objective: meta.Sum, Workers: 1,
		})
		phi, grad := []float64{0.7}, make([]float64, 1)
		for i := range uint64(n) {
			total := 0.0
			for w := range uint64(4) {
				_, err := e.Estimate(context.Background(), grad, phi, rng.Split(i, w))
				require.NoError(t, err)
				total += grad[0]
			}
			sum += total
			square += (total - want.mean) * (total - want.mean)
			fourth += math.Pow(total-want.mean, 4)
		}
		variance := square / n
		require.InDelta(t, want.mean, sum/n, 4*math.Sqrt(want.variance/n), "mean of %s", method)
		require.InDelta(t, want.variance, variance, 4*math.Sqrt((fourth/n-variance*variance)/n), "variance of %s", method)
		t.Logf("%s: mean %.3f, variance %.2f", method, sum/n, variance)
	}
}

// influence is s ← A s + phi·(+1 ×10, −1 ×13), A = ½I + ½ superdiagonal, with the loss ½(s₁−1)² (Vicol, Metz, Sohl-Dickstein 2021):
// what phi does to s₁ soon and late have opposite signs, and at rest s₁ = −6 phi.
func influence() system {
	const n = 23
	return system{
		size: n,
		init: func(state []float64) {
			for i := range state {
				state[i] = 1
			}
		},
		step: func(s, phi []float64, _ int) float64 {
			for i := range s {
				next, sign := 0.0, 1.0
				if i+1 < n {
					next = s[i+1]
				}
				if i >= 10 {
					sign = -1
				}
				s[i] = (s[i]+next)/2 + sign*phi[0]
			}
			return (s[0] - 1) * (s[0] - 1) / 2
		},
	}
}

// sensitivity is the derivative of s₁ after k steps with respect to phi, in the same coordinates.
func sensitivity(k int) float64 {
	s, d := influence(), make([]float64, 23)
	for range k {
		s.step(d, []float64{1}, 0) // linear, from zero
	}
	return d[0]
}

// Law: a derivative that is cut after 40 steps or fewer has the wrong sign. PES, NRES and GPES, with windows of a single step, follow
// the exact online gradient all the same; truncated ES goes the wrong way.
func TestInfluenceBalancing(t *testing.T) {
	for k, want := range map[int]float64{1: 1, 10: 10, 20: 16.476, 40: 0.5655, 50: -4.7527, 100: -6} {
		require.InDelta(t, want, sensitivity(k), 1e-3*max(1, math.Abs(want)), "after %d steps", k)
	}
	// online moves phi by the exact derivative of the loss that is met, with respect to all phi since the start.
	online := func(rate float64, steps int) float64 {
		s, d, phi := influence(), make([]float64, 23), 0.5
		state := make([]float64, 23)
		s.init(state)
		for range steps {
			s.step(d, []float64{1}, 0)
			s.step(state, []float64{phi}, 0)
			phi -= rate * (state[0] - 1) * d[0]
		}
		return phi
	}
	require.InDelta(t, 0.17235, online(1e-4, 100), 0.01)
	require.InDelta(t, -0.165803, online(1e-4, 1000), 1e-3)
	const steps, rate = 600, 1e-4
	for method, right := range map[es.Method]bool{es.PES: true, es.NRES: true, es.GPES: true, es.Truncated: false} {
		e := newES(t, influence(), 1, es.ConfigOf[float64]{
			Settings: es.Settings{Method: method, Pairs: 300, Sigma: 0.1, Together: true, K: map[bool]int{true: 5}[method == es.GPES]},
			Horizon:  5000, Window: 1, Workers: 2,
		})
		phi := []float64{0.5}
		for i := range uint64(steps) {
			phi[0] -= rate * estimate(t, e, phi, rng.Split(7, i))[0]
		}
		t.Logf("%s: phi %.4f after %d steps, exact online %.4f", method, phi[0], steps, online(rate, steps))
		if right {
			require.InDelta(t, online(rate, steps), phi[0], 0.05, "%s", method)
		} else {
			require.Greater(t, phi[0], 0.5, "%s goes the wrong way", method)
		}
	}
}

// lorenz is the system of Lorenz 1963 with the logarithms of a and r to be learned, against itself at (10, 28), by Euler steps of
// 0.005, as in Li et al. 2023. phi stands behind a scale, which makes σ what they take.
func lorenz() system {
	const dt = 0.005
	move := func(s []float64, a, r float64) {
		x, y, z := s[0], s[1], s[2]
		s[0], s[1], s[2] = x+dt*a*(y-x), y+dt*(x*(r-z)-y), z+dt*(x*y-8.0/3*z)
	}
	return system{
		size: 6,
		init: func(s []float64) { copy(s, []float64{1.2, 1.3, 1.6, 1.2, 1.3, 1.6}) },
		step: func(s, phi []float64, _ int) float64 {
			move(s[:3], math.Exp(phi[0]), math.Exp(phi[1]))
			move(s[3:], 10, 28)
			return (s[2] - s[5]) * (s[2] - s[5])
		},
	}
}

// Law: on a chaotic system the exact derivative is huge and points anywhere; that of the smoothed loss, which ES estimates, is of the
// size of what there is to gain, and its sign is right.
func TestLorenz(t *testing.T) {
	phi := []float64{3.116, 3.7}
	mean := func(phi []float64) float64 {
		s, state, sum := lorenz(), make([]float64, 6), 0.0
		s.init(state)
		for i := range 2000 {
			sum += s.step(state, phi, i) / 2000
		}
		return sum
	}
	require.InDelta(t, 353.2994, mean(phi), 1e-3)
	const h = 1e-9
	exact := (mean([]float64{phi[0], phi[1] + h}) - mean([]float64{phi[0], phi[1] - h})) / (2 * h)
	e := newES(t, lorenz(), 2, es.ConfigOf[float64]{
		Settings: es.Settings{Method: es.Full, Pairs: 400, Sigma: 0.04}, Horizon: 2000, Objective: meta.Mean,
	})
	grad := estimate(t, e, phi, 1)
	t.Logf("exact %.3g, ES %.4g", exact, grad[1])
	require.Less(t, exact, -1e5)
	require.InDelta(t, 1106, grad[1], 4*120)
	require.Greater(t, math.Abs(exact/grad[1]), 300.0)
}
