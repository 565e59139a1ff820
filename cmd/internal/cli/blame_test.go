package cli

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed1498fded/unroll/internal/machine"
)

func TestBlame(t *testing.T) {
	memory := fmt.Errorf("eval: 5 runs: %w", &machine.MemoryError{Need: 9e12, Total: 24e9})
	count, settings, none := Count(5), JSON(`{"hidden":9}`), (*Count)(nil)
	flags := []Given{{"hidden", Widths{20, 10}}, {"runs", &count}, {"steps", none}, {"batch", Count(0)}, {"x", Widths(nil)}, {"rule-config", &settings}}
	err := Blame(memory, flags...)
	require.EqualError(t, err, `--hidden 20,10 --runs 5 --rule-config {"hidden":9}: eval: 5 runs: this would need about 9 TB of memory; this machine has 24 GB`)
	require.ErrorIs(t, err, memory)
	require.Equal(t, memory, Blame(memory, Given{"steps", none}), "nothing was given")
	other := errors.New("another")
	require.Equal(t, other, Blame(other, flags...))
	require.NoError(t, Blame(nil, flags...))
	require.Less(t, len(Given{"hidden", Widths(make([]int, 1000))}.String()), 60)
	require.True(t, strings.HasPrefix(Given{"hidden", Widths{1}}.String(), "--hidden 1"))
}
