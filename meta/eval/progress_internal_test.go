package eval

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Shares that add up to a little more than 1, as sums of rounded numbers may, are all of the work and no more.
func TestNoMoreThanAllIsDone(t *testing.T) {
	last := 0.0
	m := meter{told: func(f float64, _ string) { last = f }}
	m.begin("a", 0.7, 1)()
	m.begin("b", 0.30000000000000016, 1)()
	require.Equal(t, 1.0, last)
}

// What a comparison is expected to take is told once, before anything is done, and grows with its runs: ten thousand times as many
// take a hundred times as long and more, however times are measured.
func TestExpected(t *testing.T) {
	expected := func(runs int) (takes time.Duration) {
		ctx, cancel := context.WithCancel(t.Context())
		c, told := comparison(), 0
		c.Runs, c.Contenders = runs, c.Contenders[2:]
		c.Expect = func(d time.Duration) {
			takes, told = d, told+1
			cancel() // so that nothing is measured
		}
		_, err := c.Run(ctx)
		require.ErrorIs(t, err, context.Canceled)
		require.Equal(t, 1, told)
		return takes
	}
	few := expected(10)
	require.Positive(t, few)
	require.Greater(t, expected(100_000), 100*few)
}
