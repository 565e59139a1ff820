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
		require.Equal(t, "lstm", r.Name)
		require.Len(t, r.Phi, 5141)
		require.NotEmpty(t, r.Provenance["problem"], "where it comes from is in the file")
		require.NotEmpty(t, r.Provenance["seed"])
	}
}

func TestUnknownRule(t *testing.T) {
	_, err := zoo.Load("lstm-nothing")
	require.ErrorContains(t, err, `no rule "lstm-nothing"; there are lstm-`)
}
