package search_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed1498fded/unroll/meta/search"
)

func TestNamed(t *testing.T) {
	require.Equal(t, []string{"es", "cmaes", "ga", "anneal", "gp"}, search.Names())
	for _, name := range search.Names() {
		s, err := search.Named(name, nil, search.FormulaLayout().Len(), 1)
		require.NoError(t, err)
		require.Equal(t, search.FormulaLayout().Len(), s.Len())
		require.NotEmpty(t, s.Ask())
	}
	s, err := search.Named("es", []byte(`{"mu": 2, "lambda": 7}`), 3, 1)
	require.NoError(t, err)
	require.Len(t, s.Ask(), 7)
	m, err := search.MethodNamed("anneal", []byte(`{"once": true, "chains": 4}`))
	require.NoError(t, err)
	require.Equal(t, &search.Anneal{Once: true, Chains: 4}, m)
}

// Settings come back from the JSON that they are written as.
func TestSettingsInJSON(t *testing.T) {
	for _, name := range search.Names() {
		m, err := search.MethodNamed(name, nil)
		require.NoError(t, err)
		text, err := json.Marshal(m)
		require.NoError(t, err)
		again, err := search.MethodNamed(name, text)
		require.NoError(t, err)
		written, err := json.Marshal(again)
		require.NoError(t, err)
		require.JSONEq(t, string(text), string(written))
	}
	for _, m := range []search.Method{search.GA{Elite: -1}, search.GP{Elite: -1}} {
		text, err := json.Marshal(m)
		require.NoError(t, err)
		require.Contains(t, string(text), `"elite":-1`)
	}
	m, err := search.MethodNamed("gp", []byte(`{"variables": ["pre"], "functions": ["*"]}`))
	require.NoError(t, err)
	require.Equal(t, &search.GP{Variables: []string{"pre"}, Functions: []string{"*"}}, m)
}

func TestNamedErrors(t *testing.T) {
	for _, c := range []struct{ name, config, want string }{
		{"pso", "", `search: unknown search "pso"; want one of es, cmaes, ga, anneal, gp`},
		{"es", `{"Mu": 1}`, `search: configuration of "es": json: unknown field "Mu"`},
		{"es", `{"mu": null}`, `search: configuration of "es": field "mu" is null; leave it out for the default`},
		{"es", `{"lambda": 15}`, `search: es: lambda is 15; want more than mu, 15`},
		{"es", `{"mu": -1}`, `search: es: mu is -1; want 1 or more`},
		{"es", `{"sigma": -1}`, `search: es: sigma is -1; want above 0, and at most 1e+150`},
		{"cmaes", `{"lambda": 3}`, `search: cmaes: lambda is 3; want 4 or more`},
		{"cmaes", `{"sigma": "wide"}`, `search: configuration of "cmaes": json: cannot unmarshal string into field "sigma" of type float64`},
		{"ga", `{"crossover": "both"}`, `search: ga: crossover is "both"; want "uniform" or "cut"`},
		{"ga", `{"elite": -2}`, `search: ga: elite is -2; want 0 or more, and less than population, 100`},
		{"ga", `{"mutation": 1.5}`, `search: ga: mutation is 1.5; want above 0, and at most 1`},
		{"anneal", `{"cooling": 1.5}`, `search: anneal: cooling is 1.5; want above 0, and at most 1`},
		{"anneal", `{"chains": -3}`, `search: anneal: chains is -3; want 1 or more`},
		{"gp", `{"nodes": 99}`, `search: gp: nodes is 99; want 1 to 31`},
	} {
		_, err := search.Named(c.name, []byte(c.config), search.FormulaLayout().Len(), 1)
		require.EqualError(t, err, c.want)
	}
	_, err := search.Named("ga", nil, 0, 1)
	require.EqualError(t, err, "search: ga: a start of no numbers; want one or more")
}
