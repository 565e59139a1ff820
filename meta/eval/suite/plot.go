package suite

import (
	"fmt"
	"image/color"
	"io"
	"math"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"github.com/seed1498fded/unroll/meta/eval"
)

// The size of a panel, and how many there are side by side.
const (
	panelWidth  = 4.4 * vg.Inch
	panelHeight = 3.4 * vg.Inch
	panelAcross = 3
)

// Plot draws the performance profiles, how often an optimizer's ratio is at most so large, what becomes of optimizers by a number of
// theirs (see [Report.Sensitivities]), and the smoothed training loss of every problem against the step, dashed where the target is, and
// writes the picture in a format of gonum's plot package: png, svg, pdf and others.
func (r *Report) Plot(w io.Writer, format string) error {
	over, problems, err := r.panels()
	if err != nil {
		return fmt.Errorf("suite: plot: %w", err)
	}
	return drawAll(w, format, append(over, problems...), r.legend())
}

// drawAll draws panels in rows, and the legend to their right.
func drawAll(w io.Writer, format string, panels []*plot.Plot, legend plot.Legend) error {
	across := min(panelAcross, len(panels))
	down := (len(panels) + across - 1) / across
	beside := legend.Rectangle(draw.Canvas{}).Size().X + vg.Inch/3
	width, height := vg.Length(across)*panelWidth, vg.Length(down)*panelHeight
	canvas, err := draw.NewFormattedCanvas(width+beside, height, format)
	if err != nil {
		return fmt.Errorf("suite: plot: %w", err)
	}
	all := draw.New(canvas)
	all.SetColor(color.White)
	all.Fill(all.Rectangle.Path())
	const margin = vg.Inch / 12
	for i, p := range panels {
		left, top := vg.Length(i%across)*panelWidth, vg.Length(i/across)*panelHeight
		p.Draw(draw.Crop(all, left+margin, left+panelWidth-margin-width-beside, height-top-panelHeight+margin, -top-margin))
	}
	legend.Draw(draw.Crop(all, width+vg.Inch/6, 0, 0, -vg.Inch/4))
	_, err = canvas.WriteTo(w)
	return err
}

// panels returns those over all problems, the profiles first, and one for each problem.
func (r *Report) panels() (over, problems []*plot.Plot, err error) {
	profiles, err := r.profiles()
	if err != nil {
		return nil, nil, err
	}
	over = append(over, profiles)
	for _, s := range r.Sensitivities() {
		panel, err := s.panel()
		if err != nil {
			return nil, nil, fmt.Errorf("%s by %s: %w", s.Optimizer, s.Number, err)
		}
		over = append(over, panel)
	}
	for _, p := range r.Problems {
		panel, err := p.panel()
		if err != nil {
			return nil, nil, fmt.Errorf("%s: %w", p.Name, err)
		}
		problems = append(problems, panel)
	}
	return over, problems, nil
}

// line returns how the k-th optimizer is drawn: the reference, which is the first, in black.
func line(k int) draw.LineStyle {
	if k == 0 {
		return draw.LineStyle{Color: color.Black, Width: vg.Points(1.3)}
	}
	return eval.Line(k - 1)
}

// legend tells the optimizers apart.
func (r *Report) legend() plot.Legend {
	l := plot.NewLegend()
	l.Top, l.Left, l.Padding = true, true, vg.Points(3)
	for k, a := range r.Aggregate {
		l.Add(a.Name, &plotter.Line{LineStyle: line(k)})
	}
	return l
}

// The range of ratios that a profile is drawn over.
const (
	leastTau = .5
	mostTau  = 4.
)

// profiles draws the fraction of problems on which the ratio is at most so large: Dolan and Moré's performance profiles with
// the tuned Adam in the place of the best.
func (r *Report) profiles() (*plot.Plot, error) {
	p := newPanel("performance profiles", "ratio to tuned-adam, at most", "fraction of problems")
	for k, a := range r.Aggregate {
		var ratios []float64
		for _, x := range a.Ratios {
			ratios = append(ratios, float64(x.Train))
		}
		const points = 400
		var steps plotter.XYs
		for i := range points + 1 {
			tau := leastTau * math.Pow(mostTau/leastTau, float64(i)/points)
			steps = append(steps, plotter.XY{X: tau, Y: Profile(ratios, tau)})
		}
		if err := add(p, steps, line(k)); err != nil {
			return nil, err
		}
	}
	p.X.Scale, p.X.Tick.Marker = plot.LogScale{}, plot.ConstantTicks(ticks(.5, .7, 1, 1.5, 2, 3, 4))
	p.X.Min, p.X.Max, p.Y.Min, p.Y.Max = leastTau, mostTau, -.02, 1.02
	return p, nil
}

func ticks(at ...float64) (list []plot.Tick) {
	for _, v := range at {
		list = append(list, plot.Tick{Value: v, Label: fmt.Sprint(v)})
	}
	return list
}

// stepTicks labels the quarters of a run, or each step of one that is shorter than that.
func stepTicks(steps int) (list []plot.Tick) {
	parts := min(4, steps)
	for i := range parts + 1 {
		t := i * steps / parts
		list = append(list, plot.Tick{Value: float64(t), Label: fmt.Sprint(t)})
	}
	return list
}

func newPanel(title, x, y string) *plot.Plot {
	p := plot.New()
	p.Title.Text, p.Title.Padding = title, vg.Points(6)
	p.X.Label.Text, p.Y.Label.Text = x, y
	p.Add(plotter.NewGrid())
	return p
}

func add(p *plot.Plot, points plotter.XYs, s draw.LineStyle) error {
	if len(points) < 2 {
		return nil
	}
	l, err := plotter.NewLine(points)
	if err != nil {
		return err
	}
	l.LineStyle = s
	p.Add(l)
	return nil
}

// panel draws the smoothed losses, as far as they are numbers that a logarithmic axis can show, and not so high that the others
// cannot be told apart.
func (p Problem) panel() (*plot.Plot, error) {
	// A longer label would push down what is on a logarithmic axis.
	panel := newPanel(fmt.Sprintf("%d %s", p.Number, p.Name), "step", "loss")
	target, top := float64(p.Target), p.ceiling()
	for k, x := range p.Results {
		var points plotter.XYs
		for i, t := range x.Curve.Steps {
			y := float64(x.Curve.Loss[i])
			if !(y > 0 && y <= top) {
				break
			}
			points = append(points, plotter.XY{X: float64(t), Y: y})
		}
		if err := add(panel, points, line(k)); err != nil {
			return nil, err
		}
	}
	if target > 0 && finite(target) {
		level := plotter.XYs{{X: 0, Y: target}, {X: float64(p.Steps), Y: target}}
		dashed := draw.LineStyle{Color: color.Gray{Y: 120}, Width: vg.Points(.8), Dashes: []vg.Length{4, 3}}
		if err := add(panel, level, dashed); err != nil {
			return nil, err
		}
	}
	eval.Widen(&panel.Y)
	panel.X.Min, panel.X.Max = 0, float64(p.Steps)
	panel.X.Tick.Marker = plot.ConstantTicks(stepTicks(p.Steps))
	panel.Y.Scale, panel.Y.Tick.Marker = plot.LogScale{}, plot.TickerFunc(eval.SparseTicks)
	return panel, nil
}

// ceiling returns the highest loss that is drawn: ten times what the reference starts from.
func (p Problem) ceiling() float64 {
	if start := float64(p.Results[0].Curve.Loss[0]); finite(start) {
		return 10 * start
	}
	return math.MaxFloat64
}
