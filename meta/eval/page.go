package eval

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"gonum.org/v1/plot"

	"github.com/seed1498fded/unroll/meta/eval/page"
)

// Page returns the report as a page: the table, curves with their standard errors by step and by time, or by epoch and by time, and all
// settings.
func (r *Report) Page() (*page.Page, error) {
	p := &page.Page{Title: r.what(), Lead: strings.TrimSpace(r.heading()), Facts: r.facts()}
	measured := page.Section{Tables: []page.Table{r.text()}}
	if notes := strings.TrimSpace(r.notes()); notes != "" {
		measured.Notes = []string{notes}
	}
	measured.Notes = append(measured.Notes, r.explained())
	panels, err := r.panels()
	if err != nil {
		return nil, fmt.Errorf("eval: page: %w", err)
	}
	byTime, err := r.timePanels()
	if err != nil {
		return nil, fmt.Errorf("eval: page: %w", err)
	}
	curves := page.Section{Heading: "Curves"}
	for _, panel := range append(panels, byTime...) {
		f, err := r.figure(panel)
		if err != nil {
			return nil, err
		}
		curves.Figures = append(curves.Figures, f)
	}
	p.Sections = []page.Section{measured, curves, {Heading: "Optimizers as they were measured", Tables: []page.Table{r.configurations()}}}
	return p, nil
}

// explained says what is behind the numbers.
func (r *Report) explained() string {
	if r.Network != nil {
		return "all pairs begin at the same weights and see the same minibatches; ± and bands are one standard error over runs"
	}
	return "all optimizers have the same starts and minibatches; ± and bands are one standard error over runs; " +
		"µs/step is the median time of a gradient and an update, one run at a time"
}

// text is the table of WriteTable.
func (r *Report) text() (t page.Table) {
	columns := r.columns()
	for _, c := range columns {
		t.Head = append(t.Head, c.head)
	}
	for _, x := range r.ranked() {
		var cells []string
		for _, c := range columns {
			cells = append(cells, c.text(x))
		}
		t.Rows = append(t.Rows, cells)
	}
	return t
}

// configurations are what every optimizer was, to the last setting.
func (r *Report) configurations() page.Table {
	t := page.Table{Head: []string{"optimizer", "kind", "configuration"}, Words: true}
	several := len(r.problems()) > 1 || len(r.Credits) > 1
	for _, x := range r.Results {
		name := x.Name
		if several {
			name = strings.TrimLeft(x.Problem+x.Credit+" × "+name, " ×")
		}
		t.Rows = append(t.Rows, []string{name, x.Kind, string(x.Hyper)})
	}
	return t
}

// facts are the settings.
func (r *Report) facts() []page.Fact {
	var list []page.Fact
	add := func(there bool, name, format string, args ...any) {
		if there {
			list = append(list, page.Fact{Name: name, Text: fmt.Sprintf(format, args...)})
		}
	}
	add(true, "problem", "%s", r.Problem)
	if n := r.Network; n != nil {
		add(true, "network", "%s, %s", n.shape(), n.Objective)
		add(true, "images", "%d to train on, in minibatches of %d, %d to test on", n.Train, n.Batch, n.Test)
	}
	add(r.Steps > 0, "steps", "%d", r.Steps)
	add(r.Epochs > 0, "epochs", "%d", r.Epochs)
	add(true, "runs", "%d", r.Runs)
	add(true, "seed", "%d", r.Seed)
	add(r.Tuned, "learning rates", "of baselines tuned, on other runs than those that are reported")
	add(!r.Tuned, "learning rates", "not tuned")
	add(len(r.Schedules) > 0, "schedules", "tuned over %s", strings.Join(r.Schedules, ", "))
	for _, c := range r.Credits {
		var settings []string
		for name, v := range c.Hyper {
			settings = append(settings, fmt.Sprintf("%s %s", name, v))
		}
		add(true, "credit rule", "%s", strings.TrimSpace(c.Name+" "+strings.Join(slices.Sorted(slices.Values(settings)), ", ")))
	}
	return list
}

// figure draws a panel with the legend.
func (r *Report) figure(p *plot.Plot) (page.Figure, error) {
	var b bytes.Buffer
	if err := drawBeside(&b, "svg", []*plot.Plot{p}, r.legend()); err != nil {
		return page.Figure{}, err
	}
	return page.Draw(fmt.Sprintf("%s, by %s", p.Y.Label.Text, p.X.Label.Text), b.Bytes())
}
