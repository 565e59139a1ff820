package lab

import (
	"fmt"
	"image/color"
	"io"
	"math"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"github.com/seed1498fded/unroll/meta"
)

// A curve is what a panel shows of each result, against the horizon.
type curve struct {
	title string
	log   bool
	of    func(Result) meta.Number
	truth bool // the truth's length is a curve too
}

var curves = []curve{
	{"bias: |mean draw − truth| / |truth|", true, func(x Result) meta.Number { return x.Bias }, false},
	{"variance of a draw: trace / |truth|²", true, func(x Result) meta.Number { return x.Variance }, false},
	{"cosine of the mean draw with the truth", false, func(x Result) meta.Number { return x.Cosine }, false},
	{"length of the mean draw (dashed: the truth)", true, func(x Result) meta.Number { return x.Norm }, true},
	{"inner steps until SNR 1", true, func(x Result) meta.Number { return x.SNRSteps }, false},
	{"seconds until SNR 1", true, func(x Result) meta.Number { return x.SNRSeconds }, false},
}

// The colours of Okabe and Ito (2008), told apart with any kind of colour vision.
var palette = []color.RGBA{
	{213, 94, 0, 255}, {0, 114, 178, 255}, {0, 158, 115, 255}, {204, 121, 167, 255},
	{230, 159, 0, 255}, {86, 180, 233, 255}, {90, 90, 90, 255},
}

var marks = []draw.GlyphDrawer{draw.CircleGlyph{}, draw.BoxGlyph{}, draw.PyramidGlyph{}, draw.RingGlyph{}, draw.SquareGlyph{}, draw.TriangleGlyph{}}

// least is where a logarithmic axis ends that would have to show nothing.
const least = 1e-6

// Plot draws bias, variance, cosine, norm and what it takes until SNR 1 against the horizon, and writes the picture in a format of
// gonum's plot package: png, svg and others. On logarithmic axes what is below 1e-6, such as a bias of nothing, is drawn there; what never
// comes is left out.
func (r *Report) Plot(w io.Writer, format string) error {
	const width, height, across = 4.4 * vg.Inch, 3.4 * vg.Inch, 3
	legend := r.legend()
	beside := legend.Rectangle(draw.Canvas{}).Size().X + vg.Inch/3
	down := vg.Length((len(curves) + across - 1) / across)
	canvas, err := draw.NewFormattedCanvas(across*width+beside, down*height, format)
	if err != nil {
		return fmt.Errorf("lab: plot: %w", err)
	}
	all := draw.New(canvas)
	all.SetColor(color.White)
	all.Fill(all.Rectangle.Path())
	for i, c := range curves {
		p, err := r.panel(c)
		if err != nil {
			return fmt.Errorf("lab: plot: %s: %w", c.title, err)
		}
		left, top := vg.Length(i%across)*width, vg.Length(i/across)*height
		const margin = vg.Inch / 12
		p.Draw(draw.Crop(all, left+margin, left+width-margin-(across*width+beside), down*height-top-height+margin, -top-margin))
	}
	legend.Draw(draw.Crop(all, across*width+vg.Inch/6, 0, 0, -vg.Inch/4))
	_, err = canvas.WriteTo(w)
	return err
}

// panel draws a curve for each contender.
func (r *Report) panel(c curve) (*plot.Plot, error) {
	p := plot.New()
	p.Title.Text, p.Title.Padding = c.title, vg.Points(6)
	p.X.Label.Text = "horizon"
	p.Add(plotter.NewGrid())
	for i, name := range r.names() {
		var points plotter.XYs
		for _, x := range r.Results {
			if x.Name == name {
				points = c.add(points, x.Horizon, c.of(x))
			}
		}
		if err := add(p, points, style(i)); err != nil {
			return nil, err
		}
	}
	if c.truth {
		var points plotter.XYs
		for _, t := range r.Truths {
			points = c.add(points, t.Horizon, t.Norm)
		}
		s := look{draw.LineStyle{Color: color.Black, Width: vg.Points(0.8), Dashes: []vg.Length{4, 3}}, draw.GlyphStyle{Color: color.Black, Radius: 2, Shape: draw.CrossGlyph{}}}
		if err := add(p, points, s); err != nil {
			return nil, err
		}
	}
	r.axes(p, c.log)
	return p, nil
}

// add adds a point, if it can be drawn.
func (c curve) add(points plotter.XYs, horizon int, v meta.Number) plotter.XYs {
	y := float64(v)
	if math.IsNaN(y) || math.IsInf(y, 0) {
		return points
	}
	if c.log {
		y = max(least, y)
	}
	return append(points, plotter.XY{X: float64(horizon), Y: y})
}

// A look is how a curve is drawn.
type look struct {
	line  draw.LineStyle
	glyph draw.GlyphStyle
}

func style(i int) look {
	c := palette[i%len(palette)]
	l := draw.LineStyle{Color: c, Width: vg.Points(1.3)}
	if i >= len(palette) {
		l.Dashes = []vg.Length{5, 3}
	}
	return look{l, draw.GlyphStyle{Color: c, Radius: vg.Points(3), Shape: marks[i%len(marks)]}}
}

func add(p *plot.Plot, points plotter.XYs, s look) error {
	if len(points) == 0 {
		return nil
	}
	line, marks, err := plotter.NewLinePoints(points)
	if err != nil {
		return err
	}
	line.LineStyle, marks.GlyphStyle = s.line, s.glyph
	p.Add(line, marks)
	return nil
}

// axes gives the horizons ticks of their own, and the other axis powers of ten or the range of a cosine.
func (r *Report) axes(p *plot.Plot, log bool) {
	var ticks []plot.Tick
	for _, h := range r.Horizons {
		ticks = append(ticks, plot.Tick{Value: float64(h), Label: fmt.Sprint(h)})
	}
	p.X.Scale, p.X.Tick.Marker = plot.LogScale{}, plot.ConstantTicks(ticks)
	lo, hi := p.X.Min, p.X.Max
	if lo > hi { // no curve at all
		lo, hi = float64(r.Horizons[0]), float64(r.Horizons[0])
	}
	p.X.Min, p.X.Max = lo/1.15, hi*1.15
	if !log {
		low := -0.05
		if p.Y.Min < 0 {
			low = -1.05
		}
		p.Y.Min, p.Y.Max = low, 1.05
		p.Y.Tick.Marker = plot.ConstantTicks{{Value: -1, Label: "-1"}, {Value: -0.5, Label: "-0.5"}, {Value: 0, Label: "0"}, {Value: 0.5, Label: "0.5"}, {Value: 1, Label: "1"}}
		return
	}
	lo, hi = p.Y.Min, p.Y.Max
	if lo > hi {
		lo, hi = 0.1, 10
	}
	p.Y.Scale, p.Y.Min, p.Y.Max = plot.LogScale{}, math.Pow10(int(math.Floor(math.Log10(lo)))), math.Pow10(int(math.Ceil(math.Log10(hi*1.001))))
	p.Y.Tick.Marker = plot.TickerFunc(powers)
}

// powers labels powers of ten, so few that they can be read.
func powers(lo, hi float64) (ticks []plot.Tick) {
	from, to := int(math.Round(math.Log10(lo))), int(math.Round(math.Log10(hi)))
	every := 1 + (to-from)/6
	for e := from; e <= to; e++ {
		t := plot.Tick{Value: math.Pow10(e)}
		if (e-from)%every == 0 {
			if t.Label = fmt.Sprintf("1e%d", e); e >= -2 && e <= 4 {
				t.Label = fmt.Sprintf("%g", t.Value)
			}
		}
		ticks = append(ticks, t)
	}
	return ticks
}

// names lists the contenders in their order.
func (r *Report) names() (names []string) {
	for _, x := range r.Results {
		if x.Horizon == r.Horizons[0] {
			names = append(names, x.Name)
		}
	}
	return names
}

// legend explains colours and marks.
func (r *Report) legend() plot.Legend {
	l := plot.NewLegend()
	l.Top, l.Left, l.Padding = true, true, vg.Points(3)
	for i, name := range r.names() {
		s := style(i)
		l.Add(name, &plotter.Line{LineStyle: s.line}, &plotter.Scatter{GlyphStyle: s.glyph})
	}
	return l
}
