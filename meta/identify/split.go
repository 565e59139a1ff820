package identify

import (
	"slices"

	"github.com/seed1498fded/unroll/internal/rng"
)

// A Split deals networks out to those that a classifier is fitted to and those that it is tested on. All layers of a network are
// on one side: else the classifier would know networks again.
type Split struct{ Fit, Test []int }

// Splits draws a number of splits, in each of which three quarters of the networks under each rule, rounded down, are to fit a
// classifier to, and the others to test it on. The same networks and key give the same splits.
func (n *Networks) Splits(count int, key uint64) []Split {
	splits := make([]Split, count)
	for i := range splits {
		splits[i] = n.split(rng.Split(key, uint64(i)))
	}
	return splits
}

func (n *Networks) split(key uint64) (s Split) {
	for rule := range n.Rules {
		var of []int
		for net, r := range n.Rule {
			if r == rule {
				of = append(of, net)
			}
		}
		draw := rng.New(rng.Split(key, uint64(rule)))
		draw.Shuffle(len(of), func(i, j int) { of[i], of[j] = of[j], of[i] })
		s.Fit, s.Test = append(s.Fit, of[:len(of)*3/4]...), append(s.Test, of[len(of)*3/4:]...)
	}
	slices.Sort(s.Fit)
	slices.Sort(s.Test)
	return s
}
