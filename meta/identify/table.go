package identify

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
)

// WriteTable writes the report as tables: accuracies, then which rule was told for which, the statistics that mattered most, and
// what came of leaving rules out.
func (r *Report) WriteTable(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%d networks under %d rules, chance %.3f; accuracy on networks not seen, mean ± standard error over splits\n",
		r.Nets, len(r.Rules), r.Chance)
	r.accuracies(&b)
	fmt.Fprintln(&b, "\nrule, and what its networks were told for")
	r.confusions(&b)
	fmt.Fprintln(&b, "\nstatistic at all times                   share of the importance")
	for _, x := range r.Importance[:min(10, len(r.Importance))] {
		fmt.Fprintf(&b, "%-40s %.3f\n", x.Name, x.Value)
	}
	if len(r.Dropped) > 0 {
		fmt.Fprintf(&b, "not finite everywhere, and left out: %s\n", strings.Join(r.Dropped, ", "))
	}
	if r.Diverged > 0 {
		fmt.Fprintf(&b, "networks that diverged, and were replaced: %d\n", r.Diverged)
	}
	r.unknowns(&b)
	_, err := io.WriteString(w, b.String())
	return err
}

func (r *Report) accuracies(w io.Writer) {
	t := tabwriter.NewWriter(w, 0, 0, 3, ' ', 0)
	row := func(name string, p Pair) { fmt.Fprintf(t, "%s\t%v\t%v\n", name, p.Net, p.Stat) }
	fmt.Fprintln(t, "\tper network\tper layer")
	a := r.Accuracy
	row("random forest", Pair{a.Layer, a.Net})
	row("linear classifier", a.Linear)
	row("forest, rules permuted", a.Permuted)
	for _, o := range Observables() {
		row("forest, "+o+" alone", a.ByObservable[o])
	}
	for _, m := range []map[string]Pair{a.ByView, a.ByTimes} {
		for _, name := range slices.Sorted(maps.Keys(m)) {
			what := name
			if _, times := a.ByTimes[name]; times {
				what += " of the times"
			}
			row("forest, "+what, m[name])
		}
	}
	t.Flush()
}

// String formats a mean with its standard error, as in 0.886 ± 0.012.
func (s Stat) String() string { return fmt.Sprintf("%.3f ± %.3f", s.Mean, s.StdErr) }

func (r *Report) confusions(w io.Writer) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(t, "\t%s\t\n", strings.Join(r.Rules, "\t"))
	for k, row := range r.Confusion {
		fmt.Fprintf(t, "%s\t", r.Rules[k])
		for _, c := range row {
			fmt.Fprintf(t, "%d\t", c)
		}
		fmt.Fprintln(t)
	}
	t.Flush()
}

func (r *Report) unknowns(w io.Writer) {
	if len(r.Unknown) == 0 {
		return
	}
	fmt.Fprintln(w)
	t := tabwriter.NewWriter(w, 0, 0, 3, ' ', 0)
	fmt.Fprintln(t, "rule left out\tits networks refused\tthe others' taken for known\tand told right")
	for _, u := range r.Unknown {
		fmt.Fprintf(t, "%s\t%.2f\t%.2f\t%.2f\n", u.Rule, u.Refused, u.Known, u.Right)
	}
	t.Flush()
}

// Write writes the verdict in words: the rules by their probabilities, and whether it is any of them.
func (v Verdict) Write(w io.Writer) error {
	var b strings.Builder
	for _, r := range v.ranked() {
		fmt.Fprintf(&b, "%-24s %.3f\n", r, v.Probabilities[r])
	}
	if v.Known {
		fmt.Fprintf(&b, "likeliest: %s\n", v.Rule)
	} else {
		fmt.Fprintf(&b, "unlike any known rule: the highest probability is %.3f, want %.3f; the distance is %.3f, want at most %.3f\n",
			v.Probabilities[v.Rule], v.Sure, v.Distance, v.Far)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// ranked returns the rules, the likeliest first.
func (v Verdict) ranked() []string {
	rules := slices.Sorted(maps.Keys(v.Probabilities))
	slices.SortStableFunc(rules, func(a, b string) int {
		switch p, q := v.Probabilities[a], v.Probabilities[b]; {
		case p > q:
			return -1
		case p < q:
			return 1
		}
		return 0
	})
	return rules
}
