package engine_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	G "gorgonia.org/gorgonia"

	"github.com/seed1498fded/unroll/internal/graph"
	"github.com/seed1498fded/unroll/internal/rng"
	"github.com/seed1498fded/unroll/learnedopt/internal/engine"
	"github.com/seed1498fded/unroll/learnedopt/rule"
	"github.com/seed1498fded/unroll/params"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A written rule is one made of functions.
type written struct {
	spec   rule.Spec
	update func(b *graph.Builder, in rule.Inputs) rule.Outputs
}

func (written) Name() string           { return "written" }
func (w written) Spec() rule.Spec      { return w.spec }
func (written) Init([]float32, uint64) {}
func (w written) Update(in rule.Inputs) (rule.Outputs, error) {
	b := new(graph.Builder)
	out := w.update(b, in)
	return out, b.Err()
}

func number(name string) params.Spec { return params.Spec{Name: name, Shape: []int{1}} }

func vector(n int) params.Layout { return params.Layout{{Name: "theta", Shape: []int{n}}} }

// counter is a rule whose shared state is a vector of 512 numbers that count steps, and whose step is their sum.
func counter() rule.Rule {
	return written{
		spec: rule.Spec{Reads: rule.Grad, State: rule.State{Shared: params.Layout{{Name: "t", Shape: []int{512}}}}},
		update: func(b *graph.Builder, in rule.Inputs) rule.Outputs {
			next := b.Shift(1, in.Shared["t"])
			out := rule.One(b.Add(b.Scale(0, in.Tensors[0].Grad), b.Sum(next)), nil)
			out.Shared = map[string]*G.Node{"t": next}
			return out
		},
	}
}

// What is shared is said and not guessed: a shared state of 512 numbers is one at 512 coordinates too.
func TestSharedStateOfAnyLength(t *testing.T) {
	for _, n := range []int{1, 511, 512, 513, 1024} {
		for _, copies := range []int{1, 2} {
			c, err := engine.Compile[float64](counter(), vector(n), engine.Options{Copies: copies})
			require.NoError(t, err)
			require.Equal(t, 512, c.State().Len())
			step, state := make([]float64, copies*n), make([]float64, 512)
			for s := range 2 {
				require.NoError(t, c.Step(step, state, rule.Point[float64]{State: state, Grad: make([]float64, copies*n)}))
				for i, x := range step {
					require.Equal(t, float64(512*(s+1)), x, "coordinate %d of %d", i, n)
				}
			}
		}
	}
}

// The cotangent of a shared state is the sum of what all send that see it, and of what its next value sends, once.
func TestPullbackOfSharedState(t *testing.T) {
	const n, copies = 600, 2
	c, err := engine.Compile[float64](counter(), vector(n), engine.Options{Copies: copies})
	require.NoError(t, err)
	d := rule.Cotangents[float64]{Step: make([]float64, copies*n), Next: make([]float64, 512), State: make([]float64, 512)}
	rng.Normal(d.Step, 1, 1)
	rng.Normal(d.Next, 2, 1)
	sum := 0.0
	for _, x := range d.Step {
		sum += x
	}
	require.NoError(t, c.Pullback(d, rule.Point[float64]{State: make([]float64, 512), Grad: make([]float64, copies*n)}))
	for i, x := range d.State {
		require.InDelta(t, sum+d.Next[i], x, 1e-9)
	}
}

// A rule that reads everything: each input is what the point says, for its run.
func TestInputs(t *testing.T) {
	const weights, copies = 3, 2
	for _, scope := range []rule.Scope{rule.Coordinates, rule.Tensor, rule.Whole} {
		r := written{
			spec: rule.Spec{Reads: rule.Grad | rule.Theta | rule.Loss | rule.Step | rule.Horizon, Scope: scope, Phi: params.Layout{number("a")}},
			update: func(b *graph.Builder, in rule.Inputs) (out rule.Outputs) {
				for _, x := range in.Tensors {
					s := b.Add(b.Scale(1e6, in.Loss), b.Add(b.Scale(1e4, in.Step), b.Scale(1e2, in.Horizon)))
					s = b.Add(b.Add(b.Scale(10, x.Grad), x.Theta), b.Mul(in.Phi["a"], s))
					out.Tensors = append(out.Tensors, rule.TensorOutputs{Step: s})
				}
				return out
			},
		}
		c, err := engine.Compile[float64](r, vector(weights), engine.Options{Copies: copies})
		require.NoError(t, err)
		p := rule.Point[float64]{
			Phi: []float64{2}, Grad: []float64{1, 2, 3, 4, 5, 6}, Theta: []float64{.1, .2, .3, .4, .5, .6}, Loss: []float64{7, 8}, Step: 5, Horizon: 9,
		}
		step := make([]float64, copies*weights)
		require.NoError(t, c.Step(step, nil, p))
		for i, got := range step {
			require.InDelta(t, 10*p.Grad[i]+p.Theta[i]+2*(1e6*p.Loss[i/weights]+1e4*5+1e2*9), got, 1e-6, "%v", scope)
		}
		d := rule.Cotangents[float64]{
			Step: []float64{1, 2, 3, 4, 5, 6}, Phi: []float64{0}, Grad: make([]float64, 6), Theta: make([]float64, 6), Loss: make([]float64, 2),
		}
		require.NoError(t, c.Pullback(d, p))
		require.Equal(t, []float64{10, 20, 30, 40, 50, 60}, d.Grad)
		require.Equal(t, d.Step, d.Theta)
		require.Equal(t, []float64{2e6 * 6, 2e6 * 15}, d.Loss)
	}
}

// What is wrong with a rule comes out when it is bound, in one line that names the rule.
func TestCompileRefuses(t *testing.T) {
	grad := func(_ *graph.Builder, in rule.Inputs) rule.Outputs { return rule.One(in.Tensors[0].Grad, nil) }
	shared := rule.State{Shared: params.Layout{number("s")}}
	for want, r := range map[string]written{
		`Update gave no next state "s"`: {spec: rule.Spec{Reads: rule.Grad, State: shared}, update: grad},
		"the next shared state depends on grad": {
			spec: rule.Spec{Reads: rule.Grad, Scope: rule.Tensor, State: shared},
			update: func(b *graph.Builder, in rule.Inputs) rule.Outputs {
				out := grad(b, in)
				out.Shared = map[string]*G.Node{"s": b.Sum(in.Tensors[0].Grad)}
				return out
			},
		},
		"has state a tensor, but sees no tensors": {
			spec:   rule.Spec{Reads: rule.Grad, State: rule.State{PerTensor: func(params.Spec) params.Layout { return nil }}},
			update: grad,
		},
		"Update gave the steps of 0 tensors, want 1": {
			spec:   rule.Spec{Reads: rule.Grad},
			update: func(*graph.Builder, rule.Inputs) rule.Outputs { return rule.Outputs{} },
		},
		"Update gave a step": {
			spec:   rule.Spec{Reads: rule.Grad},
			update: func(b *graph.Builder, in rule.Inputs) rule.Outputs { return rule.One(b.Sum(in.Tensors[0].Grad), nil) },
		},
		"Update panicked": {
			spec:   rule.Spec{},
			update: func(_ *graph.Builder, in rule.Inputs) rule.Outputs { panic(errors.New("no gradient")) },
		},
		`"m" is named twice`: {
			spec:   rule.Spec{State: rule.State{PerCoordinate: []rule.Row{{Name: "m"}, {Name: "m"}}}},
			update: grad,
		},
	} {
		_, err := engine.Compile[float64](r, vector(4), engine.Options{})
		require.ErrorContains(t, err, want)
		require.ErrorContains(t, err, "learnedopt: written: ")
	}
	for _, o := range []engine.Options{{Copies: -1}, {Workers: -1}} {
		_, err := engine.Compile[float64](counter(), vector(4), o)
		require.ErrorContains(t, err, "want at least 1 copy", fmt.Sprint(o))
	}
}

// An idle rule has a start to write, and leaves it at zero.
type idle struct{ written }

func (idle) InitState(rule.Inputs) (rule.Outputs, error) { return rule.Outputs{}, nil }

func TestStartOfNothing(t *testing.T) {
	c, err := engine.Compile[float64](idle{counter().(written)}, vector(3), engine.Options{})
	require.NoError(t, err)
	state := make([]float64, 512)
	rng.Normal(state, 1, 1)
	require.NoError(t, c.Start(state, nil))
	require.Equal(t, make([]float64, 512), state)
	require.NoError(t, c.StartPullback(nil, state, nil))
}

// Vectors of the wrong length panic, by name.
func TestWrongLengths(t *testing.T) {
	c, err := engine.Compile[float64](counter(), vector(3), engine.Options{Copies: 2})
	require.NoError(t, err)
	p := rule.Point[float64]{State: make([]float64, 512), Grad: make([]float64, 6)}
	good := rule.Cotangents[float64]{Step: make([]float64, 6), Next: make([]float64, 512), State: make([]float64, 512)}
	require.NoError(t, c.Pullback(good, p))
	for want, spoil := range map[string]func(d *rule.Cotangents[float64]){
		"cotangent of the step of length 3, want 6":         func(d *rule.Cotangents[float64]) { d.Step = d.Step[:3] },
		"cotangent of the next state of length 3, want 512": func(d *rule.Cotangents[float64]) { d.Next = d.Next[:3] },
		"cotangent of the state of length 3, want 512":      func(d *rule.Cotangents[float64]) { d.State = d.State[:3] },
		"cotangent of phi of length 1, want 0":              func(d *rule.Cotangents[float64]) { d.Phi = make([]float64, 1) },
		"cotangent of the gradient of length 3, want 6":     func(d *rule.Cotangents[float64]) { d.Grad = make([]float64, 3) },
		"cotangent of theta of length 3, want 6":            func(d *rule.Cotangents[float64]) { d.Theta = make([]float64, 3) },
		"cotangent of the loss of length 1, want 2":         func(d *rule.Cotangents[float64]) { d.Loss = make([]float64, 1) },
	} {
		d := good
		spoil(&d)
		require.PanicsWithValue(t, "learnedopt: written: "+want, func() { _ = c.Pullback(d, p) })
	}
}
