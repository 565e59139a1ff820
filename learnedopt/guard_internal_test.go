package learnedopt

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed1498fded/unroll/params"
)

// mixed has a state of everything: rows of two, a shared vector of three, rows of one.
type mixed struct{ SGD }

func (*mixed) State(theta params.Layout) params.Layout {
	return params.Layout{
		{Name: "a", Shape: []int{theta.Len(), 2}}, {Name: "b", Shape: []int{3}}, {Name: "c", Shape: []int{theta.Len()}},
	}
}

// What belongs to a coordinate is not guessed from a length, which a shared vector may have by chance.
func TestRowsOf(t *testing.T) {
	for n := 1; n < 6; n++ {
		found := rowsOf(new(mixed), n)
		require.Equal(t, []rows{{at: 0, width: 2}, {at: 2*n + 3, width: 1}}, found, "%d", n)
		require.Equal(t, []int{2 * n, 2*n + 1, 2*n + 2}, sharedOf(found, n, 3*n+3))
	}
	require.Equal(t, []rows{{0, 1}, {1, 1}}, rowsOf(new(Adam), 1))
	require.Empty(t, sharedOf(rowsOf(new(LSTM), 5), 5, 5*80))
}

func TestPlace(t *testing.T) {
	l := params.Layout{{Name: "w", Shape: []int{2, 3, 4}}, {Name: "b", Shape: []int{1}}}
	for i, want := range map[int]string{0: `"w" [0 0 0]`, 7: `"w" [0 1 3]`, 23: `"w" [1 2 3]`, 24: `"b" [0]`} {
		require.Equal(t, want, placeIn(l, i))
	}
}
