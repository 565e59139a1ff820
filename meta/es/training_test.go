package es_test

import (
	"context"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed1498fded/unroll/checkpoints"
	"github.com/seed1498fded/unroll/inner"
	"github.com/seed1498fded/unroll/inner/mix"
	"github.com/seed1498fded/unroll/inner/plastic"
	"github.com/seed1498fded/unroll/inner/problemtest"
	"github.com/seed1498fded/unroll/internal/rng"
	"github.com/seed1498fded/unroll/learnedopt"
	"github.com/seed1498fded/unroll/learnedopt/handmade"
	"github.com/seed1498fded/unroll/learnedopt/lstm"
	"github.com/seed1498fded/unroll/meta"
	"github.com/seed1498fded/unroll/meta/es"
	"github.com/seed1498fded/unroll/meta/estimatortest"
	"github.com/seed1498fded/unroll/params"
)

func phiOf[F params.Float](r learnedopt.Rule) []F {
	var phi []F
	for _, x := range learnedopt.Phi(r, 3) {
		phi = append(phi, F(x))
	}
	return phi
}

// kinds are all methods and forms, for windows that do not divide an episode.
func kinds() map[string]es.Settings {
	kinds := make(map[string]es.Settings)
	for _, m := range es.Methods() {
		kinds[string(m)] = es.Settings{Method: m, Pairs: 5}
	}
	kinds["pes form"] = es.Settings{Method: es.PES, Pairs: 5, Form: es.LearnedOptimization}
	kinds["truncated form"] = es.Settings{Method: es.Truncated, Pairs: 5, Form: es.LearnedOptimization, Sign: true}
	kinds["gpes lengths"] = es.Settings{Method: es.GPES, Pairs: 5, K: 3, Shortest: 2, Clip: 1, Cap: 100}
	kinds["nres together"] = es.Settings{Method: es.NRES, Pairs: 5, Together: true, Sign: true}
	kinds["es imitation"] = es.Settings{Method: es.Full, Pairs: 5, Imitate: &es.Imitation{Steps: 4}}
	kinds["pes imitation"] = es.Settings{Method: es.PES, Pairs: 5, Imitate: &es.Imitation{Steps: 4, Part: 0.5}}
	kinds["truncated imitation"] = es.Settings{Method: es.Truncated, Pairs: 5, Shortest: 2, Imitate: &es.Imitation{Teacher: "momentum", Keep: 0.3}}
	kinds["pes again"] = es.Settings{Method: es.PES, Pairs: 5, Again: &es.Again{Part: 0.8}}
	kinds["gpes again"] = es.Settings{Method: es.GPES, Pairs: 5, K: 2, Shortest: 4, Again: &es.Again{Part: 1}, Imitate: &es.Imitation{}}
	kinds["truncated again"] = es.Settings{Method: es.Truncated, Pairs: 5, Again: &es.Again{}}
	kinds["es control"] = es.Settings{Method: es.Full, Pairs: 5, Control: es.BPTTControl}
	kinds["pes control"] = es.Settings{Method: es.PES, Pairs: 5, Control: es.BPTTControl}
	kinds["gpes control"] = es.Settings{Method: es.GPES, Pairs: 5, K: 2, Control: es.BPTTControl}
	kinds["truncated control"] = es.Settings{Method: es.Truncated, Pairs: 1, Control: es.BPTTControl}
	return kinds
}

func config[F params.Float](s es.Settings, f inner.FamilyOf[F]) es.ConfigOf[F] {
	c := es.ConfigOf[F]{Settings: s, Rule: &lstm.Rule{Hidden: 4, Layers: 1}, Family: f, Horizon: 8, Window: 3, Copies: 2, Workers: 2}
	if s.Method == es.Full {
		c.Window = 0
	}
	return c
}

// Law: the conduct of an estimator, for every method and form, on the training of problems.
func TestLaws(t *testing.T) {
	for name, s := range kinds() {
		for on, f := range families[float64](t) {
			t.Run(name+" "+on, func(t *testing.T) {
				c := config(s, f)
				estimatortest.Run(t, estimatortest.Subject{
					New: func() (meta.EstimatorOf[float64], error) { return es.New(c) }, Phi: phiOf[float64](c.Rule), Key: 5,
				})
			})
		}
	}
}

// families are what the training laws hold on: problems of one layout, and of several.
func families[F params.Float](t *testing.T) map[string]inner.FamilyOf[F] {
	t.Helper()
	m, err := mix.New([]mix.MemberOf[F]{
		{Name: "three", Family: problemtest.BowlOf[F]{N: 3}, Weight: 1},
		{Name: "twelve", Family: problemtest.BowlOf[F]{N: 12}, Weight: 1},
		{Name: "ten", Family: inner.QuadraticOf[F]{}, Weight: 1},
	})
	require.NoError(t, err)
	return map[string]inner.FamilyOf[F]{"quadratic": inner.QuadraticOf[F]{}, "mix": m}
}

// Law: the bits do not depend on the number of goroutines, and what is saved between any two estimates goes on as if it had not been.
func TestResumesToTheBit(t *testing.T) {
	for name, s := range kinds() {
		for on, f := range families[float32](t) {
			t.Run(name+" "+on, func(t *testing.T) { resumes(t, config(s, f)) })
		}
	}
}

func resumes(t *testing.T, c es.ConfigOf[float32]) {
	ctx, phi := context.Background(), phiOf[float32](c.Rule)
	c.Workers = 1
	whole, err := es.New(c)
	require.NoError(t, err)
	c.Workers = 4
	parts, err := es.New(c)
	require.NoError(t, err)
	for call := range uint64(8) {
		want, got := make([]float32, len(phi)), make([]float32, len(phi))
		wantEst, err := whole.Estimate(ctx, want, phi, rng.Split(9, call))
		require.NoError(t, err)

		f := &checkpoints.File{Meta: make(map[string]string)}
		require.NoError(t, parts.Save(f, "x.episode"))
		if c.Method == es.Full && c.Imitate == nil {
			const nothing = `{"key":0,"length":0,"ends":0,"step":0}`
			require.Equal(t, "["+strings.Repeat(nothing+",", 4)+nothing+"]", f.Meta["x.episode"], "nothing is carried")
			require.Empty(t, f.Tensors)
		}
		parts, err = es.New(c)
		require.NoError(t, err)
		require.NoError(t, parts.Load(f, "x.episode"))
		gotEst, err := parts.Estimate(ctx, got, phi, rng.Split(9, call))
		require.NoError(t, err)
		require.Equal(t, wantEst, gotEst, "call %d", call)
		require.Equal(t, want, got, "call %d", call)
		phi[0] += 0.01 // carried states were led to by another phi
	}
}

// What does not fit is told by name.
func TestLoadErrors(t *testing.T) {
	c := config[float32](es.Settings{Pairs: 2}, inner.QuadraticOf[float32]{})
	e, err := es.New(c)
	require.NoError(t, err)
	for text, want := range map[string]string{
		``:                                       `es: training checkpoint: e: unexpected end of JSON input`,
		`[]`:                                     `es: training checkpoint: e: 0 pairs, want 2`,
		`[{"live":true,"ends":8,"length":9},{}]`: `es: training checkpoint: e: pair 0: step 0 of 9, ending at 8, does not fit a horizon of 8`,
		`[{},{"live":true,"ends":8,"length":8,"step":8}]`: `es: training checkpoint: e: pair 1: step 8 of 8, ending at 8, does not fit a horizon of 8`,
		`[{},{}]`: `checkpoints: no tensor "e.eps"`,
	} {
		require.EqualError(t, e.Load(&checkpoints.File{Meta: map[string]string{"e": text}}, "e"), want)
	}
}

// straight is a training whose loss can be differentiated by hand: SGD on |theta|²/2 in one dimension from theta = 1.
type straight[F params.Float] struct{}

func (straight[F]) Params() params.Layout    { return estimatortest.Vector(1) }
func (straight[F]) Init(theta []F, _ uint64) { theta[0] = 1 }
func (straight[F]) Eval(grad, theta []F, _ uint64) (float64, error) {
	if grad != nil {
		grad[0] = theta[0]
	}
	return float64(theta[0]) * float64(theta[0]) / 2, nil
}
func (s straight[F]) Sample(uint64) (inner.ProblemOf[F], error) { return s, nil }

// Law: the sum of PES, NRES and GPES over the windows of an episode, and full ES, are the derivative of what they are said to be of,
// within 4 standard errors: the losses after each step, θ_t = (1−r)ᵗ with r = exp(phi), none twice and none left out.
func TestDerivativeOfTraining(t *testing.T) {
	const horizon, n = 6, 100
	rule := &handmade.SGD{}
	phi := phiOf[float64](rule)
	phi[0] = math.Log(0.1)
	objective := func(o meta.Objective, phi float64) float64 {
		theta, sum, last := 1.0, 0.0, 0.0
		for range horizon {
			theta *= 1 - math.Exp(phi)
			last = theta * theta / 2
			sum += last
		}
		return map[meta.Objective]float64{meta.Sum: sum, meta.Mean: sum / horizon, meta.Last: last, meta.Min: last}[o]
	}
	check := func(s es.Settings, o meta.Objective, window int) {
		s.Pairs, s.Together = 64, s.Method != es.Full
		e, err := es.New(es.ConfigOf[float64]{Settings: s, Rule: rule, Family: straight[float64]{}, Horizon: horizon, Window: window, Objective: o})
		require.NoError(t, err)
		sum, square := 0.0, 0.0
		for i := range uint64(n) {
			total := 0.0
			for w := 0; w < horizon; w += window {
				total += estimate(t, e, phi, rng.Split(i, uint64(w)))[0]
			}
			sum += total
			square += total * total
		}
		mean := sum / n
		const h = 1e-5
		want := (objective(o, phi[0]+h) - objective(o, phi[0]-h)) / (2 * h)
		require.InDelta(t, want, mean, 4*math.Sqrt((square/n-mean*mean)/n)+1e-3*math.Abs(want), "%v %s", s, o)
	}
	for _, o := range []meta.Objective{meta.Sum, meta.Mean, meta.Last, meta.Min} {
		check(es.Settings{Method: es.Full}, o, horizon)
	}
	for _, m := range []es.Method{es.PES, es.NRES, es.GPES} {
		check(es.Settings{Method: m}, meta.Sum, 2)
		check(es.Settings{Method: m}, meta.Last, horizon)
	}
	check(es.Settings{Method: es.PES}, meta.Mean, horizon)
}

// Law: the state of a training is all that it depends on: to unroll it in parts, with other episodes in between, is to unroll it.
func TestTrainingGoesOn(t *testing.T) {
	ctx := context.Background()
	rule := &lstm.Rule{Hidden: 4, Layers: 1}
	phi := phiOf[float32](rule)
	s, err := es.NewTraining(es.TrainingConfigOf[float32]{Rule: rule, Family: inner.QuadraticOf[float32]{}, Copies: 2})
	require.NoError(t, err)
	a, b := es.Episode{Key: 1, Length: 6}, es.Episode{Key: 2, Length: 6}
	unroll := func(cuts ...int) ([]float64, []float32) {
		state, other, losses := make([]float32, s.State().Len()), make([]float32, s.State().Len()), make([]float64, 6)
		require.NoError(t, s.Start(state, phi, a))
		from := 0
		for _, to := range cuts {
			require.NoError(t, s.Unroll(ctx, losses[from:to], state, phi, a, from))
			require.NoError(t, s.Start(other, phi, b))
			require.NoError(t, s.Unroll(ctx, make([]float64, 2), other, phi, b, 0))
			from = to
		}
		return losses, state
	}
	wantLosses, want := unroll(6)
	gotLosses, got := unroll(1, 2, 5, 6)
	require.Equal(t, wantLosses, gotLosses)
	require.Equal(t, want, got)

	tr := trajectory(t, rule, 2)
	require.NoError(t, tr.Begin(inner.QuadraticOf[float32]{}, phi, 1))
	for i := range 6 {
		require.NoError(t, tr.Evaluate())
		require.NoError(t, tr.Advance(phi))
		require.NoError(t, tr.Evaluate())
		require.Equal(t, tr.Loss()/2, gotLosses[i], "the loss after step %d", i)
	}
}

// Steps of a training allocate nothing; a window takes a few names of tensors, however long it is.
func TestTrainingAllocatesNothing(t *testing.T) {
	rule := &lstm.Rule{Hidden: 4, Layers: 1}
	phi := phiOf[float32](rule)
	s, err := es.NewTraining(es.TrainingConfigOf[float32]{Rule: rule, Family: inner.QuadraticOf[float32]{}})
	require.NoError(t, err)
	state, e, ctx := make([]float32, s.State().Len()), es.Episode{Key: 1, Length: 100, Pair: 2}, context.Background()
	require.NoError(t, s.Start(state, phi, e))
	window := func(losses []float64) float64 {
		return testing.AllocsPerRun(20, func() {
			if s.Unroll(ctx, losses, state, phi, e, 0) != nil {
				panic("a training that fails")
			}
		})
	}
	require.Equal(t, window(make([]float64, 1)), window(make([]float64, 50)))
}

func trajectory(t *testing.T, r learnedopt.Rule, copies int) *meta.Trajectory[float32] {
	t.Helper()
	p, err := inner.QuadraticOf[float32]{}.Sample(0)
	require.NoError(t, err)
	c, err := learnedopt.CompileWith[float32](r, p.Params(), learnedopt.Options{Copies: copies})
	require.NoError(t, err)
	return meta.NewTrajectory(c, 6)
}

// A loss that is not finite ends the episode of its pair alone, counts as the cap where there is one, and leaves a gradient that is
// finite; where none is finite the loss is +Inf and the gradient zero.
func TestLossesThatAreNotFinite(t *testing.T) {
	s := system{size: 1, step: func(state, phi []float64, _ int) float64 {
		if state[0]++; state[0] > 2 && phi[0] > 0 {
			return []float64{math.NaN(), math.Inf(1)}[int(state[0])%2]
		}
		return phi[0]
	}}
	estimate := func(set es.Settings, window int, phi float64) (meta.Estimate, float64) {
		set.Pairs = 3
		set.Together = set.Method != es.Full
		e := newES(t, s, 1, es.ConfigOf[float64]{Settings: set, Horizon: 8, Window: window})
		grad := make([]float64, 1)
		est, err := e.Estimate(context.Background(), grad, []float64{phi}, 4)
		require.NoError(t, err)
		require.False(t, math.IsNaN(grad[0]) || math.IsInf(grad[0], 0))
		return est, grad[0]
	}
	for _, m := range es.Methods() {
		window := 4
		if m == es.Full {
			window = 0
		}
		est, grad := estimate(es.Settings{Method: m}, window, -1)
		require.Positive(t, grad, "%s: all are finite", m)
		require.Less(t, est.Loss, 0.0)
		est, grad = estimate(es.Settings{Method: m}, window, 0)
		if m == es.Full {
			require.True(t, math.IsInf(est.Loss, 1), "one branch of each pair is not")
			require.Zero(t, grad)
		} else {
			require.Equal(t, 3, est.Episodes, "%s: all episodes are over", m)
			require.False(t, math.IsInf(est.Loss, 1), "%s: of the steps before", m)
		}
		est, grad = estimate(es.Settings{Method: m, Cap: 20}, window, 0)
		require.Positive(t, grad, "%s: to diverge is worse", m)
		require.Greater(t, grad, 1.0)
		require.False(t, math.IsInf(est.Loss, 1))
		bounded, small := estimate(es.Settings{Method: m, Cap: 20, Clip: 1e-3}, window, 0)
		require.Equal(t, est.Loss, bounded.Loss)
		require.Less(t, small, grad/100, "%s: a difference is clipped", m)
	}
}

// A world of its own is for full ES, which takes it from its beginning to its end.
func TestWorlds(t *testing.T) {
	rule, err := learnedopt.Named("orchard", nil)
	require.NoError(t, err)
	c := es.ConfigOf[float32]{Rule: rule, Family: plastic.Foraging{Moves: 10}, Horizon: 10, Objective: meta.Last}
	_, err = es.New(c)
	require.ErrorContains(t, err, "has a world of its own")
	c.Method, c.Pairs, c.Sigma = es.Full, 4, 0.5
	phi := learnedopt.Phi(rule, 1)
	var grads [][]float32
	for _, workers := range []int{1, 3} {
		c.Workers = workers
		e, err := es.New(c)
		require.NoError(t, err)
		grad := make([]float32, len(phi))
		est, err := e.Estimate(context.Background(), grad, phi, 1)
		require.NoError(t, err)
		require.Equal(t, meta.Estimate{Loss: est.Loss, Steps: 80, Episodes: 4}, est)
		require.True(t, est.Loss >= 0 && est.Loss <= 1)
		grads = append(grads, grad)
	}
	require.Equal(t, grads[0], grads[1])
}

// Law: a loss that is looked at only at the end of an episode is what it is when all are looked at.
func TestLivesAreLedLean(t *testing.T) {
	rule, err := learnedopt.Named("bengio7", nil)
	require.NoError(t, err)
	for _, method := range []es.Method{es.Full, es.NRES} {
		var ends []float64
		for _, o := range []meta.Objective{meta.Last, meta.Sum} {
			s, err := es.NewTraining(es.TrainingConfigOf[float32]{Rule: rule, Family: plastic.Boolean{}, Objective: o})
			require.NoError(t, err)
			state, losses, ep := make([]float32, s.State().Len()), make([]float64, 20), es.Episode{Key: 3, Length: 20}
			require.NoError(t, s.Start(state, learnedopt.Phi(rule, 1), ep))
			require.NoError(t, s.Unroll(context.Background(), losses, state, learnedopt.Phi(rule, 1), ep, 0))
			ends = append(ends, losses[19])
			require.Equal(t, o == meta.Last, losses[10] == 0)
		}
		require.Equal(t, ends[0], ends[1])
		e, err := es.New(es.ConfigOf[float32]{
			Settings: es.Settings{Method: method, Pairs: 3}, Rule: rule, Family: plastic.Boolean{}, Horizon: 20, Window: 20, Objective: meta.Last,
		})
		require.NoError(t, err)
		grad := make([]float32, len(learnedopt.Phi(rule, 1)))
		est, err := e.Estimate(context.Background(), grad, learnedopt.Phi(rule, 1), 1)
		require.NoError(t, err)
		require.Equal(t, 3, est.Episodes)
		require.Positive(t, est.Loss)
	}
}

// What makes no sense is one clear line.
func TestConfigErrors(t *testing.T) {
	for want, change := range map[string]func(c *es.Config){
		`es: want a rule and a family, or systems`:                                                           func(c *es.Config) { c.Rule = nil },
		`es: horizon -1; want at least 1`:                                                                    func(c *es.Config) { c.Horizon, c.Window = -1, 1 },
		`es: window 9; want between 1 and the horizon, 8`:                                                    func(c *es.Config) { c.Window = 9 },
		`es: window 3; full ES perturbs whole episodes of the horizon, 8`:                                    func(c *es.Config) { c.Method = es.Full },
		`es: pes: shortest is 9; want at most the horizon, 8`:                                                func(c *es.Config) { c.Shortest = 9 },
		`es: -1 copies; want at least 1`:                                                                     func(c *es.Config) { c.Copies = -1 },
		`es: -1 workers; want 0 for all processors, or more`:                                                 func(c *es.Config) { c.Workers = -1 },
		`es: pes: no objective "min"; want one of mean, sum, last`:                                           func(c *es.Config) { c.Objective = meta.Min },
		`es: pes: the objective last wants windows as long as the horizon, 8, and neither shortest nor form`: func(c *es.Config) { c.Objective = meta.Last },
		`es: x: no method "x"; want one of es, truncated-es, pes, nres, gpes`:                                func(c *es.Config) { c.Method = "x" },
	} {
		c := config[float32](es.Settings{}, inner.QuadraticOf[float32]{})
		change(&c)
		_, err := es.New(c)
		require.EqualError(t, err, want)
	}
	for text, want := range map[string]string{
		`{"pairs":-1}`:                   `es: pes: pairs is -1; want 1 or more`,
		`{"sigma":-1}`:                   `es: pes: sigma is -1; want above 0 and finite`,
		`{"clip":-1}`:                    `es: pes: clip is -1; want above 0, or 0 for none`,
		`{"cap":-1}`:                     `es: pes: cap is -1; want above 0, or 0 for none`,
		`{"k":3}`:                        `es: pes: k is for gpes alone`,
		`{"form":"x"}`:                   `es: pes: form is "x"; want unbiased or learned_optimization`,
		`{"control":"x"}`:                `es: pes: control is "x"; want bptt or exact`,
		`{"control":"bptt","sign":true}`: `es: pes: control is not with sign, clip or form`,
		`{"shortest":-1}`:                `es: pes: shortest is -1; want 1 or more, or 0 for the horizon`,
		`{"end":-1}`:                     `es: pes: end is -1; want above 0, or 0 for 1`,
		`{"window_clip":-1}`:             `es: pes: window_clip is -1; want above 0, or 0 for none`,
		`{"control":"bptt","end":2}`:     `es: pes: control is not with end or window_clip`,
		`{"Pairs":1}`:                    `es: configuration of "pes": json: unknown field "Pairs"`,
	} {
		_, err := es.SettingsNamed("pes", []byte(text))
		require.EqualError(t, err, want)
	}
	for name, text := range map[string]string{"nres": `{"form":"learned_optimization"}`, "es": `{"end":2}`, "gpes": `{"k":-1}`, "bptt": ``} {
		_, err := es.SettingsNamed(name, []byte(text))
		require.Error(t, err, fmt.Sprint(name, text))
	}
}

// Law: settings come back from their JSON, by every name.
func TestSettingsInJSON(t *testing.T) {
	for name, want := range map[string]string{
		"es": `{"pairs":16,"sigma":0.01}`, "truncated-es": `{"pairs":16,"sigma":0.01}`, "pes": `{"pairs":16,"sigma":0.01}`,
		"nres": `{"pairs":16,"sigma":0.01}`, "gpes": `{"pairs":16,"sigma":0.01,"k":10}`,
	} {
		s, err := es.SettingsNamed(name, nil)
		require.NoError(t, err)
		text, err := s.MarshalJSON()
		require.NoError(t, err)
		require.Equal(t, want, string(text))
		again, err := es.SettingsNamed(name, text)
		require.NoError(t, err)
		require.Equal(t, s, again)
	}
	s := es.Settings{Method: es.PES, Pairs: 3, Sigma: 0.5, Sign: true, Clip: 1, Cap: 2, Form: es.LearnedOptimization, Together: true, Shortest: 4, End: 6, WindowClip: 0.1}
	text, err := s.MarshalJSON()
	require.NoError(t, err)
	again, err := es.SettingsNamed("pes", text)
	require.NoError(t, err)
	require.Equal(t, s, again)
	e, err := es.Named("gpes", []byte(`{"pairs":2}`), config[float32](es.Settings{}, inner.QuadraticOf[float32]{}))
	require.NoError(t, err)
	require.Equal(t, es.Settings{Method: es.GPES, Pairs: 2, Sigma: 0.01, K: 10}, e.Settings())
}
