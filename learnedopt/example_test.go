package learnedopt_test

import (
	"fmt"
	"log"
	"os"
	"path/filepath"

	"gonum.org/v1/gonum/optimize"
	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/seed1498fded/unroll/learnedopt"
	"github.com/seed1498fded/unroll/params"
)

// An optimizer steps plain slices: in any training loop it takes the place of the line that subtracts the gradient.
func ExampleOptimizer() {
	layout := params.Layout{{Name: "theta", Shape: []int{3}}}
	opt, err := learnedopt.New(&learnedopt.Adam{LR: 0.1}, nil, layout)
	if err != nil {
		log.Fatal(err)
	}
	target := []float32{1, -2, 0.5}
	theta, grad := make([]float32, 3), make([]float32, 3)
	for range 300 {
		for i := range theta {
			grad[i] = 2 * (theta[i] - target[i]) // of |theta - target|²
		}
		if err := opt.Step(theta, grad); err != nil {
			log.Fatal(err)
		}
	}
	fmt.Printf("%.2f\n", theta)
	// Output: [1.00 -2.00 0.50]
}

// A trained rule goes to a file and comes back, ready to be bound to the weights of any problem. The rule here is an
// Adam; cmd/metatrain writes such files of learned ones.
func ExampleLoad() {
	dir, err := os.MkdirTemp("", "rule")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "adam.safetensors")

	rule := &learnedopt.Adam{LR: 0.1}
	trained := &learnedopt.Trained{Rule: rule, Phi: learnedopt.Phi(rule, 0)}
	if err := trained.Save(path); err != nil {
		log.Fatal(err)
	}

	loaded, err := learnedopt.Load(path)
	if err != nil {
		log.Fatal(err)
	}
	opt, err := loaded.New(params.Layout{{Name: "w", Shape: []int{2, 2}}, {Name: "b", Shape: []int{2}}})
	if err != nil {
		log.Fatal(err)
	}
	theta := make([]float32, 6)
	if err := opt.Step(theta, []float32{1, -1, 1, -1, 1, -1}); err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s %.2f\n", loaded.Rule.Name(), theta)
	// Output: adam [-0.10 0.10 -0.10 0.10 -0.10 0.10]
}

// An existing Gorgonia program needs one line changed: where it said gorgonia.NewAdamSolver().
func ExampleTrained_Solver() {
	rule := &learnedopt.Adam{LR: 0.05}
	trained := &learnedopt.Trained{Rule: rule, Phi: learnedopt.Phi(rule, 0)} // or learnedopt.Load of a file

	// Fit y = w·x + b to points of the line y = 2x - 1.
	g := G.NewGraph()
	x := G.NewVector(g, G.Float32, G.WithName("x"), G.WithValue(tensor.New(tensor.WithBacking([]float32{-1, 0, 1, 2}))))
	y := G.NewVector(g, G.Float32, G.WithName("y"), G.WithValue(tensor.New(tensor.WithBacking([]float32{-3, -1, 1, 3}))))
	w := G.NewScalar(g, G.Float32, G.WithName("w"), G.WithValue(float32(0)))
	b := G.NewScalar(g, G.Float32, G.WithName("b"), G.WithValue(float32(0)))
	guess := G.Must(G.Add(G.Must(G.Mul(x, w)), b))
	loss := G.Must(G.Mean(G.Must(G.Square(G.Must(G.Sub(guess, y))))))
	if _, err := G.Grad(loss, w, b); err != nil {
		log.Fatal(err)
	}
	vm := G.NewTapeMachine(g, G.BindDualValues(w, b))
	defer vm.Close()

	solver := trained.Solver()
	model := G.NodesToValueGrads(G.Nodes{w, b})
	for range 500 {
		if err := vm.RunAll(); err != nil {
			log.Fatal(err)
		}
		if err := solver.Step(model); err != nil {
			log.Fatal(err)
		}
		vm.Reset()
	}
	fmt.Printf("w = %.2f, b = %.2f\n", w.Value().Data(), b.Value().Data())
	// Output: w = 2.00, b = -1.00
}

// The rule can take the place of gonum's own methods, such as optimize.BFGS.
func ExampleTrained_Method() {
	rule := &learnedopt.Adam{LR: 0.05}
	trained := &learnedopt.Trained{Rule: rule, Phi: learnedopt.Phi(rule, 0)} // or learnedopt.Load of a file

	bowl := optimize.Problem{
		Func: func(x []float64) float64 { return (x[0]-3)*(x[0]-3) + 10*x[1]*x[1] },
		Grad: func(grad, x []float64) { grad[0], grad[1] = 2*(x[0]-3), 20*x[1] },
	}
	settings := &optimize.Settings{MajorIterations: 1000, Converger: optimize.NeverTerminate{}}
	result, err := optimize.Minimize(bowl, []float64{0, 1}, settings, trained.Method())
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("f = %.3f after %d iterations\n", result.F, result.MajorIterations)
	// Output: f = 0.000 after 1000 iterations
}
