package search_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed1498fded/unroll/internal/machine"
	"github.com/seed1498fded/unroll/meta/search"
)

// More candidates than the machine has room for are an error of one line, before any is made, and so is the first of several settings
// that are wrong.
func TestSizes(t *testing.T) {
	const many = math.MaxInt / 4
	for name, m := range map[string]search.Method{
		"es":     search.ES{Lambda: many},
		"mu":     search.ES{Mu: many - 1, Lambda: many},
		"cmaes":  search.CMAES{Lambda: many},
		"ga":     search.GA{Population: many},
		"anneal": search.Anneal{Chains: many},
		"gp":     search.GP{Population: many},
	} {
		_, err := m.New(make([]float64, search.FormulaLayout().Len()), 1)
		var memory *machine.MemoryError
		require.ErrorAs(t, err, &memory, name)
		require.Greater(t, memory.Need, 16.0*many, name)
		require.NotContains(t, err.Error(), "\n")
	}
	_, err := search.GA{Population: -1, Tournament: -1, Spread: -1}.New(make([]float64, 3), 1)
	require.EqualError(t, err, "search: ga: population is -1; want 2 or more")
}
