package eval

import (
	"cmp"
	"fmt"
	"image/color"
	"math"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
)

// A point of a curve has a standard error, which goes down to low and up to high.
type point struct{ x, y, low, high float64 }

// panel draws the curve of each result.
func (r *Report) panel(title, x, y string, curve func(Result) []point) (*plot.Plot, error) {
	p := plot.New()
	p.Title.Text, p.Title.Padding = title, vg.Points(6)
	p.X.Label.Text, p.Y.Label.Text = x, y
	p.Add(plotter.NewGrid())
	for _, result := range r.Results {
		if points := curve(result); len(points) > 0 {
			if err := r.draw(p, r.style(result), points); err != nil {
				return nil, fmt.Errorf("%s: %w", result.Name, err)
			}
		}
	}
	return p, nil
}

// draw draws a line through the points, by epochs with a mark at each, in a faint band of their errors.
func (r *Report) draw(p *plot.Plot, s style, points []point) error {
	var mean, outline, lower plotter.XYs
	for i, a := range points {
		b := points[len(points)-1-i]
		mean = append(mean, plotter.XY{X: a.x, Y: a.y})
		outline = append(outline, plotter.XY{X: a.x, Y: a.high})
		lower = append(lower, plotter.XY{X: b.x, Y: b.low})
	}
	band, err := plotter.NewPolygon(append(outline, lower...))
	if err != nil {
		return err
	}
	line, marks, err := plotter.NewLinePoints(mean)
	if err != nil {
		return err
	}
	faint := color.NRGBA(s.line.Color.(color.RGBA))
	faint.A = 50
	band.Color, band.LineStyle.Width = faint, 0
	if len(points) == 1 { // a bar is all there is to see of its band
		band.LineStyle = s.line
	}
	line.LineStyle, marks.GlyphStyle = s.line, s.glyph
	p.Add(band, line)
	if r.Network != nil {
		p.Add(marks)
	}
	return nil
}

// An axis is what curves are drawn against.
type axis struct {
	label string
	place func(r *Report, x Result, at float64) float64 // of a step or an epoch
	scale func(r *Report, p *plot.Plot)
}

// stepAxis is of steps, which begin at 0, and epochAxis of epochs.
var (
	count     = func(_ *Report, _ Result, at float64) float64 { return at }
	stepAxis  = axis{"step", count, func(_ *Report, p *plot.Plot) { p.X.Tick.Marker = plot.TickerFunc(roundTicks) }}
	epochAxis = axis{"epoch", count, func(r *Report, p *plot.Plot) {
		p.X.Tick.Marker = plot.TickerFunc(wholeTicks)
		p.X.Min, p.X.Max = 0.9, float64(r.Epochs)+0.1
	}}
)

// timeAxis is of seconds, on a logarithmic scale: an optimizer may take a hundred times as long as another.
var timeAxis = axis{"seconds of training", (*Report).seconds, func(_ *Report, p *plot.Plot) {
	Widen(&p.X)
	p.X.Scale, p.X.Tick.Marker = plot.LogScale{}, plot.TickerFunc(SparseTicks)
}}

// put moves points to their place on the axis. A start at no time at all is not on a logarithmic scale.
func (a axis) put(r *Report, x Result, points []point) (placed []point) {
	for _, p := range points {
		if p.x = a.place(r, x, p.x); p.x > 0 || a.label == stepAxis.label {
			placed = append(placed, p)
		}
	}
	return placed
}

// lossPanels returns one for each problem.
func (r *Report) lossPanels() ([]*plot.Plot, error) { return r.lossPanelsBy(stepAxis) }

func (r *Report) lossPanelsBy(a axis) (list []*plot.Plot, err error) {
	for _, problem := range r.problems() {
		p, err := r.panel(fmt.Sprintf("%s, mean of %d runs", cmp.Or(problem, r.what()), r.Runs), a.label, "loss", func(x Result) []point {
			if x.Problem != problem {
				return nil
			}
			return a.put(r, x, lossCurve(x))
		})
		if err != nil {
			return nil, err
		}
		p.Y.Scale, p.Y.Tick.Marker = plot.LogScale{}, plot.TickerFunc(LogTicks)
		Widen(&p.Y)
		a.scale(r, p)
		list = append(list, p)
	}
	return list, nil
}

// lossCurve ends where a run diverges. It is nil if it has less than two points.
func lossCurve(x Result) (points []point) {
	for t, v := range x.Curve {
		y, e := float64(v), float64(x.CurveErr[t])
		if !(y > 0 && y+e <= math.MaxFloat64) { // nor can NaN be drawn
			break
		}
		points = append(points, point{float64(t), y, max(y-e, y/10), y + e}) // a logarithmic scale has no zero
	}
	if len(points) < 2 {
		return nil
	}
	return points
}

func (r *Report) errorPanel() (*plot.Plot, error) { return r.errorPanelBy(epochAxis) }

func (r *Report) errorPanelBy(a axis) (*plot.Plot, error) {
	floor := 50 / float64(r.Test) // half an image: a logarithmic scale has no zero
	p, err := r.panel(fmt.Sprintf("%s, %s", r.what(), r.shape()), a.label, "test error, %", func(x Result) (points []point) {
		for i, wrong := range x.TestError {
			y, e := max(100*float64(wrong), floor), 100*float64(x.TestErrorErr[i])
			points = append(points, point{float64(i + 1), y, max(y-e, floor), y + e})
		}
		return a.put(r, x, points)
	})
	if err != nil {
		return nil, err
	}
	p.Y.Scale, p.Y.Tick.Marker = plot.LogScale{}, plot.TickerFunc(LogTicks)
	p.Y.Min, p.Y.Max = labelled(p.Y.Min, -1), labelled(p.Y.Max, 1)
	Widen(&p.Y) // where all errors are the same label
	a.scale(r, p)
	return p, nil
}

func (r *Report) anglePanel() (*plot.Plot, error) {
	title := fmt.Sprintf("at the end, epoch %d", r.Epochs)
	p, err := r.panel(title, "hidden layer, from the top", "angle of signal to gradient, degrees", func(x Result) (points []point) {
		for l, angle := range x.Angle {
			if y := float64(angle); !infinite(y) { // a signal of zero has none
				points = append(points, point{float64(l + 1), y, y, y})
			}
		}
		return points
	})
	if err != nil {
		return nil, err
	}
	p.X.Tick.Marker = plot.TickerFunc(wholeTicks)
	p.Y.Tick.Marker = plot.TickerFunc(func(_, hi float64) (ticks []plot.Tick) {
		for v := 0.0; v <= hi; v += 30 {
			ticks = append(ticks, plot.Tick{Value: v, Label: fmt.Sprint(v)})
		}
		return ticks
	})
	p.X.Min, p.X.Max = 0.9, float64(len(r.Layers)-2)+0.1
	p.Y.Min, p.Y.Max = 0, max(95, p.Y.Max+5) // what is at a right angle or more is in the picture
	return p, nil
}
