package eval

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/seed1498fded/unroll/learnedopt/compose"
	"github.com/seed1498fded/unroll/meta"
)

// A column of the table is there if something was measured that it shows.
type column struct {
	head string
	text func(Result) string
}

// WriteTable writes the report as a table, the lowest test error after the last epoch first, or without any the lowest final
// loss.
func (r *Report) WriteTable(w io.Writer) error {
	fmt.Fprint(w, r.heading())
	columns := r.columns()
	t := tabwriter.NewWriter(w, 0, 0, 3, ' ', 0)
	row := func(text func(column) string) {
		var cells []string
		for _, c := range columns {
			cells = append(cells, text(c))
		}
		fmt.Fprintln(t, strings.Join(cells, "\t"))
	}
	row(func(c column) string { return c.head })
	for _, x := range r.ranked() {
		row(func(c column) string { return c.text(x) })
	}
	if err := t.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprint(w, r.notes())
	return err
}

// heading says what was trained and for how long.
func (r *Report) heading() string {
	if r.Network == nil {
		return fmt.Sprintf("%s: %d runs of %d steps, seed %d\n", r.what(), r.Runs, r.Steps, r.Seed)
	}
	return fmt.Sprintf("%s: %s, %s, minibatches of %d\nepochs: %d, over %d training images; error on %d test images; %s\n",
		r.what(), r.shape(), r.Objective, r.Batch, r.Epochs, r.Train, r.Test, r.seeds())
}

// what names the problem, and the credit rule if there is a single one.
func (r *Report) what() string {
	if len(r.Credits) != 1 {
		return r.Problem
	}
	return r.Problem + " under " + r.Credits[0].Name
}

// shape words the network as in 784-20-10 sigmoid.
func (n *Network) shape() string {
	text := strings.Trim(strings.ReplaceAll(fmt.Sprint(n.Layers), " ", "-"), "[]")
	if n.Activation != "" {
		text += " " + n.Activation
	}
	return text
}

func (r *Report) seeds() string {
	if r.Runs == 1 {
		return fmt.Sprintf("seed %d", r.Seed)
	}
	return fmt.Sprintf("mean ± standard error of %d runs, seeds %d to %d", r.Runs, r.Seed, r.Seed+uint64(r.Runs)-1)
}

// columns returns those that have something to show.
func (r *Report) columns() []column {
	columns := []column{{"optimizer", Result.title}, {"lr", Result.lr}}
	if len(r.Schedules) > 0 {
		columns = append(columns, column{"schedule", func(x Result) string { return cmp.Or(x.Schedule, "-") }})
	}
	if len(r.Credits) > 1 {
		columns = slices.Insert(columns, 0, column{"credit", func(x Result) string { return x.Credit }})
	}
	if r.problems()[0] != "" {
		columns = slices.Insert(columns, 0, column{"problem", func(x Result) string { return x.Problem }})
	}
	add := func(there bool, head string, text func(Result) string) {
		if there {
			columns = append(columns, column{head, text})
		}
	}
	var of Result // all have the same
	if len(r.Results) > 0 {
		of = r.Results[0]
	}
	for _, e := range shownEpochs(len(of.TestError)) {
		add(true, fmt.Sprintf("error %% @%d", e+1), func(x Result) string { return r.errorText(x, e) })
	}
	add(true, "final loss", func(x Result) string { return r.stat(x.Final) })
	add(of.Sum != nil, "sum of losses", func(x Result) string { return r.stat(*x.Sum) })
	add(of.Solved != nil, "solved", func(x Result) string { return r.stat(*x.Solved) })
	add(of.Reward != nil, "reward", func(x Result) string { return r.stat(*x.Reward) })
	add(of.Transfer != nil, "transfer", func(x Result) string { return r.stat(*x.Transfer) })
	for _, name := range slices.Sorted(maps.Keys(of.Measures)) {
		add(true, name, func(x Result) string { return r.stat(x.Measures[name]) })
	}
	add(true, "diverged", func(x Result) string { return fmt.Sprint(x.Diverged) })
	add(of.Angle != nil, "angle°, top down", func(x Result) string { return joined("%.0f", x.Angle) })
	add(of.Angle != nil, "norm ratio", func(x Result) string { return joined("%.2g", x.NormRatio) })
	add(of.USPerStep > 0, "µs/step", func(x Result) string { return microseconds(x.USPerStep) })
	add(of.Each != nil, "seconds", func(x Result) string { return fmt.Sprintf("%.1f", x.Seconds) })
	return columns
}

// microseconds rounds to two digits where there are not more.
func microseconds(v float64) string {
	if v < 10 {
		return fmt.Sprintf("%.2g", v)
	}
	return fmt.Sprintf("%.0f", v)
}

// errorText is a test error in percent, after the last epoch with its standard error.
func (r *Report) errorText(x Result, e int) string {
	text := fmt.Sprintf("%.2f", 100*x.TestError[e])
	if e == r.Epochs-1 && r.Runs > 1 {
		text += fmt.Sprintf(" ± %.2f", 100*x.TestErrorErr[e])
	}
	return text
}

// shownEpochs returns those that a table has room for, the last among them.
func shownEpochs(n int) []int {
	const room = 5
	var shown []int
	for i := range min(n, room) {
		shown = append(shown, (i+1)*n/min(n, room)-1)
	}
	return shown
}

// problems returns the names of the problems in the order of the tasks; a single one has none.
func (r *Report) problems() []string {
	names := []string{""}
	for _, x := range r.Results {
		if !slices.Contains(names, x.Problem) {
			names = append(names, x.Problem)
		}
	}
	if len(names) > 1 {
		return names[1:]
	}
	return names
}

// ranked returns the results of one problem after the other, the best one first.
func (r *Report) ranked() []Result {
	rows, order := slices.Clone(r.Results), r.problems()
	slices.SortStableFunc(rows, func(a, b Result) int {
		return cmp.Or(slices.Index(order, a.Problem)-slices.Index(order, b.Problem), cmp.Compare(a.score(), b.score()))
	})
	return rows
}

func (x Result) score() meta.Number {
	if n := len(x.TestError); n > 0 {
		return x.TestError[n-1]
	}
	return x.Final.Mean
}

// title is the optimizer's name and whether it was learned.
func (x Result) title() string {
	if x.Kind == kindLearned {
		return x.Name + " (learned)"
	}
	return x.Name
}

// lr returns the learning rate for the table.
func (x Result) lr() string {
	type rates struct{ LR, Rate float64 }
	var hyper struct {
		rates
		Rule struct{ Config rates } // inside of a schedule
	}
	if x.Kind != kindBaseline || json.Unmarshal(x.Hyper, &hyper) != nil {
		return "-"
	}
	lr := cmp.Or(hyper.LR, hyper.Rate)
	if x.Schedule != "" && x.Schedule != compose.Constant {
		lr = cmp.Or(hyper.Rule.Config.LR, hyper.Rule.Config.Rate)
	}
	if lr == 0 {
		return "-"
	}
	text := fmt.Sprint(lr)
	if x.Edge {
		text += "*"
	}
	return text
}

// stat formats a mean with its standard error, which a single run does not have.
func (r *Report) stat(s Stat) string {
	text := s.String()
	if r.Runs == 1 {
		text, _, _ = strings.Cut(text, " ± ")
	}
	return text
}

// String formats the mean with its standard error, as in 0.386 ± 0.012.
func (s Stat) String() string {
	if infinite(float64(s.Mean)) {
		return "diverged"
	}
	mean, err := float64(s.Mean), float64(s.StdErr)
	switch {
	case mean >= 10:
		return fmt.Sprintf("%.2f ± %.2f", mean, err)
	case mean >= 0.01:
		return fmt.Sprintf("%.4f ± %.4f", mean, err)
	default:
		return fmt.Sprintf("%.2e ± %.1e", mean, err)
	}
}

// joined formats a number a layer; there is no angle to a signal of zero.
func joined(format string, v []meta.Number) string {
	if len(v) == 0 {
		return "-"
	}
	var text []string
	for _, x := range v {
		if infinite(float64(x)) {
			text = append(text, "-")
		} else {
			text = append(text, fmt.Sprintf(format, float64(x)))
		}
	}
	return strings.Join(text, " ")
}

// notes says what the learning rates of the table are worth.
func (r *Report) notes() string {
	switch {
	case slices.ContainsFunc(r.Results, func(x Result) bool { return x.Edge }):
		return "* the best learning rate is at the end of the grid: a better one may lie beyond it\n"
	case !r.Tuned && slices.ContainsFunc(r.Results, func(x Result) bool { return x.Kind == "baseline" }):
		return "the learning rates of baselines are not tuned\n"
	}
	return ""
}
