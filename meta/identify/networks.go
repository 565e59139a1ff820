package identify

import (
	"fmt"
	"math"
	"slices"
)

// Networks are what is known of trained networks: the features of their layers in several views, and the rule of each.
type Networks struct {
	Rules []string // names
	Times int      // at which each was looked at
	Views []View
	Rule  []int // of each network, the number of its rule

	Net      []int         // of each example, the number of its network; those of one network follow each other
	Features [][][]float64 // of each view and example; see View.Features

	Diverged int               // networks that were left out because their training diverged
	Meta     map[string]string // where they come from
}

// empty returns networks without any.
func (p Population) empty() *Networks {
	n := &Networks{Times: p.Times, Views: p.Views, Features: make([][][]float64, len(p.Views))}
	for _, r := range p.Rules {
		n.Rules = append(n.Rules, r.Name)
	}
	return n
}

// add adds a network with its layers in each view.
func (n *Networks) add(rule int, views [][][]float64) {
	for v, layers := range views {
		n.Features[v] = append(n.Features[v], layers...)
	}
	for range views[0] {
		n.Net = append(n.Net, len(n.Rule))
	}
	n.Rule = append(n.Rule, rule)
}

// only returns the networks under some of the rules, in this order. Features are shared.
func (n *Networks) only(rules []int) *Networks {
	part := *n
	part.Rules, part.Rule, part.Net, part.Features = nil, nil, nil, make([][][]float64, len(n.Views))
	for _, r := range rules {
		part.Rules = append(part.Rules, n.Rules[r])
	}
	number := make(map[int]int) // of a network, among those of the part
	for i, net := range n.Net {
		rule := slices.Index(rules, n.Rule[net])
		if rule < 0 {
			continue
		}
		if _, ok := number[net]; !ok {
			number[net] = len(part.Rule)
			part.Rule = append(part.Rule, rule)
		}
		part.Net = append(part.Net, number[net])
		for v := range n.Views {
			part.Features[v] = append(part.Features[v], n.Features[v][i])
		}
	}
	return &part
}

// Columns are a choice among the features: of some statistics of observables, at some times, and the position.
type columns struct {
	names []string // such as "weights.raw.mean"; "position" at the end
	times []int    // numbers of times
	at    []int    // places of the features: of each name all times, then Positions of the position
}

// Dropped returns the statistics that are not admissible, such as "change.raw.kurtosis": those that are not finite for every
// layer, at every time and in every view. No classifier sees them.
func (n *Networks) Dropped() []string {
	var dropped []string
	for s, name := range statisticNames() {
		if !n.finite(s) {
			dropped = append(dropped, name)
		}
	}
	return dropped
}

// statisticNames returns those of all observables.
func statisticNames() []string {
	var names []string
	for _, o := range Observables() {
		for _, s := range Statistics() {
			names = append(names, o+"."+s)
		}
	}
	return names
}

// finite reports whether a statistic is admissible.
func (n *Networks) finite(statistic int) bool {
	for _, view := range n.Features {
		for _, f := range view {
			for _, x := range f[statistic*n.Times : (statistic+1)*n.Times] {
				if math.IsNaN(x) || math.IsInf(x, 0) {
					return false
				}
			}
		}
	}
	return true
}

// columns returns the admissible features of the observables whose names are given, or of all if none is, at some times.
func (n *Networks) columns(times []int, observables ...string) columns {
	c := columns{times: times}
	perObservable := len(Statistics())
	dropped := n.Dropped()
	for s, name := range statisticNames() {
		of := Observables()[s/perObservable]
		if slices.Contains(dropped, name) || len(observables) > 0 && !slices.Contains(observables, of) {
			continue
		}
		c.names = append(c.names, name)
		for _, t := range times {
			c.at = append(c.at, s*n.Times+t)
		}
	}
	c.names = append(c.names, "position")
	for i := range Positions {
		c.at = append(c.at, len(statisticNames())*n.Times+i)
	}
	return c
}

// of returns the chosen ones of a layer's features.
func (c columns) of(features []float64) []float64 {
	x := make([]float64, len(c.at))
	for i, at := range c.at {
		x[i] = features[at]
	}
	return x
}

// sum adds up what belongs to each name.
func (c columns) sum(v []float64) []float64 {
	sums := make([]float64, len(c.names))
	for i, x := range v {
		sums[min(i/len(c.times), len(sums)-1)] += x
	}
	return sums
}

// allTimes are the numbers of all times.
func (n *Networks) allTimes() []int {
	times := make([]int, n.Times)
	for t := range times {
		times[t] = t
	}
	return times
}

// Validate reports the first thing wrong with the networks: fewer than two rules or times, a rule without networks or with
// a name that is there twice, or numbers and lengths that do not fit each other.
func (n *Networks) Validate() error {
	length := len(statisticNames())*n.Times + Positions
	switch {
	case len(n.Rules) < 2 || n.Times < 2 || len(n.Views) == 0 || len(n.Features) != len(n.Views):
		return fmt.Errorf("identify: networks: %d rules, %d times, %d views with features of %d; want 2, 2 and 1 or more",
			len(n.Rules), n.Times, len(n.Views), len(n.Features))
	case len(n.Net) == 0 || n.Net[0] != 0 || n.Net[len(n.Net)-1] != len(n.Rule)-1:
		return fmt.Errorf("identify: networks: %d examples do not begin with network 0 and end with %d", len(n.Net), len(n.Rule)-1)
	}
	for i, r := range n.Rules {
		if r == "" || slices.Contains(n.Rules[:i], r) || !slices.Contains(n.Rule, i) {
			return fmt.Errorf("identify: networks: rule %.60q has no name, no networks, or another's name", r)
		}
	}
	for i, r := range n.Rule {
		if r < 0 || r >= len(n.Rules) {
			return fmt.Errorf("identify: networks: network %d is of rule %d; want 0..%d", i, r, len(n.Rules)-1)
		}
	}
	for i, net := range n.Net[1:] {
		if before := n.Net[i]; net != before && net != before+1 {
			return fmt.Errorf("identify: networks: example %d is of network %d, the one before it of %d", i+1, net, before)
		}
	}
	for v, view := range n.Features {
		if len(view) != len(n.Net) {
			return fmt.Errorf("identify: networks: %d examples in view %d, want %d", len(view), v, len(n.Net))
		}
		for i, f := range view {
			if len(f) != length {
				return fmt.Errorf("identify: networks: example %d has %d features, want %d", i, len(f), length)
			}
		}
	}
	return nil
}
