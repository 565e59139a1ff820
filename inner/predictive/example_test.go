package predictive_test

import (
	"fmt"
	"math"

	G "gorgonia.org/gorgonia"

	"github.com/seed1498fded/unroll/inner"
	"github.com/seed1498fded/unroll/inner/predictive"
	"github.com/seed1498fded/unroll/params"
)

// The graph of five vertices of Millidge, Tschantz and Buckley (2020), y4 = tan √(2 y0) + sin y0² with the target 1:
// predictive coding comes to backpropagation's gradient, a hundred times closer with every 45 steps or so.
func ExampleNew() {
	vertices := make(map[*G.Node]bool)
	vertex := func(y *G.Node, err error) *G.Node {
		vertices[G.Must(y, err)] = true
		return y
	}
	write := func(y0 *G.Node) *G.Node {
		y1 := vertex(G.Mul(G.NewConstant(2.0), y0))
		y2 := vertex(G.Sqrt(y1))
		y3 := vertex(G.Square(y0))
		tan := G.Must(G.Div(G.Must(G.Sin(y2)), G.Must(G.Cos(y2))))
		y4 := G.Must(G.Add(tan, G.Must(G.Sin(y3))))
		toTarget := G.Must(G.Square(G.Must(G.Sub(y4, G.NewConstant(1.0)))))
		return G.Must(G.Mul(G.NewConstant(0.5), toTarget))
	}

	backprop, err := inner.ExpressionOf[float64]{
		Layout: params.Layout{{Name: "y0", Shape: []int{1}}},
		Loss:   func(theta, _ map[string]*G.Node) (*G.Node, error) { return write(theta["y0"]), nil },
	}.Problem()
	if err != nil {
		fmt.Println(err)
		return
	}
	want := make([]float64, 1)
	_, err = backprop.Eval(want, []float64{5}, 0)
	fmt.Printf("backpropagation          %.6f %v\n", want[0], err)

	for _, steps := range []int{46, 90, 135} {
		y0 := G.NewScalar(G.NewGraph(), G.Float64, G.WithName("y0"))
		coded, err := predictive.New[float64](write(y0), nil, []*G.Node{y0}, predictive.Config{
			Gamma: 0.1, Steps: steps,
			Vertex: func(op *G.Node) bool { return vertices[op] }, // leave this out, and every operation is a vertex
		})
		if err != nil {
			fmt.Println(err)
			return
		}
		grad := [][]float64{make([]float64, 1)}
		_, err = coded.ParamGrad(grad, nil, [][]float64{{5}})
		fmt.Printf("%3d steps of γ = 0.1     %.6f, off by %.2e %v\n", steps, grad[0][0], math.Abs(grad[0][0]/want[0]-1), err)
	}
	// Output:
	// backpropagation          -11.370532 <nil>
	//  46 steps of γ = 0.1     -11.267095, off by 9.10e-03 <nil>
	//  90 steps of γ = 0.1     -11.369398, off by 9.97e-05 <nil>
	// 135 steps of γ = 0.1     -11.370521, off by 9.73e-07 <nil>
}

// An LSTM over ten steps that foretells a wave, in Gorgonia alone, trained for a while on the gradient that Z-IL finds. Its
// weights are shared by all ten steps; its graph is dozens of operations deep.
func ExampleFamily() {
	const hidden, steps = 4, 10
	gates := []string{"input", "forget", "cell", "output"}
	lstm := inner.ExpressionOf[float64]{
		Layout: params.Layout{{Name: "readout", Shape: []int{hidden}}},
		Data:   params.Layout{{Name: "phase", Shape: []int{1}}},
		Fill:   func(data []float64, key uint64) { data[0] = float64(key) },
		Start: func(theta []float64, _ uint64) {
			for i := range theta {
				theta[i] = 0.5 * math.Sin(float64(i+1))
			}
		},
	}
	for _, gate := range gates {
		lstm.Layout = append(lstm.Layout,
			params.Spec{Name: gate + ".x", Shape: []int{hidden}},
			params.Spec{Name: gate + ".h", Shape: []int{hidden, hidden}},
			params.Spec{Name: gate + ".b", Shape: []int{hidden}})
	}
	lstm.Loss = func(theta, data map[string]*G.Node) (*G.Node, error) {
		wave := func(t int) *G.Node {
			return G.Must(G.Sin(G.Must(G.Add(data["phase"], G.NewConstant(0.6*float64(t))))))
		}
		var h, c, loss *G.Node
		for t := range steps {
			x := wave(t)
			gate := func(name string, f func(*G.Node) (*G.Node, error)) *G.Node {
				z := G.Must(G.Add(G.Must(G.Mul(x, theta[name+".x"])), theta[name+".b"]))
				if h != nil {
					z = G.Must(G.Add(z, G.Must(G.Mul(theta[name+".h"], h))))
				}
				return G.Must(f(z))
			}
			update := G.Must(G.HadamardProd(gate("input", G.Sigmoid), gate("cell", G.Tanh)))
			if c == nil {
				c = update
			} else {
				c = G.Must(G.Add(G.Must(G.HadamardProd(gate("forget", G.Sigmoid), c)), update))
			}
			h = G.Must(G.HadamardProd(gate("output", G.Sigmoid), G.Must(G.Tanh(c))))
			miss := G.Must(G.Square(G.Must(G.Sub(G.Must(G.Mul(theta["readout"], h)), wave(t+1)))))
			if loss == nil {
				loss = miss
			} else {
				loss = G.Must(G.Add(loss, miss))
			}
		}
		return loss, nil
	}

	backprop, err := lstm.Problem()
	if err != nil {
		fmt.Println(err)
		return
	}
	coded, err := predictive.FamilyOf[float64]{Expression: lstm, Config: predictive.Config{Rule: predictive.ZIL}}.Problem()
	if err != nil {
		fmt.Println(err)
		return
	}
	n := lstm.Layout.Len()
	theta, grad, want := make([]float64, n), make([]float64, n), make([]float64, n)
	coded.Init(theta, 0)
	for step := range 201 {
		loss, err := coded.Eval(grad, theta, uint64(step%5))
		if err != nil {
			fmt.Println(err)
			return
		}
		if step%100 == 0 {
			if _, err := backprop.Eval(want, theta, uint64(step%5)); err != nil {
				fmt.Println(err)
				return
			}
			off, norm := 0.0, 0.0
			for i := range grad {
				off, norm = math.Hypot(off, grad[i]-want[i]), math.Hypot(norm, want[i])
			}
			fmt.Printf("step %3d: loss %.3f, as backpropagation to 1e-12: %t\n", step, loss, off < 1e-12*norm)
		}
		for i := range theta {
			theta[i] -= 0.02 * grad[i]
		}
	}
	// Output:
	// step   0: loss 5.274, as backpropagation to 1e-12: true
	// step 100: loss 1.028, as backpropagation to 1e-12: true
	// step 200: loss 0.781, as backpropagation to 1e-12: true
}
