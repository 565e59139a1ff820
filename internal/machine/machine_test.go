package machine_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed1498fded/unroll/internal/machine"
)

func TestMemory(t *testing.T) {
	n := machine.Memory()
	require.Greater(t, n, uint64(64<<20), "more than this test takes")
	require.Less(t, n, uint64(1<<50))
}

func TestFits(t *testing.T) {
	n := float64(machine.Memory())
	require.NoError(t, machine.Fits(0))
	require.NoError(t, machine.Fits(n))
	for _, need := range []float64{n * 1.01, 1e300, math.Inf(1), math.NaN()} {
		var e *machine.MemoryError
		require.ErrorAs(t, machine.Fits(need), &e)
		require.Equal(t, uint64(n), e.Total)
		require.Less(t, len(e.Error()), 100)
	}
	require.EqualError(t, &machine.MemoryError{Need: 320e9, Total: 24e9}, "this would need about 320 GB of memory; this machine has 24 GB")
	require.EqualError(t, &machine.MemoryError{Need: 999_600, Total: 512}, "this would need about 1 MB of memory; this machine has 512 bytes")
}
