package eval

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

// A pairSummary is what the runs of one pair have in common.
type pairSummary struct {
	credit, rule string
	testError    []Summary // after each epoch
	loss         Stat      // of the last epoch
	angle, ratio []float64 // means, for each hidden layer from the top down; NaN where a run has none
	seconds      float64
}

// summaries returns the pairs in the order of the results.
func (r *CrossReport) summaries() []pairSummary {
	var list []pairSummary
	for results := range slices.Chunk(r.Results, r.Runs) {
		s := pairSummary{
			credit: results[0].Credit, rule: results[0].Rule,
			angle: means(results, func(x CrossResult) []meta.Number { return x.Angle }),
			ratio: means(results, func(x CrossResult) []meta.Number { return x.NormRatio }),
		}
		var losses []float64
		for _, x := range results {
			s.seconds += x.Seconds / float64(len(results))
			losses = append(losses, float64(x.Loss[len(x.Loss)-1]))
		}
		s.loss = stat(summarize(losses))
		for e := range r.Epochs {
			var wrong []float64
			for _, x := range results {
				wrong = append(wrong, float64(x.TestError[e]))
			}
			s.testError = append(s.testError, summarize(wrong))
		}
		list = append(list, s)
	}
	return list
}

// means averages lists over results, element by element.
func means(results []CrossResult, list func(CrossResult) []meta.Number) []float64 {
	mean := make([]float64, len(list(results[0])))
	for _, x := range results {
		for i, v := range list(x) {
			mean[i] += float64(v) / float64(len(results))
		}
	}
	return mean
}

// WriteTable writes the report as a table, the lowest test error after the last epoch first.
func (r *CrossReport) WriteTable(w io.Writer) error {
	fmt.Fprintf(w, "%s: %s, %s, minibatches of %d\n", r.Problem, r.network(), r.Objective, r.Batch)
	fmt.Fprintf(w, "epochs: %d, over %d training images; error on %d test images; %s\n", r.Epochs, r.Train, r.Test, r.seeds())
	shown := shownEpochs(r.Epochs)
	t := tabwriter.NewWriter(w, 0, 0, 3, ' ', 0)
	fmt.Fprint(t, "credit\toptimizer\t")
	for _, e := range shown {
		fmt.Fprintf(t, "error %% @%d\t", e+1)
	}
	fmt.Fprintln(t, "loss\tangle°, top down\tnorm ratio\tseconds")
	rows := r.summaries()
	slices.SortStableFunc(rows, func(a, b pairSummary) int {
		return cmp.Compare(a.testError[r.Epochs-1].Mean, b.testError[r.Epochs-1].Mean)
	})
	for _, x := range rows {
		fmt.Fprintf(t, "%s\t%s\t", x.credit, x.rule)
		for _, e := range shown[:len(shown)-1] {
			fmt.Fprintf(t, "%.2f\t", 100*x.testError[e].Mean)
		}
		last := x.testError[r.Epochs-1]
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%.1f\n", r.plusMinus(100*last.Mean, 100*last.StdErr), r.lossText(x.loss),
			joined("%.0f", x.angle), joined("%.2g", x.ratio), x.seconds)
	}
	return t.Flush()
}

// network words the net as in 784-20-10 sigmoid.
func (r *CrossReport) network() string {
	text := strings.Trim(strings.ReplaceAll(fmt.Sprint(r.Layers), " ", "-"), "[]")
	if r.Activation != "" {
		text += " " + r.Activation
	}
	return text
}

func (r *CrossReport) seeds() string {
	if r.Runs == 1 {
		return fmt.Sprintf("seed %d", r.Seed)
	}
	return fmt.Sprintf("mean ± standard error of %d runs, seeds %d to %d", r.Runs, r.Seed, r.Seed+uint64(r.Runs)-1)
}

// plusMinus leaves out an error that one run does not have.
func (r *CrossReport) plusMinus(mean, err float64) string {
	if r.Runs == 1 {
		return fmt.Sprintf("%.2f", mean)
	}
	return fmt.Sprintf("%.2f ± %.2f", mean, err)
}

func (r *CrossReport) lossText(s Stat) string {
	text := s.String()
	if r.Runs == 1 {
		text, _, _ = strings.Cut(text, " ± ")
	}
	return text
}

// joined formats a number a layer; there is no angle to a signal of zero.
func joined(format string, v []float64) string {
	if len(v) == 0 {
		return "-"
	}
	var text []string
	for _, x := range v {
		if math.IsNaN(x) {
			text = append(text, "-")
		} else {
			text = append(text, fmt.Sprintf(format, x))
		}
	}
	return strings.Join(text, " ")
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
