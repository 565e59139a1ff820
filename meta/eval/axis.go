package eval

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"gonum.org/v1/plot"
)

// Widen gives an axis that is without extent one. Gonum would take 1 from either end, and there is no logarithm below 0.
func Widen(a *plot.Axis) {
	switch {
	case a.Min > a.Max: // no curve at all
		a.Min, a.Max = 0.1, 10
	case a.Min == a.Max:
		a.Min, a.Max = a.Min/2, a.Max*2
	}
}

// LogTicks labels 1, 2 and 5 times every power of ten on a logarithmic axis: gonum's own labels the powers alone, of which
// a plot of losses may show one.
func LogTicks(lo, hi float64) []plot.Tick {
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

// SparseTicks labels 1, 2 and 5 times powers of ten on up to two decades, and on more the powers alone.
func SparseTicks(lo, hi float64) []plot.Tick {
	list, decades := LogTicks(lo, hi), math.Log10(hi/lo)
	for i, t := range list {
		if decades > 2 && !strings.HasPrefix(strings.TrimLeft(t.Label, "0."), "1") {
			list[i].Label = ""
		}
	}
	return list
}

// labelled returns the number that LogTicks labels next to v, at it or below (side −1) or above (side 1), so that an axis
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

// roundTicks labels the multiples of 1, 2 or 5 times a power of ten, of which there are at most eight and, on an axis that is longer
// than two, at least three.
func roundTicks(lo, hi float64) []plot.Tick {
	step := 1.0
	for i := 0; (hi-lo)/step > 7; i++ {
		step *= []float64{2, 2.5, 2}[i%3]
	}
	var ticks []plot.Tick
	for v := math.Ceil(lo/step) * step; v <= hi; v += step {
		ticks = append(ticks, plot.Tick{Value: v, Label: strconv.FormatFloat(v, 'f', -1, 64)})
	}
	return ticks
}
