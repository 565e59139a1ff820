package learnedopt

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed1498fded/unroll/params"
)

func TestPlace(t *testing.T) {
	l := params.Layout{{Name: "w", Shape: []int{2, 3, 4}}, {Name: "b", Shape: []int{1}}}
	for i, want := range map[int]string{0: `"w" [0 0 0]`, 7: `"w" [0 1 3]`, 23: `"w" [1 2 3]`, 24: `"b" [0]`} {
		require.Equal(t, want, placeIn(l, i))
	}
}
