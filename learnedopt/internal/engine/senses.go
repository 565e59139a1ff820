package engine

import (
	"fmt"
	"slices"
	"strings"

	G "gorgonia.org/gorgonia"

	"github.com/seed1498fded/unroll/internal/brief"
	"github.com/seed1498fded/unroll/learnedopt/rule"
	"github.com/seed1498fded/unroll/params"
)

// A sensed is one sense of one tensor of weights, as a rule reads it.
type sensed struct {
	node    *G.Node
	at, len int // where it lies among the senses of a run
}

// part returns a sense's part of the senses of all runs, of which each has so many numbers.
func part[F params.Float](s sensed, senses []F, perRun, run int) []F {
	at := run*perRun + s.at
	return senses[at : at+s.len]
}

// senseInputs makes the inputs for what a rule reads of the senses of one tensor, and gives them to it.
func senseInputs[F params.Float](g *G.ExprGraph, spec rule.Spec, senses params.Layout, in *rule.TensorInputs) []sensed {
	var list []sensed
	for _, s := range []struct {
		sense params.Sense
		read  rule.Vars
		node  **G.Node
	}{
		{params.Pre, rule.Pre, &in.Pre}, {params.Potential, rule.Potential, &in.Potential}, {params.Post, rule.Post, &in.Post},
		{params.Mod, rule.Mod, &in.Mod}, {params.Target, rule.Target, &in.Target},
	} {
		if spec.Reads&s.read == 0 {
			continue
		}
		name := s.sense.Of(in.Spec.Name)
		at, have := find(senses, name)
		*s.node = newInput[F](g, "sense."+name, have.Shape)
		list = append(list, sensed{*s.node, at, have.Len()})
	}
	return list
}

// find returns a tensor by name, and where it lies; the name must be there.
func find(l params.Layout, name string) (at int, s params.Spec) {
	for _, s := range l {
		if s.Name == name {
			return at, s
		}
		at += s.Len()
	}
	panic(fmt.Sprintf("learnedopt: no sense %q", name))
}

// rewardIn returns where a run's reward lies among its senses; 0 where a rule does not read it.
func rewardIn(spec rule.Spec, senses params.Layout) int {
	if spec.Reads&rule.Reward == 0 {
		return 0
	}
	at, _ := find(senses, string(params.Reward))
	return at
}

// addRewards sums the groups' shares of the cotangents of the rewards.
func (e *graphEngine[F]) addRewards(dSenses []F) {
	if dSenses == nil || e.c.spec.Reads&rule.Reward == 0 {
		return
	}
	for _, s := range e.Sums {
		for run, d := range s[e.sums.phi+e.sums.shared+e.sums.loss:] {
			dSenses[run*e.senses+e.reward] += d
		}
	}
}

// checkSenses reports a rule that reads what is not there.
func checkSenses(spec rule.Spec, b rule.Binding) error {
	read := spec.Reads.Senses()
	if len(read) == 0 {
		return nil
	}
	if spec.Scope == rule.Coordinates {
		return fmt.Errorf("a rule of scope coordinates reads %s, but sees no neurons", read[0])
	}
	if err := b.Senses.Validate(); err != nil {
		return fmt.Errorf("senses: %w", err)
	}
	for _, w := range b.Theta {
		examples := 0 // all of a tensor's senses have as many
		for _, s := range read {
			if err := checkSense(s, w, b.Senses, &examples); err != nil {
				return err
			}
		}
	}
	return nil
}

// checkSense reports a sense that is not there for some weights, or not in the shape that they ask for.
func checkSense(s params.Sense, w params.Spec, senses params.Layout, examples *int) error {
	i := slices.IndexFunc(senses, func(have params.Spec) bool { return have.Name == s.Of(w.Name) })
	if i < 0 {
		return fmt.Errorf("it reads %s, which the problem does not show for weights %v; %s", s, w, shown(senses))
	}
	have := senses[i]
	if s == params.Reward {
		if have.Len() != 1 || len(have.Shape) != 1 {
			return fmt.Errorf("the problem shows %v; want shape [1]", have)
		}
		return nil
	}
	pre, post, err := neurons(w)
	if err != nil {
		return err
	}
	want := post
	if s == params.Pre {
		want = pre
	}
	if len(have.Shape) != 2 || have.Shape[1] != want || *examples > 0 && have.Shape[0] != *examples {
		return fmt.Errorf("the problem shows %v for weights %v; want as many examples as its other senses by %d", have, w, want)
	}
	*examples = have.Shape[0]
	return nil
}

// neurons returns how many there are before and behind some weights.
func neurons(w params.Spec) (pre, post int, err error) {
	switch len(w.Shape) {
	case 1:
		return 1, w.Shape[0], nil
	case 2:
		return w.Shape[0], w.Shape[1], nil
	}
	return 0, 0, fmt.Errorf("weights %v have %d dimensions; a synapse has a presynaptic and a postsynaptic neuron", w, len(w.Shape))
}

// shown words what a problem shows.
func shown(senses params.Layout) string {
	if len(senses) == 0 {
		return "it shows its gradient alone"
	}
	var names []string
	for _, s := range senses {
		names = append(names, s.Name)
	}
	return "it shows " + brief.Text(strings.Join(names, ", "), 120)
}
