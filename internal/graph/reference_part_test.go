package graph

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
	G "gorgonia.org/gorgonia"
)

// counted is the identity, and counts its runs.
func counted(t *testing.T, name string, runs *int, x *G.Node) *G.Node {
	y, err := Apply(Def{
		Name: name, Shape: x.Shape(),
		F64: Kernel[float64]{Forward: func(dst []float64, in [][]float64) { *runs++; copy(dst, in[0]) }},
	}, x)
	require.NoError(t, err)
	return y
}

// Each part runs its own operations and no others, and together they are the program.
func TestPart(t *testing.T) {
	g := G.NewGraph()
	x := G.NewVector(g, G.Float64, G.WithShape(2), G.WithName("x"))
	y := G.NewVector(g, G.Float64, G.WithShape(2), G.WithName("y"))
	var slow, fast, other int
	b := new(Builder)
	ofX, ofY := counted(t, "slow", &slow, b.Square(x)), counted(t, "fast", &fast, b.Square(y))
	sum, alone := b.Add(ofX, ofY), counted(t, "other", &other, b.Neg(y))
	require.NoError(t, b.Err())
	p, err := NewReference[float64]([]*G.Node{x, y}, []*G.Node{sum, alone})
	require.NoError(t, err)
	before, after := p.Part(0, 1, 0), p.Part(1, 2, 0)

	copy(p.In(0), []float64{1, 2})
	require.NoError(t, before())
	for i := range 3 {
		copy(p.In(1), []float64{float64(i), 1})
		require.NoError(t, after())
		require.Equal(t, []float64{1 + float64(i*i), 5}, p.Out(0))
	}
	require.Equal(t, []int{1, 3, 0}, []int{slow, fast, other})
	require.NoError(t, p.Run())
	require.Equal(t, []int{2, 4, 1}, []int{slow, fast, other})
	require.Equal(t, []float64{-2, -1}, p.Out(1))
}

func TestPartRunsConstantsWithTheFirstInput(t *testing.T) {
	g := G.NewGraph()
	x := G.NewScalar(g, G.Float64, G.WithName("x"))
	b := new(Builder)
	sum := b.Add(x, b.Exp(b.Const(x, 0)))
	require.NoError(t, b.Err())
	p, err := NewReference[float64]([]*G.Node{x}, []*G.Node{sum})
	require.NoError(t, err)
	p.In(0)[0] = 2
	require.NoError(t, p.Part(0, 1, 0)())
	require.Equal(t, []float64{3}, p.Out(0))
}

// With a relay that sends on a cotangent of its own, what arrives behind it is the derivative from there.
func TestRelayCutsTheChainRule(t *testing.T) {
	g := G.NewGraph()
	x := G.NewVector(g, G.Float64, G.WithShape(2), G.WithName("x"))
	e := G.NewVector(g, G.Float64, G.WithShape(2), G.WithName("e"))
	b := new(Builder)
	h := b.Square(x)
	y := b.Sum(b.Mul(b.Add(h, h), x)) // 2x³, through h and past it
	require.NoError(t, b.Err())
	var order []*G.Node
	var atH *G.Node
	grads, err := RelayedVJP([]*G.Node{y}, []*G.Node{b.Const(y, 1)}, []*G.Node{x}, func(n, arrived *G.Node) (*G.Node, error) {
		order = append(order, n)
		if n == h {
			atH, arrived = arrived, e
		}
		return arrived, nil
	})
	require.NoError(t, err)
	require.Equal(t, y, order[0], "consumers come first")
	require.Equal(t, h, order[len(order)-1])
	p, err := NewReference[float64]([]*G.Node{x, e}, []*G.Node{atH, grads[0]})
	require.NoError(t, err)
	copy(p.In(0), []float64{3, 5})
	copy(p.In(1), []float64{10, 100})
	require.NoError(t, p.Run())
	require.Equal(t, []float64{6, 10}, p.Out(0), "dy/dh = 2x")
	require.Equal(t, []float64{18 + 2*3*10, 50 + 2*5*100}, p.Out(1), "2h + 2x e")
}

func TestRelayNamesWhatIsWrong(t *testing.T) {
	g := G.NewGraph()
	x := G.NewVector(g, G.Float64, G.WithShape(2), G.WithName("x"))
	b := new(Builder)
	y := b.Sum(b.Square(x))
	require.NoError(t, b.Err())
	mine := errors.New("mine")
	_, err := RelayedVJP([]*G.Node{y}, []*G.Node{b.Const(y, 1)}, []*G.Node{x}, func(_, _ *G.Node) (*G.Node, error) { return nil, mine })
	require.ErrorIs(t, err, mine)
	_, err = RelayedVJP([]*G.Node{y}, []*G.Node{b.Const(y, 1)}, []*G.Node{x}, func(_, _ *G.Node) (*G.Node, error) { return x, nil })
	require.ErrorContains(t, err, "sends shape (2) on; want ()")
}

func TestInputs(t *testing.T) {
	g := G.NewGraph()
	x := G.NewScalar(g, G.Float64, G.WithName("x"))
	b := new(Builder)
	c := b.Const(x, 2)
	y := b.Sub(c, x)
	require.NoError(t, b.Err())
	require.Equal(t, []*G.Node{c, x}, Inputs(y))
	require.Empty(t, Inputs(x))
}
