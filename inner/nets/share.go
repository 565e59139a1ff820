package nets

import (
	"runtime"
	"sync"

	"github.com/seed1498fded/unroll/internal/kernel"
	"github.com/seed1498fded/unroll/params"
)

// maxParts is the most parts that the rows of a batch are dealt out in. Sums over rows are those of the parts, one after the
// other, so that their bits do not depend on the number of goroutines.
const maxParts = 16

// worthSharing is the number of elements from which work on them is shared; one that is a sum of many products counts more.
const worthSharing = 1 << 16

// alone reports whether work is best left to the goroutine that has it.
func alone(elements int) bool { return elements < worthSharing || runtime.GOMAXPROCS(0) == 1 }

// partsOf returns the number of parts of n rows, 1 or more of them.
func partsOf(n int) int { return min(n, maxParts) }

// part returns the rows of a part, from the first to before the last.
func part(n, p int) (first, last int) { return n * p / partsOf(n), n * (p + 1) / partsOf(n) }

// together calls f for every part of n rows, side by side.
func together(n int, f func(p, first, last int)) {
	var busy sync.WaitGroup
	for p := 1; p < partsOf(n); p++ {
		first, last := part(n, p)
		busy.Go(func() { f(p, first, last) })
	}
	first, last := part(n, 0)
	f(0, first, last)
	busy.Wait()
}

// add sets y = a + b; y may be either.
func add[F params.Float](y, a, b []F) {
	if y, ok := any(y).([]float32); ok {
		kernel.Add(y, any(a).([]float32), any(b).([]float32))
		return
	}
	for i, v := range a {
		y[i] = v + b[i]
	}
}
