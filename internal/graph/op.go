package graph

import (
	"fmt"
	"hash"
	"hash/fnv"

	"github.com/chewxy/hm"
	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/seed1498fded/unroll/params"
)

// A Def defines an operation by plain functions over flat, row-major slices. [Apply] makes a Gorgonia node of it.
type Def struct {
	// Name names the operation together with every constant in it: Gorgonia shares nodes by name and inputs, so two
	// Defs of one name must compute the same.
	Name string

	// Shape is the shape of the result; the empty shape is a scalar.
	Shape tensor.Shape

	// F32 and F64 compute the operation in the two element types. One may be left out where it is never used.
	F32 Kernel[float32]
	F64 Kernel[float64]

	// Diff gives the derivative as an expression: the cotangent of each input, nil for an input that has none, from
	// the inputs, the result and the result's cotangent. What it returns can be differentiated again.
	//
	// An operation with neither Diff nor a Kernel.Pullback can't be differentiated, and says so when asked.
	Diff func(in []*G.Node, out, cot *G.Node) ([]*G.Node, error)

	// Stop makes the derivative zero by definition.
	Stop bool

	// lower says what the operation is to lowering, if it is more than F32: one of the types in slice.go.
	lower any
}

// A Kernel computes an operation over slices. It cannot fail.
type Kernel[F params.Float] struct {
	// Forward overwrites dst with the result.
	Forward func(dst []F, in [][]F)

	// Pullback overwrites each din[i] with the cotangent of in[i], given the result and its cotangent. Optional: the
	// derivative of a fused operation, good for one differentiation.
	Pullback func(din, in [][]F, out, cot []F)
}

// Apply adds the operation to the graph of its inputs.
func Apply(d Def, in ...*G.Node) (*G.Node, error) {
	shapes := make([]tensor.Shape, len(in))
	for i, n := range in {
		shapes[i] = n.Shape()
	}
	base := opBase{def: d, in: shapes, fwd32: newCall(d.F32.Forward, len(in)), fwd64: newCall(d.F64.Forward, len(in))}
	if d.Stop || d.Diff != nil || d.F32.Pullback != nil || d.F64.Pullback != nil {
		return G.ApplyOp(&diffOp{base}, in...)
	}
	return G.ApplyOp(&base, in...)
}

// opBase carries out a Def; it is all of gorgonia.Op and the part of it that uses preallocated results.
type opBase struct {
	def   Def
	in    []tensor.Shape
	fwd32 call[float32]
	fwd64 call[float64]
}

var (
	_ G.Op              = (*opBase)(nil)
	_ G.UsePreallocDoer = (*opBase)(nil)
	_ G.SDOp            = (*diffOp)(nil)
)

func (o *opBase) Arity() int { return len(o.in) }

// Type spells out the dimensions of each input and of the result over one element type.
func (o *opBase) Type() hm.Type {
	types := make([]hm.Type, 0, len(o.in)+1)
	for _, s := range append(o.in[:len(o.in):len(o.in)], o.def.Shape) {
		var t hm.Type = hm.TypeVariable('a')
		if len(s) > 0 {
			t = G.TensorType{Dims: len(s), Of: hm.TypeVariable('a')}
		}
		types = append(types, t)
	}
	return hm.NewFnType(types...)
}

func (o *opBase) InferShape(...G.DimSizer) (tensor.Shape, error) { return o.def.Shape.Clone(), nil }
func (o *opBase) ReturnsPtr() bool                               { return false }
func (o *opBase) CallsExtern() bool                              { return false }
func (o *opBase) OverwritesInput() int                           { return -1 }
func (o *opBase) WriteHash(h hash.Hash) {
	fmt.Fprintf(h, "unroll %s %v %v", o.def.Name, o.in, o.def.Shape)
}
func (o *opBase) String() string { return o.def.Name }

func (o *opBase) Hashcode() uint32 {
	h := fnv.New32a()
	o.WriteHash(h)
	return h.Sum32()
}

func (o *opBase) Do(in ...G.Value) (G.Value, error) {
	return o.UsePreallocDo(newValue(in[0].Dtype(), o.def.Shape), in...)
}

func (o *opBase) UsePreallocDo(dst G.Value, in ...G.Value) (G.Value, error) {
	if in[0].Dtype() == tensor.Float32 {
		return dst, o.fwd32.do(o.def.Name, dst, in)
	}
	return dst, o.fwd64.do(o.def.Name, dst, in)
}

// A call is a kernel with room for its arguments, so that running it allocates nothing.
type call[F params.Float] struct {
	f    func(dst []F, in [][]F)
	args [][]F
}

func newCall[F params.Float](f func([]F, [][]F), n int) call[F] { return call[F]{f, make([][]F, n)} }

func (c call[F]) do(name string, dst G.Value, in []G.Value) error {
	if c.f == nil {
		return fmt.Errorf("graph: %s has no kernel for %v", name, Dtype[F]())
	}
	for i, v := range in {
		c.args[i] = Floats[F](v)
	}
	c.f(Floats[F](dst), c.args)
	return nil
}

// diffOp is an operation with a derivative.
type diffOp struct{ opBase }

func (o *diffOp) DiffWRT(n int) []bool {
	wrt := make([]bool, n)
	for i := range wrt {
		wrt[i] = !o.def.Stop
	}
	return wrt
}

func (o *diffOp) SymDiff(in G.Nodes, out, cot *G.Node) (G.Nodes, error) {
	if o.def.Stop {
		return nil, fmt.Errorf("graph: %s has no derivative", o.def.Name)
	}
	if o.def.Diff != nil {
		return o.def.Diff(in, out, cot)
	}
	return o.packedPullback(in, out, cot)
}

// packedPullback runs Kernel.Pullback as one operation whose result holds the cotangents of all inputs end to end, and
// cuts it up: a Gorgonia operation has one result.
func (o *diffOp) packedPullback(in G.Nodes, out, cot *G.Node) (G.Nodes, error) {
	total := 0
	sizes := make([]int, len(in))
	for i, s := range o.in {
		sizes[i] = size(s)
		total += sizes[i]
	}
	packed, err := Apply(Def{
		Name:  o.def.Name + " pullback",
		Shape: tensor.Shape{total},
		F32:   Kernel[float32]{Forward: packPullback(o.def.F32.Pullback, sizes)},
		F64:   Kernel[float64]{Forward: packPullback(o.def.F64.Pullback, sizes)},
	}, append(append(G.Nodes{}, in...), out, cot)...)
	if err != nil {
		return nil, err
	}
	cots := make(G.Nodes, len(in))
	at := 0
	for i, s := range o.in {
		if cots[i], err = cut(packed, at, s); err != nil {
			return nil, err
		}
		at += sizes[i]
	}
	return cots, nil
}

func packPullback[F params.Float](pullback func(din, in [][]F, out, cot []F), sizes []int) func([]F, [][]F) {
	if pullback == nil {
		return nil
	}
	din := make([][]F, len(sizes))
	return func(dst []F, in [][]F) {
		at := 0
		for i, n := range sizes {
			din[i] = dst[at : at+n]
			at += n
		}
		n := len(sizes)
		pullback(din, in[:n], in[n], in[n+1])
	}
}
