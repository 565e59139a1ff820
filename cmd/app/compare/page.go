package compare

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"math"
	"os"
	"slices"

	"github.com/seed1498fded/unroll/cmd/internal/cli"
	"github.com/seed1498fded/unroll/cmd/internal/live"
	"github.com/seed1498fded/unroll/meta"
	"github.com/seed1498fded/unroll/meta/eval"
	"github.com/seed1498fded/unroll/meta/eval/page"
	"github.com/seed1498fded/unroll/meta/eval/suite"
)

// A served is a page of a comparison in a browser. A nil one is none.
type served struct {
	board  *live.Comparison
	server *live.Server
	sums   []*growing // of each row's runs
	each   int        // rows of a problem
}

// serve opens the page, if there is to be one.
func (s study) serve(o options, args []string) (*served, error) {
	if !o.Given("serve") {
		return nil, nil
	}
	port, err := live.Listen(o.Serve)
	if err != nil {
		return nil, fmt.Errorf("--serve: %w", err)
	}
	command := cli.CommandLine("compare", args, os.Environ(), o.Flags())
	s.contest.Settings = append(s.contest.Settings, live.Setting{Name: "command", Value: command})
	p := &served{board: live.NewComparison(s.contest, s.rows), each: s.each}
	for i := range s.rows {
		p.sums = append(p.sums, &growing{at: s.at[i]})
	}
	p.server = live.Serve(port, p.board)
	return p, nil
}

// progress returns a display that tells the page too.
func (p *served) progress(display cli.Progress) cli.Progress {
	if p == nil {
		return display
	}
	display.Log("the comparison's page is %s", p.server.URL())
	return both{display, p.board}
}

type both struct {
	cli.Progress
	board *live.Comparison
}

func (b both) Update(fraction float64, next string) {
	b.Progress.Update(fraction, next)
	b.board.Progress(fraction, next)
}

// show returns what puts a report on the page when all is done, nil where there is no page.
func (p *served) show() func(cli.Outcome, *page.Page) error {
	if p == nil {
		return nil
	}
	return func(r cli.Outcome, report *page.Page) error {
		var text bytes.Buffer
		if err := report.Write(&text); err != nil {
			return err
		}
		var tables []live.Table
		if r, ok := r.(*suite.Report); ok {
			over := r.Over()
			tables = append(tables, live.Table{Caption: "Over all problems", Head: over.Head, Rows: over.Rows})
		}
		return p.board.Finish(tables, text.Bytes())
	}
}

// close ends the page.
func (p *served) close(err error) error {
	if p == nil {
		return nil
	}
	if err != nil {
		return errors.Join(p.board.Stop(), p.server.Close())
	}
	return p.server.Close()
}

// A growing sum is of runs as they come in: means and squared deviations of their losses at some steps, and of the loss they come to
// (Welford's recurrence).
type growing struct {
	at       []int
	n        float64
	mean, m2 []float64 // the last is of final losses
}

// add takes in a run.
func (g *growing) add(loss func(t int) float64, final float64) {
	if g.mean == nil {
		g.mean, g.m2 = make([]float64, len(g.at)+1), make([]float64, len(g.at)+1)
	}
	g.n++
	for i := range g.mean {
		x := final
		if i < len(g.at) {
			x = loss(g.at[i])
		}
		d := x - g.mean[i]
		g.mean[i] += d / g.n
		g.m2[i] += d * (x - g.mean[i])
	}
}

// summary returns a mean with its standard error, which of a single run is 0.
func (g *growing) summary(i int) (mean, stderr meta.Number) {
	return meta.Number(g.mean[i]), meta.Number(math.Sqrt(g.m2[i] / max(1, g.n-1) / g.n))
}

// put puts what is known of a row's runs on the page.
func (g *growing) put(r *live.Row, first int, final string) {
	last := len(g.at)
	mean, stderr := g.summary(last)
	r.State, r.Runs = live.Measuring, int(g.n)
	r.Values = []live.Value{{Name: final, Mean: mean, Error: stderr}}
	c := &live.Curve{}
	for i, t := range g.at {
		mean, stderr := g.summary(i)
		c.At, c.Mean, c.Error = append(c.At, t+first), append(c.Mean, mean), append(c.Error, stderr)
	}
	r.Curve = c
}

// The names of the losses that runs come to.
const (
	finalLoss = "final loss"
	trainLoss = "train"
)

// observe returns what tells the page of what a comparison finds out, nil where there is none.
func (p *served) observe(epochs bool) func(eval.Finding) {
	if p == nil {
		return nil
	}
	first := 0
	if epochs {
		first = 1
	}
	return func(f eval.Finding) {
		g := p.sums[f.Row]
		p.board.Row(f.Row, func(r *live.Row) {
			switch {
			case f.Run != nil:
				g.add(func(t int) float64 { return float64(f.Run.Loss[t]) }, f.Final)
				g.put(r, first, finalLoss)
				if math.IsInf(f.Final, 0) {
					r.Diverged++
				}
			case f.Result != nil:
				r.State, r.Diverged, r.Setting = live.Done, f.Result.Diverged, f.Result.Setting()
				r.Values = valuesOf(f.Result)
				r.Curve = curveOf(f.Result.Curve, f.Result.CurveErr, g.at, first)
			default:
				r.State, r.Tried, r.Settings = live.Tuning, f.Tried, f.Settings
			}
		})
	}
}

// valuesOf are the numbers of a result that the table has, under the same names.
func valuesOf(x *eval.Result) (list []live.Value) {
	add := func(name string, s *eval.Stat, unit meta.Number) {
		if s != nil {
			list = append(list, live.Value{Name: name, Mean: unit * s.Mean, Error: unit * s.StdErr})
		}
	}
	none := meta.Number(math.NaN())
	if n := len(x.TestError); n > 0 {
		add("test error, %", &eval.Stat{Mean: x.TestError[n-1], StdErr: x.TestErrorErr[n-1]}, 100)
	}
	add(finalLoss, &x.Final, 1)
	add("sum of losses", x.Sum, 1)
	add("solved", x.Solved, 1)
	add("reward", x.Reward, 1)
	add("transfer", x.Transfer, 1)
	for _, name := range slices.Sorted(maps.Keys(x.Measures)) {
		s := x.Measures[name]
		add(name, &s, 1)
	}
	if x.USPerStep > 0 {
		add("µs/step", &eval.Stat{Mean: meta.Number(x.USPerStep), StdErr: none}, 1)
	}
	if x.Each != nil {
		add("seconds", &eval.Stat{Mean: meta.Number(x.Seconds), StdErr: none}, 1)
	}
	return list
}

// curveOf leaves of a curve what the page shows.
func curveOf(mean, stderr []meta.Number, at []int, first int) *live.Curve {
	c := &live.Curve{}
	for _, t := range at {
		c.At, c.Mean = append(c.At, t+first), append(c.Mean, mean[t])
		c.Error = append(c.Error, stderr[t])
	}
	return c
}

// observeSuite returns what tells the page of what a comparison on a suite finds out, nil where there is none.
func (p *served) observeSuite() func(suite.Finding) {
	if p == nil {
		return nil
	}
	return func(f suite.Finding) {
		i := f.Problem*p.each + f.Optimizer
		g := p.sums[i]
		p.board.Row(i, func(r *live.Row) {
			switch {
			case f.Run != nil:
				g.add(func(t int) float64 { return f.Run[t] }, f.Final)
				g.put(r, 1, trainLoss)
				if math.IsInf(f.Final, 0) {
					r.Diverged++
				}
			case f.Result != nil:
				r.State, r.Diverged, r.Setting = live.Done, f.Result.Diverged, f.Result.Setting
				if f.Result.Edge {
					r.Setting += "*"
				}
				r.Values = suiteValues(f.Result)
				r.Curve = smoothCurve(f.Result.Curve, r.Curve)
			case f.Tried == f.Settings: // it is measured when all have been tuned
				r.State = live.Tuned
			default:
				r.State, r.Tried, r.Settings = live.Tuning, f.Tried, 0
			}
		})
	}
}

// smoothCurve is what the page shows of a result's curve: the points that were shown while it grew, and the errors that they had.
func smoothCurve(c suite.Curve, grown *live.Curve) *live.Curve {
	exact := &live.Curve{At: grown.At, Error: grown.Error}
	for _, t := range grown.At {
		exact.Mean = append(exact.Mean, c.Loss[slices.Index(c.Steps, t)])
	}
	return exact
}

// suiteValues are the numbers of a result on a suite that the table has, under the same names.
func suiteValues(x *suite.Result) []live.Value {
	none := meta.Number(math.NaN())
	return []live.Value{
		{Name: trainLoss, Mean: x.Train.Mean, Error: x.Train.StdErr}, {Name: "test", Mean: x.Test.Mean, Error: x.Test.StdErr},
		{Name: "ratio", Mean: x.Ratio, Error: none}, {Name: "µs/step", Mean: meta.Number(x.USPerStep), Error: none},
		{Name: "steps to target", Mean: x.ToTarget, Error: none, Bounded: true},
	}
}
