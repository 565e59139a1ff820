package learnedopt_test

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/seed1498fded/unroll/internal/graph"
	"github.com/seed1498fded/unroll/internal/rng"
	"github.com/seed1498fded/unroll/learnedopt"
	"github.com/seed1498fded/unroll/learnedopt/handmade"
	"github.com/seed1498fded/unroll/params"
)

func trained(r learnedopt.Rule) *learnedopt.Trained {
	return &learnedopt.Trained{Rule: r, Phi: learnedopt.Phi(r, 0)}
}

// A program is an ordinary Gorgonia program with a matrix, a vector and a scalar to learn: a regression
// y = s·(xW + b) on 16 examples that some W, b and s fit perfectly.
type program struct {
	vm    G.VM
	model []G.ValueGrad
	loss  G.Value
}

func newProgram[F params.Float](t *testing.T) *program {
	const n, in, out = 16, 3, 2
	dt := graph.Dtype[F]()
	random := func(key uint64, shape ...int) tensor.Tensor {
		v := make([]F, tensor.Shape(shape).TotalSize())
		rng.Normal(v, key, 1)
		return tensor.New(tensor.WithShape(shape...), tensor.WithBacking(v))
	}
	x := random(1, n, in)
	y, err := tensor.MatMul(x, random(2, in, out))
	require.NoError(t, err)

	g := G.NewGraph()
	w := G.NewMatrix(g, dt, G.WithShape(in, out), G.WithName("w"), G.WithValue(random(3, in, out)))
	b := G.NewVector(g, dt, G.WithShape(out), G.WithName("b"), G.WithValue(random(4, out)))
	s := G.NewScalar(g, dt, G.WithName("s"), G.WithValue(F(0.5)))
	xs := G.NewMatrix(g, dt, G.WithShape(n, in), G.WithName("x"), G.WithValue(x))
	ys := G.NewMatrix(g, dt, G.WithShape(n, out), G.WithName("y"), G.WithValue(y))
	product, err := G.Mul(xs, w)
	require.NoError(t, err)
	sum, err := G.BroadcastAdd(product, b, nil, []byte{0})
	require.NoError(t, err)
	guess, err := G.Mul(s, sum)
	require.NoError(t, err)
	loss := G.Must(G.Mean(G.Must(G.Square(G.Must(G.Sub(guess, ys))))))
	_, err = G.Grad(loss, w, b, s)
	require.NoError(t, err)
	p := &program{model: G.NodesToValueGrads(G.Nodes{w, b, s})}
	G.Read(loss, &p.loss)
	p.vm = G.NewTapeMachine(g, G.BindDualValues(w, b, s))
	t.Cleanup(func() { require.NoError(t, p.vm.Close()) })
	return p
}

func (p *program) run(t *testing.T) (loss float64) {
	require.NoError(t, p.vm.RunAll())
	p.vm.Reset()
	switch v := p.loss.Data().(type) {
	case float32:
		return float64(v)
	default:
		return v.(float64)
	}
}

// flat returns the weights and gradients end to end.
func flat[F params.Float](t *testing.T, model []G.ValueGrad) (weights, grads []F) {
	for _, m := range model {
		g, err := m.Grad()
		require.NoError(t, err)
		weights = append(weights, graph.Floats[F](m.Value())...)
		grads = append(grads, graph.Floats[F](g)...)
	}
	return weights, grads
}

func TestSolverInAGorgoniaProgram(t *testing.T) {
	t.Run("float32", solverInAProgram[float32])
	t.Run("float64", solverInAProgram[float64])
}

// The solver makes Optimizer's steps, on the program's own weights, in their precision, and leaves the gradients at zero.
func solverInAProgram[F params.Float](t *testing.T) {
	p := newProgram[F](t)
	adam := trained(&handmade.Adam{LR: 0.05})
	solver := adam.Solver()
	opt, err := adam.New(vector(3*2 + 2 + 1))
	require.NoError(t, err)
	var first, last float64
	for i := range 300 {
		last = p.run(t)
		if i == 0 {
			first = last
		}
		want, grads := flat[F](t, p.model)
		require.NotZero(t, grads)
		step := make([]float32, len(grads))
		require.NoError(t, opt.Step(step, params.Convert[float32](grads)))
		for j := range want {
			want[j] += F(step[j])
		}
		require.NoError(t, solver.Step(p.model))
		got, grads := flat[F](t, p.model)
		require.Equal(t, want, got, "step %d", i+1)
		require.Equal(t, make([]F, len(grads)), grads)
	}
	require.Less(t, last, first/1000)
}

// valueGrad is a weight with a gradient, outside of any graph.
type valueGrad struct {
	value, grad G.Value
	err         error
}

func (v valueGrad) Value() G.Value         { return v.value }
func (v valueGrad) Grad() (G.Value, error) { return v.grad, v.err }

func dense[F params.Float](shape []int, v ...F) *tensor.Dense {
	return tensor.New(tensor.WithShape(shape...), tensor.WithBacking(v))
}

// Gorgonia's Adam is the same Adam: ε is added to the root of the corrected average. Its default ε and rates are ours.
func TestAdamIsGorgoniasAdam(t *testing.T) {
	pair := func() []G.ValueGrad {
		return []G.ValueGrad{
			valueGrad{value: dense[float32]([]int{2, 2}, 1, -2, 3, 0.1), grad: dense[float32]([]int{2, 2}, 0, 0, 0, 0)},
			valueGrad{value: G.NewF32(0.7), grad: G.NewF32(0)},
		}
	}
	ours, theirs := pair(), pair()
	solvers := map[*[]G.ValueGrad]G.Solver{
		&ours: trained(new(handmade.Adam)).Solver(), &theirs: G.NewAdamSolver(),
	}
	for range 100 {
		for model, solver := range solvers {
			for i, m := range *model { // f(w) = Σ ½(i+1)w² + cos w
				w := graph.Floats[float32](m.Value())
				g, _ := m.Grad()
				for j, x := range w {
					graph.Floats[float32](g)[j] = float32(i+1)*x - float32(math.Sin(float64(x)))
				}
			}
			require.NoError(t, solver.Step(*model))
		}
		a, _ := flat[float32](t, ours)
		b, _ := flat[float32](t, theirs)
		require.InDeltaSlice(t, b, a, 1e-5)
	}
}

func TestSolverRefuses(t *testing.T) {
	w := valueGrad{value: dense[float32]([]int{2}, 1, 2), grad: dense[float32]([]int{2}, 0, 0)}
	transposed := dense[float32]([]int{2, 3}, 1, 2, 3, 4, 5, 6)
	require.NoError(t, transposed.T())
	for _, tt := range []struct {
		name string
		node G.ValueGrad
		want string
	}{
		{"no gradient", valueGrad{value: w.value, err: errors.New("no gradient bound")}, "learnedopt: node 1: no gradient bound"},
		{"integers", valueGrad{
			value: tensor.New(tensor.WithBacking([]int{1})), grad: tensor.New(tensor.WithBacking([]int{1})),
		}, "learnedopt: node 1 is of int; want float32 or float64"},
		{"shapes", valueGrad{value: w.value, grad: dense[float32]([]int{1, 2}, 0, 0)},
			"learnedopt: node 1 has a value float32(2) and a gradient float32(1, 2)"},
		{"types", valueGrad{value: w.value, grad: dense[float64]([]int{2}, 0, 0)},
			"learnedopt: node 1 has a value float32(2) and a gradient float64(2)"},
		{"view", valueGrad{value: transposed, grad: dense([]int{3, 2}, make([]float32, 6)...)},
			"learnedopt: node 1 holds a view that is not contiguous"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			err := trained(new(handmade.SGD)).Solver().Step([]G.ValueGrad{w, tt.node})
			require.EqualError(t, err, tt.want)
		})
	}
	require.ErrorContains(t, trained(&handmade.SGD{LR: -1}).Solver().Step([]G.ValueGrad{w}), "lr is -1")
	require.ErrorContains(t, trained(new(handmade.SGD)).Solver().Step(nil), "no weights")
}

// State belongs to nodes by their place: a model that changes between steps is refused, and nothing has moved.
func TestSolverRefusesAnotherModel(t *testing.T) {
	node := func(shape ...int) valueGrad {
		ones := make([]float32, tensor.Shape(shape).TotalSize())
		for i := range ones {
			ones[i] = 1
		}
		return valueGrad{value: dense(shape, ones...), grad: dense(shape, append([]float32(nil), ones...)...)}
	}
	a, b := node(2, 3), node(3)
	for _, tt := range []struct {
		model []G.ValueGrad
		want  string
	}{
		{[]G.ValueGrad{b, a}, "node 0 float32[3] stands where there was node 0 float32[2 3]"},
		{[]G.ValueGrad{a}, "node 1 float32[3] is missing"},
		{[]G.ValueGrad{a, b, node(1)}, "node 2 is one too many"},
		{[]G.ValueGrad{a, node(4)}, "node 1 float32[4] stands where there was node 1 float32[3]"},
		{[]G.ValueGrad{a, valueGrad{value: dense([]int{3}, 1., 2, 3), grad: dense([]int{3}, 1., 2, 3)}},
			"node 1 float64[3] stands where there was node 1 float32[3]"},
	} {
		solver := trained(new(handmade.Adam)).Solver()
		require.NoError(t, solver.Step([]G.ValueGrad{a, b}))
		before := fmt.Sprint(a, b)
		require.EqualError(t, solver.Step(tt.model), "learnedopt: the model differs from that of the first step: "+tt.want)
		require.Equal(t, before, fmt.Sprint(a, b))
	}
}

// Each solver has a memory of its own.
func TestSolversShareNothing(t *testing.T) {
	tr := trained(new(handmade.Momentum))
	step := func(s G.Solver) float32 {
		w := valueGrad{value: G.NewF32(0), grad: G.NewF32(1)}
		require.NoError(t, s.Step([]G.ValueGrad{w}))
		return float32(*w.value.(*G.F32))
	}
	s := tr.Solver()
	first := step(s)
	require.NotEqual(t, first, step(s))
	require.Equal(t, first, step(tr.Solver()))
}

// Before the graph has run there are neither values nor gradients, and the error says so by the node's name.
func TestSolverBeforeRunAll(t *testing.T) {
	for _, bind := range []bool{false, true} {
		g := G.NewGraph()
		x := G.NewVector(g, G.Float64, G.WithShape(3), G.WithName("x"), G.WithValue(dense([]int{3}, 1., 2, 3)))
		w := G.NewVector(g, G.Float64, G.WithShape(3), G.WithName("weights"), G.WithValue(dense([]int{3}, 1., 2, 3)))
		empty := G.NewVector(g, G.Float64, G.WithShape(3), G.WithName("empty"))
		loss := G.Must(G.Sum(G.Must(G.HadamardProd(x, w))))
		_, err := G.Grad(loss, w)
		require.NoError(t, err)
		if bind {
			vm := G.NewTapeMachine(g, G.BindDualValues(w))
			defer vm.Close()
		}
		for want, model := range map[string]G.Nodes{
			`learnedopt: node "weights" has no gradient: was the graph run (RunAll) before Step, with the node among those of gorgonia.Grad and BindDualValues?`: {w},
			`learnedopt: node "empty" has no value: was the graph run (RunAll) before Step?`:                                                                     {empty},
		} {
			err := trained(new(handmade.SGD)).Solver().Step(G.NodesToValueGrads(model))
			require.EqualError(t, err, want)
			require.Equal(t, []float64{1, 2, 3}, w.Value().Data())
		}
		require.ErrorContains(t, trained(new(handmade.SGD)).Solver().Step(G.NodesToValueGrads(G.Nodes{x})), `learnedopt: node "x": `)
	}
}

func TestSolverOfNothing(t *testing.T) {
	step := trained(new(handmade.SGD)).Solver().Step
	w := dense([]int{1}, 1.)
	require.EqualError(t, step([]G.ValueGrad{nil}), "learnedopt: node 0 is nil")
	require.EqualError(t, step([]G.ValueGrad{(*G.Node)(nil)}), "learnedopt: node 0 is nil")
	require.ErrorContains(t, step([]G.ValueGrad{valueGrad{}}), "learnedopt: node 0 has no value")
	require.ErrorContains(t, step([]G.ValueGrad{valueGrad{value: (*tensor.Dense)(nil)}}), "learnedopt: node 0 has no value")
	require.ErrorContains(t, step([]G.ValueGrad{valueGrad{value: w}}), "learnedopt: node 0 has no gradient")
	require.ErrorContains(t, step([]G.ValueGrad{valueGrad{value: w, grad: (*tensor.Dense)(nil)}}), "learnedopt: node 0 has no gradient")
}

// Errors call nodes by their names, and tell nodes of one name apart.
func TestSolverNamesNodes(t *testing.T) {
	node := func(name string, v ...float64) G.ValueGrad {
		return named{name, valueGrad{value: dense([]int{len(v)}, 1., 2, 3), grad: dense([]int{len(v)}, v...)}}
	}
	long := strings.Repeat("long\n", 100)
	for _, tt := range []struct {
		before, model []G.ValueGrad
		want          string
	}{
		{nil, []G.ValueGrad{node("w", 1, 2, 3), node("b", 1, math.NaN(), 0)}, `the gradient of "b" [1] is NaN`},
		{nil, []G.ValueGrad{node("w", 1, 2, 3), node("w", 1, 2, math.Inf(1))}, `the gradient of "w (2)" [2] is +Inf`},
		{nil, []G.ValueGrad{node(long, math.NaN(), 2, 3)}, `the gradient of "long\nlong`},
		{[]G.ValueGrad{node("w", 1, 2, 3), node("b", 1, 2, 3)}, []G.ValueGrad{node("b", 1, 2, 3), node("w", 1, 2, 3)},
			`node "b" float64[3] stands where there was node "w" float64[3]`},
		{[]G.ValueGrad{node(long, 1, 2, 3)}, []G.ValueGrad{node(long+"!", 1, 2, 3), node("w", 1, 2, 3)}, "stands where there was"},
	} {
		s := trained(new(handmade.SGD)).Solver()
		if tt.before != nil {
			require.NoError(t, s.Step(tt.before))
		}
		err := s.Step(tt.model)
		require.ErrorContains(t, err, tt.want)
		require.Less(t, len(err.Error()), 300)
		require.NotContains(t, err.Error(), "\n")
	}
}

// Gorgonia spells the name of a nameless input in its own way.
func TestSolverOfNamelessNodes(t *testing.T) {
	g := G.NewGraph()
	w := G.NewVector(g, G.Float64, G.WithShape(3))
	require.ErrorContains(t, trained(new(handmade.SGD)).Solver().Step(G.NodesToValueGrads(G.Nodes{w})), "learnedopt: node 0 has no value")
}

// A step that is left out leaves the gradients at zero too: a graph adds to what is there.
func TestSolverSkips(t *testing.T) {
	a := valueGrad{value: dense([]int{2}, 1., 2), grad: dense([]int{2}, 1., 1)}
	b := valueGrad{value: dense[float32]([]int{2}, 1, 2), grad: dense([]int{2}, 1, float32(math.NaN()))}
	model := []G.ValueGrad{a, b}
	require.ErrorContains(t, trained(new(handmade.SGD)).Solver().Step(model), `the gradient of "node 1" [1] is NaN`)
	require.Equal(t, []float64{1, 1}, a.grad.Data())

	s := trained(new(handmade.SGD)).Solver(learnedopt.SkipNonFinite())
	require.Zero(t, s.Skipped())
	require.NoError(t, s.Step(model))
	require.Equal(t, 1, s.Skipped())
	require.Equal(t, []float64{1, 2}, a.value.Data())
	require.Equal(t, []float32{1, 2}, b.value.Data())
	require.Equal(t, []float64{0, 0}, a.grad.Data())
	require.Equal(t, []float32{0, 0}, b.grad.Data())
	s.Reset()
	require.Zero(t, s.Skipped())
}

// Once it has begun, a solver allocates nothing.
func TestSolverAllocatesNothing(t *testing.T) {
	for _, r := range byGradient() {
		m, s := newModel(t), trained(r).Solver(G.WithClip(1))
		require.Zero(t, testing.AllocsPerRun(10, func() { _ = s.Step(m.nodes) }), r.Name())
	}
}

// Rows of an embedding that no minibatch uses stay where they are.
func TestSolverLeavesUnusedRows(t *testing.T) {
	tr, err := learnedopt.Load("zoo:lstm-quadratic")
	require.NoError(t, err)
	g := G.NewGraph()
	table := G.NewMatrix(g, G.Float64, G.WithShape(4, 2), G.WithName("table"), G.WithValue(dense([]int{4, 2}, 1., 1, 2, 2, 3, 3, 4, 4)))
	row := G.Must(G.Slice(table, G.S(2)))
	loss := G.Must(G.Sum(G.Must(G.Square(row))))
	_, err = G.Grad(loss, table)
	require.NoError(t, err)
	vm := G.NewTapeMachine(g, G.BindDualValues(table))
	defer vm.Close()
	s := tr.Solver()
	for range 100 {
		require.NoError(t, vm.RunAll())
		require.NoError(t, s.Step(G.NodesToValueGrads(G.Nodes{table})))
		vm.Reset()
	}
	got := graph.Floats[float64](table.Value())
	require.Equal(t, []float64{1, 1, 2, 2}, got[:4])
	require.Equal(t, []float64{4, 4}, got[6:])
	require.InDeltaSlice(t, []float64{0, 0}, got[4:6], 0.5)
}

// A gradient may be a view, such as a transposed matrix.
func TestSolverOfTransposedGradients(t *testing.T) {
	grad := dense([]int{3, 2}, 1., 2, 3, 4, 5, 6)
	require.NoError(t, grad.T())
	w := valueGrad{value: dense([]int{2, 3}, 0., 0, 0, 0, 0, 0), grad: grad}
	require.NoError(t, trained(&handmade.SGD{LR: 1}).Solver().Step([]G.ValueGrad{w}))
	require.InDeltaSlice(t, []float64{-1, -3, -5, -2, -4, -6}, w.value.Data(), 1e-6)
	require.Equal(t, make([]float64, 6), grad.Data())
}
