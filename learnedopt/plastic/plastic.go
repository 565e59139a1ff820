// Package plastic holds plasticity rules: rules of how a synapse changes by what it can feel where it is, the activities before
// and behind it, a modulator, a target, a reward, in the place of a gradient or beside it. All synapses have the same rule, whose
// few parameters are learned.
//
// Weights are [pre, post], biases [post]. What synapses feel has a row for each example, see package params, and a step on
// several examples is the sum of what each would do by itself. These rules remember nothing from step to step.
package plastic

import (
	"fmt"

	G "gorgonia.org/gorgonia"

	"github.com/seed1498fded/unroll/internal/graph"
	"github.com/seed1498fded/unroll/learnedopt/rule"
	"github.com/seed1498fded/unroll/params"
)

// All returns one of each rule, with its defaults.
func All() []rule.Rule {
	return []rule.Rule{
		new(Static), new(Hebb), new(Delta), new(ABCD), new(Bengio7), new(Bengio16),
		new(Runarsson), new(Distributed), new(Orchard), new(Formula),
	}
}

// neurons returns how many there are before and behind some weights.
func neurons(w params.Spec) (pre, post int) {
	if len(w.Shape) == 2 {
		return w.Shape[0], w.Shape[1]
	}
	return 1, w.Len()
}

// shaped returns a step in the shape of its tensor, which is a scalar if that has one element and one dimension.
func shaped(b *graph.Builder, step *G.Node, w params.Spec) *G.Node {
	if len(w.Shape) == 1 && w.Shape[0] == 1 {
		return b.Reshape(step)
	}
	return b.Reshape(step, w.Shape...)
}

// size reports a setting that is no number above 0 of a size that one can compute with.
func size(name string, v float64) error {
	const most = 1e6
	if !(v > 0 && v <= most) {
		return fmt.Errorf("%s is %v, want a number above 0, at most %v", name, v, most)
	}
	return nil
}

// count reports a setting that is not a whole number from 1 to most.
func count(name string, v, most int) error {
	if v < 1 || v > most {
		return fmt.Errorf("%s is %d, want a number from 1 to %d", name, v, most)
	}
	return nil
}
