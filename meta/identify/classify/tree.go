package classify

import (
	"cmp"
	"slices"

	"github.com/seed1498fded/unroll/internal/rng"
)

// A tree is a binary decision tree (CART; Breiman, Friedman, Olshen and Stone 1984), its nodes in one list, the root first.
type tree struct {
	nodes  []node
	leaves []float64 // distributions over the classes, end to end
}

// A node sends an example left if its feature is at most the threshold. A leaf has no feature, -1, and its distribution begins
// at left.
type node struct {
	feature     int32
	left, right int32
	threshold   float64
}

// leaf returns the distribution where an example ends.
func (t *tree) leaf(x []float64, kinds int) []float64 {
	n := &t.nodes[0]
	for n.feature >= 0 {
		if x[n.feature] <= n.threshold {
			n = &t.nodes[n.left]
		} else {
			n = &t.nodes[n.right]
		}
	}
	return t.leaves[n.left : int(n.left)+kinds]
}

// A grower grows one tree after another from the same columns. It is for one goroutine at a time.
type grower struct {
	*columns
	tries, minLeaf int
	draw           *rng.Stream

	weight     []int   // how often each example is in the tree's sample
	rows       []int32 // the sample, without repetitions; a node's rows lie together
	sorted     []int32
	counts     []int32 // for sorting by rank
	features   []int   // all, in the order in which they were tried last
	total      []int   // class counts of a node
	left       []int   // and of the part of it to the left of a split
	importance []float64
	tree       *tree
}

func newGrower(c *columns, f Forest) *grower {
	n, most := len(c.y), 0
	for _, v := range c.value {
		most = max(most, len(v))
	}
	return &grower{
		columns: c, tries: f.Features, minLeaf: f.MinLeaf, draw: rng.New(0), weight: make([]int, n), sorted: make([]int32, n),
		counts: make([]int32, most+1), features: make([]int, len(c.value)), total: make([]int, c.kinds), left: make([]int, c.kinds),
	}
}

// grow returns the tree of a key, and how much each feature lowers the impurity in it, in sum 1 or nothing.
func (g *grower) grow(key uint64, bag bool) (*tree, []float64) {
	g.draw.Reset(key)
	g.sample(bag)
	for f := range g.features {
		g.features[f] = f
	}
	g.tree, g.importance = new(tree), make([]float64, len(g.features))
	g.split(0, len(g.rows))
	sum := 0.0
	for _, v := range g.importance {
		sum += v
	}
	if sum > 0 {
		for f := range g.importance {
			g.importance[f] /= sum
		}
	}
	return g.tree, g.importance
}

// sample draws as many examples as there are, with replacement, or takes each once.
func (g *grower) sample(bag bool) {
	n := len(g.weight)
	for i := range g.weight {
		g.weight[i] = 1
	}
	if bag {
		clear(g.weight)
		for range n {
			g.weight[g.draw.IntN(n)]++
		}
	}
	g.rows = g.rows[:0]
	for i, w := range g.weight {
		if w > 0 {
			g.rows = append(g.rows, int32(i))
		}
	}
}

// split makes a node, and all below it, of the rows from one place to before another. It returns the node's number.
func (g *grower) split(from, to int) int32 {
	number := int32(len(g.tree.nodes))
	g.tree.nodes = append(g.tree.nodes, node{feature: -1})
	best, found := g.best(from, to)
	if !found {
		g.tree.nodes[number].left = g.newLeaf(from, to)
		return number
	}
	g.importance[best.feature] += best.gain
	mid := g.partition(from, to, best)
	left := g.split(from, mid)
	right := g.split(mid, to)
	g.tree.nodes[number] = node{int32(best.feature), left, right, g.between(best.feature, best.low, best.high)}
	return number
}

// newLeaf keeps the distribution of a node's classes.
func (g *grower) newLeaf(from, to int) int32 {
	at, n := int32(len(g.tree.leaves)), g.count(from, to)
	for _, c := range g.total {
		g.tree.leaves = append(g.tree.leaves, float64(c)/float64(n))
	}
	return at
}

// count sets total and returns its sum.
func (g *grower) count(from, to int) int {
	clear(g.total)
	n := 0
	for _, r := range g.rows[from:to] {
		g.total[g.y[r]] += g.weight[r]
		n += g.weight[r]
	}
	return n
}

// A cut is a place to split a node at: between two ranks of a feature.
type cut struct {
	feature   int
	low, high int32
	gain      float64 // how much lower the impurity gets, times the number of examples
}

// best tries features in random order until enough have been tried that are not the same for all rows, and returns the cut after
// which Gini's impurity is lowest. There is none where all rows are of one class or look the same.
func (g *grower) best(from, to int) (best cut, found bool) {
	n := g.count(from, to)
	if slices.Max(g.total) == n || n < 2*g.minLeaf {
		return best, false
	}
	for i, tried := 0, 0; i < len(g.features) && tried < g.tries; i++ {
		j := i + g.draw.IntN(len(g.features)-i)
		g.features[i], g.features[j] = g.features[j], g.features[i]
		c, varied := g.bestOf(g.features[i], from, to, n)
		if varied {
			tried++
		}
		if c.gain > best.gain {
			best, found = c, true
		}
	}
	return best, found
}

// bestOf returns the best cut of a feature, and whether there is more than one value of it.
func (g *grower) bestOf(f, from, to, n int) (best cut, varied bool) {
	rows, rank := g.byRank(f, from, to), g.rank[f]
	if rank[rows[0]] == rank[rows[len(rows)-1]] {
		return best, false
	}
	clear(g.left)
	leftSum, rightSum, all := 0, 0, 0 // of squares of class counts
	for _, c := range g.total {
		rightSum += c * c
	}
	all = rightSum
	for i, nLeft := 0, 0; i < len(rows)-1; i++ {
		w, k := g.weight[rows[i]], g.y[rows[i]]
		right := g.total[k] - g.left[k]
		leftSum += w * (2*g.left[k] + w)
		rightSum += w * (w - 2*right)
		g.left[k] += w
		nLeft += w
		low, high := rank[rows[i]], rank[rows[i+1]]
		if low == high || nLeft < g.minLeaf || n-nLeft < g.minLeaf {
			continue
		}
		gain := float64(leftSum)/float64(nLeft) + float64(rightSum)/float64(n-nLeft) - float64(all)/float64(n)
		if gain > best.gain {
			best = cut{f, low, high, gain}
		}
	}
	return best, true
}

// byRank returns a node's rows in the order of a feature, until the next call.
func (g *grower) byRank(f, from, to int) []int32 {
	rows, rank, sorted := g.rows[from:to], g.rank[f], g.sorted[:to-from]
	if kinds := len(g.value[f]); kinds < 8*len(rows) { // else counting takes longer than comparing
		counts := g.counts[:kinds+1]
		clear(counts)
		for _, r := range rows {
			counts[rank[r]+1]++
		}
		for i := 1; i < len(counts); i++ {
			counts[i] += counts[i-1]
		}
		for _, r := range rows {
			sorted[counts[rank[r]]] = r
			counts[rank[r]]++
		}
		return sorted
	}
	copy(sorted, rows)
	slices.SortFunc(sorted, func(a, b int32) int { return cmp.Compare(rank[a], rank[b]) })
	return sorted
}

// partition moves the rows of the left part to the front and returns where the others begin.
func (g *grower) partition(from, to int, c cut) int {
	rank, mid := g.rank[c.feature], from
	for i := from; i < to; i++ {
		if rank[g.rows[i]] <= c.low {
			g.rows[i], g.rows[mid] = g.rows[mid], g.rows[i]
			mid++
		}
	}
	return mid
}
