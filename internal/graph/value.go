package graph

import (
	"fmt"
	"unsafe"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/seed1498fded/unroll/params"
)

// Floats returns the elements of v, row-major, sharing v's memory where v is contiguous. Scalars have one element.
// It goes by pointers because tensor.Dense.Data would allocate, and hands out a tensor of one element as a bare number.
func Floats[F params.Float](v G.Value) []F {
	if v.Dtype() != Dtype[F]() {
		panic(fmt.Sprintf("graph: value of type %T and dtype %v, want %v", v, v.Dtype(), Dtype[F]()))
	}
	switch v := v.(type) {
	case *G.F32:
		return unsafe.Slice((*F)(unsafe.Pointer(v)), 1)
	case *G.F64:
		return unsafe.Slice((*F)(unsafe.Pointer(v)), 1)
	case *tensor.Dense:
		if v.RequiresIterator() {
			v = v.Materialize().(*tensor.Dense)
		}
		if v.Dtype() == tensor.Float32 {
			return recast[F](v.Float32s())
		}
		return recast[F](v.Float64s())
	}
	panic(fmt.Sprintf("graph: value of type %T", v))
}

// recast gives a slice the name of its own element type.
func recast[F, E params.Float](s []E) []F {
	return unsafe.Slice((*F)(unsafe.Pointer(unsafe.SliceData(s))), len(s))
}

// Dtype returns Gorgonia's name for the element type F.
func Dtype[F params.Float]() tensor.Dtype {
	if unsafe.Sizeof(F(0)) == 4 {
		return tensor.Float32
	}
	return tensor.Float64
}

// newValue returns a zero value of the given shape: a Gorgonia scalar for the empty shape, a tensor otherwise.
func newValue(dt tensor.Dtype, shape tensor.Shape) G.Value {
	switch {
	case len(shape) == 0 && dt == tensor.Float32:
		return G.NewF32(0)
	case len(shape) == 0:
		return G.NewF64(0)
	case dt == tensor.Float32:
		return tensor.New(tensor.WithBacking(alignedSlice[float32](size(shape))), tensor.WithShape(shape.Clone()...))
	default:
		return tensor.New(tensor.WithBacking(alignedSlice[float64](size(shape))), tensor.WithShape(shape.Clone()...))
	}
}

// valueOver returns a value of the given shape whose numbers lie in mem.
func valueOver(mem []float32, shape tensor.Shape) G.Value {
	if len(shape) == 0 {
		return (*G.F32)(unsafe.Pointer(unsafe.SliceData(mem)))
	}
	return tensor.New(tensor.WithBacking(mem), tensor.WithShape(shape.Clone()...))
}

// alignedSlice returns n zeros at an address that is a multiple of 16. Gonum's dot products take as many elements one by
// one as there are before such an address, and then four at a time: the last bits of a sum depend on where its terms
// lie. Go's allocator puts everything of 32 bytes or more on a multiple of 16, and things of 24 bytes where they fit.
func alignedSlice[F params.Float](n int) []F { return make([]F, n, max(n, 8)) }

// lineSlice returns n zeros that begin on a cache line.
func lineSlice(n int) []float32 {
	v := make([]float32, n+line)
	skip := 0
	for uintptr(unsafe.Pointer(&v[skip]))%(4*line) != 0 {
		skip++
	}
	return v[skip : skip+n : skip+n]
}

// aligned returns v itself if its elements begin at a multiple of 16, and a copy that does otherwise.
func aligned(v G.Value) G.Value {
	t, ok := v.(*tensor.Dense)
	if !ok || t.Uintptr()%16 == 0 {
		return v
	}
	a := newValue(t.Dtype(), t.Shape())
	if t.Dtype() == tensor.Float32 {
		copy(Floats[float32](a), Floats[float32](t))
	} else {
		copy(Floats[float64](a), Floats[float64](t))
	}
	return a
}

// size returns the number of elements of a shape; the empty shape is a scalar and has one.
func size(s tensor.Shape) int {
	n := 1
	for _, d := range s {
		n *= d
	}
	return n
}
