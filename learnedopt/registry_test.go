package learnedopt_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed1498fded/unroll/learnedopt"
)

func TestNames(t *testing.T) {
	require.Equal(t, []string{
		"sgd", "momentum", "nag", "rmsprop", "adam", "adamw", "lion", "adafactor",
		"radam", "nadam", "yogi", "adabelief", "lamb", "schedulefree", "muon", "dog", "dowg", "prodigy",
		"mechanic", "sum", "graft", "groups", "decay", "schedule", "clip", "controlled", "rated",
		"rmsmomentum", "polyak", "lstm", "lstm-gac",
		"static", "hebb", "delta", "abcd", "bengio7", "bengio16", "runarsson", "distributed", "orchard", "formula",
		"lolv2", "adafacmlp", "star", "celo2", "general", "rnnprop", "celo", "celoadam", "nnadam", "rnnmlp", "hierarchical",
	}, learnedopt.Names())
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
		{"lion", ``, `{"lr":0.0001,"beta1":0.9,"beta2":0.99,"decay":0}`},
		{"adafactor", ``, `{"lr":0.01,"exponent":0.8,"momentum":0,"decay":0,"min_factored":128}`},
		{"radam", ``, `{"lr":0.001,"beta1":0.9,"beta2":0.999,"eps":1e-8}`},
		{"nadam", ``, `{"lr":0.001,"beta1":0.9,"beta2":0.999,"eps":1e-8}`},
		{"yogi", ``, `{"lr":0.01,"beta1":0.9,"beta2":0.999,"eps":0.001}`},
		{"adabelief", ``, `{"lr":0.001,"beta1":0.9,"beta2":0.999,"eps":1e-16}`},
		{"lamb", ``, `{"lr":0.001,"beta1":0.9,"beta2":0.999,"eps":0.000001,"decay":0}`},
		{"schedulefree", ``, `{"lr":0.0025,"beta1":0.9,"beta2":0.999,"eps":1e-8,"decay":0,"warmup":0}`},
		{"muon", ``, `{"lr":0.02,"momentum":0.95,"beta1":0.9,"beta2":0.999,"eps":1e-8,"decay":0,"plain":false}`},
		{"dog", ``, `{"lr":1,"start":"heuristic","first":0.000001,"eps":1e-8,"decay":0}`},
		{"dowg", ``, `{"lr":1,"first":0.0001,"eps":0.0001}`},
		{"prodigy", ``, `{"lr":1,"beta1":0.9,"beta2":0.999,"eps":1e-8,"first":0.000001,"growth":1,"decay":0,"safeguard":false}`},
		{"mechanic", ``, `{"rule":{"name":"adam","config":{"lr":1,"beta1":0.9,"beta2":0.999,"eps":1e-8}},"first":0.000001,"decay":0}`},
		{"sum", ``, `{"terms":[{"rule":{"name":"adam","config":{"lr":0.001,"beta1":0.9,"beta2":0.999,"eps":1e-8}},"weight":1}]}`},
		{"graft", `{"direction":"sgd"}`, `{"direction":{"name":"sgd","config":{"lr":0.01}},"length":{"name":"sgd","config":{"lr":0.01}},"per":"tensor"}`},
		{"groups", `{"groups":[{"names":"w*","rule":"sgd"}],"rest":{"name":"sgd","config":{"lr":2}}}`,
			`{"groups":[{"names":"w*","min_dims":0,"rule":{"name":"sgd","config":{"lr":0.01}}}],"rest":{"name":"sgd","config":{"lr":2}}}`},
		{"decay", `{"rule":{"name":"sgd"}}`, `{"rule":{"name":"sgd","config":{"lr":0.01}},"decay":0.0001}`},
		{"schedule", `{"rule":"sgd"}`, `{"rule":{"name":"sgd","config":{"lr":0.01}},"shape":"cosine","warmup":0,"steps":0,"end":0}`},
		{"clip", `{"rule":{"name":"decay","config":{"rule":"sgd"}}}`,
			`{"rule":{"name":"decay","config":{"rule":{"name":"sgd","config":{"lr":0.01}},"decay":0.0001}},"grad_value":0,"grad_norm":1,"step_norm":0,"step_rms":0,"per":"all"}`},
		{"lstm", ``, `{"hidden":20,"layers":2,"scale":0.1,"preprocess":10}`},
		{"rnnmlp", ``, `{"lstm":64,"hidden":32,"step":0.001,"scalars":false}`},
		{"hierarchical", ``, `{"parameter":10,"tensor":20,"global":20,"lr":0.0001}`},
		{"static", ``, `{}`},
		{"hebb", ``, `{"rate":0.01}`},
		{"delta", ``, `{"rate":0.1}`},
		{"abcd", ``, `{"rate":0.1,"init":0.1,"reward":false,"baseline":false}`},
		{"bengio7", ``, `{"init":0.1,"forget":false}`},
		{"bengio16", `{"init":2}`, `{"init":2}`},
		{"runarsson", ``, `{"hidden":4,"inputs":"target","scale":0.1,"init":1}`},
		{"distributed", ``, `{"pre":3,"post":1,"hidden":4,"scale":0.1,"init":1}`},
		{"general", ``, `{"hidden":8,"lr":1,"weight_decay":0,"horizon":"known","learned_decay":false,"outputs":false,"most_outputs":0,"longest":0,"shortest":0,"widest":0}`},
		{"general", `{"horizon":"free","lr":0.7}`, `{"hidden":8,"lr":0.7,"weight_decay":0,"horizon":"free","learned_decay":false,"outputs":false,"most_outputs":0,"longest":0,"shortest":0,"widest":0}`},
		{"formula", ``, `{"formula":"0.1*pre*mod"}`},
		{"orchard", ``, `{"weight_scale":0.005,"bias_scale":0.008,"weight_limit":15,"bias_limit":166,"init":1}`},
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
			require.Equal(t, r.Spec().Phi, again.Spec().Phi)
		})
	}
}

func TestNamedRefuses(t *testing.T) {
	for _, tt := range []struct{ name, config, want string }{
		{"adma", ``, `learnedopt: unknown rule "adma"; want one of sgd, momentum, nag, rmsprop, adam, adamw, lion, adafactor`},
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
		{"adam", `{"eps_root":-1}`, `learnedopt: adam: eps_root is -1, want 0 or a number above 0`},
		{"adamw", `{"beta2":1}`, `beta2 is 1, want a number above 0 and below 1`},
		{"adamw", `{"decay":-1}`, `learnedopt: adamw: decay is -1, want a number above 0`},
		{"lion", `{"beta1":1,"decay":-1}`, "learnedopt: lion: beta1 is 1, want a number above 0 and below 1\ndecay is -1, want 0 or a number above 0"},
		{"adafactor", `{"exponent":-1,"momentum":1,"min_factored":1}`,
			"learnedopt: adafactor: exponent is -1, want a number above 0\nmomentum is 1, want a number above 0 and below 1\nmin_factored is 1, want at least 2"},
		{"radam", `{"lr":-1}`, "learnedopt: radam: lr is -1, want a number above 0"},
		{"nadam", `{"lr":-1}`, "learnedopt: nadam: lr is -1, want a number above 0"},
		{"yogi", `{"lr":-1}`, "learnedopt: yogi: lr is -1, want a number above 0"},
		{"adabelief", `{"lr":-1}`, "learnedopt: adabelief: lr is -1, want a number above 0"},
		{"lamb", `{"lr":-1,"decay":-1}`, "learnedopt: lamb: lr is -1, want a number above 0\ndecay is -1, want 0 or a number above 0"},
		{"schedulefree", `{"decay":-1,"warmup":-1}`, "learnedopt: schedulefree: decay is -1, want 0 or a number above 0\nwarmup is -1, want at least 0"},
		{"muon", `{"lr":-1,"momentum":1}`, "learnedopt: muon: lr is -1, want a number above 0\nmomentum is 1, want a number above 0 and below 1"},
		{"dog", `{"start":"slow","first":-1}`, "learnedopt: dog: start is \"slow\", want one of heuristic, distance, rate\nfirst is -1, want a number above 0"},
		{"dowg", `{"first":-1,"eps":-1}`, "learnedopt: dowg: first is -1, want a number above 0\neps is -1, want a number above 0"},
		{"prodigy", `{"first":-1,"growth":-1}`, "learnedopt: prodigy: first is -1, want a number above 0\ngrowth is -1, want a number above 0"},
		{"mechanic", `{"first":-1,"decay":-1}`, "learnedopt: mechanic: first is -1, want a number above 0\ndecay is -1, want 0 or a number above 0"},
		{"mechanic", `{"beta1":0.9}`, `learnedopt: configuration of rule "mechanic": json: unknown field "beta1"`},
		{"decay", `{"rule":{"name":"adma"}}`, `learnedopt: configuration of rule "decay": unknown rule "adma"; want one of sgd, momentum`},
		{"decay", `{"rule":{"name":"sgd","config":{"lr":-1}}}`, `learnedopt: configuration of rule "decay": sgd: lr is -1, want a number above 0`},
		{"decay", `{"rule":{"config":{"lr":1}}}`, `a rule inside of another has no name; want {"name": ..., "config": ...}`},
		{"decay", `{"rule":{"name":"sgd","lr":1}}`, `a rule inside of another: json: unknown field "lr"`},
		{"decay", `{"rule":7}`, `learnedopt: configuration of rule "decay": a rule inside of another: want a JSON object`},
		{"decay", `{"decay":-1}`, `learnedopt: decay: decay is -1, want a number above 0`},
		{"decay", strings.Repeat(`{"rule":{"name":"decay","config":`, 40) + `{}` + strings.Repeat(`}}`, 40), `rules are nested more than 32 levels of JSON deep`},
		{"sum", `{"terms":[{"weigth":2}]}`, `learnedopt: configuration of rule "sum": json: unknown field "weigth"`},
		{"sum", `{"terms":[{"weight":1e300}]}`, `learnedopt: sum: terms[0]: weight is 1e+300, want a number of float32`},
		{"sum", `{"terms":[` + strings.Repeat("{},", 100) + `{}]}`, `learnedopt: sum: there are 101 terms, want at most 100`},
		{"graft", `{"per":"row"}`, `learnedopt: graft: per is "row", want tensor or all`},
		{"groups", `{"groups":[{"min_dims":-1}]}`, `learnedopt: groups: groups[0]: min_dims is -1, want at least 0`},
		{"schedule", `{"shape":"square","end":2}`, "learnedopt: schedule: shape is \"square\", want one of constant, linear, cosine\nend is 2, want a number from 0 to 1"},
		{"schedule", `{"warmup":2.5,"steps":-1}`, "learnedopt: schedule: warmup is 2.5, want a part of all steps from 0 to below 1, or a whole number of at most 16777216\nsteps is -1"},
		{"clip", `{"grad_norm":-1,"per":"row"}`, "learnedopt: clip: grad_norm is -1, want a number above 0\nper is \"row\", want tensor or all"},
		{"rnnmlp", `{"lstm":-1,"hidden":2000}`, "learnedopt: rnnmlp: lstm is -1, want 1 to 1024\nhidden is 2000, want 1 to 1024"},
		{"rnnmlp", `{"step":-1}`, "learnedopt: rnnmlp: step is -1, want a number above 0"},
		{"hierarchical", `{"parameter":-1,"tensor":2000}`, "learnedopt: hierarchical: parameter is -1, want 1 to 1024\ntensor is 2000, want 1 to 1024"},
		{"hierarchical", `{"global":-3,"lr":-1}`, "learnedopt: hierarchical: global is -3, want 1 to 1024\nlr is -1, want a number above 0"},
		{"hebb", `{"rate":-1}`, `learnedopt: hebb: rate is -1, want a number above 0, at most 1e+06`},
		{"delta", `{"rate":1e7}`, `learnedopt: delta: rate is 1e+07, want a number above 0, at most 1e+06`},
		{"abcd", `{"baseline":true}`, `learnedopt: abcd: baseline is true, want reward true too, or neither`},
		{"abcd", `{"rate":-1,"init":-2}`, "rate is -1, want a number above 0, at most 1e+06\ninit is -2, want"},
		{"bengio7", `{"init":-1}`, `learnedopt: bengio7: init is -1, want a number above 0`},
		{"bengio16", `{"init":-1}`, `learnedopt: bengio16: init is -1, want a number above 0`},
		{"static", `{"rate":1}`, `learnedopt: configuration of rule "static": json: unknown field "rate"`},
		{"runarsson", `{"inputs":"error"}`, `learnedopt: runarsson: inputs is "error", want one of target, mod, reward`},
		{"runarsson", `{"hidden":1025}`, `learnedopt: runarsson: hidden is 1025, want a number from 1 to 1024`},
		{"runarsson", `{"scale":-1,"init":-1}`, "scale is -1, want a number above 0, at most 1e+06\ninit is -1, want"},
		{"distributed", `{"pre":-1,"post":2000}`, "learnedopt: distributed: pre is -1, want a number from 1 to 1024\npost is 2000, want"},
		{"distributed", `{"hidden":-1}`, `learnedopt: distributed: hidden is -1, want a number from 1 to 1024`},
		{"distributed", `{"scale":-1,"init":-1}`, "scale is -1, want a number above 0, at most 1e+06\ninit is -1, want"},
		{"orchard", `{"weight_scale":-1,"bias_scale":-1}`, "weight_scale is -1, want a number above 0, at most 1e+06\nbias_scale is -1, want"},
		{"orchard", `{"weight_limit":-1,"bias_limit":-1}`, "weight_limit is -1, want a number above 0, at most 1e+06\nbias_limit is -1, want"},
		{"orchard", `{"init":-1}`, `learnedopt: orchard: init is -1, want a number above 0`},
		{"lstm", `{"hidden":-1}`, `learnedopt: lstm of 2 layers of -1 units; want at least 1 of each`},
		{"lstm", `{"layers":-2}`, `learnedopt: lstm of -2 layers of 20 units`},
		{"lstm", `{"preprocess":100}`, `learnedopt: lstm: preprocess is 100, want at most 80`},
		{"lstm", `{"hidden":1025}`, `learnedopt: lstm of 2 layers of 1025 units; want at most 16 layers of 1024 units`},
		{"lstm", `{"layers":17}`, `learnedopt: lstm of 17 layers of 20 units; want at most 16 layers of 1024 units`},
		{"lstm", `{"scale":1e300}`, `learnedopt: lstm: scale is 1e+300, want a number of float32`},
		{"lstm", `{"scale":-1e39}`, `learnedopt: lstm: scale is -1e+39, want a number of float32`},
		{"lstm", `{"hidden":20,"layers":2,"hidden":20}`, `learnedopt: configuration of rule "lstm": field "hidden" is given twice`},
		{"lstm", `{"Hidden":20}`, `learnedopt: configuration of rule "lstm": json: unknown field "Hidden"`},
		{"adamw", `{"Adam":{"lr":1}}`, `learnedopt: configuration of rule "adamw": json: unknown field "Adam"`},
		{"lstm", `{"hidden":null}`, `learnedopt: configuration of rule "lstm": field "hidden" is null; leave it out for the default`},
		{"lstm", `null`, `learnedopt: configuration of rule "lstm": want a JSON object`},
		{"lstm", `[20]`, `learnedopt: configuration of rule "lstm": want a JSON object`},
		{"lstm", `{"hidden":2.5}`, `learnedopt: configuration of rule "lstm": json: cannot unmarshal number 2.5 into field "hidden" of type int`},
		{"lstm", `{"hidden":{"a":[1]}}`, `learnedopt: configuration of rule "lstm": json: cannot unmarshal object into field "hidden" of type int`},
		{"lstm", `{"scale":1` + strings.Repeat("0", 9999) + `}`, `json: cannot unmarshal number 10000000000000000000000 into field "scale" of type float64`},
		{"lstm", `{"` + strings.Repeat("\\ud83d\\ude00", 9999) + `":1}`, `learnedopt: configuration of rule "lstm": json: unknown field`},
		{"lstm", strings.Repeat(`{"a":`, 20000), `learnedopt: configuration of rule "lstm": `},
		{strings.Repeat("x", 9999), ``, `learnedopt: unknown rule "xxx`},
	} {
		t.Run(tt.name[:min(len(tt.name), 9)]+tt.config[:min(len(tt.config), 40)], func(t *testing.T) {
			_, err := learnedopt.Named(tt.name, json.RawMessage(tt.config))
			require.ErrorContains(t, err, tt.want)
			require.Less(t, len(err.Error()), 300)
			require.Equal(t, 1, strings.Count(err.Error(), "learnedopt: "), "%v", err)
		})
	}
}
