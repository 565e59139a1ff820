package eval

import (
	"testing"

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
