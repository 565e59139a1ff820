package classify

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"runtime"

	"golang.org/x/sync/errgroup"

	"github.com/seed1498fded/unroll/internal/rng"
)

// Forest is a random forest (Breiman 2001): trees that split by Gini's impurity, each grown to its end on a sample of the
// examples with replacement, with a few random features to choose from at each node. A forest's probabilities are the means of
// its trees'. The zero value takes every default.
type Forest struct {
	Trees    int    // 200 if zero
	Features int    // tried at each node, of those that vary there; the root of their number, rounded down, if zero
	MinLeaf  int    // examples in a leaf, at least; 1 if zero
	Whole    bool   // each tree sees every example once instead of a sample; then there is nothing out of bag
	Key      uint64 // names all that is drawn
	Workers  int    // goroutines; runtime.GOMAXPROCS(0) if zero
}

// A FittedForest is a forest that was grown.
type FittedForest struct {
	// Importance is by how much each feature lowers the impurity: the mean over trees of the sum over the splits by that
	// feature, in sum 1 in each tree that has any (mean decrease of impurity).
	Importance []float64

	// OutOfBag has for each example of the table the probabilities by those trees that have not seen it; nil for an example that
	// all have seen.
	OutOfBag [][]float64

	trees []*tree
	kinds int
}

// Fit grows a forest. The error is the table's, or the context's, or names the field that is out of its range.
func (f Forest) Fit(ctx context.Context, t Table) (*FittedForest, error) {
	if err := t.Validate(); err != nil {
		return nil, err
	}
	f, err := f.filled(t.Features())
	if err != nil {
		return nil, err
	}
	fitted := &FittedForest{trees: make([]*tree, f.Trees), kinds: t.Classes}
	importance, weights := make([][]float64, f.Trees), make([][]int, f.Trees)
	c := newColumns(t)
	eg, ctx := errgroup.WithContext(ctx)
	for first := range min(f.Workers, f.Trees) {
		eg.Go(func() error {
			g := newGrower(c, f)
			for i := first; i < f.Trees; i += f.Workers {
				if err := ctx.Err(); err != nil {
					return err
				}
				fitted.trees[i], importance[i] = g.grow(rng.Split(f.Key, uint64(i)), !f.Whole)
				weights[i] = append([]int(nil), g.weight...)
			}
			return nil
		})
	}
	if err := eg.Wait(); err != nil {
		return nil, err
	}
	fitted.weigh(importance)
	fitted.outOfBag(t, weights)
	return fitted, nil
}

// filled returns f with every default in its place.
func (f Forest) filled(features int) (Forest, error) {
	f.Trees = cmp.Or(f.Trees, 200)
	f.Features = cmp.Or(f.Features, max(1, int(math.Sqrt(float64(features)))))
	f.MinLeaf = cmp.Or(f.MinLeaf, 1)
	f.Workers = cmp.Or(f.Workers, runtime.GOMAXPROCS(0))
	if min(f.Trees, f.Features, f.MinLeaf, f.Workers) < 1 {
		return f, fmt.Errorf("classify: forest of %d trees, %d features, %d examples in a leaf and %d goroutines; want 1 or more of each",
			f.Trees, f.Features, f.MinLeaf, f.Workers)
	}
	return f, nil
}

// weigh averages the importance of features over trees.
func (f *FittedForest) weigh(importance [][]float64) {
	f.Importance = make([]float64, len(importance[0]))
	for _, tree := range importance {
		for i, v := range tree {
			f.Importance[i] += v / float64(len(importance))
		}
	}
}

// outOfBag lets each tree vote on the examples that it has not seen.
func (f *FittedForest) outOfBag(t Table, weights [][]int) {
	f.OutOfBag = make([][]float64, len(t.X))
	for i, x := range t.X {
		voters := 0
		p := make([]float64, f.kinds)
		for j, tree := range f.trees {
			if weights[j][i] == 0 {
				voters++
				add(p, tree.leaf(x, f.kinds))
			}
		}
		if voters > 0 {
			scale(p, 1/float64(voters))
			f.OutOfBag[i] = p
		}
	}
}

// Probabilities implements Classifier. It panics if x has not as many features as the table had, or p not as many classes.
func (f *FittedForest) Probabilities(p, x []float64) {
	check("probabilities", len(p), f.kinds)
	check("features", len(x), len(f.Importance))
	clear(p)
	for _, t := range f.trees {
		add(p, t.leaf(x, f.kinds))
	}
	scale(p, 1/float64(len(f.trees)))
}

func add(dst, x []float64) {
	for i, v := range x {
		dst[i] += v
	}
}

func scale(v []float64, by float64) {
	for i := range v {
		v[i] *= by
	}
}

func check(what string, got, want int) {
	if got != want {
		panic(fmt.Sprintf("classify: %d %s, want %d", got, what, want))
	}
}
