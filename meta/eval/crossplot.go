package eval

import (
	"fmt"
	"image/color"
	"io"
	"math"
	"slices"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// A style is how a pair is drawn: the credit rule gives colour and mark, the update rule the dashes, so that the legend
// grows with the sum of the rules and not with their product.
type style struct {
	line  draw.LineStyle
	glyph draw.GlyphStyle
}

// dashes tell update rules apart; the first is an unbroken line.
var dashes = [][]vg.Length{nil, {vg.Points(6), vg.Points(3)}, {vg.Points(2), vg.Points(2)}, {vg.Points(8), vg.Points(2), vg.Points(2), vg.Points(2)}}

// marks tell credit rules apart that share a colour.
var marks = []draw.GlyphDrawer{draw.CircleGlyph{}, draw.BoxGlyph{}, draw.PyramidGlyph{}, draw.CrossGlyph{}}

func newStyle(credit, rule int) style {
	c := palette[credit%len(palette)]
	return style{
		draw.LineStyle{Color: c, Width: vg.Points(1.3), Dashes: dashes[rule%len(dashes)]},
		draw.GlyphStyle{Color: c, Radius: vg.Points(2.5), Shape: marks[credit/len(palette)%len(marks)]},
	}
}

// Plot draws the mean test error of each pair after each epoch, with a bar of one standard error to either side, beside it
// the mean angle between signal and gradient for each hidden layer, and writes the picture in a format of gonum's plot
// package: png, svg and others.
func (r *CrossReport) Plot(w io.Writer, format string) error {
	panels, err := r.panels()
	if err != nil {
		return fmt.Errorf("eval: plot: %w", err)
	}
	const width, height, margin = 5 * vg.Inch, 4.5 * vg.Inch, 12 * vg.Inch / 72
	legend := r.legend()
	beside := legend.Rectangle(draw.Canvas{}).Size().X + 2*margin
	total := vg.Length(len(panels))*width + beside
	canvas, err := draw.NewFormattedCanvas(total, height, format)
	if err != nil {
		return fmt.Errorf("eval: plot: %w", err)
	}
	all := draw.New(canvas)
	all.SetColor(color.White)
	all.Fill(all.Rectangle.Path())
	for i, p := range panels {
		left := vg.Length(i) * width
		p.Draw(draw.Crop(all, left+margin/2, left+width-margin/2-total, margin/2, -margin/2))
	}
	legend.Draw(draw.Crop(all, total-beside+margin, 0, 0, -2*margin))
	_, err = canvas.WriteTo(w)
	return err
}

// panels returns the picture's parts from left to right. Without hidden layers there are no angles.
func (r *CrossReport) panels() ([]*plot.Plot, error) {
	errors, err := r.errorPanel()
	if err != nil || len(r.Layers) < 3 {
		return []*plot.Plot{errors}, err
	}
	angles, err := r.anglePanel()
	return []*plot.Plot{errors, angles}, err
}

func (r *CrossReport) errorPanel() (*plot.Plot, error) {
	p := newPanel(fmt.Sprintf("%s, %s", r.Problem, r.network()), "epoch", "test error, %")
	p.Y.Scale, p.Y.Tick.Marker = plot.LogScale{}, plot.TickerFunc(logTicks)
	p.X.Tick.Marker = plot.TickerFunc(wholeTicks)
	floor := 50 / float64(r.Test) // half an image: a logarithmic scale has no zero
	for _, x := range r.summaries() {
		var points errorPoints
		for e, s := range x.testError {
			mean, err := max(100*s.Mean, floor), 100*s.StdErr
			points.XYs = append(points.XYs, plotter.XY{X: float64(e + 1), Y: mean})
			points.YErrors = append(points.YErrors, struct{ Low, High float64 }{min(err, mean-floor), err})
		}
		if err := r.add(p, x, points.XYs); err != nil {
			return nil, err
		}
		bars, err := plotter.NewYErrorBars(points)
		if err != nil {
			return nil, err
		}
		bars.LineStyle = r.style(x).line
		bars.Dashes = nil
		p.Add(bars)
	}
	p.Y.Min, p.Y.Max = labelled(p.Y.Min, -1), labelled(p.Y.Max, 1)
	p.X.Min, p.X.Max = 0.9, float64(r.Epochs)+0.1
	return p, nil
}

type errorPoints struct {
	plotter.XYs
	plotter.YErrors
}

func (r *CrossReport) anglePanel() (*plot.Plot, error) {
	p := newPanel(fmt.Sprintf("at the end, epoch %d", r.Epochs), "hidden layer, from the top", "angle of signal to gradient, degrees")
	p.X.Tick.Marker = plot.TickerFunc(wholeTicks)
	p.Y.Tick.Marker = plot.ConstantTicks{{Value: 0, Label: "0"}, {Value: 30, Label: "30"}, {Value: 60, Label: "60"},
		{Value: 90, Label: "90"}, {Value: 120, Label: "120"}, {Value: 150, Label: "150"}, {Value: 180, Label: "180"}}
	for _, x := range r.summaries() {
		var points plotter.XYs
		for l, angle := range x.angle {
			if angle-angle != 0 {
				continue // a signal of zero has none
			}
			points = append(points, plotter.XY{X: float64(l + 1), Y: angle})
		}
		if err := r.add(p, x, points); err != nil {
			return nil, err
		}
	}
	p.X.Min, p.X.Max = 0.9, float64(len(r.Layers)-2)+0.1
	p.Y.Min, p.Y.Max = 0, max(95, p.Y.Max+5) // what is at a right angle or more is in the picture
	return p, nil
}

func newPanel(title, x, y string) *plot.Plot {
	p := plot.New()
	p.Title.Text, p.Title.Padding = title, vg.Points(6)
	p.X.Label.Text, p.Y.Label.Text = x, y
	p.Add(plotter.NewGrid())
	return p
}

// add draws a pair's points and the lines between them.
func (r *CrossReport) add(p *plot.Plot, x pairSummary, points plotter.XYs) error {
	if len(points) == 0 {
		return nil
	}
	line, dots, err := plotter.NewLinePoints(points)
	if err != nil {
		return err
	}
	s := r.style(x)
	line.LineStyle, dots.GlyphStyle = s.line, s.glyph
	p.Add(line, dots)
	return nil
}

func (r *CrossReport) style(x pairSummary) style {
	at := func(list []Setting, name string) int {
		return slices.IndexFunc(list, func(s Setting) bool { return s.Name == name })
	}
	return newStyle(at(r.Credits, x.credit), at(r.Rules, x.rule))
}

// legend explains colours and marks, then dashes.
func (r *CrossReport) legend() plot.Legend {
	l := plot.NewLegend()
	l.Top, l.Left, l.Padding = true, true, vg.Points(3)
	for i, c := range r.Credits {
		s := newStyle(i, 0)
		l.Add(c.Name, &plotter.Line{LineStyle: s.line}, &plotter.Scatter{GlyphStyle: s.glyph})
	}
	for i, rule := range r.Rules {
		s := newStyle(0, i)
		s.line.Color = color.Black
		l.Add(rule.Name, &plotter.Line{LineStyle: s.line})
	}
	return l
}

// labelled returns the number that logTicks labels next to v, at it or below (side −1) or above (side 1), so that an axis
// that begins and ends there has two labels at least.
func labelled(v float64, side int) float64 {
	power := math.Pow10(int(math.Floor(math.Log10(v))))
	at := power
	for _, digit := range []float64{1, 2, 5, 10} {
		switch next := digit * power; {
		case next <= v && side < 0:
			at = next
		case next >= v && side > 0:
			return next
		}
	}
	return at
}

// wholeTicks labels whole numbers, at most about ten of them.
func wholeTicks(lo, hi float64) []plot.Tick {
	var ticks []plot.Tick
	step := max(1, int(hi-lo)/10)
	for v := step; float64(v) <= hi; v += step {
		if float64(v) >= lo {
			ticks = append(ticks, plot.Tick{Value: float64(v), Label: fmt.Sprint(v)})
		}
	}
	return ticks
}
