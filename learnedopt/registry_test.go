package learnedopt_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed1498fded/unroll/learnedopt"
)

func TestNames(t *testing.T) {
	require.Equal(t, []string{"sgd", "momentum", "nag", "rmsprop", "adam", "adamw", "lstm"}, learnedopt.Names())
}

// The JSON of a rule is what files hold. Every default is written out, so that a file keeps its meaning when a default
// changes; changing one of these strings takes care for the files that are about.
func TestConfigurationsInJSON(t *testing.T) {
	for _, tt := range []struct{ name, config, want string }{
		{"sgd", ``, `{"lr":0.01}`},
		{"sgd", `{"lr":0.5}`, `{"lr":0.5}`},
		{"momentum", `{}`, `{"lr":0.01,"momentum":0.9}`},
		{"momentum", `{"momentum":0.5}`, `{"lr":0.01,"momentum":0.5}`},
		{"nag", `{"lr":3}`, `{"lr":3,"momentum":0.9}`},
		{"rmsprop", ``, `{"lr":0.01,"alpha":0.99,"eps":1e-8}`},
		{"rmsprop", `{"alpha":0.5,"eps":0.001}`, `{"lr":0.01,"alpha":0.5,"eps":0.001}`},
		{"adam", ``, `{"lr":0.001,"beta1":0.9,"beta2":0.999,"eps":1e-8}`},
		{"adam", `{"lr":0.3,"beta1":0.5,"beta2":0.75,"eps":1}`, `{"lr":0.3,"beta1":0.5,"beta2":0.75,"eps":1}`},
		{"adamw", ``, `{"lr":0.001,"beta1":0.9,"beta2":0.999,"eps":1e-8,"decay":0.01}`},
		{"adamw", `{"lr":0.3,"decay":0.5}`, `{"lr":0.3,"beta1":0.9,"beta2":0.999,"eps":1e-8,"decay":0.5}`},
		{"lstm", ``, `{"hidden":20,"layers":2,"scale":0.1,"preprocess":10}`},
		{"lstm", `{"hidden":7,"layers":1,"scale":1,"preprocess":-1}`, `{"hidden":7,"layers":1,"scale":1,"preprocess":-1}`},
	} {
		t.Run(tt.name+tt.config, func(t *testing.T) {
			r, err := learnedopt.Named(tt.name, json.RawMessage(tt.config))
			require.NoError(t, err)
			require.Equal(t, tt.name, r.Name())
			got, err := json.Marshal(r)
			require.NoError(t, err)
			require.Equal(t, tt.want, string(got))

			again, err := learnedopt.Named(tt.name, got)
			require.NoError(t, err)
			require.Equal(t, learnedopt.Phi(r, 3), learnedopt.Phi(again, 3))
			require.Equal(t, r.Phi(), again.Phi())
		})
	}
}

func TestNamedRefuses(t *testing.T) {
	for _, tt := range []struct{ name, config, want string }{
		{"adma", ``, `learnedopt: unknown rule "adma"; want one of sgd, momentum, nag, rmsprop, adam, adamw, lstm`},
		{"", ``, `learnedopt: unknown rule ""`},
		{"sgd", `{"lr":0.1,"beta1":0.9}`, `learnedopt: configuration of rule "sgd": json: unknown field "beta1"`},
		{"sgd", `{"lr":"fast"}`, `learnedopt: configuration of rule "sgd": json: cannot unmarshal string`},
		{"sgd", `{"lr":`, `learnedopt: configuration of rule "sgd": unexpected EOF`},
		{"sgd", `{"lr":1} {"lr":2}`, `learnedopt: configuration of rule "sgd": more than one JSON value`},
		{"sgd", `{"lr":1}}`, `learnedopt: configuration of rule "sgd": more than one JSON value`},
		{"sgd", `{"lr":-1}`, `learnedopt: sgd: lr is -1, want a number above 0`},
		{"momentum", `{"momentum":1}`, `learnedopt: momentum: momentum is 1, want a number above 0 and below 1`},
		{"nag", `{"momentum":-0.1}`, `momentum is -0.1, want a number above 0 and below 1`},
		{"rmsprop", `{"alpha":2,"eps":-1}`, "alpha is 2, want a number above 0 and below 1\neps is -1, want a number above 0"},
		{"adam", `{"beta1":1,"beta2":-1}`, "beta1 is 1, want a number above 0 and below 1\nbeta2 is -1, want"},
		{"adamw", `{"beta2":1}`, `beta2 is 1, want a number above 0 and below 1`},
		{"adamw", `{"decay":-1}`, `learnedopt: adamw: decay is -1, want a number above 0`},
		{"lstm", `{"hidden":-1}`, `learnedopt: lstm of 2 layers of -1 units; want at least 1 of each`},
		{"lstm", `{"layers":-2}`, `learnedopt: lstm of -2 layers of 20 units`},
		{"lstm", `{"preprocess":100}`, `learnedopt: lstm: preprocess is 100, want at most 80`},
	} {
		t.Run(tt.name+tt.config, func(t *testing.T) {
			_, err := learnedopt.Named(tt.name, json.RawMessage(tt.config))
			require.ErrorContains(t, err, tt.want)
			require.Equal(t, 1, strings.Count(err.Error(), "learnedopt: "), "%v", err)
		})
	}
}
