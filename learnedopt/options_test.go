package learnedopt_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
	"gonum.org/v1/gonum/optimize"
	G "gorgonia.org/gorgonia"

	"github.com/seed1498fded/unroll/internal/graph"
	"github.com/seed1498fded/unroll/internal/rng"
	"github.com/seed1498fded/unroll/learnedopt"
	"github.com/seed1498fded/unroll/learnedopt/handmade"
	"github.com/seed1498fded/unroll/params"
)

// One step of gradient descent shows what each option does, in closed form.
func TestOptions(t *testing.T) {
	theta, grad := []float32{1, -2, 0.5, 3}, []float32{3, -4, 0, 12} // of length 13
	for _, tt := range []struct {
		name string
		opts []learnedopt.Option
		want []float64 // step
	}{
		{"none", nil, []float64{-0.3, 0.4, 0, -1.2}},
		{"rate", []learnedopt.Option{learnedopt.WithRate(2)}, []float64{-0.6, 0.8, 0, -2.4}},
		{"the last counts", []learnedopt.Option{learnedopt.WithRate(2), learnedopt.WithRate(3)}, []float64{-0.9, 1.2, 0, -3.6}},
		{"batch size", []learnedopt.Option{learnedopt.WithBatchSize(4)}, []float64{-0.075, 0.1, 0, -0.3}},
		{"clip", []learnedopt.Option{learnedopt.WithClip(3.5)}, []float64{-0.3, 0.35, 0, -0.35}},
		{"norm", []learnedopt.Option{learnedopt.WithClipNorm(6.5)}, []float64{-0.15, 0.2, 0, -0.6}},
		{"norm that is not reached", []learnedopt.Option{learnedopt.WithClipNorm(14)}, []float64{-0.3, 0.4, 0, -1.2}},
		{"clip, then norm", []learnedopt.Option{learnedopt.WithClipNorm(2.5), learnedopt.WithClip(4)},
			[]float64{-0.3 * 2.5 / 6.403124, 0.4 * 2.5 / 6.403124, 0, -0.4 * 2.5 / 6.403124}},
		{"clip after batch size", []learnedopt.Option{learnedopt.WithClip(2), learnedopt.WithBatchSize(2)}, []float64{-0.15, 0.2, 0, -0.2}},
		// The third weight has not had a gradient yet: it does not decay.
		{"decay", []learnedopt.Option{learnedopt.WithWeightDecay(0.1)}, []float64{-0.4, 0.6, 0, -1.5}},
		{"decay by the rate", []learnedopt.Option{learnedopt.WithWeightDecay(0.1), learnedopt.WithRate(2)}, []float64{-0.8, 1.2, 0, -3}},
		{"decay of all", []learnedopt.Option{learnedopt.WithWeightDecay(0.1), learnedopt.EveryCoordinate()}, []float64{-0.4, 0.6, -0.05, -1.5}},
		{"sparse decay", []learnedopt.Option{learnedopt.WithWeightDecay(0.1), learnedopt.Sparse()}, []float64{-0.4, 0.6, 0, -1.5}},
		{"gorgonia's clip", []learnedopt.Option{G.WithClip(3.5)}, []float64{-0.3, 0.35, 0, -0.35}},
		{"gorgonia's batch size", []learnedopt.Option{G.WithBatchSize(4)}, []float64{-0.075, 0.1, 0, -0.3}},
		{"gorgonia's batch size, of one", []learnedopt.Option{G.WithBatchSize(1)}, []float64{-0.3, 0.4, 0, -1.2}},
		// A regularised weight has a gradient.
		{"gorgonia's L2", []learnedopt.Option{G.WithL2Reg(1)}, []float64{-0.4, 0.6, -0.05, -1.5}},
		{"gorgonia's L1", []learnedopt.Option{G.WithL1Reg(1)}, []float64{-0.4, 0.5, -0.1, -1.3}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			o := guarded(t, trained(&handmade.SGD{LR: 0.1}), 4, tt.opts...)
			got := make([]float32, 4)
			copy(got, theta)
			require.NoError(t, o.Step(got, grad))
			require.Equal(t, []float32{3, -4, 0, 12}, grad, "the caller's gradient is only read")
			f64 := valueGrad{value: dense([]int{4}, params.Convert[float64](theta)...), grad: dense([]int{4}, params.Convert[float64](grad)...)}
			require.NoError(t, trained(&handmade.SGD{LR: 0.1}).Solver(tt.opts...).Step([]G.ValueGrad{f64}))
			for i, x := range graph.Floats[float64](f64.value) {
				require.InDelta(t, tt.want[i], got[i]-theta[i], 1e-6)
				require.InDelta(t, tt.want[i], x-float64(theta[i]), 1e-6)
			}
		})
	}
}

// L1 regularisation pulls a weight towards zero, and lets it be there.
func TestL1AtZero(t *testing.T) {
	theta := []float32{0, 2}
	require.NoError(t, guarded(t, trained(&handmade.SGD{LR: 0.1}), 2, G.WithL1Reg(0.5)).Step(theta, []float32{1, 1}))
	require.InDeltaSlice(t, []float32{-0.1, 1.85}, theta, 1e-6)
}

// Gorgonia's options do what they do to Gorgonia's solvers.
func TestGorgoniasOptionsAsInGorgonia(t *testing.T) {
	opts := []G.SolverOpt{G.WithClip(0.3), G.WithBatchSize(8), G.WithL1Reg(0.05), G.WithL2Reg(0.1)}
	both := func(s G.Solver) { // an option of somebody's own
		for _, opt := range opts {
			opt(s)
		}
	}
	for _, given := range [][]G.SolverOpt{opts, {both}} {
		for _, tt := range []struct {
			ours   learnedopt.Rule
			theirs G.Solver
			within float64
		}{
			{&handmade.SGD{LR: 0.1}, G.NewVanillaSolver(append([]G.SolverOpt{G.WithLearnRate(0.1)}, opts...)...), 1e-6},
			{&handmade.Adam{LR: 0.1}, G.NewAdamSolver(append([]G.SolverOpt{G.WithLearnRate(0.1)}, opts...)...), 1e-5},
		} {
			pair := func() []G.ValueGrad {
				return []G.ValueGrad{valueGrad{value: dense[float64]([]int{2, 2}, 1, -2, 3, 0.1), grad: dense[float64]([]int{2, 2}, 0, 0, 0, 0)}}
			}
			a, b := pair(), pair()
			ours := trained(tt.ours).Solver(given...)
			for i := range uint64(30) {
				for _, model := range [][]G.ValueGrad{a, b} {
					g, _ := model[0].Grad()
					rng.Normal(graph.Floats[float64](g), i, 3)
				}
				require.NoError(t, ours.Step(a))
				require.NoError(t, tt.theirs.Step(b))
			}
			require.InDeltaSlice(t, b[0].Value().Data(), a[0].Value().Data(), tt.within)
		}
	}
}

// What can't be honoured is refused by its name, with the remedy, by all three faces.
func TestOptionsRefused(t *testing.T) {
	settings := "; for others make another rule, such as &handmade.Adam{Beta1: 0.8}"
	for want, opts := range map[string][]learnedopt.Option{
		"WithRate: the rate is 0, want a number above 0":                                                        {learnedopt.WithRate(0)},
		"WithRate: the rate is NaN, want a number above 0":                                                      {learnedopt.WithRate(math.NaN())},
		"WithBatchSize: the batch size is 0, want at least 1":                                                   {learnedopt.WithBatchSize(0)},
		"WithClip: the limit is -1, want a number above 0":                                                      {learnedopt.WithClip(-1)},
		"WithClipNorm: the limit is +Inf, want a number above 0":                                                {learnedopt.WithClipNorm(math.Inf(1))},
		"WithWeightDecay: the decay is 1, want a number of at least 0 and below 1":                              {learnedopt.WithWeightDecay(1)},
		"EveryCoordinate: Sparse and EveryCoordinate exclude each other":                                        {learnedopt.Sparse(), learnedopt.EveryCoordinate()},
		"gorgonia.WithLearnRate: a trained rule has no learning rate; learnedopt.WithRate multiplies its steps": {G.WithLearnRate(0.001)},
		"gorgonia.WithEps: a trained rule keeps its own settings" + settings:                                    {G.WithEps(1e-8)},
		"gorgonia.WithBeta1: a trained rule keeps its own settings" + settings:                                  {G.WithBeta1(0.9)},
		"gorgonia.WithBeta2: a trained rule keeps its own settings" + settings:                                  {G.WithClip(1), G.WithBeta2(0.999)},
		"gorgonia.WithRho: a trained rule keeps its own settings" + settings:                                    {G.WithRho(0.999)},
		"gorgonia.WithMomentum: a trained rule keeps its own settings" + settings:                               {G.WithMomentum(0.9)},
		"gorgonia.WithClip: the limit is 0, want a number above 0":                                              {G.WithClip(0)},
		"gorgonia.WithBatchSize: the batch size is 0, want at least 1":                                          {G.WithBatchSize(0)},
		"gorgonia.WithBatchSize: the batch size is NaN, want at least 1":                                        {G.WithBatchSize(math.NaN())},
		"gorgonia.WithL2Reg: the factor is -1, want a number of at least 0":                                     {G.WithL2Reg(-1)},
		"gorgonia.WithL1Reg: the factor is NaN, want a number of at least 0":                                    {G.WithL1Reg(math.NaN())},
		"option 2: sets nothing that gorgonia's solvers have; want options of learnedopt or gorgonia":           {G.WithClip(1), func(G.Solver) {}},
		"option 1: sets nothing that gorgonia's solvers have; want options of learnedopt or gorgonia":           {nil},
		"option 3: sets nothing that gorgonia's solvers have; want options of learnedopt or gorgonia": {
			learnedopt.WithRate(1), G.WithL2Reg(0), func(s G.Solver) { _ = s.(*G.AdaGradSolver) }},
	} {
		t.Run(want, func(t *testing.T) {
			sgd, want := trained(new(handmade.SGD)), "learnedopt: "+want
			require.Less(t, len(want), 300)
			_, err := sgd.New(vector(1), opts...)
			require.EqualError(t, err, want)

			w := valueGrad{value: G.NewF32(1), grad: G.NewF32(1)}
			s := sgd.Solver(opts...)
			for range 2 {
				require.EqualError(t, s.Step([]G.ValueGrad{w}), want)
			}
			require.EqualValues(t, 1, *w.value.(*G.F32))
			_, err = s.MarshalBinary()
			require.EqualError(t, err, want)
			require.EqualError(t, s.UnmarshalBinary(nil), want)

			r, err := optimize.Minimize(quadratic, []float64{1, 1}, nil, sgd.Method(opts...))
			require.EqualError(t, err, want)
			require.Equal(t, optimize.Failure, r.Status)
			require.Zero(t, r.FuncEvaluations+r.MajorIterations)
		})
	}
}

// Some options make sense on one face only.
func TestOptionsOfOneFace(t *testing.T) {
	sgd := trained(new(handmade.SGD))
	_, err := sgd.New(vector(1), learnedopt.WithPatience(3))
	require.EqualError(t, err, "learnedopt: WithPatience is no option of New")
	require.EqualError(t, sgd.Solver(learnedopt.WithPatience(3)).Step(nil), "learnedopt: WithPatience is no option of Solver")
	_, err = optimize.Minimize(quadratic, []float64{1, 1}, nil, sgd.Method(learnedopt.SkipNonFinite()))
	require.EqualError(t, err, "learnedopt: SkipNonFinite is no option of Method")
	_, err = optimize.Minimize(quadratic, []float64{1, 1}, nil, sgd.Method(learnedopt.WithPatience(0)))
	require.EqualError(t, err, "learnedopt: WithPatience: the patience is 0, want at least 1")
}

// Gorgonia's solvers would pass over an option of ours in silence.
func TestOurOptionsOnGorgoniasSolvers(t *testing.T) {
	require.PanicsWithValue(t, "learnedopt: WithRate was given to a *gorgonia.AdamSolver, which does not know it",
		func() { G.NewAdamSolver(learnedopt.WithRate(2)) })
}

// A sum over the minibatch and its size are the mean.
func TestBatchSizeUndoesASum(t *testing.T) {
	tr, err := learnedopt.Load("zoo:lstm-quadratic")
	require.NoError(t, err)
	mean, sum := guarded(t, tr, 5), guarded(t, tr, 5, learnedopt.WithBatchSize(64))
	a, b, g := make([]float32, 5), make([]float32, 5), make([]float32, 5)
	for i := range uint64(20) {
		rng.Normal(g, i, 1)
		require.NoError(t, mean.Step(a, g))
		for j := range g {
			g[j] *= 64
		}
		require.NoError(t, sum.Step(b, g))
	}
	require.Equal(t, a, b)
}
