package suite

import (
	"cmp"
	"encoding/json"
	"math"
	"slices"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"github.com/seed1498fded/unroll/meta/eval"
)

// A Sensitivity is what an optimizer comes to at several values of one of its numbers, all else the same.
type Sensitivity struct {
	Optimizer string             // its name without the number
	Number    string             // what the number is called, as in rate
	Points    []SensitivityPoint // three or more, by value
}

// A SensitivityPoint is what the optimizer comes to at one value.
type SensitivityPoint struct {
	Value float64
	Aggregate
}

// The fewest values that a curve is drawn through.
const fewestValues = 3

// Sensitivities finds optimizers that differ in one number: those called NAME:{"NUMBER":VALUE}, with one number above 0 between the
// braces, as learned rules are called at another rate or told another length of a run, and NAME itself, which has 1 there, the default of
// both. They are in the order in which they come; what has fewer than three values is left out.
func (r *Report) Sensitivities() (list []Sensitivity) {
	for _, a := range r.Aggregate {
		name, number, value, ok := oneNumber(a.Name)
		if !ok {
			continue
		}
		i := slices.IndexFunc(list, func(s Sensitivity) bool { return s.Optimizer == name && s.Number == number })
		if i < 0 {
			i, list = len(list), append(list, Sensitivity{Optimizer: name, Number: number})
			if k := slices.IndexFunc(r.Aggregate, func(a Aggregate) bool { return a.Name == name }); k >= 0 {
				list[i].Points = append(list[i].Points, SensitivityPoint{1, r.Aggregate[k]})
			}
		}
		list[i].Points = append(list[i].Points, SensitivityPoint{value, a})
	}
	for _, s := range list {
		slices.SortStableFunc(s.Points, func(a, b SensitivityPoint) int { return cmp.Compare(a.Value, b.Value) })
	}
	return slices.DeleteFunc(list, func(s Sensitivity) bool { return len(s.Points) < fewestValues })
}

// oneNumber takes apart a name with one number between its braces.
func oneNumber(full string) (name, number string, value float64, ok bool) {
	at := strings.Index(full, ":{")
	if at < 0 {
		return "", "", 0, false
	}
	var numbers map[string]float64
	if json.Unmarshal([]byte(full[at+1:]), &numbers) != nil || len(numbers) != 1 {
		return "", "", 0, false
	}
	for number, value = range numbers {
	}
	return full[:at], number, value, value > 0
}

// panel draws the interquartile means of the ratios to the tuned Adam's training loss, with what 95 % of their bootstrap lies between, of
// those to its test loss, and the worst ratio, against the number.
func (s Sensitivity) panel() (*plot.Plot, error) {
	p := newPanel(s.Optimizer+" by "+s.Number, s.Number, "ratio to tuned-adam")
	p.Legend.Top, p.Legend.Left, p.Legend.Padding = true, true, vg.Points(3)
	for i, curve := range []struct {
		name   string
		of     func(Aggregate) Interval
		dashes []vg.Length
	}{
		{"training loss", func(a Aggregate) Interval { return a.IQM }, nil},
		{"test loss", func(a Aggregate) Interval { return a.TestIQM }, []vg.Length{6, 3}},
		{"worst training loss", func(a Aggregate) Interval { return Interval{a.Worst, a.Worst, a.Worst} }, []vg.Length{2, 2}},
	} {
		style := eval.Line(i)
		style.Dashes = curve.dashes
		if err := s.add(p, curve.name, style, curve.of); err != nil {
			return nil, err
		}
	}
	eval.Widen(&p.Y)
	eval.Widen(&p.X)
	p.Y.Max *= math.Pow(p.Y.Max/p.Y.Min, .4) // room for the legend
	var at []float64
	for _, x := range s.Points {
		at = append(at, x.Value)
	}
	p.X.Scale, p.X.Tick.Marker = plot.LogScale{}, plot.ConstantTicks(ticks(at...))
	p.Y.Scale, p.Y.Tick.Marker = plot.LogScale{}, plot.TickerFunc(eval.SparseTicks)
	return p, nil
}

// bars are points with the ends of their intervals.
type bars struct {
	plotter.XYs
	plotter.YErrors
}

// add draws one curve, through what is a number that a logarithmic axis can show.
func (s Sensitivity) add(p *plot.Plot, name string, style draw.LineStyle, of func(Aggregate) Interval) error {
	var b bars
	for _, x := range s.Points {
		v := of(x.Aggregate)
		low, mid, high := float64(v.Low), float64(v.Value), float64(v.High)
		if !(low > 0 && finite(high)) {
			continue
		}
		b.XYs = append(b.XYs, plotter.XY{X: x.Value, Y: mid})
		b.YErrors = append(b.YErrors, struct{ Low, High float64 }{mid - low, high - mid})
	}
	if len(b.XYs) == 0 {
		return nil
	}
	line, points, err := plotter.NewLinePoints(b.XYs)
	if err != nil {
		return err
	}
	ends, err := plotter.NewYErrorBars(b)
	if err != nil {
		return err
	}
	line.LineStyle, ends.LineStyle = style, draw.LineStyle{Color: style.Color, Width: vg.Points(.8)}
	points.GlyphStyle = draw.GlyphStyle{Color: style.Color, Radius: vg.Points(2), Shape: draw.CircleGlyph{}}
	p.Add(line, points, ends)
	p.Legend.Add(name, line)
	return nil
}
