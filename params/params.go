// Package params names the parts of a flat vector of numbers.
//
// Every vector that crosses a package boundary here, be it the weights of an optimizee (theta), the meta-parameters
// of a rule (phi) or a rule's memory (state), is one flat slice; a [Layout] says which tensor lies where in it.
package params

import (
	"fmt"
	"slices"
	"strings"
)

// Float is the element type of a vector: float32 in use, float64 where a test needs the digits.
type Float interface{ float32 | float64 }

// A Spec names one tensor of a Layout. A number on its own has shape [1]; there are no tensors without dimensions.
type Spec struct {
	Name  string `json:"name"`
	Shape []int  `json:"shape"` // row-major, every dimension at least 1
}

// Len returns the number of elements of the tensor.
func (s Spec) Len() int {
	n := 1
	for _, d := range s.Shape {
		n *= d
	}
	return n
}

// String formats the spec as name[2 3].
func (s Spec) String() string { return fmt.Sprintf("%s%v", s.Name, s.Shape) }

// A Layout lists the tensors of a flat vector in the order in which they lie in it. The zero Layout is empty.
type Layout []Spec

// Len returns the length of the flat vector.
func (l Layout) Len() int {
	n := 0
	for _, s := range l {
		n += s.Len()
	}
	return n
}

// Index returns the position of the named tensor in the layout, or -1.
func (l Layout) Index(name string) int {
	return slices.IndexFunc(l, func(s Spec) bool { return s.Name == name })
}

// Equal reports whether both layouts name the same tensors with the same shapes in the same order.
func (l Layout) Equal(m Layout) bool {
	return slices.EqualFunc(l, m, func(a, b Spec) bool { return a.Name == b.Name && slices.Equal(a.Shape, b.Shape) })
}

// Diff says in words how m differs from l, naming the first tensor that does, or returns "" when they are equal.
func (l Layout) Diff(m Layout) string {
	for i, s := range l {
		if i >= len(m) {
			return fmt.Sprintf("tensor %v is missing", s)
		}
		if s.Name != m[i].Name || !slices.Equal(s.Shape, m[i].Shape) {
			return fmt.Sprintf("tensor %d is %v, want %v", i, m[i], s)
		}
	}
	if len(m) > len(l) {
		return fmt.Sprintf("tensor %v is one too many", m[len(l)])
	}
	return ""
}

// Validate reports the first thing wrong with the layout: a missing or repeated name, or a dimension below 1.
func (l Layout) Validate() error {
	seen := make(map[string]bool, len(l))
	for i, s := range l {
		switch {
		case s.Name == "":
			return fmt.Errorf("params: tensor %d has no name", i)
		case seen[s.Name]:
			return fmt.Errorf("params: tensor %q is named twice", s.Name)
		case len(s.Shape) == 0 || slices.Min(s.Shape) < 1:
			return fmt.Errorf("params: tensor %q has shape %v; want one or more dimensions, each at least 1", s.Name, s.Shape)
		}
		seen[s.Name] = true
	}
	return nil
}

// String formats the layout as "w[2 3] b[3]".
func (l Layout) String() string {
	parts := make([]string, len(l))
	for i, s := range l {
		parts[i] = s.String()
	}
	return strings.Join(parts, " ")
}

// Slice returns the part of v that holds the named tensor, sharing v's memory.
// It panics if v is not of the layout's length or the layout has no such tensor.
func Slice[F Float](l Layout, v []F, name string) []F {
	i := l.Index(name)
	if i < 0 {
		panic(fmt.Sprintf("params: no tensor %q in layout %v", name, l))
	}
	return Split(l, v)[i]
}

// Split cuts v into the layout's tensors, in order, sharing v's memory. It panics if v is not of the layout's length.
func Split[F Float](l Layout, v []F) [][]F {
	if len(v) != l.Len() {
		panic(fmt.Sprintf("params: vector of length %d for layout %v of length %d", len(v), l, l.Len()))
	}
	parts := make([][]F, len(l))
	for i, s := range l {
		n := s.Len()
		parts[i], v = v[:n:n], v[n:]
	}
	return parts
}

// Convert copies src into a new slice of another element type.
func Convert[T, F Float](src []F) []T {
	dst := make([]T, len(src))
	for i, x := range src {
		dst[i] = T(x)
	}
	return dst
}
