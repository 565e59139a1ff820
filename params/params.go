// Package params names the parts of a flat vector of numbers.
//
// Every vector that crosses a package boundary here, be it the weights of an optimizee (theta), the meta-parameters
// of a rule (phi) or a rule's memory (state), is one flat slice; a [Layout] says which tensor lies where in it.
package params

import (
	"fmt"
	"math/bits"
	"slices"
	"strings"

	"github.com/seed1498fded/unroll/internal/brief"
)

// Float is the element type of a vector: float32 in use, float64 where a test needs the digits.
type Float interface{ float32 | float64 }

// A Spec names one tensor of a Layout. A number on its own has shape [1]; there are no tensors without dimensions.
type Spec struct {
	Name  string `json:"name"`
	Shape []int  `json:"shape"` // row-major, every dimension at least 1
}

// MaxLen is the length of the longest vector that a [Layout] may lay out: 2^40 elements, or 2^28 where an int has 32 bits.
// It is not a size to be used, but one from which nothing overflows: a vector's length may still be multiplied by the
// bytes of an element, and by the numbers that a rule keeps for each.
const MaxLen = 1 << (28 + 12*(bits.UintSize/64))

// Len returns the number of elements of the tensor, 0 if a dimension is below 1. It panics if there are more than
// [MaxLen], which [Layout.Validate] reports as an error.
func (s Spec) Len() int {
	n, ok := s.len()
	if !ok {
		panic(fmt.Sprintf("params: tensor %v has more than %d elements", s, MaxLen))
	}
	return n
}

// len multiplies the dimensions up, unless the product is above MaxLen.
func (s Spec) len() (n int, ok bool) {
	if len(s.Shape) > 0 && slices.Min(s.Shape) < 1 {
		return 0, true
	}
	n = 1
	for _, d := range s.Shape {
		if d > MaxLen/n {
			return 0, false
		}
		n *= d
	}
	return n, true
}

// String formats the spec as name[2 3], on one line: what is too long is cut, and what does not print is replaced.
func (s Spec) String() string { return brief.Text(s.Name, 60) + brief.List(s.Shape) }

// A Layout lists the tensors of a flat vector in the order in which they lie in it. The zero Layout is empty.
type Layout []Spec

// Len returns the length of the flat vector, the sum of the tensors' Len. It panics if that is more than [MaxLen], which
// [Layout.Validate] reports as an error.
func (l Layout) Len() int {
	n := 0
	for _, s := range l {
		if n += s.Len(); n > MaxLen {
			panic(fmt.Sprintf("params: a layout of %d tensors with more than %d elements", len(l), MaxLen))
		}
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

// Validate reports the first thing wrong with the layout: a missing or repeated name, a dimension below 1, or more than
// [MaxLen] elements in a tensor or in all.
func (l Layout) Validate() error {
	seen := make(map[string]bool, len(l))
	total := 0
	for i, s := range l {
		n, ok := s.len()
		switch {
		case s.Name == "":
			return fmt.Errorf("params: tensor %d has no name", i)
		case seen[s.Name]:
			return fmt.Errorf("params: tensor %s is named twice", brief.Quote(s.Name))
		case len(s.Shape) == 0 || slices.Min(s.Shape) < 1:
			return fmt.Errorf("params: tensor %s has shape %s; want one or more dimensions, each at least 1",
				brief.Quote(s.Name), brief.List(s.Shape))
		case !ok:
			return fmt.Errorf("params: tensor %s has shape %s, more than %d elements", brief.Quote(s.Name), brief.List(s.Shape), MaxLen)
		case n > MaxLen-total:
			return fmt.Errorf("params: more than %d elements up to tensor %d, %s", MaxLen, i, brief.Quote(s.Name))
		}
		seen[s.Name] = true
		total += n
	}
	return nil
}

// String formats the layout as "w[2 3] b[3]". Of a long one it shows the first tensors and counts the others.
func (l Layout) String() string {
	const most = 20
	var parts []string
	for _, s := range l[:min(most, len(l))] {
		parts = append(parts, s.String())
	}
	if len(l) > most {
		parts = append(parts, fmt.Sprintf("and %d more", len(l)-most))
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
