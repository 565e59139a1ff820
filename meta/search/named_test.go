package search_test

import (
	"encoding/json"
	"strings"
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

// Settings come back from the JSON that they are written as, which has every default in its place.
func TestSettingsInJSON(t *testing.T) {
	for name, text := range map[string]string{
		"es": `{}`, "cmaes": `{}`, "ga": `{"elite": -1}`, "anneal": `{"once": true}`, "gp": `{"elite": -1, "nodes": 9}`,
	} {
		m, err := search.MethodNamed(name, []byte(text))
		require.NoError(t, err)
		full, err := json.Marshal(m)
		require.NoError(t, err)
		require.NotContains(t, string(full), "null")
		again, err := search.MethodNamed(name, full)
		require.NoError(t, err)
		same, err := json.Marshal(again)
		require.NoError(t, err)
		require.JSONEq(t, string(full), string(same))
		for _, given := range []string{`"elite":-1`, `"once":true`, `"nodes":9`} {
			if strings.Contains(strings.ReplaceAll(text, " ", ""), given) {
				require.Contains(t, string(full), given)
			}
		}
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
