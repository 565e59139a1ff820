package lstm_test

import (
	"fmt"
	"math"
	"runtime"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/seed1498fded/unroll/internal/graph"
	"github.com/seed1498fded/unroll/internal/rng"
	"github.com/seed1498fded/unroll/learnedopt"
	"github.com/seed1498fded/unroll/learnedopt/lstm"
	"github.com/seed1498fded/unroll/learnedopt/ruletest"
	"github.com/seed1498fded/unroll/params"
)

// fused is the LSTM with its step as one operation: the rule that Fused must not tell from LSTM itself.
type fused struct{ lstm.Rule }

func (r *fused) Update(in learnedopt.Inputs) (learnedopt.Outputs, error) { return r.Fused(in) }

// fusable are those with kernels.
var fusable = lstms[:3]

func TestFusedLaws(t *testing.T) {
	for _, r := range fusable {
		t.Run(fmt.Sprintf("%d layers of %d", r.Layers, r.Hidden), func(t *testing.T) {
			ruletest.Run(t, func() learnedopt.Rule { return &fused{r} })
		})
	}
	t.Run("composed", func(t *testing.T) { ruletest.Run(t, func() learnedopt.Rule { return new(guided) }) })
}

// lived runs an episode by a rule's expression.
func lived[F params.Float](t *testing.T, r learnedopt.Rule, n int) ruletest.Outcome {
	c, err := learnedopt.CompileGraph[F](r, vector(n))
	require.NoError(t, err)
	return ruletest.Live(t, c, ruletest.NewEpisode(c, r, 6))
}

// The one operation does what the readable expression says, in both element types.
func TestFusedMatchesTheExpression(t *testing.T) {
	for _, r := range fusable {
		for _, n := range []int{1, 5, 32, 33, 300} {
			t.Run(fmt.Sprintf("%d layers of %d/%d coordinates", r.Layers, r.Hidden, n), func(t *testing.T) {
				exact := lived[float64](t, &r, n)
				exact.Agree(t, lived[float64](t, &fused{r}, n), 1e-12)
				exact.Agree(t, lived[float32](t, &fused{r}, n), 1e-5)
				lived[float32](t, &r, n).Agree(t, lived[float32](t, &fused{r}, n), 1e-5)
			})
		}
	}
}

// Gradients that are not finite go through the operation as through the expression.
func TestFusedPassesOnWhatIsNotFinite(t *testing.T) {
	for _, r := range fusable {
		t.Run(fmt.Sprintf("float32/%d layers of %d", r.Layers, r.Hidden), func(t *testing.T) { passesOn[float32](t, r, 1e-5) })
		t.Run(fmt.Sprintf("float64/%d layers of %d", r.Layers, r.Hidden), func(t *testing.T) { passesOn[float64](t, r, 1e-12) })
	}
}

func passesOn[F params.Float](t *testing.T, r lstm.Rule, tol float64) {
	want, got := notFinite[F](t, &r), notFinite[F](t, &fused{r})
	require.True(t, math.IsNaN(got[0]), "the step of a NaN")
	for i, v := range want {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			require.Equal(t, fmt.Sprint(v), fmt.Sprint(got[i]), "%d", i)
		} else {
			require.InDelta(t, v, got[i], tol*(1+math.Abs(v)), "%d", i)
		}
	}
}

// notFinite is the step, the next state and cotangents for gradients of all kinds. That of phi is left out: what 0·Inf
// adds to it is NaN on the kernels, and nothing in a matrix product of gonum's, which passes zeros by.
func notFinite[F params.Float](t *testing.T, r learnedopt.Rule) []float64 {
	c, err := learnedopt.CompileGraph[F](r, vector(6))
	require.NoError(t, err)
	m := c.State().Len()
	p := learnedopt.Point[F]{
		Phi: params.Convert[F](learnedopt.Phi(r, 1)), State: make([]F, m),
		Grad: []F{F(math.NaN()), 1, F(math.Inf(1)), -1, F(math.Inf(-1)), 0},
	}
	step, next := make([]F, 6), make([]F, m)
	require.NoError(t, c.Step(step, next, p))
	d := learnedopt.Cotangents[F]{
		Step: []F{1, 1, 1, 1, 1, 1}, Next: make([]F, m), Phi: make([]F, len(p.Phi)), State: make([]F, m), Grad: make([]F, 6),
	}
	require.NoError(t, c.Pullback(d, p))
	return params.Convert[float64](slices.Concat(step, next, d.State, d.Grad))
}

// Optimizers that are made and run at the same time share nothing, though they are of the same rule.
func TestFusedAtTheSameTime(t *testing.T) {
	r, outcomes := new(fused), make([]ruletest.Outcome, 3)
	t.Run("run", func(t *testing.T) {
		for i := range outcomes {
			t.Run(fmt.Sprint(i), func(t *testing.T) {
				t.Parallel()
				outcomes[i] = lived[float32](t, r, 400)
			})
		}
	})
	require.Equal(t, outcomes[0], outcomes[1])
	require.Equal(t, outcomes[0], outcomes[2])
}

// inputsOf makes the inputs of an LSTM of n coordinates in a graph of their own, and lists them.
func inputsOf[F params.Float](r *lstm.Rule, n int) (learnedopt.Inputs, []*G.Node) {
	g, dt := G.NewGraph(), graph.Dtype[F]()
	x := learnedopt.TensorInputs{Spec: vector(n)[0], State: make(map[string]*G.Node)}
	in := learnedopt.Inputs{Phi: make(map[string]*G.Node)}
	x.Grad = G.NewVector(g, dt, G.WithShape(n), G.WithName("grad"))
	in.Tensors = []learnedopt.TensorInputs{x}
	all := []*G.Node{x.Grad}
	add := func(to map[string]*G.Node, l params.Layout) {
		for _, s := range l {
			to[s.Name] = G.NewTensor(g, dt, len(s.Shape), G.WithShape(s.Shape...), G.WithName(s.Name))
			if s.Len() == 1 {
				to[s.Name] = G.NewScalar(g, dt, G.WithName(s.Name))
			}
			all = append(all, to[s.Name])
		}
	}
	add(in.Phi, r.Spec().Phi)
	for _, row := range r.Spec().State.PerCoordinate {
		add(x.State, params.Layout{{Name: row.Name, Shape: []int{n, row.Width}}})
	}
	return in, all
}

// Two LSTMs in one expression stay apart, even if they differ in a constant alone: Gorgonia shares what looks the same.
func TestTwoFusedInOneGraph(t *testing.T) {
	in, all := inputsOf[float64](new(lstm.Rule), 3)
	one, err := new(lstm.Rule).Fused(in)
	require.NoError(t, err)
	two, err := (&lstm.Rule{Scale: 0.2}).Fused(in)
	require.NoError(t, err)
	p, err := graph.Compile[float64](all, []*G.Node{one.Tensors[0].Step, two.Tensors[0].Step})
	require.NoError(t, err)
	for i := range all {
		rng.Normal(p.In(i), uint64(i), 1)
	}
	require.NoError(t, p.Run())
	for i, v := range p.Out(0) {
		require.NotZero(t, v)
		require.Equal(t, 2*v, p.Out(1)[i])
	}
}

func allocatesNothing[F params.Float](t *testing.T) {
	r := new(lstm.Rule)
	in, all := inputsOf[F](r, 100)
	out, err := r.Fused(in)
	require.NoError(t, err)
	x, y := in.Tensors[0], out.Tensors[0]
	ys, cots := []*G.Node{y.Step}, []*G.Node{x.Grad}
	for name, h := range y.State {
		ys, cots = append(ys, h), append(cots, x.State[name])
	}
	back, err := graph.VJP(ys, cots, all)
	require.NoError(t, err)
	for _, out := range [][]*G.Node{ys, back} {
		p, err := graph.Compile[F](all, out)
		require.NoError(t, err)
		require.Zero(t, testing.AllocsPerRun(10, func() { _ = p.Run() }))
	}
}

func TestFusedAllocatesNothing(t *testing.T) {
	t.Run("float32", allocatesNothing[float32])
	t.Run("float64", allocatesNothing[float64])
}

func TestFusedRefuses(t *testing.T) {
	refused := func(says string, r *lstm.Rule, change func(*learnedopt.Inputs)) {
		t.Helper()
		in, _ := inputsOf[float32](new(lstm.Rule), 3)
		change(&in)
		_, err := r.Fused(in)
		require.ErrorContains(t, err, says)
	}
	def := new(lstm.Rule)
	refused("hidden is 6, want a multiple of 4", &lstm.Rule{Hidden: 6}, func(*learnedopt.Inputs) {})
	refused("want at least 1", &lstm.Rule{Layers: -1}, func(*learnedopt.Inputs) {})
	refused("with a gradient", def, func(in *learnedopt.Inputs) { in.Tensors[0].Grad = nil })
	refused(`state has no "c1"`, def, func(in *learnedopt.Inputs) { delete(in.Tensors[0].State, "c1") })
	refused(`"lstm.bias_l0" of phi has shape (3), want [80]`, def, func(in *learnedopt.Inputs) { in.Phi["lstm.bias_l0"] = in.Tensors[0].Grad })
	refused("the gradient of float64", def, func(in *learnedopt.Inputs) {
		x := &in.Tensors[0]
		x.Grad = G.NewVector(x.Grad.Graph(), tensor.Float64, G.WithShape(3), G.WithName("double"))
	})
	_, err := learnedopt.Compile[float32](&fused{lstm.Rule{Hidden: 6}}, vector(3))
	require.ErrorContains(t, err, "multiple of 4")
}

// What a step and its pullback cost on a core: as an expression, as one operation, and by themselves on the kernels.
func BenchmarkFused(b *testing.B) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	const n = 1510
	r := new(lstm.Rule)
	for _, x := range []struct {
		name    string
		rule    learnedopt.Rule
		compile func(learnedopt.Rule, params.Layout) (*learnedopt.Compiled[float32], error)
	}{
		{"expression", r, learnedopt.CompileGraph[float32]}, {"operation", new(fused), learnedopt.CompileGraph[float32]},
		{"engine", r, learnedopt.Compile[float32]},
	} {
		c, err := x.compile(x.rule, vector(n))
		require.NoError(b, err)
		e, m := ruletest.NewEpisode(c, r, 1), c.State().Len()
		p := learnedopt.Point[float32]{Phi: e.Phi, State: make([]float32, m), Grad: e.Grads[0]}
		step, next := make([]float32, n), make([]float32, m)
		d := learnedopt.Cotangents[float32]{Step: e.DStep[0], Next: make([]float32, m), Phi: make([]float32, len(e.Phi)), State: make([]float32, m)}
		b.Run(x.name+"/step", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				_ = c.Step(step, next, p)
			}
			perStep(b, n, 2*4980)
		})
		b.Run(x.name+"/pullback", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				_ = c.Pullback(d, p)
			}
			perStep(b, n, 3*2*4980)
		})
	}
}
