package eval

import (
	"fmt"
	"image/color"
	"io"
	"math"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
)

// The colours of Okabe and Ito (2008), told apart with any kind of colour vision. Learned rules get the first ones.
var palette = []color.RGBA{
	{213, 94, 0, 255}, {0, 114, 178, 255}, {0, 158, 115, 255}, {204, 121, 167, 255},
	{230, 159, 0, 255}, {86, 180, 233, 255}, {90, 90, 90, 255}, {0, 0, 0, 255},
}

// Plot draws the mean loss of each contender against the step, on a logarithmic scale, with a band of one standard error
// to either side, and writes the picture in a format of gonum's plot package: png, svg and others. A curve ends where a
// run diverges.
func (r *Report) Plot(w io.Writer, format string) error {
	p := plot.New()
	p.Title.Text = fmt.Sprintf("%s, mean of %d runs", r.what(), r.Runs)
	p.Title.Padding = vg.Points(6)
	p.X.Label.Text, p.Y.Label.Text = "step", "loss"
	p.Y.Scale, p.Y.Tick.Marker = plot.LogScale{}, plot.TickerFunc(logTicks)
	p.Legend.Top = true
	p.Add(plotter.NewGrid())
	colours := 0
	for _, kind := range []string{"learned", "baseline"} {
		for _, x := range r.Results {
			if x.Kind != kind {
				continue
			}
			c := palette[colours%len(palette)]
			colours++
			if err := addCurve(p, x, c); err != nil {
				return fmt.Errorf("eval: plot of %s: %w", x.Name, err)
			}
		}
	}
	widen(&p.Y)
	picture, err := p.WriterTo(7*vg.Inch, 4.5*vg.Inch, format)
	if err != nil {
		return fmt.Errorf("eval: plot: %w", err)
	}
	_, err = picture.WriteTo(w)
	return err
}

// widen gives an axis that is without extent one. Gonum would take 1 from either end, and there is no logarithm below 0.
func widen(a *plot.Axis) {
	switch {
	case a.Min > a.Max: // no curve at all
		a.Min, a.Max = 0.1, 10
	case a.Min == a.Max:
		a.Min, a.Max = a.Min/2, a.Max*2
	}
}

func addCurve(p *plot.Plot, x Result, c color.RGBA) error {
	var mean, upper, lower plotter.XYs
	for t, v := range x.Curve {
		y, e := float64(v), float64(x.CurveErr[t])
		if !(y > 0 && y+e <= math.MaxFloat64) { // nor can NaN be drawn
			break
		}
		at := float64(t)
		mean = append(mean, plotter.XY{X: at, Y: y})
		upper = append(upper, plotter.XY{X: at, Y: y + e})
		lower = append(lower, plotter.XY{X: at, Y: max(y-e, y/10)}) // a logarithmic scale has no zero
	}
	if len(mean) < 2 {
		return nil
	}
	outline := upper
	for i := len(lower) - 1; i >= 0; i-- {
		outline = append(outline, lower[i])
	}
	band, err := plotter.NewPolygon(outline)
	if err != nil {
		return err
	}
	faint := c
	faint.A = 50
	band.Color, band.LineStyle.Width = color.NRGBA(faint), 0
	line, err := plotter.NewLine(mean)
	if err != nil {
		return err
	}
	line.Color, line.Width = c, vg.Points(1.3)
	if x.Kind == "learned" {
		line.Width = vg.Points(2.2)
	}
	p.Add(band, line)
	p.Legend.Add(x.Name, line)
	return nil
}

// logTicks labels 1, 2 and 5 times every power of ten on a logarithmic axis: gonum's own labels the powers alone, of which
// a plot of losses may show one.
func logTicks(lo, hi float64) []plot.Tick {
	var ticks []plot.Tick
	for power := math.Pow10(int(math.Floor(math.Log10(lo)))); power <= hi; power *= 10 {
		for digit := 1.0; digit < 10; digit++ {
			v := digit * power
			if v < lo || v > hi {
				continue
			}
			t := plot.Tick{Value: v}
			if digit == 1 || digit == 2 || digit == 5 {
				t.Label = fmt.Sprintf("%.3g", v)
			}
			ticks = append(ticks, t)
		}
	}
	return ticks
}
