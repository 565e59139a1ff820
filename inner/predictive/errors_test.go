package predictive_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/seed1498fded/unroll/inner/predictive"
	"github.com/seed1498fded/unroll/internal/graph"
)

func TestNewNamesWhatIsWrong(t *testing.T) {
	g := G.NewGraph()
	x := G.NewVector(g, G.Float64, G.WithShape(3), G.WithName("x"))
	w := G.NewVector(g, G.Float64, G.WithShape(3), G.WithName("w"))
	b := new(graph.Builder)
	product := b.Mul(w, x)
	loss := b.Sum(b.Square(product))
	mystery := b.Sum(b.Apply(graph.Def{Name: "mystery", Shape: tensor.Shape{3}}, w))
	require.NoError(t, b.Err())
	elsewhere := G.NewScalar(G.NewGraph(), G.Float64, G.WithName("elsewhere"))
	single := G.NewScalar(g, G.Float32, G.WithName("single"))

	type nodes = []*G.Node
	for _, tt := range []struct {
		want            string
		loss            *G.Node
		inputs, weights nodes
		config          predictive.Config
	}{
		{want: "no loss", weights: nodes{w}},
		{want: "the loss has shape (3); want a scalar", loss: product, inputs: nodes{x}, weights: nodes{w}},
		{want: "the loss is of float32; want float64", loss: single, weights: nodes{w}},
		{want: "there are no weights", loss: loss, inputs: nodes{x, w}},
		{want: "weight 0 is nil", loss: loss, inputs: nodes{x}, weights: nodes{nil}},
		{want: "weight 0 is the result of an operation", loss: loss, inputs: nodes{x}, weights: nodes{product}},
		{want: `weight 1, "elsewhere", is of another graph than the loss`, loss: loss, inputs: nodes{x}, weights: nodes{w, elsewhere}},
		{want: `input 1, "w", is listed twice`, loss: loss, inputs: nodes{x, w}, weights: nodes{w}},
		{want: `input "x" is neither fed nor has a value of its own`, loss: loss, weights: nodes{w}},
		{want: "mystery has no derivative", loss: mystery, weights: nodes{w}},
		{want: "nothing that Vertex picks lies on the way from the weights to the loss", loss: loss, inputs: nodes{x}, weights: nodes{w},
			config: predictive.Config{Vertex: func(op *G.Node) bool { return op.Name() == "a misspelled layer" }}},
		{want: "a Gamma of 1.5; want more than 0 and at most 1", config: predictive.Config{Gamma: 1.5}},
		{want: "a Gamma of -0.1; want", config: predictive.Config{Gamma: -0.1}},
		{want: "a Gamma of NaN; want", config: predictive.Config{Gamma: math.NaN()}},
		{want: "-1 Steps; want 1 or more", config: predictive.Config{Steps: -1}},
		{want: "a Clip of -1; want a bound", config: predictive.Config{Clip: -1}},
		{want: "no Rule 2", config: predictive.Config{Rule: 2}},
		{want: "a Gamma of 0.5 with ZIL", config: predictive.Config{Rule: predictive.ZIL, Gamma: 0.5}},
		{want: "5 Steps with ZIL", config: predictive.Config{Rule: predictive.ZIL, Steps: 5}},
		{want: "ZIL with Sequential", config: predictive.Config{Rule: predictive.ZIL, Sequential: true}},
	} {
		got, err := predictive.New[float64](tt.loss, tt.inputs, tt.weights, tt.config)
		require.ErrorContains(t, err, tt.want)
		assert.ErrorContains(t, err, "predictive: ")
		assert.Nil(t, got)
	}
}

// The derivative of Gorgonia's dropout panics when asked for its own.
func TestAPanicInGorgoniaIsAnError(t *testing.T) {
	g := G.NewGraph()
	w := G.NewVector(g, G.Float64, G.WithShape(3), G.WithName("w"))
	loss := G.Must(G.Sum(G.Must(G.Dropout(w, 0.5))))
	grads, err := graph.Grad(loss, w)
	require.NoError(t, err, "the first derivative of dropout is there")
	loss = G.Must(G.Sum(grads[0]))
	_, err = predictive.New[float64](loss, nil, []*G.Node{w}, predictive.Config{})
	require.ErrorContains(t, err, "predictive: panic in Gorgonia: dropout")
}

func TestWrongLengthsPanic(t *testing.T) {
	n := scalar(t)
	_, g := n.coded(t, predictive.Config{Rule: predictive.ZIL})
	one, two := [][]float64{{1}}, [][]float64{{1, 2}}
	for want, f := range map[string]func(){
		"predictive: 0 weights, want 1":              func() { _, _ = g.Loss(nil, nil) },
		"predictive: 1 inputs, want 0":               func() { _, _ = g.Loss(one, one) },
		"predictive: weight 0 of length 2, want 1":   func() { _, _ = g.Loss(nil, two) },
		"predictive: gradient 0 of length 2, want 1": func() { _, _ = g.ParamGrad(two, nil, one) },
		"predictive: 0 gradients, want 1":            func() { _, _ = g.ParamGrad(nil, nil, one) },
	} {
		assert.PanicsWithValue(t, want, f)
	}
}
