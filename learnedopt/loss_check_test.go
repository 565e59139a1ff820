package learnedopt_test

import (
	"math"
	"math/bits"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"gonum.org/v1/gonum/optimize/functions"

	"github.com/seed1498fded/unroll/checkpoints/zoo"
	"github.com/seed1498fded/unroll/internal/rng"
	"github.com/seed1498fded/unroll/learnedopt"
	"github.com/seed1498fded/unroll/learnedopt/handmade"
	"github.com/seed1498fded/unroll/params"
)

// A hostile problem is one on which rules come to grief: a function with its gradient, all data at once, from a start.
type hostile struct {
	name  string
	at    func(grad, x []float64) (loss float64)
	start []float64
	// fallback is a rule that is known to do well enough there.
	fallback learnedopt.Rule
	burst    int // steps from one gradient that is not a number to the next; 0: there are none
}

func gonums(f function, scale, offset float64) func(grad, x []float64) float64 {
	return func(grad, x []float64) float64 {
		f.Grad(grad, x)
		for i := range grad {
			grad[i] *= scale
		}
		return scale*f.Func(x) + offset
	}
}

// bowl is ½Σ cᵢ(rotated x)ᵢ², with c from 1 to kappa; its axes are turned by Householder's reflection, if so.
func bowl(n int, kappa float64, turned bool) func(grad, x []float64) float64 {
	u := make([]float64, n)
	rng.Normal(u, 11, 1)
	uu := 0.0
	for _, v := range u {
		uu += v * v
	}
	turn := func(x []float64) []float64 {
		y := slices.Clone(x)
		ux := 0.0
		for i := range x {
			ux += u[i] * x[i]
		}
		for i := range y {
			if turned {
				y[i] -= 2 * u[i] * ux / uu
			}
		}
		return y
	}
	return func(grad, x []float64) (loss float64) {
		y := turn(x)
		for i := range y {
			c := math.Pow(kappa, float64(i)/float64(n-1))
			loss += 0.5 * c * y[i] * y[i]
			y[i] *= c
		}
		copy(grad, turn(y))
		return loss
	}
}

func ones(n int) []float64 { return slices.Repeat([]float64{1}, n) }

func hostiles() []hostile {
	adam := func(lr float64) learnedopt.Rule { return &handmade.Adam{LR: lr} }
	rosenbrock := functions.ExtendedRosenbrock{}
	return []hostile{
		{"scale 1e6", gonums(rosenbrock, 1e6, 0), []float64{-1.2, 1, -1.2, 1}, adam(0.01), 0},
		{"scale 1e-6", gonums(rosenbrock, 1e-6, 0), []float64{-1.2, 1, -1.2, 1}, adam(0.01), 0},
		{"offset 1e6", gonums(rosenbrock, 1, 1e6), []float64{-1.2, 1, -1.2, 1}, adam(0.01), 0},
		{"NaN bursts", bowl(20, 100, false), ones(20), adam(0.01), 7},
		{"rotated axes", bowl(20, 1e3, true), ones(20), adam(0.01), 0},
		{"ill-conditioned", bowl(20, 1e6, false), ones(20), &handmade.SGD{LR: 1e-6}, 0},
		{"rosenbrock", gonums(rosenbrock, 1, 0), []float64{-1.2, 1}, &handmade.Momentum{LR: 5e-4}, 0},
		{"beale", gonums(functions.Beale{}, 1, 0), []float64{1, 1}, adam(0.01), 0},
	}
}

// suspects are rules that one would want guarded: the learned ones, bold hand-made ones, and some that are plainly wrong.
func suspects(t testing.TB) map[string]*learnedopt.Trained {
	all := map[string]*learnedopt.Trained{
		"uphill": trained(scaled(1e-3)), "uphill fast": trained(scaled(1)), "still": trained(scaled(0)),
		"nan": trained(scaled(math.NaN())), "huge": trained(scaled(-1e4)),
		"adam 1": trained(&handmade.Adam{LR: 1}), "momentum .1": trained(&handmade.Momentum{LR: 0.1}), "lion": trained(new(handmade.Lion)),
	}
	general, err := learnedopt.Named("general", nil) // as it is before it learns
	require.NoError(t, err)
	all["general"] = trained(general)
	for _, name := range zoo.Names() {
		tr, err := learnedopt.Load(learnedopt.ZooPrefix + name)
		require.NoError(t, err)
		all[name] = tr
	}
	return all
}

// run trains for so many steps, of gradients and losses that it asks for, and returns the loss at the end.
func (h hostile) run(t testing.TB, o *learnedopt.Optimizer, steps int) (float64, []float32) {
	theta, x := params.Convert[float32](h.start), make([]float64, len(h.start))
	g, grad := make([]float64, len(x)), make([]float32, len(x))
	ask := func() float64 {
		for i, w := range theta {
			x[i] = float64(w)
		}
		loss := h.at(g, x)
		for i, v := range g {
			grad[i] = float32(v)
		}
		return loss
	}
	for i := range steps {
		loss := ask()
		if h.burst > 0 && i%h.burst == h.burst-1 {
			copy(grad, nan(len(grad)))
		}
		require.NoError(t, o.StepLoss(theta, grad, loss))
	}
	require.NoError(t, o.Finish(theta, ask()))
	return ask(), theta
}

// Law: the guarded rule ends no worse than its fallback alone, with the steps that LossCheck is said to leave: all but those that
// are taken back where the rule wins no check, and a third where it does. NaN bursts can cost a turn besides.
func TestGuardedRuleIsNoWorseThanItsFallback(t *testing.T) {
	const steps, check = 1200, 10
	for _, h := range hostiles() {
		alone := func(n int) float64 {
			h := h
			h.burst = 0
			loss, _ := h.run(t, guarded(t, trained(h.fallback), len(h.start)), n)
			return loss
		}
		worst := h.at(make([]float64, len(h.start)), h.start)
		for name, tr := range suspects(t) {
			t.Run(h.name+"/"+name, func(t *testing.T) {
				guard := learnedopt.LossCheck{Fallback: h.fallback, Steps: check}
				o := guarded(t, tr, len(h.start), learnedopt.WithGuard(guard), learnedopt.SkipNonFinite())
				loss, _ := h.run(t, o, steps)
				c, left := o.Checks(), steps/3
				if c.Won == 0 {
					left = steps - c.TakenBack - o.Skipped() - check // the last check may be under way
					require.Less(t, c.Lost+c.Undone, 12)
				}
				require.LessOrEqual(t, loss, alone(left)*(1+1e-6)+1e-12*worst, "%+v", c)
				t.Logf("%.10g, fallback alone %.10g, %+v", loss, alone(steps), c)
			})
		}
	}
}

// Law: of a rule that loses every check only the fallback is left, to the bit, less the steps of the checks.
func TestRuleThatLosesLeavesTheFallback(t *testing.T) {
	const check, longest, steps = 10, 80, 700
	for _, h := range hostiles()[4:6] {
		for _, loser := range []learnedopt.Rule{scaled(1e-3), scaled(0), h.fallback} { // the last by a draw
			c := learnedopt.LossCheck{Fallback: h.fallback, Steps: check, Longest: longest}
			o, fallback := guarded(t, trained(loser), len(h.start), learnedopt.WithGuard(c)), guarded(t, trained(h.fallback), len(h.start))
			theta, alone := params.Convert[float32](h.start), params.Convert[float32](h.start)
			g := make([]float64, len(theta))
			step := func(o *learnedopt.Optimizer, theta []float32) {
				loss := h.at(g, params.Convert[float64](theta))
				require.NoError(t, o.StepLoss(theta, params.Convert[float32](g), loss))
			}
			checks := 0
			for taken, time := 0, check; taken < steps; time = min(2*time, longest) {
				for range check {
					step(o, theta)
				}
				for range check + time {
					step(o, theta)
					step(fallback, alone)
					require.Equal(t, alone, theta)
				}
				taken += 2*check + time
				checks++
				require.Equal(t, learnedopt.Checks{Lost: checks, TakenBack: check * checks}, o.Checks())
			}
			require.LessOrEqual(t, checks, bits.Len(steps/check+1)+steps/(2*check+longest))
		}
	}
}
