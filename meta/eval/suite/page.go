package suite

import (
	"bytes"
	_ "embed" // the page's template
	"fmt"
	"html/template"
	"io"

	"gonum.org/v1/plot"
)

//go:embed page.html
var pageText string

var pageTemplate = template.Must(template.New("page").Parse(pageText))

// A page is what the template is given.
type page struct {
	Title, Heading string
	Notes          []string
	Profiles       template.HTML // a picture
	Over           pageTable
	Problems       []pageProblem
}

// A pageTable is a table as text.
type pageTable struct {
	Caption string
	Head    []string
	Rows    [][]string
}

type pageProblem struct {
	Table   pageTable
	Picture template.HTML
}

// WriteHTML writes the report as a page that needs nothing else: tables, and pictures as SVG.
func (r *Report) WriteHTML(w io.Writer) error {
	panels, err := r.panels()
	if err != nil {
		return fmt.Errorf("suite: page: %w", err)
	}
	p := page{
		Title: fmt.Sprintf("%s, %s", r.Suite, r.Track), Heading: r.heading(), Notes: r.notes(),
		Over: textOf(r.over(), r.aggregateColumns(), r.ranked()),
	}
	if p.Profiles, err = r.picture(panels[0]); err != nil {
		return err
	}
	for i, x := range r.Problems {
		picture, err := r.picture(panels[1+i])
		if err != nil {
			return err
		}
		p.Problems = append(p.Problems, pageProblem{textOf(x.heading(), resultColumns(), x.ranked()), picture})
	}
	return pageTemplate.Execute(w, p)
}

func textOf[Row any](caption string, columns []column[Row], rows []Row) pageTable {
	t := pageTable{Caption: caption}
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

// picture draws a panel as an SVG element. Its text comes from gonum's plot package, which escapes it.
func (r *Report) picture(p *plot.Plot) (template.HTML, error) {
	var b bytes.Buffer
	if err := drawAll(&b, "svg", []*plot.Plot{p}, r.legend()); err != nil {
		return "", err
	}
	at := bytes.Index(b.Bytes(), []byte("<svg"))
	if at < 0 {
		return "", fmt.Errorf("suite: page: no picture came of %s", p.Title.Text)
	}
	return template.HTML(b.Bytes()[at:]), nil
}
