package ruletest

import (
	"encoding/json"
	"math"
	"reflect"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed1498fded/unroll/learnedopt"
)

func layouts(t *testing.T, r subject) {
	require.NotEmpty(t, r.rule.Name())
	s := r.Spec()
	require.NoError(t, s.Phi.Validate())
	for _, n := range []int{1, 7, 30} {
		theta := r.weights(n)
		c := compile[float32](t, r, theta, 1)
		require.NoError(t, c.State().Validate())
		require.Equal(t, theta.Len(), c.Coordinates())
	}
}

// A configuration survives JSON: a new rule that has read it is the same rule, in what it learns, remembers and does.
func configuration(t *testing.T, s subject, again learnedopt.Rule) {
	r := s.rule
	require.Equal(t, reflect.TypeOf(r), reflect.TypeOf(again), "the constructor makes one kind of rule")
	config, err := json.Marshal(r)
	require.NoError(t, err)
	fresh := again
	if typ := reflect.TypeOf(r); typ.Kind() == reflect.Pointer {
		fresh = reflect.New(typ.Elem()).Interface().(learnedopt.Rule)
	}
	require.NoError(t, json.Unmarshal(config, fresh))
	for name, other := range map[string]learnedopt.Rule{"made again": again, "read from JSON": fresh} {
		require.Equal(t, r.Name(), other.Name(), name)
		mine, its := r.Spec(), other.Spec()
		require.Empty(t, mine.Phi.Diff(its.Phi), name)
		require.Equal(t, [2]any{mine.Reads, mine.Scope}, [2]any{its.Reads, its.Scope}, name)
		require.Equal(t, learnedopt.Phi(r, 3), learnedopt.Phi(other, 3), name)
		theta := s.weights(30)
		c, d := compile[float32](t, s, theta, 1), compile[float32](t, subject{other, s.Options}, theta, 1)
		require.Empty(t, c.State().Diff(d.State()), name)
		p := point(t, c, s, 1)
		require.Equal(t, step(t, c, p), step(t, d, p), "the step of the rule that was %s", name)
	}
	text, err := json.Marshal(fresh)
	require.NoError(t, err)
	require.JSONEq(t, string(config), string(text))
}

func initialisation(t *testing.T, r subject) {
	phi := learnedopt.Phi(r.rule, 1)
	require.Equal(t, phi, learnedopt.Phi(r.rule, 1), "equal keys, equal numbers")
	for i, v := range phi {
		require.False(t, math.IsNaN(float64(v)) || math.IsInf(float64(v), 0), "phi[%d] = %v", i, v)
	}
}
