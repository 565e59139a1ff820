package suite

import (
	"cmp"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/seed1498fded/unroll/meta"
)

// WriteTable writes a table for each problem, those that count as one under one number, the lowest final training loss first,
// and one over all problems, the lowest interquartile mean first.
func (r *Report) WriteTable(w io.Writer) error {
	fmt.Fprintln(w, r.heading())
	for i, p := range r.Problems {
		if i == 0 || p.Number != r.Problems[i-1].Number {
			fmt.Fprintln(w)
		}
		if err := writeRows(w, p.heading(), resultColumns(), p.ranked()); err != nil {
			return err
		}
	}
	fmt.Fprintln(w)
	if err := writeRows(w, r.over(), r.aggregateColumns(), r.ranked()); err != nil {
		return err
	}
	_, err := fmt.Fprintln(w, strings.Join(r.notes(), "\n"))
	return err
}

// notes explain the columns.
func (r *Report) notes() []string {
	list := []string{
		"ratio, test ratio: of final losses to tuned-adam's, interquartile mean over problems with its 95 % bootstrap interval",
		"time: median of the seconds to tuned-adam's final training loss over its own; - if most never come there",
		"beats: on how many problems the ratio is lower, and in brackets the probability that a run ends lower",
	}
	for _, p := range r.Problems {
		if slices.ContainsFunc(p.Results, func(x Result) bool { return x.Edge }) {
			return append(list, "* the learning rate is at the end of the grid: a better one may lie beyond it")
		}
	}
	return list
}

// setting words what was chosen.
func (x Result) setting() string {
	if x.Edge {
		return x.Setting + "*"
	}
	return cmp.Or(x.Setting, "-")
}

// heading says what was measured and how.
func (r *Report) heading() string {
	text := fmt.Sprintf("suite %s, track %s, %s, seed %d; ", r.Suite, r.Track, plural(r.Runs, "run"), r.Seed)
	if r.Fraction < 1 {
		text = fmt.Sprintf("%.3g of the steps of ", r.Fraction) + text
	}
	switch r.Track {
	case Single:
		text += "one setting for all problems"
	case Tuned:
		text += plural(r.Trials, "trial") + " for each problem"
	default:
		text += "nothing tuned but the reference"
	}
	return text + fmt.Sprintf("; tuning on %s of other keys", plural(r.TuningRuns, "run"))
}

// over says what the last table is of.
func (r *Report) over() string {
	if n := len(r.Aggregate[0].Ratios); n > 1 {
		return fmt.Sprintf("over %d problems", n)
	}
	return "over 1 problem"
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// heading says what the problem is and how long it was run.
func (p Problem) heading() string {
	text := fmt.Sprintf("%d %s, %s", p.Number, p.Name, plural(p.Steps, "step"))
	if p.Batch > 0 {
		text += fmt.Sprintf(", batch %d", p.Batch)
	}
	return text
}

// ranked returns the results, the best one first.
func (p Problem) ranked() []Result {
	return slices.SortedStableFunc(slices.Values(p.Results), func(a, b Result) int { return cmp.Compare(a.Train.Mean, b.Train.Mean) })
}

// ranked returns the aggregates, the best one first.
func (r *Report) ranked() []Aggregate {
	return slices.SortedStableFunc(slices.Values(r.Aggregate), func(a, b Aggregate) int { return cmp.Compare(a.IQM.Value, b.IQM.Value) })
}

// A column is of a table of rows.
type column[Row any] struct {
	Head string
	Text func(Row) string
}

func resultColumns() []column[Result] {
	return []column[Result]{
		{"optimizer", func(x Result) string { return x.Name }},
		{"setting", Result.setting},
		{"ratio", func(x Result) string { return number(x.Ratio) }},
		{"train", func(x Result) string { return x.Train.String() }},
		{"test", func(x Result) string { return x.Test.String() }},
		{"diverged", func(x Result) string { return fmt.Sprint(x.Diverged) }},
		{"µs/step", func(x Result) string { return number(meta.Number(x.USPerStep)) }},
		{"steps to target", func(x Result) string { return number(x.ToTarget) }},
		{"seconds", func(x Result) string { return number(x.Seconds) }},
		{"state", func(x Result) string { return amount(x.State) }},
	}
}

func (r *Report) aggregateColumns() []column[Aggregate] {
	list := []column[Aggregate]{
		{"optimizer", func(a Aggregate) string { return a.Name }},
		{"ratio", func(a Aggregate) string { return a.IQM.String() }},
		{"test ratio", func(a Aggregate) string { return a.TestIQM.String() }},
		{"worst", func(a Aggregate) string { return number(a.Worst) + " " + a.WorstProblem }},
		{"time", func(a Aggregate) string { return number(a.Time) }},
		{"diverged", func(a Aggregate) string { return fmt.Sprint(a.Diverged) }},
	}
	for _, b := range r.Aggregate {
		list = append(list, column[Aggregate]{"beats " + b.Name, func(a Aggregate) string {
			if a.Name == b.Name {
				return "-"
			}
			return fmt.Sprintf("%d (%.2f)", a.Wins[b.Name], a.Improvement[b.Name])
		}})
	}
	return list
}

func writeRows[Row any](w io.Writer, heading string, columns []column[Row], rows []Row) error {
	fmt.Fprintln(w, heading)
	t := tabwriter.NewWriter(w, 0, 0, 3, ' ', 0)
	write := func(text func(column[Row]) string) {
		var cells []string
		for _, c := range columns {
			cells = append(cells, text(c))
		}
		fmt.Fprintln(t, strings.Join(cells, "\t"))
	}
	write(func(c column[Row]) string { return c.Head })
	for _, row := range rows {
		write(func(c column[Row]) string { return c.Text(row) })
	}
	return t.Flush()
}

// number formats a number to three digits, whole numbers above that, and what is infinite as a dash.
func number(v meta.Number) string {
	switch x := float64(v); {
	case !finite(x):
		return "-"
	case math.Abs(x) >= 1000:
		return fmt.Sprintf("%.0f", x)
	default:
		return fmt.Sprintf("%.3g", x)
	}
}

// String formats the number and its interval, as in 0.912 [0.900, 0.931].
func (i Interval) String() string {
	return fmt.Sprintf("%s [%s, %s]", number(i.Value), number(i.Low), number(i.High))
}

// amount words an amount of memory.
func amount(n int) string {
	if n < 1000 {
		return fmt.Sprintf("%d B", n)
	}
	return fmt.Sprintf("%.4g kB", float64(n)/1000)
}
