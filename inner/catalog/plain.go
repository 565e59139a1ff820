package catalog

import (
	"cmp"
	"slices"

	"github.com/seed1498fded/unroll/inner/nets"
)

// The defaults of Options, where they are the same for every problem that has the field.
const (
	defaultActivation = "sigmoid"
	defaultBatch      = 128
	defaultLoss       = nets.CrossEntropy
	defaultInit       = nets.Normal
)

// Plain returns o without what only says a default of Lookup again: two Options mean the same if their plain forms are equal. What
// does not apply to the problem, or names none, stays as it is, for Lookup to refuse.
func (o Options) Plain(name string) Options {
	l, err := find(name)
	if err != nil {
		return o
	}
	if l.own != nil {
		return l.own.plain(o)
	}
	if l.hidden != nil && slices.Equal(o.Hidden, l.hidden) {
		o.Hidden = nil
	}
	if l.hidden != nil && o.Activation == defaultActivation {
		o.Activation = ""
	}
	if l.images && o.Batch == l.defaultBatch() {
		o.Batch = 0
	}
	if l.images && o.Loss == string(defaultLoss) {
		o.Loss = ""
	}
	if l.images && o.Init == string(defaultInit) {
		o.Init = ""
	}
	if l.tasks > 0 && o.Tasks == l.usual {
		o.Tasks = 0
	}
	return o
}

// defaultBatch returns the number of images in a minibatch.
func (l listing) defaultBatch() int { return cmp.Or(l.batch, defaultBatch) }
