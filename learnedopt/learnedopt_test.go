package learnedopt_test

import (
	"testing"

	"github.com/seed1498fded/unroll/learnedopt"
	"github.com/seed1498fded/unroll/learnedopt/ruletest"
)

func TestLaws(t *testing.T) {
	for _, r := range learnedopt.All() {
		t.Run(r.Name(), func(t *testing.T) { ruletest.Run(t, r) })
	}
	t.Run("lstm without preprocessing", func(t *testing.T) {
		ruletest.Run(t, &learnedopt.LSTM{Hidden: 5, Layers: 1, Preprocess: -1})
	})
}
