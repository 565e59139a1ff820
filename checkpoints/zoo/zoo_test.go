package zoo_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed1498fded/unroll/checkpoints/zoo"
)

func TestEveryRuleLoads(t *testing.T) {
	require.NotEmpty(t, zoo.Names())
	for _, name := range zoo.Names() {
		r, err := zoo.Load(name)
		require.NoError(t, err)
		want := map[string]int{"lstm": 5141, "general": 195}
		require.Contains(t, want, r.Name)
		require.Len(t, r.Phi, want[r.Name])
		require.NotEmpty(t, r.Provenance["problem"], "where it comes from is in the file")
		require.NotEmpty(t, r.Provenance["seed"])
	}
}

func TestUnknownRule(t *testing.T) {
	_, err := zoo.Load("lstm-nothing")
	require.ErrorContains(t, err, `no rule "lstm-nothing"; there are general, lstm-`)
}
