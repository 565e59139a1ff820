package lab

import (
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/seed1498fded/unroll/meta"
)

// WriteTable writes the report as a table, horizon by horizon.
func (r *Report) WriteTable(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for i, truth := range r.Truths {
		if i > 0 {
			fmt.Fprintln(t)
		}
		fmt.Fprintf(t, "%s\n", r.heading(truth))
		fmt.Fprintln(t, "estimator\tbias\tnoise\tvariance\tof one\tcosine\tsingle\tnorm\trms\tsteps\ttime\tsnr 1: draws\tsteps\ttime")
		for _, x := range r.Results {
			if x.Horizon == truth.Horizon {
				fmt.Fprintln(t, strings.Join(x.cells(), "\t"))
			}
		}
	}
	if err := t.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprint(w, r.notes())
	return err
}

// heading says what the rows of a horizon are of.
func (r *Report) heading(t Truth) string {
	s := ""
	if r.Rule != "" {
		s = fmt.Sprintf("%s on %s, ", r.Rule, r.Problem)
	}
	if r.Seed != nil {
		s += fmt.Sprintf("seed %d, ", *r.Seed)
	}
	return s + fmt.Sprintf("%d × %d draws: horizon %d, |truth| %s", r.Episodes, r.Draws, t.Horizon, figure(t.Norm))
}

// notes say what the columns mean.
func (r *Report) notes() string {
	s := "bias and noise, which is the standard error of bias, are in units of |truth|, variance in those of its square, of one the largest of\n" +
		"one number of phi; cosine is of the mean draw, single of one. SNR 1: until as much signal along the truth as noise"
	if r.Episodes > 1 {
		s += ", that of the episodes included"
	}
	s += "."
	if slices.ContainsFunc(r.Results, func(x Result) bool { return x.Diverged > 0 }) {
		s += " Draws that diverged are left out:"
		for _, x := range r.Results {
			if x.Diverged > 0 {
				s += fmt.Sprintf(" %d of %s at %d;", x.Diverged, x.Name, x.Horizon)
			}
		}
		s = strings.TrimSuffix(s, ";") + "."
	}
	return s + "\n"
}

// cells are a row.
func (x Result) cells() []string {
	one := meta.Number(math.NaN())
	if len(x.Variances) > 0 {
		one = slices.Max(x.Variances) * x.Variance / max(meta.Number(math.SmallestNonzeroFloat64), sum(x.Variances))
	}
	return []string{
		x.Name, figure(x.Bias), figure(x.Noise), figure(x.Variance), figure(one), ratio(x.Cosine), ratio(x.Single), figure(x.Norm),
		figure(x.RMS), fmt.Sprint(x.Steps), duration(x.Seconds), figure(x.SNRDraws), figure(x.SNRSteps), duration(x.SNRSeconds),
	}
}

func sum(v []meta.Number) (s meta.Number) {
	for _, x := range v {
		s += x
	}
	return s
}

// figure writes three digits, and never for what does not come.
func figure(v meta.Number) string {
	x := float64(v)
	switch {
	case math.IsInf(x, 0):
		return "never"
	case math.IsNaN(x):
		return "–"
	case x == 0:
		return "0"
	case math.Abs(x) >= 1e5 || math.Abs(x) < 1e-3:
		return fmt.Sprintf("%.2e", x)
	case math.Abs(x) >= 1000:
		return fmt.Sprintf("%.0f", x)
	}
	return fmt.Sprintf("%.3g", x)
}

func ratio(v meta.Number) string {
	if math.IsNaN(float64(v)) {
		return "–"
	}
	return fmt.Sprintf("%.3f", float64(v))
}

func duration(v meta.Number) string {
	x := float64(v)
	if math.IsInf(x, 0) || math.IsNaN(x) || x > 1e9 {
		return "never"
	}
	d := time.Duration(x * 1e9)
	for _, unit := range []time.Duration{time.Second, time.Millisecond, time.Microsecond} {
		if d >= unit {
			return d.Round(unit / 100).String()
		}
	}
	return d.String()
}
