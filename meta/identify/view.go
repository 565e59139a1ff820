package identify

import (
	"fmt"
	"math"
	"slices"

	"github.com/seed1498fded/unroll/internal/rng"
)

// A View is how well a network can be seen. The zero View sees everything as it is.
type View struct {
	// Units is the fraction of the units of each layer that are seen, at least one; 0 or 1: all. They are the same at all times:
	// the weights into them, their activations, and the change that comes through them.
	Units float64

	// Noise is the standard deviation of Gaussian noise that is added to every element of an observable, as a multiple of the
	// standard deviation of these elements themselves, in the layer, over all times; 0: none.
	Noise float64
}

// Validate reports a field out of its range.
func (v View) Validate() error {
	if !(v.Units >= 0 && v.Units <= 1) || !(v.Noise >= 0) || math.IsInf(v.Noise, 1) {
		return fmt.Errorf("identify: a view of the fraction %v of units in noise of %v; want 0..1, and 0 or more", v.Units, v.Noise)
	}
	return nil
}

// String describes the view.
func (v View) String() string {
	switch units := v.Units > 0 && v.Units < 1; {
	case units && v.Noise > 0:
		return fmt.Sprintf("%g of the units, noise %g", v.Units, v.Noise)
	case units:
		return fmt.Sprintf("%g of the units", v.Units)
	case v.Noise > 0:
		return fmt.Sprintf("noise %g", v.Noise)
	}
	return "everything"
}

// Positions are where a layer can be in its network: in the first third of the layers, the second, or the last.
const Positions = 3

// Features returns the numbers that describe each layer of a valid recording: for each observable each of the Statistics at each
// of the times, in this order, then the layer's position, 1 at one of Positions and 0 elsewhere. Some may not be finite. What is
// random follows from the key.
func (v View) Features(r *Recording, key uint64) [][]float64 {
	times, n := len(r.Times), len(functions)*len(measures)
	features := make([][]float64, len(r.Layers))
	var d describer
	at := make([]float64, n)
	for i := range r.Layers {
		f := make([]float64, len(Observables())*n*times+Positions)
		for j, o := range r.Layers[i].observables() {
			look := v.look(o, rng.Split(key, uint64(i)), uint64(j))
			for t := range times {
				d.describe(at, look(t))
				for s, x := range at {
					f[(j*n+s)*times+t] = x
				}
			}
		}
		f[len(f)-Positions+Positions*i/len(r.Layers)] = 1
		features[i] = f
	}
	return features
}

// look returns what is seen of an observable at a time, until the next call.
func (v View) look(o observable, key, number uint64) func(t int) []float32 {
	units := chosen(o.columns, v.Units, rng.Split(key, 0))
	var seen, means []float32
	noise, std := rng.New(rng.Split(key, number+1)), 0.0
	if v.Noise > 0 {
		std = v.Noise * deviation(o.at)
	}
	return func(t int) []float32 {
		seen, means = seen[:0], means[:0]
		for row := range o.rows {
			sum := float32(0)
			for _, u := range units {
				x := o.at[t][row*o.columns+u]
				if std > 0 {
					x += float32(std * noise.NormFloat64())
				}
				seen = append(seen, x)
				sum += x
			}
			means = append(means, sum/float32(len(units)))
		}
		if o.mean {
			return means
		}
		return seen
	}
}

// chosen draws a fraction of n units, in ascending order. The same n, fraction and key give the same units.
func chosen(n int, fraction float64, key uint64) []int {
	units := make([]int, n)
	for i := range units {
		units[i] = i
	}
	if fraction == 0 || fraction == 1 {
		return units
	}
	draw := rng.New(key)
	draw.Shuffle(n, func(i, j int) { units[i], units[j] = units[j], units[i] })
	units = units[:max(1, int(math.Round(fraction*float64(n))))]
	slices.Sort(units)
	return units
}

// deviation returns the standard deviation of all elements.
func deviation(all [][]float32) float64 {
	n, sum := 0.0, 0.0
	for _, v := range all {
		for _, x := range v {
			sum += float64(x)
		}
		n += float64(len(v))
	}
	mean, squares := sum/n, 0.0
	for _, v := range all {
		for _, x := range v {
			squares += (float64(x) - mean) * (float64(x) - mean)
		}
	}
	return math.Sqrt(squares / n)
}
