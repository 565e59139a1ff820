package celo_test

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/seed1498fded/unroll/learnedopt"
	"github.com/seed1498fded/unroll/learnedopt/celo"
	"github.com/seed1498fded/unroll/learnedopt/ruletest"
	"github.com/seed1498fded/unroll/params"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestLaws(t *testing.T) {
	for name, r := range map[string]func() learnedopt.Rule{
		"celo":              func() learnedopt.Rule { return &celo.Celo{Hidden: 3, LSTM: 2} },
		"celo, unscheduled": func() learnedopt.Rule { return &celo.Celo{Hidden: 2, LSTM: 1, Unscheduled: true} },
		"celoadam":          func() learnedopt.Rule { return &celo.Adam{LSTM: 3} },
	} {
		t.Run(name, func(t *testing.T) { ruletest.RunWith(t, r, ruletest.Options{Weights: weights, Tolerance: 5e-5}) })
	}
}

// weights lays out a matrix, a vector and a number. A number is never alone: in units of its own size it is its sign, and
// what is left of its derivative is lost in a float32.
func weights(n int) params.Layout {
	n = max(n, 6)
	rows := n / 4
	return params.Layout{{Name: "w", Shape: []int{rows, 2}}, {Name: "s", Shape: []int{1}}, {Name: "b", Shape: []int{n - 1 - 2*rows}}}
}

// The weights at every step are those of the implementation that the rules are from.
func TestGolden(t *testing.T) {
	for _, tt := range []struct {
		file string
		rule func() learnedopt.Rule
	}{
		{"celo", func() learnedopt.Rule { return new(celo.Celo) }},
		{"celo_adam", func() learnedopt.Rule { return new(celo.Adam) }},
	} {
		for _, g := range ruletest.ReadGolden(t, "testdata/"+tt.file+".json.gz") {
			if g.PhiFile == "" {
				t.Run(tt.file+" "+g.Name, func(t *testing.T) { g.Run(t, tt.rule()) })
			}
		}
	}
}
