package main

import (
	"fmt"
	"slices"
	"strings"
)

// Sizes are what decides how many bytes an outer step sends. A number has 4 bytes.
type Sizes struct {
	Phi    int64 // numbers of the rule
	Theta  int64 // n, weights of a problem
	Memory int64 // s, numbers of the rule's memory for each weight
	Copies int64 // C, problems side by side; 0: 1
	Pairs  int64 // P, of a member of an evolution strategy; 0: 1
}

func (z Sizes) check() error {
	for _, f := range []struct {
		name string
		n    int64
	}{{"phi", z.Phi}, {"theta", z.Theta}, {"memory", z.Memory}, {"copies", z.Copies}, {"pairs", z.Pairs}} {
		if f.n < 0 || f.n > 1<<30 {
			return fmt.Errorf("%s is %d; want 0 to 2^30", f.name, f.n)
		}
	}
	branch := float64(max(z.Copies, 1)) * float64(z.Theta) * (3 + float64(z.Memory))
	if bytes := 8 * float64(max(z.Pairs, 1)) * (float64(z.Phi) + branch); bytes > 1<<34 {
		return fmt.Errorf("a state of up to %.3g bytes; want 2^34 or fewer", bytes)
	}
	return nil
}

// What the queue sends beside what is asked of it, as the package that does it documents: package meta/dist.
const (
	taskBytes   = 62  // a task without phi and state
	resultBytes = 98  // a result without gradient and state
	emptyBytes  = 1   // in place of what is empty
	lengthBytes = 5   // before what is in the message
	nameBytes   = 41  // in place of what is stored
	natsBytes   = 125 // which NATS adds to a message, in the mean: 50 to 200

	phiInline   = 4 << 10   // longer phis are stored, and fetched once by each worker
	otherInline = 256 << 10 // so are longer gradients and states, fetched by whoever needs them
	partBytes   = 512 << 10 // in parts of so many bytes, each of which is asked for and delivered

	// A lease each 0.7 s and a heartbeat each second.
	beats = 1/0.7 + 1
)

// An estimator of the meta-gradient tells what its members send.
type estimator struct {
	name, about string
	state       func(Sizes) int64 // numbers that go with a task and come back
	back        func(Sizes) int64 // numbers that come back beside: the gradient
	own         bool              // each member has a phi of its own, which its task brings
}

func gradient(z Sizes) int64 { return z.Phi }
func nothing(Sizes) int64    { return 0 }
func losses(z Sizes) int64   { return 4 * z.Pairs } // two of 8 bytes a pair

var estimators = []estimator{
	{"bptt", "whole episodes: a gradient back, no state", nothing, gradient, false},
	{"tbptt", "windows of an episode: a gradient back; weights and the rule's memory go and come",
		func(z Sizes) int64 { return z.Copies * z.Theta * (1 + z.Memory) }, gradient, false},
	{"es", "whole lives by evolution strategies: a gradient back, no state", nothing, gradient, false},
	{"pes", "windows by PES, NRES or GPES: a gradient back; two branches a pair, and what they have been under, go and come",
		func(z Sizes) int64 { return z.Pairs * (2*z.Phi + 2*z.Copies*(z.Theta*(2+z.Memory)+1)) }, gradient, false},
	{"search", "a population's candidates: phi with each task, a loss back", nothing, nothing, true},
	{"losses", "es, were the two losses of each pair all that came back; not built, to see what it would move", nothing,
		losses, false},
}

func named(name string) (estimator, error) {
	i := slices.IndexFunc(estimators, func(e estimator) bool { return e.name == name })
	if i < 0 {
		names := make([]string, len(estimators))
		for i, e := range estimators {
			names[i] = e.name
		}
		return estimator{}, fmt.Errorf("no estimator %q; there are %s", name, strings.Join(names, ", "))
	}
	return estimators[i], nil
}

// A blob is a piece of data: in its message up to a length, else stored beside.
type blob struct{ bytes, stored int64 }

func blobOf(numbers, inline int64) blob {
	switch bytes := 4 * numbers; {
	case bytes == 0:
		return blob{bytes: emptyBytes}
	case bytes <= inline:
		return blob{bytes: lengthBytes + bytes}
	default:
		return blob{nameBytes, bytes}
	}
}

// fetches is how many messages it takes to store a blob, or to fetch it: two a part.
func (b blob) fetches() int { return 2 * int((b.stored+partBytes-1)/partBytes) }

// overhead is of messages that travel from the learner's machine or to it.
func overhead(messages int) int64 { return natsBytes * int64(messages) }

// traffic is what a member sends. Of a pair of messages, one that asks and one that answers, one goes each way.
func (e estimator) traffic(z Sizes) Traffic {
	z.Copies, z.Pairs = max(z.Copies, 1), max(z.Pairs, 1)
	phi, state, back := blobOf(z.Phi, phiInline), blobOf(e.state(z), otherInline), blobOf(e.back(z), otherInline)
	up := state.fetches() + back.fetches() // to store what a result brings; the learner's own fetches are in the machine
	t := Traffic{
		// Delivered, and the answer to the result; what is stored is fetched.
		Task:         taskBytes + phi.bytes + state.bytes + state.stored + overhead(2+state.fetches()/2),
		TaskMessages: 4 + state.fetches(), // published, confirmed, asked for, delivered
		Phi:          phi.stored + overhead(phi.fetches()/2),
		PhiMessages:  phi.fetches(),
		// Asked for, the result, its acknowledgement.
		Result:         resultBytes + back.bytes + back.stored + state.bytes + state.stored + overhead(3+up/2),
		ResultMessages: 3 + 2*up,
	}
	if e.own {
		t.Task, t.TaskMessages = t.Task+t.Phi, t.TaskMessages+2*t.PhiMessages // stored by the learner, fetched by a worker
		t.Phi, t.PhiMessages = 0, 0
	}
	return t
}
