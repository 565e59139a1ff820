package lab_test

import (
	"context"
	"math"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/seed1498fded/unroll/inner"
	"github.com/seed1498fded/unroll/learnedopt"
	"github.com/seed1498fded/unroll/learnedopt/handmade"
	"github.com/seed1498fded/unroll/learnedopt/lstm"
	"github.com/seed1498fded/unroll/meta"
	"github.com/seed1498fded/unroll/meta/es"
	"github.com/seed1498fded/unroll/meta/lab"
	"github.com/seed1498fded/unroll/params"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// linear is a system whose only loss is its last, Σ a_i phi_i for the phi of each step i.
type linear []float64

func (linear) State() params.Layout { return params.Layout{{Name: "s", Shape: []int{1}}} }

func (linear) Start(state, _ []float64, _ es.Episode) error {
	state[0] = 0
	return nil
}

func (a linear) Unroll(ctx context.Context, losses []float64, state, phi []float64, _ es.Episode, from int) error {
	for i := range losses {
		state[0] += a[from+i] * phi[0]
		if losses[i] = 0; from+i == len(a)-1 {
			losses[i] = state[0]
		}
	}
	return ctx.Err()
}

func (a linear) contender(m es.Method) lab.ContenderOf[float64] {
	return lab.ContenderOf[float64]{Name: string(m), New: func(episode uint64, horizon int) (meta.EstimatorOf[float64], int, error) {
		c := es.ConfigOf[float64]{
			Settings: es.Settings{Method: m, Pairs: 1, Sigma: 0.1, Together: m != es.Full}, Horizon: horizon, Window: 1, Objective: meta.Sum,
			Workers: 1, Pinned: episode, Phi: params.Layout{{Name: "phi", Shape: []int{1}}},
			NewSystem: func() (es.SystemOf[float64], error) { return a, nil },
		}
		if m == es.Full {
			c.Window = horizon
		}
		e, err := es.New(c)
		return e, c.Window, err
	}}
}

func find(t *testing.T, r *lab.Report, name string, horizon int) lab.Result {
	t.Helper()
	for _, x := range r.Results {
		if x.Name == name && x.Horizon == horizon {
			return x
		}
	}
	require.Fail(t, "no result", "%s, %d", name, horizon)
	return lab.Result{}
}

// Law: of the linear system with a = (1, −2, ½, 3) what is known comes out: PES, NRES and full ES have no bias, within four standard
// errors; variances are dτΣ|a|² + |A|² = 63.25 and (d+1)|A|² = 12.5; and truncated ES has a bias of 3 − 2½ and the variance 18.
func TestLinear(t *testing.T) {
	a := linear{1, -2, 0.5, 3}
	s := lab.StudyOf[float64]{Phi: []float64{0.7}, Horizons: []int{4}, Draws: 20_000, Key: 3}
	for _, m := range []es.Method{es.PES, es.NRES, es.Full, es.Truncated} {
		s.Contenders = append(s.Contenders, a.contender(m))
	}
	s.Truth = lab.DifferencesOf(func() (es.SystemOf[float64], error) { return a, nil }, func(f []float64) float64 { return f[3] }, 0.01)
	r, err := s.Run(context.Background())
	require.NoError(t, err)
	require.InDelta(t, 2.5, float64(r.Truths[0].Norm), 1e-12)
	for m, want := range map[es.Method]struct{ bias, variance float64 }{
		es.PES: {0, 63.25}, es.NRES: {0, 12.5}, es.Full: {0, 12.5}, es.Truncated: {0.5, 18},
	} {
		x := find(t, r, string(m), 4)
		noise := math.Sqrt(want.variance/20_000) / 2.5
		require.InEpsilon(t, noise, float64(x.Noise), 0.1, "%s", m)
		require.InDelta(t, want.bias/2.5, float64(x.Bias), 4*noise, "%s", m)
		require.Equal(t, want.bias == 0, x.WorstZ < 4, "%s: %v", m, x.WorstZ)
		require.InEpsilon(t, want.variance, float64(x.Variances[0]), 0.15, "%s", m)
		require.InEpsilon(t, want.variance/6.25, float64(x.Variance), 0.15, "%s", m)
		mean := 2.5 + want.bias
		require.InDelta(t, mean, float64(x.Mean[0]), 10*noise)
		require.InEpsilon(t, want.variance/(mean*mean), float64(x.SNRDraws), 0.2, "%s", m)
		require.InEpsilon(t, float64(x.SNRDraws)*float64(x.Steps), float64(x.SNRSteps), 1e-12)
		require.InEpsilon(t, math.Sqrt(want.variance+mean*mean), float64(x.RMS), 0.1)
		require.EqualValues(t, 1, x.Cosine)
		require.Zero(t, x.Between)
		require.Positive(t, float64(x.Seconds))
		require.Zero(t, x.Diverged)
	}
}

func study(t *testing.T, setup lab.SetupOf[float64], text string) lab.StudyOf[float64] {
	t.Helper()
	entries, err := lab.ParseEntries(text)
	require.NoError(t, err)
	s := lab.StudyOf[float64]{
		Phi: params.Convert[float64](learnedopt.Phi(setup.Rule, 1)), Horizons: []int{6, 12}, Draws: 60, Episodes: 2, Key: 4, PerStep: setup.PerStep(),
	}
	for _, e := range entries {
		c, err := setup.Contender(e)
		require.NoError(t, err)
		s.Contenders = append(s.Contenders, c)
	}
	s.Truth, err = setup.Backpropagation(true)
	require.NoError(t, err)
	return s
}

// Law: full backpropagation has no bias and no variance, given the episode, to the bit; that which is cut, or of the first order, has a
// bias and no variance; the unbiased evolution strategies have none that can be seen.
func TestTraining(t *testing.T) {
	setup := lab.SetupOf[float64]{Rule: &handmade.Momentum{LR: 0.002, Momentum: 0.6}, Family: inner.QuadraticOf[float64]{}}
	s := study(t, setup, `bptt{"exact":true},bptt/3{"exact":true},bptt,es{"pairs":3,"sigma":0.001},pes/3{"pairs":3,"sigma":0.001},`+
		`nres/3{"sigma":0.001},gpes/2{"k":2,"sigma":0.001},truncated-es/3{"sigma":0.001},es{"pairs":3,"control":"exact","sigma":0.001}`)
	r, err := s.Run(context.Background())
	require.NoError(t, err)
	require.Len(t, r.Results, 18)
	for _, h := range s.Horizons {
		exact := find(t, r, `bptt{"exact":true}`, h)
		require.Zero(t, exact.Bias)
		require.Zero(t, exact.Variance)
		require.Zero(t, exact.WorstZ)
		require.InDelta(t, 1, float64(exact.Cosine), 1e-12)
		require.Positive(t, float64(exact.Between), "the episodes differ")
		require.Equal(t, h, exact.Steps)
		for _, name := range []string{`bptt/3{"exact":true}`, "bptt"} {
			x := find(t, r, name, h)
			require.Greater(t, float64(x.Bias), 0.02, name)
			require.Zero(t, x.Noise)
			require.InDelta(t, 0, float64(x.Variance), 1e-20)
			require.True(t, math.IsInf(float64(x.WorstZ), 1) || x.WorstZ > 100)
		}
		for _, name := range []string{
			`es{"pairs":3,"sigma":0.001}`, `pes/3{"pairs":3,"sigma":0.001}`, `nres/3{"sigma":0.001}`, `gpes/2{"k":2,"sigma":0.001}`,
		} {
			x := find(t, r, name, h)
			require.Less(t, float64(x.WorstZ), 4.0, name)
			require.Positive(t, float64(x.Variance))
			require.Zero(t, x.Diverged)
		}
		require.Greater(t, float64(find(t, r, `truncated-es/3{"sigma":0.001}`, h).WorstZ), 4.0)
		plain, controlled := find(t, r, `es{"pairs":3,"sigma":0.001}`, h), find(t, r, `es{"pairs":3,"control":"exact","sigma":0.001}`, h)
		require.Less(t, controlled.Variance, plain.Variance/100)
	}
}

// Law: the truth by differences is that by backpropagation, for each objective, and through other meta-losses and several copies.
func TestTruths(t *testing.T) {
	for _, o := range []meta.Objective{meta.Mean, meta.Last, meta.Min} {
		setup := lab.SetupOf[float64]{
			Rule: &handmade.Adam{LR: 0.1, Eps: 0.01}, Family: inner.QuadraticOf[float64]{}, Objective: o, MetaLoss: meta.MetaLoss{Log: true}, Copies: 2,
		}
		if o == meta.Min {
			setup.Copies = 1 // the least of means is no mean of leasts
		}
		exact, err := setup.Backpropagation(true)
		require.NoError(t, err)
		phi := params.Convert[float64](learnedopt.Phi(setup.Rule, 1))
		want, err := exact(context.Background(), phi, 8, 5)
		require.NoError(t, err)
		got, err := setup.Differences(1e-3)(context.Background(), phi, 8, 5)
		require.NoError(t, err)
		for j, x := range want {
			require.InDelta(t, x, got[j], 1e-6*max(0.1, math.Abs(x)), "%s", o)
		}
	}
}

// Law: a study has the same bits on any number of goroutines, but for times; and ends when its context does.
func TestBits(t *testing.T) {
	setup := lab.SetupOf[float64]{Rule: &lstm.Rule{Hidden: 3, Layers: 1}, Family: inner.QuadraticOf[float64]{}}
	var reports []*lab.Report
	for _, workers := range []int{1, 4} {
		s := study(t, setup, `bptt/4,pes/3{"pairs":2},es`)
		s.Draws, s.Workers = 9, workers
		last := 0.0
		s.Progress = func(f float64) { require.Greater(t, f, last); last = f }
		r, err := s.Run(context.Background())
		require.NoError(t, err)
		require.EqualValues(t, 1, last)
		for i := range r.Results {
			r.Results[i].Seconds, r.Results[i].SNRSeconds = 0, 0
		}
		reports = append(reports, r)
	}
	require.Equal(t, reports[0], reports[1])
	ctx, cancel := context.WithCancel(context.Background())
	s := study(t, setup, "bptt,es")
	s.Progress = func(float64) { cancel() }
	_, err := s.Run(ctx)
	require.ErrorIs(t, err, context.Canceled)
}

// Law: draws that diverge are counted and left out.
func TestDivergence(t *testing.T) {
	setup := lab.SetupOf[float64]{Rule: &handmade.SGD{LR: 0.005}, Family: inner.QuadraticOf[float64]{}}
	s := study(t, setup, `es{"pairs":1,"sigma":8}`)
	s.Horizons = []int{300}
	r, err := s.Run(context.Background())
	require.NoError(t, err)
	x := r.Results[0]
	require.Positive(t, x.Diverged)
	require.Less(t, x.Diverged, 120)
}

func TestRefusals(t *testing.T) {
	for text, want := range map[string]string{
		"":                         `lab: no estimator ""; want one of bptt, es, truncated-es, pes, nres, gpes`,
		"bptt,cubic":               `lab: no estimator "cubic"; want one of`,
		"pes/0":                    `lab: estimator pes: a window of "0" steps; want 1 to 1000000`,
		"pes/":                     `a window of "" steps`,
		"pes/-3":                   `a window of "-3" steps`,
		"pes/99999999999999999999": `a window of "99999999999999999999" steps`,
		"es,es":                    `lab: estimator "es" twice`,
	} {
		_, err := lab.ParseEntries(text)
		require.ErrorContains(t, err, want, text)
	}
	setup := lab.SetupOf[float64]{Rule: new(handmade.SGD), Family: inner.QuadraticOf[float64]{}}
	for text, want := range map[string]string{
		`bptt{"exakt":true}`: `json: unknown field "exakt"`, `pes{"pairs":-1}`: `pairs is -1`, `nres{"shortest":3}`: `shortest is not for the laboratory`,
		`es{`: `configuration of "es"`,
	} {
		entries, err := lab.ParseEntries(text)
		require.NoError(t, err)
		_, err = setup.Contender(entries[0])
		require.ErrorContains(t, err, want)
	}
	for want, change := range map[string]func(s *lab.StudyOf[float64], setup *lab.SetupOf[float64]){
		"lab: pes/5: a window of 5 steps does not divide the horizon, 6":     func(s *lab.StudyOf[float64], _ *lab.SetupOf[float64]) {},
		"lab: pes/5: the objective last is of whole episodes; want no windo": func(_ *lab.StudyOf[float64], setup *lab.SetupOf[float64]) { setup.Objective = meta.Last },
		"lab: horizons [0]; want at least 1, each of at least 1":             func(s *lab.StudyOf[float64], _ *lab.SetupOf[float64]) { s.Horizons = []int{0} },
		"lab: -1 episodes; want at least 1":                                  func(s *lab.StudyOf[float64], _ *lab.SetupOf[float64]) { s.Episodes = -1 },
		"lab: 1 draws; want at least 2":                                      func(s *lab.StudyOf[float64], _ *lab.SetupOf[float64]) { s.Draws = 1 },
		"lab: -1 workers; want 0 for all processors, or more":                func(s *lab.StudyOf[float64], _ *lab.SetupOf[float64]) { s.Workers = -1 },
		"lab: no estimators; want at least 1":                                func(s *lab.StudyOf[float64], _ *lab.SetupOf[float64]) { s.Contenders = nil },
		"lab: no truth":                                                      func(s *lab.StudyOf[float64], _ *lab.SetupOf[float64]) { s.Truth = nil },
		"lab: pes/5: it is for 1 numbers, and phi has 2": func(s *lab.StudyOf[float64], _ *lab.SetupOf[float64]) {
			s.Phi, s.Horizons = []float64{1, 2}, []int{5}
		},
	} {
		setup := lab.SetupOf[float64]{Rule: new(handmade.SGD), Family: inner.QuadraticOf[float64]{}}
		change(new(lab.StudyOf[float64]), &setup)
		s := study(t, setup, "pes/5")
		change(&s, &setup)
		_, err := s.Run(context.Background())
		require.ErrorContains(t, err, want)
	}
}
