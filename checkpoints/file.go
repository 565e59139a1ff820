package checkpoints

import (
	"fmt"
	"slices"
	"strings"

	"github.com/seed1498fded/unroll/internal/brief"
	"github.com/seed1498fded/unroll/params"
)

// A File is what one file holds: tensors in a fixed order, and strings.
type File struct {
	Kind    string   // what the file is for, such as "rule"; never empty
	Tensors []Tensor // names are unique; the order is kept

	// Meta holds the caller's own entries. Counters and random keys belong here too, in decimal: exact, readable, and
	// not every reader knows unsigned tensors. The keys listed under Format in the package comment are reserved.
	Meta map[string]string
}

// A Tensor is a named row-major array of float32 or float64. Exactly one of F32 and F64 is set, of length Spec.Len().
type Tensor struct {
	params.Spec
	F32 []float32
	F64 []float64
}

// Put appends the flat vector v, cut into the tensors of its layout l, each named prefix + its name in l. The tensors
// share v's memory, so write the file before v changes. Put panics if v is not of length l.Len().
func Put[F params.Float](f *File, prefix string, l params.Layout, v []F) {
	for i, part := range params.Split(l, v) {
		t := Tensor{Spec: params.Spec{Name: prefix + l[i].Name, Shape: l[i].Shape}}
		switch part := any(part).(type) {
		case []float32:
			t.F32 = part
		case []float64:
			t.F64 = part
		}
		f.Tensors = append(f.Tensors, t)
	}
}

// Get gathers the flat vector of layout l that [Put] stored under prefix, in a new slice of length l.Len(). It is an
// error if a tensor is missing, or has another shape or element type; nothing is converted.
func Get[F params.Float](f *File, prefix string, l params.Layout) ([]F, error) {
	v := make([]F, 0, l.Len())
	for _, s := range l {
		name := prefix + s.Name
		i := slices.IndexFunc(f.Tensors, func(t Tensor) bool { return t.Name == name })
		if i < 0 {
			return nil, fmt.Errorf("checkpoints: no tensor %q", name)
		}
		t := f.Tensors[i]
		if !slices.Equal(t.Shape, s.Shape) {
			return nil, fmt.Errorf("checkpoints: tensor %q has shape %s, want %s", name, brief.List(t.Shape), brief.List(s.Shape))
		}
		part := values[F](t)
		if len(part) != s.Len() {
			return nil, fmt.Errorf("checkpoints: tensor %q has %d float32 and %d float64 elements, want %d %T",
				name, len(t.F32), len(t.F64), s.Len(), *new(F))
		}
		v = append(v, part...)
	}
	return v, nil
}

// values returns the elements of t if they are of type F, else nil.
func values[F params.Float](t Tensor) []F {
	if v, ok := any(t.F32).([]F); ok {
		return v
	}
	v, _ := any(t.F64).([]F)
	return v
}

// Layout lists, in order, the tensors whose names begin with prefix, which it cuts off; Layout("") lists them all.
func (f *File) Layout(prefix string) params.Layout {
	var l params.Layout
	for _, t := range f.Tensors {
		if name, ok := strings.CutPrefix(t.Name, prefix); ok {
			l = append(l, params.Spec{Name: name, Shape: t.Shape})
		}
	}
	return l
}
