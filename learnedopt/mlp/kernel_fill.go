package mlp

import (
	"github.com/seed1498fded/unroll/internal/kernel"
	"github.com/seed1498fded/unroll/learnedopt/internal/features"
)

// A filling is phi with units added to both hidden layers that do nothing, until there are as many as there are kernels for.
type filling struct {
	places []int     // where in the rule's own phi each number is, or -1; nil if no unit is added
	phi    []float32 // as filled
}

// newFilling fills up the phi of a rule that begins with a perceptron and has other numbers after it.
func newFilling(p features.Perceptron, units kernel.Units, others int) filling {
	if p.Hidden == int(units) {
		return filling{}
	}
	var f filling
	at, n := 0, int(units)
	matrix := func(rows, cols, toRows, toCols int) {
		for i := range toRows {
			for j := range toCols {
				place := -1
				if i < rows && j < cols {
					place = at + i*cols + j
				}
				f.places = append(f.places, place)
			}
		}
		at += rows * cols
	}
	matrix(p.In, p.Hidden, p.In, n)
	matrix(1, p.Hidden, 1, n)
	matrix(p.Hidden, p.Hidden, n, n)
	matrix(1, p.Hidden, 1, n)
	matrix(p.Hidden, p.Out, n, p.Out)
	matrix(1, p.Out+others, 1, p.Out+others)
	f.phi = make([]float32, len(f.places))
	return f
}

// take returns phi filled up, which the next call overwrites.
func (f *filling) take(phi []float32) []float32 {
	if f.places == nil {
		return phi
	}
	for i, at := range f.places {
		if at >= 0 {
			f.phi[i] = phi[at]
		}
	}
	return f.phi
}

// addTo adds cotangents of phi filled up to those of the rule's own.
func (f *filling) addTo(dPhi []float32, d []float64) {
	if f.places == nil {
		for i, x := range d {
			dPhi[i] += float32(x)
		}
		return
	}
	for i, at := range f.places {
		if at >= 0 {
			dPhi[at] += float32(d[i])
		}
	}
}
