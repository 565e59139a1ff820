package eval

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"slices"
	"text/tabwriter"
)

// WriteTable writes the report as a table, the lowest final loss first.
func (r *Report) WriteTable(w io.Writer) error {
	fmt.Fprintf(w, "%s: %d runs of %d steps, seed %d\n", r.what(), r.Runs, r.Steps, r.Seed)
	t := tabwriter.NewWriter(w, 0, 0, 3, ' ', 0)
	fmt.Fprintln(t, "optimizer\tlr\tfinal loss\tsum of losses\tdiverged\tµs/step")
	rows := slices.Clone(r.Results)
	slices.SortStableFunc(rows, func(a, b Result) int {
		if a.Final.Mean < b.Final.Mean {
			return -1
		}
		if a.Final.Mean > b.Final.Mean {
			return 1
		}
		return 0
	})
	edge := false
	for _, x := range rows {
		name := x.Name
		if x.Kind == "learned" {
			name += " (learned)"
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%d\t%.0f\n", name, x.lr(), x.Final, x.Sum, x.Diverged, x.USPerStep)
		edge = edge || x.Edge
	}
	if err := t.Flush(); err != nil {
		return err
	}
	if edge {
		fmt.Fprintln(w, "* the best learning rate is at the end of the grid: a better one may lie beyond it")
	}
	return nil
}

// what names the problem, and the credit rule if there is one.
func (r *Report) what() string {
	if r.Credit == "" {
		return r.Problem
	}
	return r.Problem + " under " + r.Credit
}

// lr returns the learning rate for the table.
func (x Result) lr() string {
	var hyper struct{ LR float64 }
	if x.Kind != "baseline" || json.Unmarshal(x.Hyper, &hyper) != nil {
		return "-"
	}
	if x.Edge {
		return fmt.Sprint(hyper.LR) + "*"
	}
	return fmt.Sprint(hyper.LR)
}

// String formats the mean with its standard error, as in 0.386 ± 0.012.
func (s Stat) String() string {
	if math.IsInf(float64(s.Mean), 0) || math.IsNaN(float64(s.Mean)) {
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
