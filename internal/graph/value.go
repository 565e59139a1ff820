package graph

import (
	"fmt"
	"unsafe"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/seed1498fded/unroll/params"
)

// floats returns the elements of v, row-major, sharing v's memory where v is contiguous. Scalars have one element.
// It goes by pointers because tensor.Dense.Data would allocate, and hands out a tensor of one element as a bare number.
func floats[F params.Float](v G.Value) []F {
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
	case len(shape) > 0:
		return tensor.New(tensor.Of(dt), tensor.WithShape(shape.Clone()...))
	case dt == tensor.Float32:
		return G.NewF32(0)
	default:
		return G.NewF64(0)
	}
}

// size returns the number of elements of a shape; the empty shape is a scalar and has one.
func size(s tensor.Shape) int {
	n := 1
	for _, d := range s {
		n *= d
	}
	return n
}
