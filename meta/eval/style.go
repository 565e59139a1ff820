package eval

import (
	"image/color"
	"slices"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// A style is how a result is drawn. Under several credit rules these give colour and mark, and the optimizer the dashes, so that
// the legend grows with the sum of the two and not with their product; else the optimizer gives the colour.
type style struct {
	line  draw.LineStyle
	glyph draw.GlyphStyle
}

// The colours of Okabe and Ito (2008), told apart with any kind of colour vision. Learned rules get the first ones.
var palette = []color.RGBA{
	{213, 94, 0, 255}, {0, 114, 178, 255}, {0, 158, 115, 255}, {204, 121, 167, 255},
	{230, 159, 0, 255}, {86, 180, 233, 255}, {90, 90, 90, 255}, {0, 0, 0, 255},
}

// dashes tell optimizers apart that share a colour; the first is an unbroken line.
var dashes = [][]vg.Length{nil, {6, 3}, {2, 2}, {8, 2, 2, 2}}

// marks tell apart credit rules that share a colour.
var marks = []draw.GlyphDrawer{draw.CircleGlyph{}, draw.BoxGlyph{}, draw.PyramidGlyph{}, draw.CrossGlyph{}}

func newStyle(colour, dash int) style {
	c := palette[colour%len(palette)]
	return style{
		draw.LineStyle{Color: c, Width: vg.Points(1.3), Dashes: dashes[dash%len(dashes)]},
		draw.GlyphStyle{Color: c, Radius: vg.Points(2.5), Shape: marks[colour/len(palette)%len(marks)]},
	}
}

// Line returns the line of the i-th curve of a picture: the colours are told apart with any kind of colour vision, and when they have all
// been taken it is dashes that tell curves apart.
func Line(i int) draw.LineStyle { return newStyle(i, i/len(palette)).line }

// style returns a result's.
func (r *Report) style(x Result) style {
	optimizer := slices.IndexFunc(r.optimizers(), func(o Result) bool { return o.Name == x.Name })
	if len(r.Credits) > 1 {
		return newStyle(slices.IndexFunc(r.Credits, func(c Credit) bool { return c.Name == x.Credit }), optimizer)
	}
	s := newStyle(optimizer, 0)
	if x.Kind == kindLearned {
		s.line.Width = vg.Points(2.2)
	}
	return s
}

// optimizers returns a result of each, the learned ones first.
func (r *Report) optimizers() (list []Result) {
	for _, kind := range []string{kindLearned, kindConfigured, kindBaseline} {
		for _, x := range r.Results {
			if x.Kind == kind && !slices.ContainsFunc(list, func(o Result) bool { return o.Name == x.Name }) {
				list = append(list, x)
			}
		}
	}
	return list
}

// label is the name, and where schedules were tuned what came of it, as in adam, 0.01, cosine.
func (x Result) label() string {
	if x.Schedule == "" {
		return x.Name
	}
	parts := []string{x.Name, x.lr(), x.Schedule}
	return strings.Join(slices.DeleteFunc(parts, func(s string) bool { return s == "-" }), ", ")
}

// legend explains colours and marks, then dashes.
func (r *Report) legend() plot.Legend {
	l := plot.NewLegend()
	l.Top, l.Left, l.Padding = true, true, vg.Points(3)
	add := func(name string, s style) {
		thumbs := []plot.Thumbnailer{&plotter.Line{LineStyle: s.line}}
		if r.Network != nil { // a curve of steps has no marks
			thumbs = append(thumbs, &plotter.Scatter{GlyphStyle: s.glyph})
		}
		l.Add(name, thumbs...)
	}
	if len(r.Credits) < 2 {
		for _, x := range r.optimizers() {
			if r.Network != nil || lossCurve(x) != nil {
				add(x.label(), r.style(x))
			}
		}
		return l
	}
	for i, c := range r.Credits {
		add(c.Name, newStyle(i, 0))
	}
	for i, x := range r.optimizers() {
		s := newStyle(0, i)
		s.line.Color = color.Black
		l.Add(x.Name, &plotter.Line{LineStyle: s.line})
	}
	return l
}
