package identify

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"runtime"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/seed1498fded/unroll/internal/rng"
)

// A Study measures how well the rules of networks can be told, over a number of splits.
type Study struct {
	Networks *Networks // four or more under each rule; the first view is the one that all is measured in
	Splits   int       // 10 if zero
	Trees    int       // of a forest; 200 if zero
	Key      uint64    // names splits, forests and permutations

	// Progress, unless it is nil, is told how much of the work is done, from 0 to 1. It is called by one goroutine at a time.
	Progress func(fraction float64)
}

// A Stat is a mean over splits with its standard error, σ/√splits. Splits share networks, so that it is too small rather than
// too large.
type Stat struct {
	Mean   float64 `json:"mean"`
	StdErr float64 `json:"stderr"`
}

// A Pair is an accuracy on layers, each by itself, and on networks, told by the mean of the probabilities of their layers.
type Pair struct {
	Stat      // on layers
	Net  Stat `json:"net"`
}

// A Named is a number with a name.
type Named struct {
	Name  string  `json:"name"`
	Value float64 `json:"value"`
}

// Report is what a Study found. Accuracies are fractions of examples that the classifiers had not seen.
type Report struct {
	Rules    []string `json:"rules"`
	Nets     int      `json:"nets"`
	Chance   float64  `json:"chance"`
	Accuracy Accuracy `json:"accuracy"`

	// Confusion counts test networks over all splits: a row for each rule, a column for what it was told for.
	Confusion [][]int `json:"confusion"`

	// Importance is by how much each statistic, at all its times, lowers the impurity in the forests, in sum 1; largest first.
	Importance []Named `json:"importance"`

	Dropped  []string  `json:"dropped"`  // statistics that were not finite everywhere
	Diverged int       `json:"diverged"` // networks that were left out
	Unknown  []Unknown `json:"unknown"`  // empty with two rules
	Test     [][]int   `json:"test"`     // of each split, the numbers of the networks that were not seen
}

// Accuracy is how well classifiers do.
type Accuracy struct {
	Net          Stat            `json:"net"`           // the forest on networks
	Layer        Stat            `json:"layer"`         // and on layers
	Permuted     Pair            `json:"permuted"`      // with the rules of networks dealt out at random
	Linear       Pair            `json:"linear"`        // logistic regression
	ByObservable map[string]Pair `json:"by_observable"` // the forest, with one observable alone
	ByView       map[string]Pair `json:"by_view"`       // with the networks seen less well, where it learns and where it is tested
	ByTimes      map[string]Pair `json:"by_times"`      // with some times alone
}

// Unknown is what a Model makes of networks under a rule that was left out, having been fitted to three quarters of the others.
type Unknown struct {
	Rule    string  `json:"rule"`
	Refused float64 `json:"refused"` // the fraction of its networks that are not taken for known
	Known   float64 `json:"known"`   // the fraction of the others' last quarter that are
	Right   float64 `json:"right"`   // and of these, the fraction that are told right
}

// A task is one accuracy to be measured.
type task struct {
	trial
	set func(net, layer Stat, scores []score)
}

// Run measures until the context ends. The splits are spread over runtime.GOMAXPROCS(0) goroutines; their number does not matter to
// the bits.
func (s Study) Run(ctx context.Context) (*Report, error) {
	s.Splits, s.Trees = cmp.Or(s.Splits, 10), cmp.Or(s.Trees, 200)
	if err := s.Validate(); err != nil {
		return nil, err
	}
	n := s.Networks
	r := &Report{
		Rules: n.Rules, Nets: len(n.Rule), Chance: 1 / float64(len(n.Rules)), Dropped: n.Dropped(), Diverged: n.Diverged,
		Accuracy: Accuracy{ByObservable: map[string]Pair{}, ByView: map[string]Pair{}, ByTimes: map[string]Pair{}},
	}
	tasks := s.tasks(r)
	meter := s.meter(len(tasks)*s.Splits + len(n.Rules)*8)
	for _, split := range s.splits() {
		r.Test = append(r.Test, split.Test)
	}
	for _, t := range tasks {
		if err := s.measure(ctx, t, func() { meter(1) }); err != nil {
			return nil, err
		}
	}
	for out := range n.Rules {
		if len(n.Rules) < 3 {
			break
		}
		u, err := s.unknown(ctx, out)
		if err != nil {
			return nil, err
		}
		r.Unknown = append(r.Unknown, u)
		meter(8)
	}
	return r, nil
}

// Validate reports networks that will not do, and numbers out of their range.
func (s Study) Validate() error {
	if s.Networks == nil {
		return fmt.Errorf("identify: a study without networks")
	}
	if err := s.Networks.Validate(); err != nil {
		return err
	}
	if s.Splits < 0 || s.Trees < 0 {
		return fmt.Errorf("identify: a study of %d splits with %d trees; want 1 or more of each", s.Splits, s.Trees)
	}
	count := make([]int, len(s.Networks.Rules))
	for _, r := range s.Networks.Rule {
		count[r]++
	}
	for r, c := range count {
		if c != count[0] || c < 4 {
			return fmt.Errorf("identify: %d networks under rule %.60q, %d under %.60q; want as many under each, 4 or more",
				c, s.Networks.Rules[r], count[0], s.Networks.Rules[0])
		}
	}
	return nil
}

// meter returns a function to tell that so many parts of the work are done.
func (s Study) meter(total int) func(parts int) {
	var mu sync.Mutex
	done := 0
	return func(parts int) {
		mu.Lock()
		defer mu.Unlock()
		if done += parts; s.Progress != nil {
			s.Progress(float64(done) / float64(total))
		}
	}
}

// tasks lists what is measured, and where in the report it goes.
func (s Study) tasks(r *Report) []task {
	n, a := s.Networks, &r.Accuracy
	all := trial{networks: n, columns: n.columns(n.allTimes()), rule: n.Rule, fit: forest(s.Trees)}
	tasks := []task{{all, func(net, layer Stat, scores []score) {
		a.Net, a.Layer = net, layer
		r.Confusion, r.Importance = confusion(scores), importance(all.columns.names, scores)
	}}}
	pair := func(t trial, set func(Pair)) {
		tasks = append(tasks, task{t, func(net, layer Stat, _ []score) { set(Pair{layer, net}) }})
	}
	into := func(m map[string]Pair, name string, t trial) { pair(t, func(p Pair) { m[name] = p }) }
	t := all
	t.rule = n.permuted(rng.Split(s.Key, keyPermuted))
	pair(t, func(p Pair) { a.Permuted = p })
	t = all
	t.fit = linear
	pair(t, func(p Pair) { a.Linear = p })
	for _, o := range Observables() {
		t := all
		t.columns = n.columns(n.allTimes(), o)
		into(a.ByObservable, o, t)
	}
	for v := 1; v < len(n.Views); v++ {
		t := all
		t.view = v
		into(a.ByView, n.Views[v].String(), t)
	}
	times := n.allTimes()
	third := (len(times) + 2) / 3
	for _, some := range []struct {
		name  string
		times []int
	}{{"first third", times[:third]}, {"last third", times[len(times)-third:]}, {"last", times[len(times)-1:]}, {"every fourth", every(times, 4)}} {
		t := all
		t.columns = n.columns(some.times)
		into(a.ByTimes, some.name, t)
	}
	return tasks
}

// The children of a study's key.
const (
	keySplits = iota
	keyForests
	keyPermuted
	keyUnknown
)

// every returns each k-th of the times, from the first on.
func every(times []int, k int) (some []int) {
	for i := 0; i < len(times); i += k {
		some = append(some, times[i])
	}
	return some
}

// permuted deals the rules of networks out at random.
func (n *Networks) permuted(key uint64) []int {
	rule := slices.Clone(n.Rule)
	rng.New(key).Shuffle(len(rule), func(i, j int) { rule[i], rule[j] = rule[j], rule[i] })
	return rule
}

func (s Study) splits() []Split { return s.Networks.Splits(s.Splits, rng.Split(s.Key, keySplits)) }

// measure runs a trial on all splits.
func (s Study) measure(ctx context.Context, t task, done func()) error {
	splits := s.splits()
	scores := make([]score, len(splits))
	eg, ctx := errgroup.WithContext(ctx)
	eg.SetLimit(runtime.GOMAXPROCS(0))
	for i, split := range splits {
		eg.Go(func() (err error) {
			defer done()
			scores[i], err = t.run(ctx, split, rng.Split(rng.Split(s.Key, keyForests), uint64(i)))
			return err
		})
	}
	if err := eg.Wait(); err != nil {
		return err
	}
	var net, layer []float64
	for _, r := range scores {
		net, layer = append(net, r.net), append(layer, r.layer)
	}
	t.set(statOf(net), statOf(layer), scores)
	return nil
}

func statOf(v []float64) (s Stat) {
	n := float64(len(v))
	for _, x := range v {
		s.Mean += x / n
	}
	if len(v) > 1 {
		for _, x := range v {
			s.StdErr += (x - s.Mean) * (x - s.Mean)
		}
		s.StdErr = math.Sqrt(s.StdErr / (n - 1) / n)
	}
	return s
}

// confusion adds up the counts of all splits.
func confusion(scores []score) [][]int {
	sum := make([][]int, len(scores[0].confusion))
	for k := range sum {
		sum[k] = make([]int, len(sum))
		for _, s := range scores {
			for j, c := range s.confusion[k] {
				sum[k][j] += c
			}
		}
	}
	return sum
}

// importance averages over splits and puts the largest first.
func importance(names []string, scores []score) []Named {
	list := make([]Named, len(names))
	for i, name := range names {
		list[i].Name = name
		for _, s := range scores {
			list[i].Value += s.importance[i] / float64(len(scores))
		}
	}
	slices.SortStableFunc(list, func(a, b Named) int { return cmp.Compare(b.Value, a.Value) })
	return list
}

// unknown leaves a rule out.
func (s Study) unknown(ctx context.Context, out int) (Unknown, error) {
	n, key := s.Networks, rng.Split(rng.Split(s.Key, keyUnknown), uint64(out))
	others := n.without(out)
	split := others.split(rng.Split(key, 0))
	m, err := others.nets(split.Fit).Fit(ctx, s.Trees, rng.Split(key, 1))
	if err != nil {
		return Unknown{}, err
	}
	u := Unknown{Rule: n.Rules[out]}
	strange := 0
	for net, rule := range n.Rule {
		if rule == out {
			strange++
			if !m.verdict(m.expert.opinion(m.columns, n.layers(net))).Known {
				u.Refused++
			}
		}
	}
	for _, net := range split.Test {
		if v := m.verdict(m.expert.opinion(m.columns, others.layers(net))); v.Known {
			u.Known++
			if v.Rule == others.Rules[others.Rule[net]] {
				u.Right++
			}
		}
	}
	u.Refused /= float64(strange)
	if u.Known > 0 {
		u.Right /= u.Known
	}
	u.Known /= float64(len(split.Test))
	return u, nil
}

// nets returns some of the networks, ascending. Features are shared.
func (n *Networks) nets(which []int) *Networks {
	part := *n
	part.Rule, part.Net, part.Features = nil, nil, make([][][]float64, len(n.Views))
	for i, net := range n.Net {
		number, ok := slices.BinarySearch(which, net)
		if !ok {
			continue
		}
		if number == len(part.Rule) {
			part.Rule = append(part.Rule, n.Rule[net])
		}
		part.Net = append(part.Net, number)
		for v := range n.Views {
			part.Features[v] = append(part.Features[v], n.Features[v][i])
		}
	}
	return &part
}
