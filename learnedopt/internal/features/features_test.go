package features

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
	G "gorgonia.org/gorgonia"

	"github.com/seed1498fded/unroll/internal/graph"
	"github.com/seed1498fded/unroll/learnedopt/rule"
	"github.com/seed1498fded/unroll/params"
)

// compute writes formulas over a tensor x of a shape, and returns what comes out in float64.
func compute(t *testing.T, shape []int, x []float64, write func(t *Tensor, x *G.Node) []*G.Node) [][]float64 {
	g := G.NewGraph()
	node := G.NewTensor(g, graph.Dtype[float64](), len(shape), G.WithShape(shape...), G.WithName("x"))
	tensor := NewTensor(new(graph.Builder), rule.TensorInputs{Spec: params.Spec{Name: "x", Shape: shape}, Grad: node})
	out := write(tensor, node)
	require.NoError(t, tensor.Err())
	p, err := graph.Compile[float64]([]*G.Node{node}, out)
	require.NoError(t, err)
	copy(p.In(0), x)
	require.NoError(t, p.Run())
	var results [][]float64
	for i := range out {
		results = append(results, append([]float64{}, p.Out(i)...))
	}
	return results
}

func TestLargestAxes(t *testing.T) {
	for _, tt := range []struct {
		shape  []int
		d1, d0 int
	}{
		{[]int{4, 3}, 1, 0}, {[]int{3, 4}, 0, 1}, {[]int{3, 3}, 0, 1}, {[]int{3, 2, 2, 6}, 0, 3},
		{[]int{2, 3, 3}, 1, 2}, {[]int{3, 3, 2}, 0, 1}, {[]int{1, 1}, 0, 1},
	} {
		d1, d0 := largest(tt.shape)
		require.Equal(t, [2]int{tt.d1, tt.d0}, [2]int{d1, d0}, "%v", tt.shape)
	}
}

// Law: what is normalised has a root mean square of 1 in each matrix, whatever its scale, and keeps its direction.
func TestNormalise(t *testing.T) {
	x := []float64{1, -2, 3, 4, 100, 200, -300, 500}
	got := compute(t, []int{2, 2, 2}, x, func(t *Tensor, x *G.Node) []*G.Node { return []*G.Node{t.Normalise(x, 0)} })[0]
	for k := range 2 {
		square := 0.0
		for i := range 4 {
			square += got[4*k+i] * got[4*k+i] / 4
			require.InDelta(t, x[4*k+i]/x[4*k], got[4*k+i]/got[4*k], 1e-12)
		}
		require.InDelta(t, 1, square, 1e-12)
	}
}

// Law: each matrix comes near to one with orthonormal rows or columns, whichever are fewer, whatever its scale; of one row
// that is its direction.
func TestOrthogonalise(t *testing.T) {
	x := []float64{1, 2, 3, -1, 1, 0, 30, 10, 20, 0, -20, 10}
	for _, shape := range [][]int{{2, 2, 3}, {2, 3, 2}} {
		got := compute(t, shape, x, func(t *Tensor, x *G.Node) []*G.Node { return []*G.Node{t.Orthogonalise(x)} })[0]
		rows, cols := shape[1], shape[2]
		for k := range 2 {
			m := got[6*k : 6*k+6]
			at := func(i, j int) float64 { // row i of the wide form
				if rows > cols {
					return m[j*cols+i]
				}
				return m[i*cols+j]
			}
			for i := range 2 {
				for j := range 2 {
					dot, want, near := 0.0, 0.0, 0.3
					for c := range 3 {
						dot += at(i, c) * at(j, c)
					}
					if i == j {
						want, near = 1, 0.6 // singular values are within .7 and 1.2
					}
					require.InDelta(t, want, dot, near, "%v: %d %d", shape, i, j)
				}
			}
		}
	}
}

func TestOrthogonaliseErrors(t *testing.T) {
	for _, shape := range [][]int{{4}, {MaxOrthogonal + 1, 2, 2}} {
		g := G.NewGraph()
		x := G.NewTensor(g, graph.Dtype[float64](), len(shape), G.WithShape(shape...), G.WithName("x"))
		tensor := NewTensor(new(graph.Builder), rule.TensorInputs{Spec: params.Spec{Name: "x", Shape: shape}})
		tensor.Orthogonalise(x)
		require.ErrorContains(t, tensor.Err(), "want one of at least two dimensions and at most 1024 matrices")
	}
}

// Decays start where they are told to, their distance from 1 changes by e^(10φ), and clipped ones stay above 0.
func TestDecays(t *testing.T) {
	phi := []float64{0, 0.1, 1}
	got := compute(t, []int{3}, phi, func(t *Tensor, x *G.Node) []*G.Node {
		free, clipped := Decays(t.Builder, x, x, false, .9, .9, .9), Decays(t.Builder, x, x, true, .9, .9, .9)
		return append(append(free, clipped...), Decays(t.Builder, x, nil, false, .7)...)
	})
	want := []float64{.9, 1 - .1*math.E, 1 - .1*math.Exp(10), .9, 1 - .1*math.E, 0, .7}
	for i, w := range want {
		require.InDelta(t, w, got[i][0], 1e-9, "decay %d", i)
	}
}

func TestTruncatedNormal(t *testing.T) {
	x := make([]float32, 20000)
	TruncatedNormal(x, 3, 0.5)
	square := 0.0
	for _, v := range x {
		require.LessOrEqual(t, math.Abs(float64(v)), 1.0)
		square += float64(v) * float64(v) / float64(len(x))
	}
	require.InDelta(t, 0.25*0.7737, square, 0.006) // the variance of a normal distribution that is cut at two deviations
}

// A tensor of more than two dimensions is the matrix of its last, whose rows are always the first of the two factors.
func TestAsMatrix(t *testing.T) {
	require.Equal(t, []int{24, 5}, MatrixShape([]int{2, 3, 4, 5}))
	require.Equal(t, []int{7, 3}, MatrixShape([]int{7, 3}))
	require.Equal(t, []int{7}, MatrixShape([]int{7}))
	require.Equal(t, params.Layout{{Name: "row0", Shape: []int{6}}, {Name: "col0", Shape: []int{2}}},
		MatrixState(1)(params.Spec{Name: "x", Shape: []int{3, 2, 2}}))
	require.Equal(t, params.Layout{{Name: "diag0", Shape: []int{7}}}, MatrixState(1)(params.Spec{Name: "x", Shape: []int{7}}))
	out := compute(t, []int{2, 2, 1}, []float64{1, 2, 3, 4}, func(x *Tensor, _ *G.Node) []*G.Node {
		x.AsMatrix()
		d1, d0 := x.axes()
		require.Equal(t, [2]int{0, 1}, [2]int{d1, d0}, "though there are more rows than columns")
		require.Equal(t, []int{4, 1}, x.Spec.Shape)
		return []*G.Node{x.meanAlong(x.Grad, 0)}
	})
	require.Equal(t, [][]float64{{2.5}}, out)
}

// Depth and outputs are those of matrices and what has more dimensions, and the outputs of the last of them count within limits.
func TestNet(t *testing.T) {
	of := Net(params.Layout{{Name: "w0", Shape: []int{3, 40}}, {Name: "b0", Shape: []int{40}}, {Name: "w1", Shape: []int{2, 2, 6}}, {Name: "b1", Shape: []int{77}}})
	require.Equal(t, OfNet{Depth: 2, Outputs: 6}, of)
	require.InDelta(t, math.Log(2./3), of.depth(), 1e-15)
	require.InDelta(t, math.Log(1./3), Net(params.Layout{{Name: "v", Shape: []int{5}}}).depth(), 1e-15)
	for _, tt := range []struct {
		most, outputs int
		counted       float64
	}{{0, 0, 10}, {0, 9, 10}, {0, 11, 11}, {0, 5000, 5000}, {512, 0, 10}, {512, 9, 10}, {512, 512, 512}, {512, 513, 512}, {5, 16, 10}} {
		require.InDelta(t, math.Log(tt.counted/10)/2, Controller{Most: tt.most}.outputs(OfNet{Outputs: tt.outputs}), 1e-15, "%+v", tt)
	}
}
