package suite

import (
	"bytes"
	"fmt"

	"gonum.org/v1/plot"

	"github.com/seed1498fded/unroll/meta/eval/page"
)

// Over returns the table over all problems.
func (r *Report) Over() page.Table { return textOf(r.over(), r.aggregateColumns(), r.ranked()) }

// Page returns the report as a page: the table over all problems, the performance profiles and what becomes of optimizers by a number of
// theirs, then each problem's table and curves.
func (r *Report) Page() (*page.Page, error) {
	over, problems, err := r.panels()
	if err != nil {
		return nil, fmt.Errorf("suite: page: %w", err)
	}
	p := &page.Page{Title: fmt.Sprintf("%s, %s", r.Suite, r.Track), Lead: r.heading(), Facts: r.facts()}
	first := page.Section{Tables: []page.Table{r.Over()}, Notes: r.notes()}
	for i, panel := range over {
		caption, legend := "How often an optimizer is within so much of the tuned Adam", r.legend()
		if i > 0 {
			caption = "Ratios to the tuned Adam's losses by one number, all else the same; bars, 95 % of the bootstrap"
			legend = plot.NewLegend()
		}
		f, err := figure(caption, panel, legend)
		if err != nil {
			return nil, err
		}
		first.Figures = append(first.Figures, f)
	}
	p.Sections = append(p.Sections, first)
	for i, x := range r.Problems {
		curves, err := figure("Smoothed training loss by step; dashed, the tuned Adam's final loss", problems[i], r.legend())
		if err != nil {
			return nil, err
		}
		p.Sections = append(p.Sections, page.Section{
			Heading: x.heading(), Tables: []page.Table{textOf("", resultColumns(), x.ranked())}, Figures: []page.Figure{curves},
		})
	}
	return p, nil
}

// facts are the settings.
func (r *Report) facts() []page.Fact {
	return []page.Fact{
		{Name: "suite", Text: fmt.Sprintf("%s, %.3g of its steps", r.Suite, r.Fraction)},
		{Name: "track", Text: string(r.Track)},
		{Name: "runs", Text: fmt.Sprintf("%d of each optimizer, %d to tune each setting", r.Runs, r.TuningRuns)},
		{Name: "seed", Text: fmt.Sprint(r.Seed)},
	}
}

func textOf[Row any](caption string, columns []column[Row], rows []Row) page.Table {
	t := page.Table{Caption: caption}
	for _, c := range columns {
		t.Head = append(t.Head, c.Head)
	}
	for _, row := range rows {
		var cells []string
		for _, c := range columns {
			cells = append(cells, c.Text(row))
		}
		t.Rows = append(t.Rows, cells)
	}
	return t
}

// figure draws a panel with a legend.
func figure(caption string, p *plot.Plot, legend plot.Legend) (page.Figure, error) {
	var b bytes.Buffer
	if err := drawAll(&b, "svg", []*plot.Plot{p}, legend); err != nil {
		return page.Figure{}, err
	}
	return page.Draw(caption, b.Bytes())
}
