package es_test

import (
	"context"
	"encoding/json"
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed1498fded/unroll/inner"
	"github.com/seed1498fded/unroll/inner/problemtest"
	"github.com/seed1498fded/unroll/internal/rng"
	"github.com/seed1498fded/unroll/learnedopt"
	"github.com/seed1498fded/unroll/learnedopt/handmade"
	"github.com/seed1498fded/unroll/meta/es"
)

// unrolled returns the losses of an episode of a bowl, two runs side by side, as they count.
func unrolled(t *testing.T, r learnedopt.Rule, m *es.Imitation, e es.Episode) []float64 {
	t.Helper()
	tr, err := es.NewTraining(es.TrainingConfigOf[float64]{Rule: r, Family: problemtest.BowlOf[float64]{N: 5}, Copies: 2, Imitate: m})
	require.NoError(t, err)
	n, err := es.StateLen(tr, e)
	require.NoError(t, err)
	require.Equal(t, n, tr.State().Len())
	state, losses := make([]float64, n), make([]float64, e.Length)
	phi := phiOf[float64](r)
	require.NoError(t, tr.Start(state, phi, e))
	for from := range e.Length { // a step at a time: all that a teacher remembers is in the state
		require.NoError(t, tr.Unroll(context.Background(), losses[from:from+1], state, phi, e, from))
	}
	return losses
}

// A rule that is its own teacher makes no mistake, with memory too.
func TestImitationOfOneself(t *testing.T) {
	for name, r := range map[string]learnedopt.Rule{
		"adam": &handmade.Adam{}, "momentum": &handmade.Momentum{}, "muon": &handmade.Muon{}, "schedulefree": &handmade.ScheduleFree{},
	} {
		for _, loss := range unrolled(t, r, &es.Imitation{Teacher: name}, es.Episode{Key: 3, Length: 9}) {
			require.InDelta(t, 0, loss, 1e-7, name)
		}
	}
}

// What a loss counts as is the closed form, for steps that are twice the teacher's: in direction they are the same, and half apart in size.
func TestImitationIsItsFormula(t *testing.T) {
	r := &handmade.SGD{LR: 0.2}
	const length = 8
	m := &es.Imitation{Teacher: "sgd", Config: []byte(`{"lr":0.1}`), Direction: 0.5, Magnitude: 0.4, Keep: 0.3, Hold: 2, Steps: 10, Part: 0.5}
	for _, outer := range []int{0, 2, 7, 50} {
		plain := unrolled(t, r, nil, es.Episode{Key: 3, Length: length})
		for i, loss := range unrolled(t, r, m, es.Episode{Key: 3, Length: length, Outer: outer}) {
			w := math.Max(0, math.Min(1, 1-float64(outer-2)/10)) * math.Max(0, 1-float64(i)/4)
			want := (1-0.5*math.Max(w, 0.3)-0.4*w)*plain[i] + 0.4*w*0.5
			require.InDelta(t, want, loss, 1e-8, "outer step %d, step %d", outer, i)
		}
	}
	// The other way: at right angles and against a teacher nothing is in common, whatever the size.
	wrong := unrolled(t, &reverse{}, &es.Imitation{Teacher: "sgd", Direction: 1}, es.Episode{Key: 3, Length: 2})
	require.InDelta(t, 2, wrong[0], 1e-9)
}

// reverse climbs.
type reverse struct{ handmade.SGD }

func (*reverse) Init(phi []float32, _ uint64) { phi[0] = 1 }

func (r *reverse) Update(in learnedopt.Inputs) (learnedopt.Outputs, error) {
	out, err := r.SGD.Update(in)
	if err != nil {
		return out, err
	}
	return learnedopt.One(in.Tensors[0].Grad, nil), nil
}

// A teacher's step size is learned by PES from the imitation alone.
func TestImitationTeaches(t *testing.T) {
	r := &handmade.SGD{LR: 0.01}
	e, err := es.New(es.ConfigOf[float64]{
		Settings: es.Settings{Pairs: 16, Imitate: &es.Imitation{Teacher: "sgd", Config: []byte(`{"lr":0.1}`), Magnitude: 1}},
		Rule:     r, Family: inner.QuadraticOf[float64]{}, Horizon: 12, Window: 4,
	})
	require.NoError(t, err)
	phi := phiOf[float64](r)
	for i := range uint64(60) {
		grad := estimate(t, e, phi, rng.Split(4, i))
		phi[0] -= 2 * math.Max(-1, math.Min(1, grad[0])) * (1 - float64(i)/60)
	}
	require.InDelta(t, math.Log(0.1), phi[0], 0.1)
}

// The weight of an imitation falls with the estimates that were made, in every method, and comes to the loss itself.
func TestImitationLetsGo(t *testing.T) {
	for _, m := range es.Methods() {
		c := config[float64](es.Settings{Method: m, Pairs: 3, Imitate: &es.Imitation{Steps: 3}}, inner.QuadraticOf[float64]{})
		plain := c
		plain.Imitate = nil
		a, err := es.New(c)
		require.NoError(t, err)
		b, err := es.New(plain)
		require.NoError(t, err)
		phi := phiOf[float64](c.Rule)
		for i := range uint64(5) {
			one, two := make([]float64, len(phi)), make([]float64, len(phi))
			first, err := a.Estimate(context.Background(), one, phi, i)
			require.NoError(t, err)
			second, err := b.Estimate(context.Background(), two, phi, i)
			require.NoError(t, err)
			if i < 3 {
				require.NotEqual(t, second.Loss, first.Loss, "%s %d", m, i)
			} else {
				require.Equal(t, second, first, "%s %d", m, i)
				require.Equal(t, two, one, "%s %d", m, i)
			}
		}
	}
}

func TestImitationInJSON(t *testing.T) {
	s, err := es.SettingsNamed("pes", []byte(`{"imitate":{"teacher":"momentum","steps":5}}`))
	require.NoError(t, err)
	text, err := json.Marshal(s)
	require.NoError(t, err)
	require.Equal(t, `{"pairs":16,"sigma":0.01,"imitate":{"teacher":"momentum","teacher_config":{"lr":0.01,"momentum":0.9},`+
		`"direction":0.7,"magnitude":0.3,"steps":5}}`, string(text))
	again, err := es.SettingsNamed("pes", text)
	require.NoError(t, err)
	same, err := json.Marshal(again)
	require.NoError(t, err)
	require.Equal(t, string(text), string(same))
	for text, want := range map[string]string{
		`{"direction":0.8,"magnitude":0.3}`: `es: pes: imitate: direction is 0.8 and magnitude 0.3; want 0 or more, together at most 1`,
		`{"keep":2}`:                        `es: pes: imitate: keep is 2; want 0 to 1`,
		`{"part":-1}`:                       `es: pes: imitate: part is -1; want 0 to 1`,
		`{"hold":-1}`:                       `es: pes: imitate: hold is -1; want 0 or more`,
		`{"steps":-1}`:                      `es: pes: imitate: steps is -1; want 0 or more`,
		`{"teacher_config":{"lr":-1}}`:      `es: pes: imitate: learnedopt: adam: lr is -1, want a number above 0`,
		`{"teacher":"abcd"}`:                `want a rule of gradients`,
		`{"teacher":"nobody"}`:              `es: pes: imitate: learnedopt: unknown rule "nobody"; want one of`,
		`{"pupil":"x"}`:                     `unknown field "pupil"`,
	} {
		_, err := es.SettingsNamed("pes", []byte(`{"imitate":`+text+`}`))
		require.ErrorContains(t, err, want)
	}
	_, err = es.SettingsNamed("pes", []byte(`{"control":"bptt","imitate":{}}`))
	require.EqualError(t, err, "es: pes: control is not with imitate")
	_, err = es.NewTraining(es.TrainingConfigOf[float64]{Rule: &handmade.SGD{}, Family: inner.QuadraticOf[float64]{}, Through: 2, Imitate: &es.Imitation{}})
	require.EqualError(t, err, "es: an imitation has no derivative")
	_, err = es.New(es.ConfigOf[float64]{Settings: es.Settings{Imitate: &es.Imitation{}}, NewSystem: func() (es.SystemOf[float64], error) { return nil, nil }})
	require.EqualError(t, err, "es: imitate is for the training of problems, not for other systems")
}
