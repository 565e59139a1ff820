package identify

import (
	"context"
	"slices"

	"github.com/seed1498fded/unroll/meta/identify/classify"
)

// A method fits a classifier to a table.
type method func(ctx context.Context, t classify.Table, key uint64) (classify.Classifier, error)

// A trial is a classifier on what it may see of the networks.
type trial struct {
	networks *Networks
	columns  columns
	view     int
	rule     []int // of each network, or what is put in its place
	fit      method
}

// A score is what came of a trial on one split.
type score struct {
	net, layer float64   // fractions of the networks and of the layers that were told right
	confusion  [][]int   // networks: [rule, what it was told for]
	importance []float64 // of the trial's columns, if it was a forest
}

// examples returns the layers of some networks, and which network each is of.
func (t trial) examples(nets []int) (table classify.Table, net []int) {
	table.Classes = len(t.networks.Rules)
	for i, of := range t.networks.Net {
		if _, ok := slices.BinarySearch(nets, of); ok {
			table.X, table.Y = append(table.X, t.columns.of(t.networks.Features[t.view][i])), append(table.Y, t.rule[of])
			net = append(net, of)
		}
	}
	return table, net
}

// run fits the classifier to one side of a split and scores it on the other.
func (t trial) run(ctx context.Context, s Split, key uint64) (score, error) {
	table, _ := t.examples(s.Fit)
	c, err := t.fit(ctx, table, key)
	if err != nil {
		return score{}, err
	}
	r := t.score(c, s.Test)
	if f, ok := c.(*classify.FittedForest); ok {
		r.importance = t.columns.sum(f.Importance)
	}
	return r, nil
}

// score tells the rules of networks.
func (t trial) score(c classify.Classifier, nets []int) (s score) {
	table, net := t.examples(nets)
	s.confusion = make([][]int, table.Classes)
	for k := range s.confusion {
		s.confusion[k] = make([]int, table.Classes)
	}
	p, votes := make([]float64, table.Classes), make([]float64, table.Classes)
	right := 0
	for i, x := range table.X {
		c.Probabilities(p, x)
		if largest(p) == table.Y[i] {
			s.layer += 1 / float64(len(table.X))
		}
		for k, v := range p {
			votes[k] += v
		}
		if i+1 == len(net) || net[i+1] != net[i] {
			told := largest(votes)
			s.confusion[table.Y[i]][told]++
			if told == table.Y[i] {
				right++
			}
			clear(votes)
		}
	}
	s.net = float64(right) / float64(len(nets))
	return s
}

// largest returns the first of the largest numbers.
func largest(v []float64) int { return slices.Index(v, slices.Max(v)) }

// forest returns the method of random forests with so many trees.
func forest(trees int) method {
	return func(ctx context.Context, t classify.Table, key uint64) (classify.Classifier, error) {
		return classify.Forest{Trees: trees, Key: key, Workers: 1}.Fit(ctx, t)
	}
}

// linear is the method of logistic regression, as far as 200 steps take it: which side of a border is which is clear by then.
func linear(ctx context.Context, t classify.Table, _ uint64) (classify.Classifier, error) {
	return classify.Logistic{Steps: 200}.Fit(ctx, t)
}
