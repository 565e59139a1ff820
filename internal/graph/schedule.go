package graph

import (
	"math"
	"slices"
)

// A step is what a lowered program does at a time: one operation, or elementwise ones over as many rows and columns that
// run as one loop. They are in the order of their indices.
type step []*op

// readersOf lists, for each of the operations that the results depend on, those that need it.
func readersOf(results []view) map[*op][]*op {
	of := make(map[*op][]*op)
	var visit func(o *op)
	visit = func(o *op) {
		if _, seen := of[o]; seen {
			return
		}
		of[o] = nil
		for _, b := range o.before() {
			visit(b)
			of[b] = append(of[b], o)
		}
	}
	for _, v := range results {
		for _, w := range v.of.writers {
			visit(w)
		}
	}
	return of
}

// before returns the operations that must be done before o, each once.
func (o *op) before() []*op {
	all := slices.Clone(o.after)
	for _, v := range o.in {
		all = append(all, v.of.writers...)
	}
	slices.SortFunc(all, func(a, b *op) int { return a.index - b.index })
	return slices.Compact(all)
}

// feeds says whether c reads what o writes number by number, so that it may lie in a register.
func (o *op) feeds(c *op) bool {
	if o.function == nil || c.function == nil || slices.Contains(c.after, o) ||
		o.dst.rows != c.dst.rows || o.dst.cols != c.dst.cols || !o.dst.whole() {
		return false
	}
	return !slices.ContainsFunc(c.in, func(v view) bool { return v.of == o.dst.of && !v.whole() })
}

// passing says whether what o writes is only read in its own step.
func (o *op) passing(s step, readers []*op) bool {
	return o.function != nil && !slices.ContainsFunc(readers, func(r *op) bool { return !slices.Contains(s, r) || !o.feeds(r) })
}

// group puts operations together into steps, from the last to the first: every elementwise operation goes to the loop of
// its first reader, if that is one, so that only what outlives a loop is written to memory.
func group(readers map[*op][]*op) []step {
	left := make(map[*op]int) // readers that are in no step yet
	var ready []*op
	for o, r := range readers {
		if left[o] = len(r); len(r) == 0 {
			ready = append(ready, o)
		}
	}
	var steps []step
	for len(ready) > 0 {
		slices.SortFunc(ready, func(a, b *op) int { return rank(a) - rank(b) })
		s := step{ready[len(ready)-1]}
		ready = ready[:len(ready)-1]
		if s[0].function != nil {
			ready = slices.DeleteFunc(ready, func(o *op) bool {
				if o.joins(s[0]) {
					s = append(s, o)
					return true
				}
				return false
			})
		}
		for i := 0; i < len(s); i++ {
			for _, b := range s[i].before() {
				if left[b]--; left[b] > 0 {
					continue
				}
				if b.joins(s[0]) && !slices.ContainsFunc(readers[b], func(c *op) bool { return slices.Contains(s, c) && !b.feeds(c) }) {
					s = append(s, b)
				} else {
					ready = append(ready, b)
				}
			}
		}
		slices.SortFunc(s, func(a, b *op) int { return a.index - b.index })
		steps = append(steps, s)
	}
	slices.Reverse(steps)
	return steps
}

// rank puts elementwise operations, in the order of their indices, before all others: taken last, they are in a loop with
// all that could be.
func rank(o *op) int {
	if o.function == nil {
		return o.index + math.MaxInt/2
	}
	return o.index
}

// joins says whether o can be in one loop with p.
func (o *op) joins(p *op) bool {
	return o.function != nil && o.dst.rows == p.dst.rows && o.dst.cols == p.dst.cols
}

// inOrder puts steps where what they read has been written last, and is in a cache still.
func inOrder(steps []step) []step {
	of := make(map[*op]int)
	for i, s := range steps {
		for _, o := range s {
			of[o] = i
		}
	}
	after := make([][]int, len(steps)) // the steps that wait for each
	left := make([]int, len(steps))
	for i, s := range steps {
		var before []int
		for _, o := range s {
			for _, b := range o.before() {
				before = append(before, of[b])
			}
		}
		slices.Sort(before)
		for _, b := range slices.Compact(before) {
			if b != i {
				after[b] = append(after[b], i)
				left[i]++
			}
		}
	}
	var ready []int
	for i := len(steps) - 1; i >= 0; i-- {
		if left[i] == 0 {
			ready = append(ready, i)
		}
	}
	var ordered []step
	for len(ready) > 0 {
		i := ready[len(ready)-1]
		ready = ready[:len(ready)-1]
		ordered = append(ordered, steps[i])
		for _, a := range slices.Backward(after[i]) {
			if left[a]--; left[a] == 0 {
				ready = append(ready, a)
			}
		}
	}
	return ordered
}
