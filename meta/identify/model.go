package identify

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/seed1498fded/unroll/internal/rng"
	"github.com/seed1498fded/unroll/meta/identify/classify"
)

// A Model tells the rule of a network, and whether it is any of the rules that it knows. It can be used by several goroutines.
//
// A forest gives the probabilities. A network counts as known if the largest of them is high enough and it does not lie far from
// every network that the forest has seen. What is enough was found out by leaving out networks, a quarter at a time, and rules, one
// at a time: 19 of 20 of the networks left out are near enough; and the lowest probability is one that so many of them do not reach
// as best tells networks left out from those under a rule left out, 4 of 10 at least and half at most.
type Model struct {
	Rules   []string
	Sure    float64 // the lowest probability of a known network
	Far     float64 // the largest distance of one
	expert  expert
	columns columns
	times   int
}

// A Verdict is what a Model makes of a network.
type Verdict struct {
	Rule          string             `json:"rule"`          // the likeliest
	Probabilities map[string]float64 `json:"probabilities"` // of each rule; in sum 1
	Known         bool               `json:"known"`         // whether it is any of them
	Distance      float64            `json:"distance"`      // from the networks that are most like it
	Sure          float64            `json:"sure"`          // the Model's bounds
	Far           float64            `json:"far"`
}

// Fit makes a model of all networks, as they are in the first view, with forests of so many trees; 200 if zero. Equal keys give
// equal models. With two rules, of which none can be left out, the lowest probability is one that 6 of 10 networks reach.
func (n *Networks) Fit(ctx context.Context, trees int, key uint64) (*Model, error) {
	if err := n.Validate(); err != nil {
		return nil, err
	}
	trees = cmp.Or(trees, 200)
	m := &Model{Rules: n.Rules, columns: n.columns(n.allTimes()), times: n.Times}
	all := make([]int, len(n.Rule))
	for i := range all {
		all[i] = i
	}
	var err error
	if m.expert, err = n.expert(ctx, m.columns, all, trees, rng.Split(key, 0)); err != nil {
		return nil, err
	}
	var known []opinion
	for part := range parts {
		seen, out := n.part(part)
		e, err := n.expert(ctx, m.columns, seen, trees, rng.Split(rng.Split(key, 1), uint64(part)))
		if err != nil {
			return nil, err
		}
		known = append(known, e.opinions(m.columns, n, out)...)
	}
	levels, err := n.strangers(ctx, m.columns, trees, rng.Split(key, 2))
	m.Sure, m.Far = quantile(sureness(known), bestLevel(levels)), quantile(distances(known), near)
	return m, err
}

// An opinion is what an expert thinks of a network.
type opinion struct {
	p        []float64 // of each rule
	distance float64
}

// near is the fraction of the networks left out that are near enough.
const near = 0.95

// sureness returns the largest probability of each opinion, ascending.
func sureness(list []opinion) []float64 {
	var p []float64
	for _, o := range list {
		p = append(p, slices.Max(o.p))
	}
	slices.Sort(p)
	return p
}

// distances returns those of opinions, ascending.
func distances(list []opinion) []float64 {
	var d []float64
	for _, o := range list {
		d = append(d, o.distance)
	}
	slices.Sort(d)
	return d
}

// bestLevel returns the fraction of known networks to refuse, from 4 to 5 of 10, such that twice the fraction of strangers
// refused exceeds it most: to name a stranger is the worse mistake. A stranger's level is the fraction of known networks that are
// less sure.
func bestLevel(strangers []float64) float64 {
	slices.Sort(strangers)
	best, level := math.Inf(-1), 0.0
	for i := 40; i <= 50; i++ {
		at := float64(i) / 100
		refused, _ := slices.BinarySearch(strangers, at)
		if more := 2*float64(refused)/float64(max(1, len(strangers))) - at; more > best {
			best, level = more, at
		}
	}
	return level
}

// parts is in how many parts networks are left out.
const parts = 4

// part returns the networks of a part, every fourth under each rule, and those that are not in it.
func (n *Networks) part(part int) (others, of []int) {
	count := make([]int, len(n.Rules))
	for net, rule := range n.Rule {
		if count[rule]%parts == part {
			of = append(of, net)
		} else {
			others = append(others, net)
		}
		count[rule]++
	}
	return others, of
}

// strangers leaves out each rule in turn, and returns the levels of its networks among known ones that were left out too, for an
// expert on the rest: 0 if they are too far away. There are none if there are only two rules.
func (n *Networks) strangers(ctx context.Context, c columns, trees int, key uint64) (levels []float64, err error) {
	for out := range n.Rules {
		if len(n.Rules) < 3 {
			break
		}
		others := n.without(out)
		seen, left := others.part(out % parts)
		e, err := others.expert(ctx, c, seen, trees, rng.Split(key, uint64(out)))
		if err != nil {
			return nil, err
		}
		known := e.opinions(c, others, left)
		sure, far := sureness(known), quantile(distances(known), near)
		for net, rule := range n.Rule {
			if rule != out {
				continue
			}
			o, level := e.opinion(c, n.layers(net)), 0.0
			if o.distance <= far {
				below, _ := slices.BinarySearch(sure, slices.Max(o.p))
				level = float64(below) / float64(len(sure))
			}
			levels = append(levels, level)
		}
	}
	return levels, nil
}

// without returns the networks under all rules but one.
func (n *Networks) without(rule int) *Networks {
	var rules []int
	for r := range n.Rules {
		if r != rule {
			rules = append(rules, r)
		}
	}
	return n.only(rules)
}

// layers returns the features of a network in the first view.
func (n *Networks) layers(net int) [][]float64 {
	from, _ := slices.BinarySearch(n.Net, net)
	to, _ := slices.BinarySearch(n.Net, net+1)
	return n.Features[0][from:to]
}

// An expert knows some networks.
type expert struct {
	forest *classify.FittedForest
	space  space
}

func (n *Networks) expert(ctx context.Context, c columns, nets []int, trees int, key uint64) (expert, error) {
	table, _ := trial{networks: n, columns: c, rule: n.Rule}.examples(nets)
	f, err := classify.Forest{Trees: trees, Key: key}.Fit(ctx, table)
	if err != nil {
		return expert{}, err
	}
	return expert{f, newSpace(table, f.Importance)}, nil
}

// opinion averages over a network's layers.
func (e expert) opinion(c columns, layers [][]float64) (o opinion) {
	for _, features := range layers {
		x := c.of(features)
		p := make([]float64, e.space.classes)
		e.forest.Probabilities(p, x)
		if o.p == nil {
			o.p = make([]float64, len(p))
		}
		for k, v := range p {
			o.p[k] += v / float64(len(layers))
		}
		o.distance += e.space.distance(x) / float64(len(layers))
	}
	return o
}

// opinions returns those on some networks.
func (e expert) opinions(c columns, n *Networks, nets []int) (list []opinion) {
	for _, net := range nets {
		list = append(list, e.opinion(c, n.layers(net)))
	}
	return list
}

// A space is where the layers of known networks lie: features by their standard deviations, those the more apart that a forest
// makes more use of.
type space struct {
	used    []int     // features that have a weight
	scale   []float64 // of these
	points  [][]float64
	classes int
}

func newSpace(t classify.Table, importance []float64) space {
	s := space{classes: t.Classes}
	n := float64(len(t.X))
	for f, weight := range importance {
		mean, squares := 0.0, 0.0
		for _, x := range t.X {
			mean += x[f] / n
		}
		for _, x := range t.X {
			squares += (x[f] - mean) * (x[f] - mean) / n
		}
		if weight > 0 && squares > 0 && !math.IsInf(squares, 0) {
			s.used, s.scale = append(s.used, f), append(s.scale, math.Sqrt(weight/squares))
		}
	}
	for _, x := range t.X {
		s.points = append(s.points, s.place(x))
	}
	return s
}

func (s space) place(x []float64) []float64 {
	at := make([]float64, len(s.used))
	for i, f := range s.used {
		at[i] = x[f] * s.scale[i]
	}
	return at
}

// distance returns the mean distance from the three nearest points, or from all if there are fewer.
func (s space) distance(x []float64) float64 {
	at, all := s.place(x), make([]float64, len(s.points))
	for i, p := range s.points {
		for j, v := range p {
			all[i] += (v - at[j]) * (v - at[j])
		}
	}
	slices.Sort(all)
	nearest := all[:min(3, len(all))]
	sum := 0.0
	for _, d := range nearest {
		sum += math.Sqrt(d)
	}
	return sum / float64(len(nearest))
}

// Identify tells the rule of a recorded network. It is an error if the recording is not sound, was made at another number of
// times than the model knows, or has a statistic that is not finite where the model needs one.
func (m *Model) Identify(r *Recording) (Verdict, error) {
	if err := r.Validate(); err != nil {
		return Verdict{}, err
	}
	if len(r.Times) != m.times {
		return Verdict{}, fmt.Errorf("identify: a recording at %d times; the networks that are known were recorded at %d", len(r.Times), m.times)
	}
	layers := View{}.Features(r, 0)
	for l, features := range layers {
		for i, x := range m.columns.of(features) {
			if math.IsNaN(x) || math.IsInf(x, 0) {
				return Verdict{}, fmt.Errorf("identify: layer %d of the recording: %s is %v, and was finite for all networks that are known",
					l, m.columns.names[i/m.times], x)
			}
		}
	}
	return m.verdict(m.expert.opinion(m.columns, layers)), nil
}

func (m *Model) verdict(o opinion) Verdict {
	best := largest(o.p)
	v := Verdict{
		Rule: m.Rules[best], Probabilities: map[string]float64{}, Distance: o.distance, Sure: m.Sure, Far: m.Far,
		Known: o.p[best] >= m.Sure && o.distance <= m.Far,
	}
	for k, r := range m.Rules {
		v.Probabilities[r] = o.p[k]
	}
	return v
}
