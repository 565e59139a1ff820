package live

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// Laws: a thinned list keeps the order and the sum of all it was given, has no more items than its limit, and none stands for much
// more than its share.
func TestThinned(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		limit := rapid.IntRange(2, 20).Draw(t, "limit")
		n := rapid.IntRange(0, 400).Draw(t, "n")
		type span struct{ first, last, sum int }
		s := thinned[span]{limit: limit, merge: func(a, b span) span {
			require.Equal(t, a.last+1, b.first, "neighbours")
			return span{a.first, b.last, a.sum + b.sum}
		}}
		want := 0
		for i := range n {
			s.put(span{i, i, i * i})
			want += i * i
			require.LessOrEqual(t, len(s.items), limit)
		}
		got, next := 0, 0
		for i, x := range s.items {
			require.Equal(t, next, x.first)
			require.Equal(t, x.last-x.first+1, s.weight[i])
			require.LessOrEqual(t, s.weight[i], max(1, 4*n/limit))
			got, next = got+x.sum, x.last+1
		}
		require.Equal(t, want, got)
		require.Equal(t, n, next)
	})
}
