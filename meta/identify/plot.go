package identify

import (
	"fmt"
	"image/color"
	"io"
	"slices"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// Plot draws the confusion matrix, and beside it the most important statistics, and writes the picture in a format of gonum's
// plot package: png, svg and others.
func (r *Report) Plot(w io.Writer, format string) error {
	const width, height = 13 * vg.Inch, 5 * vg.Inch
	canvas, err := draw.NewFormattedCanvas(width, height, format)
	if err != nil {
		return fmt.Errorf("identify: plot: %w", err)
	}
	left, err := r.matrix()
	if err != nil {
		return fmt.Errorf("identify: plot: %w", err)
	}
	right, err := r.bars()
	if err != nil {
		return fmt.Errorf("identify: plot: %w", err)
	}
	all := draw.New(canvas)
	all.SetColor(color.White)
	all.Fill(all.Rectangle.Path())
	const margin = vg.Inch / 6
	left.Draw(draw.Crop(all, margin, -width/2-margin, margin, -margin))
	right.Draw(draw.Crop(all, width/2+margin, -margin, margin, -margin))
	_, err = canvas.WriteTo(w)
	return err
}

// matrix has a row of squares for each rule, the first on top, the darker the more of its networks were told for a rule.
func (r *Report) matrix() (*plot.Plot, error) {
	p := plot.New()
	p.Title.Text = fmt.Sprintf("%d networks, accuracy %v", r.Nets, r.Accuracy.Net)
	p.X.Label.Text, p.Y.Label.Text = "told for", "rule"
	n := len(r.Rules)
	var labels plotter.XYLabels
	for k, row := range r.Confusion {
		sum := 0
		for _, c := range row {
			sum += c
		}
		for j, c := range row {
			x, y, share := float64(j), float64(n-1-k), float64(c)/float64(max(1, sum))
			const h = 0.5
			square, err := plotter.NewPolygon(plotter.XYs{{X: x - h, Y: y - h}, {X: x + h, Y: y - h}, {X: x + h, Y: y + h}, {X: x - h, Y: y + h}})
			if err != nil {
				return nil, err
			}
			light := uint8(255 - 150*share)
			square.Color = color.RGBA{light, light, 255, 255}
			square.LineStyle.Color = color.White
			p.Add(square)
			labels.XYs = append(labels.XYs, plotter.XY{X: x, Y: y})
			labels.Labels = append(labels.Labels, fmt.Sprintf("%.2f", share))
		}
	}
	numbers, err := plotter.NewLabels(labels)
	if err != nil {
		return nil, err
	}
	for i := range numbers.TextStyle {
		numbers.TextStyle[i].XAlign, numbers.TextStyle[i].YAlign = draw.XCenter, draw.YCenter
	}
	p.Add(numbers)
	up := slices.Clone(r.Rules)
	slices.Reverse(up)
	p.NominalX(r.Rules...)
	p.NominalY(up...)
	if n > 5 {
		p.X.Tick.Label.Rotation, p.X.Tick.Label.XAlign, p.X.Tick.Label.YAlign = 0.6, draw.XRight, draw.YTop
	}
	return p, nil
}

// bars has the most important statistics, the first on top.
func (r *Report) bars() (*plot.Plot, error) {
	p := plot.New()
	p.Title.Text, p.X.Label.Text = "most important statistics, over all times", "share of the importance"
	list := slices.Clone(r.Importance[:min(15, len(r.Importance))])
	slices.Reverse(list)
	var values plotter.Values
	var names []string
	for _, x := range list {
		values, names = append(values, x.Value), append(names, x.Name)
	}
	bars, err := plotter.NewBarChart(values, vg.Points(12))
	if err != nil {
		return nil, err
	}
	bars.Horizontal, bars.LineStyle.Width, bars.Color = true, 0, color.RGBA{0, 114, 178, 255}
	p.Add(bars)
	p.NominalY(names...)
	p.X.Min = 0
	return p, nil
}
