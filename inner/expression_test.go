package inner_test

import (
	"errors"
	"fmt"
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/seed1498fded/unroll/inner"
	"github.com/seed1498fded/unroll/inner/problemtest"
	"github.com/seed1498fded/unroll/internal/graph"
	"github.com/seed1498fded/unroll/internal/rng"
	"github.com/seed1498fded/unroll/params"
)

// The function of Rosenbrock, (1−x)² + 100(y−x²)², with its minimum of 0 at x = y = 1.
func ExampleExpression() {
	rosenbrock := inner.Expression{
		Layout: params.Layout{{Name: "x", Shape: []int{1}}, {Name: "y", Shape: []int{1}}},
		Loss: func(theta, _ map[string]*G.Node) (*G.Node, error) {
			x, y := theta["x"], theta["y"]
			toOne := G.Must(G.Square(G.Must(G.Sub(G.NewConstant(float32(1)), x))))
			toParabola := G.Must(G.Square(G.Must(G.Sub(y, G.Must(G.Square(x))))))
			return G.Add(toOne, G.Must(G.Mul(G.NewConstant(float32(100)), toParabola)))
		},
	}
	p, err := rosenbrock.Problem()
	if err != nil {
		fmt.Println(err)
		return
	}
	theta, grad, product := make([]float32, 2), make([]float32, 2), make([]float32, 2)
	p.Init(theta, 0)
	loss, err := p.Eval(grad, theta, 0)
	fmt.Println("at", theta, "loss", loss, "gradient", grad, err)
	err = p.(inner.Curvature).HessianVector(product, theta, []float32{1, 1}, 0)
	fmt.Println("Hessian times (1, 1)", product, err)
	// Output:
	// at [0 0] loss 1 gradient [-2 0] <nil>
	// Hessian times (1, 1) [2 200] <nil>
}

// regression fits a scale, a matrix and a bias to noise; a tensor of data has the name of a weight.
func regression[F params.Float]() inner.ExpressionOf[F] {
	return inner.ExpressionOf[F]{
		Layout: params.Layout{{Name: "x", Shape: []int{3, 2}}, {Name: "b", Shape: []int{2}}, {Name: "scale", Shape: []int{1}}},
		Data:   params.Layout{{Name: "x", Shape: []int{4, 3}}, {Name: "weight", Shape: []int{1}}},
		Fill:   func(data []F, key uint64) { rng.Normal(data, key, 1) },
		Start:  func(theta []F, key uint64) { rng.Normal(theta, key, 1) },
		Loss: func(theta, data map[string]*G.Node) (*G.Node, error) {
			b := new(graph.Builder)
			y := b.Add(b.MatMul(data["x"], theta["x"]), b.RepeatRows(theta["b"], 4))
			loss := b.Sum(b.Square(b.Tanh(b.Mul(theta["scale"], y))))
			return b.Mul(b.Exp(data["weight"]), loss), b.Err()
		},
	}
}

func TestLawsOfExpressions(t *testing.T) {
	// The float32 draws are the rounded float64 draws, as for every problem.
	problemtest.Run(t, regression[float64](), problemtest.Options{Varies: problemtest.Start | problemtest.Batch, Allocates: true})
	problemtest.Agree(t, regression[float32](), regression[float64]())
}

func TestExpressionWithoutStartStartsAtZero(t *testing.T) {
	e := regression[float32]()
	e.Start = nil
	p, err := e.Problem()
	require.NoError(t, err)
	theta := []float32{1, 2, 3, 4, 5, 6, 7, 8, 9}
	p.Init(theta, 1)
	assert.Equal(t, make([]float32, 9), theta)
}

// A loss that is linear in one weight and without another has zeros where a graph has no path.
func TestExpressionOfALinearLoss(t *testing.T) {
	p, err := inner.Expression{
		Layout: params.Layout{{Name: "x", Shape: []int{1}}, {Name: "unused", Shape: []int{2}}},
		Loss:   func(theta, _ map[string]*G.Node) (*G.Node, error) { return theta["x"], nil },
	}.Problem()
	require.NoError(t, err)
	grad, theta := make([]float32, 3), []float32{5, 6, 7}
	loss, err := p.Eval(grad, theta, 0)
	require.NoError(t, err)
	assert.Equal(t, 5., loss)
	assert.Equal(t, []float32{1, 0, 0}, grad)
	require.NoError(t, p.(inner.Curvature).HessianVector(grad, theta, theta, 0))
	assert.Equal(t, make([]float32, 3), grad)
}

func TestGraphOfAnExpression(t *testing.T) {
	loss, weights, data, err := regression[float64]().Graph()
	require.NoError(t, err)
	assert.True(t, loss.Shape().IsScalar())
	assert.Equal(t, []string{"theta.x", "theta.b", "theta.scale"}, []string{weights[0].Name(), weights[1].Name(), weights[2].Name()})
	assert.Equal(t, tensor.Shape{4, 3}, data[0].Shape())
	assert.True(t, data[1].Shape().IsScalar(), "a tensor of shape [1] is a scalar")
	_, _, _, err = inner.Expression{}.Graph()
	require.EqualError(t, err, "inner: expression: an empty Layout: there are no weights")
}

func TestExpressionNamesWhatIsWrong(t *testing.T) {
	layout := params.Layout{{Name: "w", Shape: []int{3}}}
	fill := func([]float32, uint64) {}
	sum := func(theta, _ map[string]*G.Node) (*G.Node, error) { return G.Sum(theta["w"]) }
	for want, e := range map[string]inner.Expression{
		"an empty Layout: there are no weights":     {Loss: sum},
		`layout: params: tensor "w" is named twice`: {Layout: append(layout, layout...), Loss: sum},
		`data: params: tensor 0 has no name`:        {Layout: layout, Data: params.Layout{{Shape: []int{1}}}, Fill: fill, Loss: sum},
		"no Loss":                                   {Layout: layout},
		"there is Data and no Fill":                 {Layout: layout, Data: params.Layout{{Name: "x", Shape: []int{2}}}, Loss: sum},
		"there is a Fill and no Data":               {Layout: layout, Fill: fill, Loss: sum},
		"the loss has shape (3); want a scalar": {Layout: layout, Loss: func(theta, _ map[string]*G.Node) (*G.Node, error) {
			return G.Square(theta["w"])
		}},
		"the Loss gave no node": {Layout: layout, Loss: func(theta, _ map[string]*G.Node) (*G.Node, error) { return theta["v"], nil }},
		"the loss is of float64; want float32": {Layout: layout, Loss: func(_, _ map[string]*G.Node) (*G.Node, error) {
			return G.NewConstant(1.5), nil
		}},
		"float32 ~ float64 cannot be unified": {Layout: layout, Loss: func(theta, _ map[string]*G.Node) (*G.Node, error) {
			return G.Mul(G.NewConstant(1.5), G.Must(G.Sum(theta["w"])))
		}},
		"panic in Loss: Type inference error": {Layout: layout, Loss: func(theta, _ map[string]*G.Node) (*G.Node, error) {
			return G.Must(G.Mul(G.NewConstant(1.5), G.Must(G.Sum(theta["w"])))), nil
		}},
		"the loss is not made of the tensors that Loss was given": {Layout: layout, Loss: func(_, _ map[string]*G.Node) (*G.Node, error) {
			return G.NewConstant(float32(1)), nil
		}},
		"(is a name misspelled? weights: w; data: none)": {Layout: layout, Loss: func(theta, _ map[string]*G.Node) (*G.Node, error) {
			return G.HadamardProd(theta["w"], theta["weight"])
		}},
		`input "mine" is neither fed nor has a value of its own`: {Layout: layout, Loss: func(theta, _ map[string]*G.Node) (*G.Node, error) {
			mine := G.NewScalar(theta["w"].Graph(), tensor.Float32, G.WithName("mine"))
			return G.Add(mine, G.Must(G.Sum(theta["w"])))
		}},
	} {
		p, err := e.Problem()
		require.ErrorContains(t, err, want)
		assert.ErrorContains(t, err, "inner: expression: ")
		assert.Nil(t, p)
	}
	mine := errors.New("mine")
	_, err := inner.Expression{Layout: layout, Loss: func(_, _ map[string]*G.Node) (*G.Node, error) { return nil, mine }}.Sample(0)
	require.ErrorIs(t, err, mine)
}

// An operation without a derivative still has a value, one without a second derivative a gradient.
func TestExpressionsWithFewerDerivatives(t *testing.T) {
	make32 := func(k graph.Kernel[float32]) inner.Problem {
		p, err := inner.Expression{
			Layout: params.Layout{{Name: "w", Shape: []int{3}}},
			Loss: func(theta, _ map[string]*G.Node) (*G.Node, error) {
				y, err := graph.Apply(graph.Def{Name: "mystery", Shape: tensor.Shape{3}, F32: k}, theta["w"])
				if err != nil {
					return nil, err
				}
				return G.Sum(y)
			},
		}.Problem()
		require.NoError(t, err)
		return p
	}
	square := graph.Kernel[float32]{Forward: func(dst []float32, in [][]float32) {
		for i, x := range in[0] {
			dst[i] = x * x
		}
	}}
	theta, out := []float32{1, 2, 3}, make([]float32, 3)

	p := make32(square)
	loss, err := p.Eval(nil, theta, 0)
	require.NoError(t, err)
	assert.Equal(t, 14., loss)
	_, err = p.Eval(out, theta, 0)
	require.ErrorContains(t, err, "inner: expression: gradient: ")
	require.ErrorContains(t, err, "mystery has no derivative")

	square.Pullback = func(din, in [][]float32, _, cot []float32) {
		for i, x := range in[0] {
			din[0][i] = 2 * x * cot[i]
		}
	}
	p = make32(square)
	_, err = p.Eval(out, theta, 0)
	require.NoError(t, err)
	assert.Equal(t, []float32{2, 4, 6}, out)
	err = p.(inner.Curvature).HessianVector(out, theta, theta, 0)
	require.ErrorContains(t, err, "inner: expression: second derivative: ")
	require.ErrorContains(t, err, "mystery pullback has no derivative")

	// Gorgonia's own: max pooling says so itself, dropout panics.
	for name, op := range map[string]func(x *G.Node) (*G.Node, error){
		"MaxPool": func(x *G.Node) (*G.Node, error) {
			return G.MaxPool2D(x, tensor.Shape{2, 2}, []int{0, 0}, []int{2, 2})
		},
		"dropout": func(x *G.Node) (*G.Node, error) { return G.Dropout(x, 0.5) },
	} {
		p, err := inner.Expression{
			Layout: params.Layout{{Name: "w", Shape: []int{1, 1, 4, 4}}},
			Loss: func(theta, _ map[string]*G.Node) (*G.Node, error) {
				y, err := op(theta["w"])
				if err != nil {
					return nil, err
				}
				return G.Sum(G.Must(G.Square(y)))
			},
		}.Problem()
		require.NoError(t, err)
		theta := make([]float32, 16)
		_, err = p.Eval(theta, make([]float32, 16), 0)
		require.NoError(t, err)
		require.ErrorContains(t, p.(inner.Curvature).HessianVector(theta, theta, theta, 0), name)
	}
}

// Gorgonia's products leave out a weight whose inputs are all zero.
func TestExpressionOfAnUnseenWeight(t *testing.T) {
	e := regression[float32]()
	e.Fill = func(data []float32, _ uint64) { clear(data) }
	p, err := e.Problem()
	require.NoError(t, err)
	theta, grad := start(p, 1), make([]float32, 9)
	theta[0] = float32(math.NaN())
	loss, err := p.Eval(grad, theta, 1)
	require.NoError(t, err)
	assert.True(t, math.IsNaN(loss))
	assert.True(t, math.IsNaN(float64(grad[8])))
}
