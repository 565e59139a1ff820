package es_test

import (
	"context"
	"encoding/json"
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed1498fded/unroll/checkpoints"
	"github.com/seed1498fded/unroll/inner"
	"github.com/seed1498fded/unroll/meta/es"
	"github.com/seed1498fded/unroll/meta/estimatortest"
	"github.com/seed1498fded/unroll/params"
)

// A script is a system whose losses are given step by step, plus phi. Its state counts the steps, and it notes what it is asked for.
type script struct {
	losses []float64
	starts *int
	asked  *[][2]uint64 // key and first step of each stretch of the first branch, of two
}

func (script) State() params.Layout { return estimatortest.Vector(1) }

func (s script) Start(state, _ []float64, _ es.Episode) error {
	state[0] = 0
	*s.starts++
	return nil
}

func (s script) Unroll(_ context.Context, losses, state, phi []float64, e es.Episode, from int) error {
	if state[0] != float64(from) {
		panic("not where the episode is")
	}
	if phi[0] > 0 {
		*s.asked = append(*s.asked, [2]uint64{e.Key, uint64(from)})
	}
	for i := range losses {
		losses[i] = s.losses[from+i] + phi[0]
	}
	state[0] += float64(len(losses))
	return nil
}

// played returns the steps at which stretches begin, in windows of two, one pair, and how many episodes have begun anew.
func played(t *testing.T, m es.Method, a *es.Again, windows int, losses ...float64) (froms []uint64, keys []uint64, starts int) {
	t.Helper()
	var asked [][2]uint64
	s := script{losses, &starts, &asked}
	e, err := es.New(es.ConfigOf[float64]{
		Settings: es.Settings{Method: m, Pairs: 1, Together: true, Again: a}, NewSystem: func() (es.SystemOf[float64], error) { return s, nil },
		Phi: estimatortest.Vector(1), Horizon: len(losses), Window: 2,
	})
	require.NoError(t, err)
	es.SetNoise(e, func(dst []float64, _, _ int) { dst[0] = 1 })
	for i := range uint64(windows) {
		grad := []float64{0}
		_, err := e.Estimate(context.Background(), grad, []float64{0}, i)
		require.NoError(t, err)
		if m == es.NRES || m == es.GPES {
			require.InDelta(t, 1e4, grad[0], 1e-6, "an episode has one perturbation, and losses are straight in it")
		}
	}
	for _, x := range asked {
		keys, froms = append(keys, x[0]), append(froms, x[1])
	}
	return froms, keys, starts
}

// An episode goes on from where the one before stood before the window in which losses rose, once, under the same key.
func TestAgain(t *testing.T) {
	always := &es.Again{Part: 1}
	for _, m := range []es.Method{es.PES, es.NRES, es.GPES} {
		froms, keys, starts := played(t, m, always, 7, 3, 3, 2, 2, 1, 1, 5, 5)
		require.Equal(t, []uint64{0, 2, 4, 6, 6, 0, 2}, froms, "%s", m)
		require.Equal(t, keys[0], keys[4])
		require.NotEqual(t, keys[0], keys[5])
		require.Equal(t, 4, starts, "two branches, two episodes")
	}
	froms, _, _ := played(t, es.PES, always, 6, 3, 3, 2, 2, 5, math.NaN(), 1, 1)
	require.Equal(t, []uint64{0, 2, 4, 4, 0, 2}, froms, "what is not finite is a failure")
	froms, _, _ = played(t, es.PES, always, 6, 4, 4, 3, 3, 2, 2, 1, 1)
	require.Equal(t, []uint64{0, 2, 4, 6, 0, 2}, froms, "nothing rose")
	froms, _, _ = played(t, es.PES, &es.Again{Part: 1, Rise: 4.5}, 5, 3, 3, 2, 2, 1, 1, 5, 5)
	require.Equal(t, []uint64{0, 2, 4, 6, 0}, froms, "not by enough")
	froms, _, _ = played(t, es.PES, &es.Again{Part: 1, Rise: 3.5}, 6, 3, 3, 2, 2, 4, 4, 6, 6)
	require.Equal(t, []uint64{0, 2, 4, 6, 6, 0}, froms, "by enough in two windows")
	froms, _, _ = played(t, es.PES, nil, 6, 3, 3, 2, 2, 1, 1, 5, 5)
	require.Equal(t, []uint64{0, 2, 4, 6, 0, 2}, froms)
}

// Episodes are repeated as often as the settings say.
func TestAgainPart(t *testing.T) {
	froms, _, _ := played(t, es.PES, &es.Again{Part: 0.25}, 3000, 1, 1, 2, 2)
	again := 0
	for i, from := range froms[1:] {
		if from == 2 && froms[i] == 2 {
			again++
		}
	}
	fresh := 0
	for _, from := range froms {
		if from == 0 {
			fresh++
		}
	}
	require.InDelta(t, 0.25, float64(again)/float64(fresh), 4*math.Sqrt(0.25*0.75/float64(fresh)))
}

func TestAgainErrors(t *testing.T) {
	for name, c := range map[string][2]string{
		"pes":  {`{"part":2}`, "es: pes: again: part is 2; want above 0, at most 1"},
		"nres": {`{"rise":-1}`, "es: nres: again: rise is -1; want 0 or more"},
		"es":   {`{}`, "es: es: again is not for es, nor with form or control"},
		"gpes": {`{"rises":1}`, `unknown field "rises"`},
	} {
		_, err := es.SettingsNamed(name, []byte(`{"again":`+c[0]+`}`))
		require.ErrorContains(t, err, c[1])
	}
	s, err := es.SettingsNamed("pes", []byte(`{"again":{}}`))
	require.NoError(t, err)
	text, err := json.Marshal(s)
	require.NoError(t, err)
	require.Equal(t, `{"pairs":16,"sigma":0.01,"again":{"part":0.5}}`, string(text))

	e, err := es.New(config[float32](es.Settings{Pairs: 1, Again: &es.Again{}}, inner.QuadraticOf[float32]{}))
	require.NoError(t, err)
	f := &checkpoints.File{Meta: make(map[string]string)}
	require.NoError(t, e.Save(f, "e"))
	require.Equal(t, "[null]", f.Meta["e.failures"])
	for text, want := range map[string]string{
		``:               "es: training checkpoint: e.failures: unexpected end of JSON input",
		`[]`:             "es: training checkpoint: e.failures: 0 pairs, want 1",
		`[{}]`:           "es: training checkpoint: e.failures: pair 0: step 0 of 0 does not fit a horizon of 8",
		`[{"length":8}]`: `checkpoints: no tensor "e.failures"`,
	} {
		f.Meta["e.failures"] = text
		require.EqualError(t, e.Load(f, "e"), want)
	}
}
