package distil_test

import (
	"context"
	"encoding/json"
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed1498fded/unroll/inner"
	"github.com/seed1498fded/unroll/inner/catalog"
	"github.com/seed1498fded/unroll/inner/synthetic"
	"github.com/seed1498fded/unroll/learnedopt"
	"github.com/seed1498fded/unroll/learnedopt/handmade"
	"github.com/seed1498fded/unroll/learnedopt/mlp"
	"github.com/seed1498fded/unroll/learnedopt/plastic"
	"github.com/seed1498fded/unroll/meta"
	"github.com/seed1498fded/unroll/meta/distil"
	"github.com/seed1498fded/unroll/meta/estimatortest"
	"github.com/seed1498fded/unroll/params"
)

// general is the embedded rule, and one of fewer units in its likeness, with its schedules and controls.
func general(t testing.TB) (teacher *learnedopt.Trained, few *mlp.General, phi []float32) {
	teacher, err := learnedopt.Load("zoo:general")
	require.NoError(t, err)
	few = new(mlp.General)
	*few = *teacher.Rule.(*mlp.General)
	few.Hidden = 3
	return teacher, few, like(few, teacher)
}

// like returns a rule's start, with what a teacher has under the same names and in the same shapes.
func like(r learnedopt.Rule, teacher *learnedopt.Trained) []float32 {
	have, want := teacher.Rule.Spec().Phi, r.Spec().Phi
	phi := learnedopt.Phi(r, 3)
	for _, s := range want {
		if i := have.Index(s.Name); i >= 0 && have[i].Len() == s.Len() {
			copy(params.Slice(want, phi, s.Name), params.Slice(have, teacher.Phi, s.Name))
		}
	}
	return phi
}

func config[F params.Float](t testing.TB) (distil.ConfigOf[F], []F) {
	teacher, few, phi := general(t)
	return distil.ConfigOf[F]{
		Settings: distil.Settings{Shortest: 4, Points: 6, Untold: .5}, Teacher: teacher, Rule: few,
		Family: synthetic.FunctionOf[F]{Dim: 12, Rows: 3, Condition: 30, Shake: .1}, Horizon: 24,
	}, params.Convert[F](phi)
}

func TestEstimatorLaws(t *testing.T) {
	c, phi := config[float64](t)
	estimatortest.Run(t, estimatortest.Subject{New: func() (meta.EstimatorOf[float64], error) { return distil.New(c) }, Phi: phi, Key: 5})
}

// What the rule remembers does not depend on phi, and the run does not depend on the learner, so that nothing is left out of the derivative.
func TestDerivative(t *testing.T) {
	c, phi := config[float64](t)
	e, err := distil.New(c)
	require.NoError(t, err)
	grad, unused := make([]float64, len(phi)), make([]float64, len(phi))
	for key := range uint64(4) {
		at := func(i int, x float64) float64 {
			moved := append([]float64{}, phi...)
			moved[i] += x
			got, err := e.Estimate(t.Context(), unused, moved, key)
			require.NoError(t, err)
			return got.Loss
		}
		_, err := e.Estimate(t.Context(), grad, phi, key)
		require.NoError(t, err)
		for i := 0; i < len(phi); i += 7 {
			h := 1e-6
			require.InDelta(t, (at(i, h)-at(i, -h))/2/h, grad[i], 2e-5*(1+math.Abs(grad[i])), "number %d of episode %d", i, key)
		}
	}
}

// A rule is as near to itself as can be.
func TestItself(t *testing.T) {
	c, _ := config[float32](t)
	c.Rule = c.Teacher.Rule
	e, err := distil.New(c)
	require.NoError(t, err)
	grad := make([]float32, len(c.Teacher.Phi))
	for key := range uint64(5) {
		got, err := e.Estimate(t.Context(), grad, c.Teacher.Phi, key)
		require.NoError(t, err)
		require.Zero(t, got.Loss)
		require.Equal(t, make([]float32, len(grad)), grad)
		require.True(t, got.Steps >= 4 && got.Steps <= 24)
		require.Equal(t, 1, got.Episodes)
	}
}

// The teacher does as its settings say, and where they say nothing as its own do.
func TestTeacherConfig(t *testing.T) {
	c, _ := config[float32](t)
	plain := *c.Teacher.Rule.(*mlp.General)
	plain.LR = 1
	bold := plain
	bold.LR = 3
	c.Teacher, c.Rule = &learnedopt.Trained{Rule: &plain, Phi: c.Teacher.Phi}, &bold
	grad := make([]float32, len(c.Teacher.Phi))
	for text, want := range map[string]float64{`{"lr":3}`: 0, `{"lr":3,"horizon":"either"}`: 0, ``: 4, `{"lr":6}`: .25} {
		c.TeacherConfig = json.RawMessage(text)
		e, err := distil.New(c)
		require.NoError(t, err)
		got, err := e.Estimate(t.Context(), grad, c.Teacher.Phi, 3)
		require.NoError(t, err)
		require.InDelta(t, want, got.Loss, 1e-4, text)
	}
}

// Three units learn what eight do, and Adam's rate is found from Adam's steps.
func TestLearns(t *testing.T) {
	mix, err := catalog.Lookup("mix:small", catalog.Options{})
	require.NoError(t, err)
	teacher, few, phi := general(t)
	adam := &learnedopt.Trained{Rule: &handmade.Adam{LR: .003}}
	adam.Phi = learnedopt.Phi(adam.Rule, 0)
	for _, x := range []struct {
		name    string
		teacher *learnedopt.Trained
		rule    learnedopt.Rule
		phi     []float32
		family  inner.Family
		steps   int
		most    float64 // of what it begins with
	}{
		{"general of 3 units", teacher, few, phi, mix, 150, .6},
		{"adam", adam, &handmade.Adam{LR: .001}, learnedopt.Phi(&handmade.Adam{LR: .001}, 0), inner.Quadratic{}, 150, .01},
	} {
		t.Run(x.name, func(t *testing.T) {
			e, err := distil.New(distil.Config{Teacher: x.teacher, Rule: x.rule, Family: x.family, Horizon: 50, Settings: distil.Settings{Shortest: 10, Untold: .3}})
			require.NoError(t, err)
			outer, err := learnedopt.New(&handmade.Adam{LR: .03}, nil, e.Phi())
			require.NoError(t, err)
			grad, at := make([]float32, len(x.phi)), append([]float32{}, x.phi...)
			loss := func(phi []float32) (sum float64) {
				for key := range uint64(20) {
					got, err := e.Estimate(t.Context(), make([]float32, len(phi)), phi, 1000+key)
					require.NoError(t, err)
					sum += got.Loss / 20
				}
				return sum
			}
			first := loss(at)
			for key := range uint64(x.steps) {
				_, err := e.Estimate(t.Context(), grad, at, key)
				require.NoError(t, err)
				require.NoError(t, outer.Step(at, grad))
			}
			last := loss(at)
			t.Logf("from %.3g to %.3g", first, last)
			require.Less(t, last, x.most*first)
		})
	}
}

// nowhere is a problem without a finite loss.
type nowhere struct{ inner.Problem }

func (nowhere) Eval(grad, _ []float32, _ uint64) (float64, error) {
	clear(grad)
	return math.Inf(1), nil
}

type nowhereFamily struct{}

func (nowhereFamily) Sample(key uint64) (inner.Problem, error) {
	p, err := inner.Quadratic{}.Sample(key)
	return nowhere{p}, err
}

// vast is a problem that takes more memory than any machine has.
type vast struct{ inner.Problem }

func (vast) Bytes() float64 { return 1e18 }

type vastFamily struct{}

func (vastFamily) Sample(key uint64) (inner.Problem, error) {
	p, err := inner.Quadratic{}.Sample(key)
	return vast{p}, err
}

func TestNothingToCompare(t *testing.T) {
	c, phi := config[float32](t)
	c.Family = nowhereFamily{}
	e, err := distil.New(c)
	require.NoError(t, err)
	grad := append([]float32{}, phi...)
	got, err := e.Estimate(t.Context(), grad, phi, 1)
	require.NoError(t, err)
	require.Equal(t, meta.Estimate{Loss: math.Inf(1), Episodes: 1}, got)
	require.Equal(t, make([]float32, len(phi)), grad)
}

func TestErrors(t *testing.T) {
	for _, x := range []struct {
		change func(c *distil.Config)
		want   string
	}{
		{func(c *distil.Config) { c.Teacher = nil }, "want a teacher, a rule and a family"},
		{func(c *distil.Config) { c.Shortest = 30 }, "episodes of 30 to 24 steps; want 1 or more, in order"},
		{func(c *distil.Config) { c.Shortest = -1 }, "shortest is -1; want 1 to the horizon"},
		{func(c *distil.Config) { c.Points = 10_001 }, "points is 10001; want 1 to 10000"},
		{func(c *distil.Config) { c.Untold = 1.5 }, "untold is 1.5; want 0 to 1"},
		{func(c *distil.Config) { c.Rule = &plastic.Bengio7{} }, "goes by what synapses sense; want rules of gradients"},
		{func(c *distil.Config) { c.Family = vastFamily{} }, "distil: a problem of 10 weights, beside those before it: "},
		{func(c *distil.Config) { c.Rule = &mlp.General{Hidden: 1} }, "hidden is 1, want 2 to 1024"},
		{func(c *distil.Config) { c.TeacherConfig = json.RawMessage(`{"hidden":1}`) }, "teacher_config: learnedopt: general: hidden is 1, want 2 to 1024"},
		{func(c *distil.Config) { c.TeacherConfig = json.RawMessage(`{"units":1}`) }, `unknown field "units"`},
		{func(c *distil.Config) { c.TeacherConfig = json.RawMessage(`3`) }, "teacher_config: want a JSON object"},
		{func(c *distil.Config) { c.TeacherConfig = json.RawMessage(`{"hidden":5}`) }, "teacher_config: not the numbers that the teacher has learned: tensor 0 is w0[30 5], want w0[30 4]"},
	} {
		c, _ := config[float32](t)
		x.change(&c)
		_, err := distil.New(c)
		require.ErrorContains(t, err, x.want)
		require.NotContains(t, err.Error(), "\n")
	}
	_, err := distil.SettingsFrom(json.RawMessage(`{"point":3}`))
	require.ErrorContains(t, err, "point")
	s, err := distil.SettingsFrom(nil)
	require.NoError(t, err)
	require.Zero(t, s)
}

func BenchmarkEstimate(b *testing.B) {
	c, phi := config[float32](b)
	c.Family, c.Horizon, c.Shortest = inner.Quadratic{}, 100, 100
	e, err := distil.New(c)
	require.NoError(b, err)
	grad := make([]float32, len(phi))
	b.ReportAllocs()
	for key := range uint64(b.N) {
		if _, err := e.Estimate(context.Background(), grad, phi, key); err != nil {
			b.Fatal(err)
		}
	}
}
