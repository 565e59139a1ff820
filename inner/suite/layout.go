package suite

import (
	"errors"
	"fmt"

	"github.com/seed1498fded/unroll/internal/kernel"
	"github.com/seed1498fded/unroll/params"
)

// A plan lays out the weights of a network, tensor by tensor.
type plan struct {
	layout params.Layout
	end    int // of what is laid out so far
}

// add appends a tensor and returns where its elements are.
func (p *plan) add(name string, shape ...int) span {
	s := params.Spec{Name: name, Shape: shape}
	p.layout = append(p.layout, s)
	p.end += s.Len()
	return span{p.end - s.Len(), p.end}
}

// A span is where a tensor lies in the flat vector.
type span struct{ from, to int }

// of returns the tensor's part of a vector that is laid out like the weights.
func of[F params.Float](s span, v []F) []F { return v[s.from:s.to:s.to] }

// fill sets all elements.
func fill[F params.Float](v []F, x F) {
	for i := range v {
		v[i] = x
	}
}

// addTo adds x to y.
func addTo[F params.Float](y, x []F) { sum(y, y, x) }

// sum sets y to a + b.
func sum[F params.Float](y, a, b []F) {
	if y, ok := any(y).([]float32); ok {
		kernel.Add(y, any(a).([]float32), any(b).([]float32))
		return
	}
	for i, v := range a {
		y[i] = v + b[i]
	}
}

// A size is a field of a family that must be at least 1 where it is not left out.
type size struct {
	name  string
	value int
}

// check reports the first size out of its range.
func check(family string, sizes ...size) error {
	for _, s := range sizes {
		if s.value < 1 {
			return fmt.Errorf("suite: %s: %s of %d; want 1 or more", family, s.name, s.value)
		}
	}
	return nil
}

// checkData reports a training set without a test set or the other way round; none of either is the default.
func checkData(family string, train, test bool) error {
	if train != test {
		return errors.New("suite: " + family + ": Train and Test go together")
	}
	return nil
}
