package eval

import (
	"fmt"
	"image/color"
	"io"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// Plot draws what was measured and writes the picture in a format of gonum's plot package: png, svg, pdf and others. By steps it is
// the mean loss against the step, by epochs the mean test error after each and beside it the mean angle between signal and
// gradient for each hidden layer. A band shows one standard error to either side.
func (r *Report) Plot(w io.Writer, format string) error {
	panels, err := r.panels()
	if err != nil {
		return fmt.Errorf("eval: plot: %w", err)
	}
	return drawBeside(w, format, panels, r.legend())
}

// drawBeside draws panels from left to right, and then the legend.
func drawBeside(w io.Writer, format string, panels []*plot.Plot, legend plot.Legend) error {
	const height, margin = 4.5 * vg.Inch, 12 * vg.Inch / 72
	width := max(5*vg.Inch, 7*vg.Inch/vg.Length(len(panels)))
	beside := legend.Rectangle(draw.Canvas{}).Size().X + 2*margin
	total := vg.Length(len(panels))*width + beside
	canvas, err := draw.NewFormattedCanvas(total, height, format)
	if err != nil {
		return fmt.Errorf("eval: plot: %w", err)
	}
	if format == "pdf" {
		canvas = pdfCanvas{canvas}
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
func (r *Report) panels() ([]*plot.Plot, error) {
	if r.Network == nil {
		return r.lossPanels()
	}
	errors, err := r.errorPanel()
	if err != nil || len(r.Layers) < 3 {
		return []*plot.Plot{errors}, err
	}
	angles, err := r.anglePanel()
	return []*plot.Plot{errors, angles}, err
}

// timePanels returns one for each problem, or by epochs a single one: what panels shows, against the time that an optimizer takes.
func (r *Report) timePanels() ([]*plot.Plot, error) {
	if r.Network == nil {
		return r.lossPanelsBy(timeAxis)
	}
	errors, err := r.errorPanelBy(timeAxis)
	return []*plot.Plot{errors}, err
}
