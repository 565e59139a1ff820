package learnedopt_test

import (
	"errors"
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"gonum.org/v1/gonum/optimize"
	G "gorgonia.org/gorgonia"

	"github.com/seed1498fded/unroll/internal/rng"
	"github.com/seed1498fded/unroll/learnedopt"
	"github.com/seed1498fded/unroll/learnedopt/handmade"
	"github.com/seed1498fded/unroll/learnedopt/stepsize"
	"github.com/seed1498fded/unroll/params"
)

func TestGuardNamed(t *testing.T) {
	lion := new(handmade.Lion)
	for text, want := range map[string]learnedopt.Guard{
		"none": nil, "clip": learnedopt.ClipStep{}, "graft": learnedopt.Graft{}, "loss-check": learnedopt.LossCheck{},
		"graft(lion)": learnedopt.Graft{Fallback: lion}, "loss-check(lion)": learnedopt.LossCheck{Fallback: lion},
	} {
		g, err := learnedopt.GuardNamed(text)
		require.NoError(t, err, text)
		require.Equal(t, want, g)
	}
	for text, want := range map[string]string{
		"":           `unknown guard ""; want none, clip, graft, graft(RULE), loss-check or loss-check(RULE)`,
		"clip(adam)": `unknown guard "clip(adam)"`,
		"graft(adam": `unknown guard "graft(adam"`,
		"graft(Bob)": `unknown rule "Bob"; want one of sgd`,
	} {
		_, err := learnedopt.GuardNamed(text)
		require.ErrorContains(t, err, "learnedopt: "+want)
	}
	for want, g := range map[string]learnedopt.Guard{
		"clip": learnedopt.ClipStep{}, "graft(adam)": learnedopt.Graft{}, "loss-check(lion)": learnedopt.LossCheck{Fallback: lion},
	} {
		require.Equal(t, want, g.String())
	}
}

// What a guard can't work with is refused before the first step.
func TestGuardsRefused(t *testing.T) {
	for want, opt := range map[string]learnedopt.Option{
		"WithGuard: the limit is -1, want a number above 0":                              learnedopt.WithGuard(learnedopt.ClipStep{Limit: -1}),
		"WithGuard: the floor is +Inf, want a number above 0":                            learnedopt.WithGuard(learnedopt.ClipStep{Floor: math.Inf(1)}),
		"WithGuard: the fallback: sgd: lr is -1, want a number above 0":                  learnedopt.WithGuard(learnedopt.Graft{Fallback: &handmade.SGD{LR: -1}}),
		"WithGuard: the steps of a check are -1, want at least 1":                        learnedopt.WithGuard(learnedopt.LossCheck{Steps: -1}),
		"WithGuard: the longest time alone is 5, want at least the steps of a check, 10": learnedopt.WithGuard(learnedopt.LossCheck{Longest: 5}),
		"WithGuard: the steps between two looks are -2, want at least 1":                 learnedopt.WithGuard(learnedopt.LossCheck{Watch: -2}),
		"WithGuard: the alarm is NaN, want a number above 0":                             learnedopt.WithGuard(learnedopt.LossCheck{Alarm: math.NaN()}),
		"WithLoss: the function is nil":                                                  learnedopt.WithLoss(nil),
		"LossCheck is not told the loss; want WithLoss, or StepLoss in Step's place":     learnedopt.WithGuard(learnedopt.LossCheck{}),
		"polyak reads the loss; want StepLoss":                                           learnedopt.WithGuard(learnedopt.Graft{Fallback: new(stepsize.Polyak)}),
		"the loss of WithLoss: no disk": learnedopt.Option(func(s G.Solver) {
			learnedopt.WithGuard(learnedopt.LossCheck{})(s)
			learnedopt.WithLoss(func() (float64, error) { return 0, errors.New("no disk") })(s)
		}),
	} {
		t.Run(want, func(t *testing.T) {
			o, err := trained(new(handmade.SGD)).New(vector(2), opt)
			theta := []float32{1, 2}
			if err == nil {
				err = o.Step(theta, []float32{1, 1})
			}
			require.ErrorContains(t, err, want)
			require.Equal(t, []float32{1, 2}, theta)
		})
	}
	_, err := optimize.Minimize(quadratic, []float64{1, 1}, nil,
		trained(new(handmade.SGD)).Method(learnedopt.WithLoss(func() (float64, error) { return 0, nil })))
	require.EqualError(t, err, "learnedopt: WithLoss is no option of Method")
}

// No guard is no change, to the bit.
func TestNoGuardIsNone(t *testing.T) {
	for _, tr := range everybody(t) {
		theta := make([]float32, 40)
		require.Equal(t, trajectory(t, guarded(t, tr, 40), theta, 0, 4),
			trajectory(t, guarded(t, tr, 40, learnedopt.WithGuard(learnedopt.ClipStep{}), learnedopt.WithGuard(nil)), theta, 0, 4))
	}
}

func norm(v []float32) float64 {
	sum := 0.0
	for _, x := range v {
		sum += float64(x) * float64(x)
	}
	return math.Sqrt(sum)
}

// Law: no tensor moves further than the limit says, and a step that is short enough is the rule's to the bit.
func TestClipStep(t *testing.T) {
	layout := params.Layout{{Name: "w", Shape: []int{4, 5}}, {Name: "b", Shape: []int{6}}}
	const limit, floor, rate = 0.05, 0.001, 2
	clipped := 0
	for _, tr := range everybody(t) {
		o, err := tr.New(layout, learnedopt.WithGuard(learnedopt.ClipStep{Limit: limit, Floor: floor}), learnedopt.WithRate(rate))
		require.NoError(t, err)
		free, err := tr.New(layout, learnedopt.WithRate(rate))
		require.NoError(t, err)
		theta, grad := make([]float32, 26), make([]float32, 26)
		rng.Normal(theta[:20], 3, 1) // the bias starts at zero
		for i := range uint64(20) {
			rng.Normal(grad, i, math.Pow(10, float64(i%7)))
			before, other := slices.Clone(theta), slices.Clone(theta)
			require.NoError(t, o.Step(theta, grad))
			require.NoError(t, free.Step(other, grad))
			for _, part := range [][2]int{{0, 20}, {20, 26}} {
				was, is, would := before[part[0]:part[1]], theta[part[0]:part[1]], other[part[0]:part[1]]
				most := limit * max(norm(was), floor*math.Sqrt(float64(len(was))))
				moved, wish := distance(is, was), distance(would, was)
				require.LessOrEqual(t, moved, most*(1+1e-4)+1e-6*norm(was), tr.Rule.Name())
				if wish < most*(1-1e-4) {
					require.Equal(t, would, is)
				} else {
					require.InEpsilon(t, min(most, wish), moved, 1e-2)
					clipped++
				}
			}
		}
	}
	require.Greater(t, clipped, 100)
}

func distance(a, b []float32) float64 {
	d := slices.Clone(a)
	for i := range d {
		d[i] -= b[i]
	}
	return norm(d)
}

// Law: a graft is as long as the fallback's step from the same point and gradients, and goes where the rule's own goes.
func TestGraft(t *testing.T) {
	const n, rate = 30, 0.5
	for _, tr := range everybody(t) {
		o := guarded(t, tr, n, learnedopt.WithGuard(learnedopt.Graft{Fallback: &handmade.AdamW{Decay: 0.1}}), learnedopt.WithRate(rate))
		own, other := guarded(t, tr, n), guarded(t, trained(&handmade.AdamW{Decay: 0.1}), n)
		theta, grad := make([]float32, n), make([]float32, n)
		rng.Normal(theta, 1, 0.01)
		for i := range uint64(10) {
			holey(grad, i, every(5), 0.1)
			zero, a, b := slices.Clone(theta), slices.Clone(theta), slices.Clone(theta)
			require.NoError(t, own.Step(a, grad))
			require.NoError(t, other.Step(b, grad))
			require.NoError(t, o.Step(theta, grad))
			require.InEpsilon(t, rate*distance(b, zero), distance(theta, zero), 1e-3, tr.Rule.Name())
			dot := 0.0
			for k := range zero {
				dot += float64(a[k]-zero[k]) * float64(theta[k]-zero[k])
			}
			require.InDelta(t, 1, dot/distance(a, zero)/distance(theta, zero), 1e-3)
		}
	}
}

// Where a rule proposes nothing, or what is no step, the fallback's is taken, to the bit; weights decay apart from both.
func TestGraftOfNothing(t *testing.T) {
	for _, r := range []learnedopt.Rule{scaled(0), scaled(math.Inf(1)), scaled(math.NaN())} {
		graft := learnedopt.WithGuard(learnedopt.Graft{Fallback: &handmade.Adam{LR: 0.1}})
		o := guarded(t, trained(r), 5, graft, learnedopt.WithWeightDecay(0.01))
		adam := guarded(t, trained(&handmade.Adam{LR: 0.1}), 5, learnedopt.WithWeightDecay(0.01))
		theta := []float32{1, 2, 3, 4, 5}
		require.Equal(t, trajectory(t, adam, theta, 0, 5), trajectory(t, o, theta, 0, 5))
	}
}

// scaled steps by so much of the gradient: uphill, where it is above 0.
type scaled float64

func (scaled) Name() string           { return "scaled" }
func (scaled) Spec() learnedopt.Spec  { return learnedopt.Spec{Reads: learnedopt.Grad} }
func (scaled) Init([]float32, uint64) {}
func (s scaled) Update(in learnedopt.Inputs) (learnedopt.Outputs, error) {
	by := G.NodeFromAny(in.Tensors[0].Grad.Graph(), float32(s), G.WithName("by"))
	if in.Tensors[0].Grad.Dtype() == G.Float64 {
		by = G.NodeFromAny(in.Tensors[0].Grad.Graph(), float64(s), G.WithName("by"))
	}
	step, err := G.Mul(in.Tensors[0].Grad, by)
	return learnedopt.One(step, nil), err
}
