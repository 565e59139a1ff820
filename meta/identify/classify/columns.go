package classify

import (
	"slices"
	"sort"
)

// columns are a table's features as trees see them: what counts is the order of values, so each example has a rank.
type columns struct {
	rank  [][]int32   // of each feature and example: how many distinct values are smaller than its own
	value [][]float64 // of each feature: the distinct values, ascending
	y     []int
	kinds int // classes
}

func newColumns(t Table) *columns {
	c := &columns{y: t.Y, kinds: t.Classes}
	for f := range t.Features() {
		values := make([]float64, len(t.X))
		for i, row := range t.X {
			values[i] = row[f]
		}
		distinct := slices.Clone(values)
		slices.Sort(distinct)
		distinct = slices.Compact(distinct)
		ranks := make([]int32, len(values))
		for i, v := range values {
			ranks[i] = int32(sort.SearchFloat64s(distinct, v))
		}
		c.value, c.rank = append(c.value, slices.Clip(distinct)), append(c.rank, ranks)
	}
	return c
}

// between returns a number between the values of two ranks of a feature: half way, unless that rounds to the upper one.
func (c *columns) between(f int, low, high int32) float64 {
	a, b := c.value[f][low], c.value[f][high]
	if mid := a/2 + b/2; a <= mid && mid < b {
		return mid
	}
	return a
}
