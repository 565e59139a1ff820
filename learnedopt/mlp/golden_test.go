package mlp_test

import (
	"testing"

	"github.com/seed1498fded/unroll/learnedopt"
	"github.com/seed1498fded/unroll/learnedopt/mlp"
	"github.com/seed1498fded/unroll/learnedopt/ruletest"
)

// The weights at every step are those of the implementations that the rules are from.
func TestGolden(t *testing.T) {
	for _, tt := range []struct {
		file string
		rule func() learnedopt.Rule
	}{
		{"lolv2", func() learnedopt.Rule { return new(mlp.LOLv2) }},
		{"adafac_mlp", func() learnedopt.Rule { return new(mlp.AdafacMLP) }},
		{"star", func() learnedopt.Rule { return new(mlp.Star) }},
		{"celo2", func() learnedopt.Rule { return new(mlp.Celo2) }},
	} {
		for _, g := range ruletest.ReadGolden(t, "testdata/"+tt.file+".json.gz") {
			t.Run(tt.file+" "+g.Name, func(t *testing.T) { g.Run(t, tt.rule()) })
		}
	}
}
