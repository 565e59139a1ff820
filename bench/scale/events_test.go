package main

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// An agenda is a stable sort by time.
func TestAgendaIsAStableSort(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		times := rapid.SliceOfN(rapid.IntRange(0, 9), 1, 60).Draw(t, "times")
		var a agenda
		want := make([]event, len(times))
		for i, at := range times {
			want[i] = event{at: time.Duration(at), seq: uint64(i), worker: int32(i)}
			a.plan(event{at: time.Duration(at), worker: int32(i)})
		}
		slices.SortStableFunc(want, func(a, b event) int { return int(a.at - b.at) })
		for _, e := range want {
			require.Equal(t, e, a.next())
		}
	})
}

func TestFifoKeepsOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var f fifo[int]
		var want []int
		for i, push := range rapid.SliceOfN(rapid.Bool(), 0, 1000).Draw(t, "pushes") {
			if push || len(want) == 0 {
				f.push(i)
				want = append(want, i)
				continue
			}
			require.Equal(t, want[0], f.first())
			require.Equal(t, want[0], f.pop())
			want = want[1:]
			require.Equal(t, len(want) == 0, f.empty())
		}
	})
	var f fifo[int] // long enough for its front half to be used again
	for i := range 1000 {
		f.push(i)
		require.Equal(t, i, f.pop())
	}
	require.Less(t, len(f.items), 200)
}
