package live

import "slices"

// A thinned list holds all that was ever put into it, in order, at a resolution that makes it fit: when it is full, the two
// neighbours that together stand for the least are made one, the oldest such. So a long history becomes evenly coarse, and no
// item stands for more than about four times the average.
type thinned[T any] struct {
	limit  int // items, at most
	merge  func(older, newer T) T
	items  []T
	weight []int // how many were put in for each
}

// put appends an item.
func (s *thinned[T]) put(item T) {
	s.items, s.weight = append(s.items, item), append(s.weight, 1)
	if len(s.items) <= s.limit {
		return
	}
	at := 0
	for i := range len(s.items) - 1 {
		if s.weight[i]+s.weight[i+1] < s.weight[at]+s.weight[at+1] {
			at = i
		}
	}
	s.items[at], s.weight[at] = s.merge(s.items[at], s.items[at+1]), s.weight[at]+s.weight[at+1]
	s.items, s.weight = slices.Delete(s.items, at+1, at+2), slices.Delete(s.weight, at+1, at+2)
}
