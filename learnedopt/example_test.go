package learnedopt_test

import (
	"fmt"
	"log"
	"math"
	"os"
	"path/filepath"

	"gonum.org/v1/gonum/optimize"
	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/seed1498fded/unroll/learnedopt"
	"github.com/seed1498fded/unroll/learnedopt/handmade"
	"github.com/seed1498fded/unroll/params"
)

// An optimizer steps plain slices: in any training loop it takes the place of the line that subtracts the gradient. This
// is a bare rule; the optimizers of a trained one have guards and options.
func ExampleOptimizer() {
	layout := params.Layout{{Name: "theta", Shape: []int{3}}}
	opt, err := learnedopt.New(&handmade.Adam{LR: 0.1}, nil, layout)
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

// Rows of an embedding are used now and then: a sparse optimizer leaves those alone that a minibatch did not use, and
// whatever weights never get a gradient stay where they are in any case. Once a gradient is not a number, nothing moves.
func ExampleTrained_New() {
	trained, err := learnedopt.Load("zoo:lstm-quadratic")
	if err != nil {
		log.Fatal(err)
	}
	layout := params.Layout{{Name: "embedding", Shape: []int{3, 2}}, {Name: "bias", Shape: []int{1}}}
	opt, err := trained.New(layout, learnedopt.Sparse(), learnedopt.WithClipNorm(1))
	if err != nil {
		log.Fatal(err)
	}
	theta := make([]float32, 7)
	fmt.Println(opt.Step(theta, []float32{0, 0, 3, -4, 0, 0, 0.1}))
	for i, w := range theta {
		fmt.Print(i, " moved: ", w != 0, "\n")
	}
	fmt.Println(opt.Step(theta, []float32{0, 0, 0, float32(math.NaN()), 0, 0, 0}))
	// Output:
	// <nil>
	// 0 moved: false
	// 1 moved: false
	// 2 moved: true
	// 3 moved: true
	// 4 moved: false
	// 5 moved: false
	// 6 moved: true
	// learnedopt: the gradient of "embedding" [1 1] is NaN; no weight was moved (SkipNonFinite passes over such steps)
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

	rule := &handmade.Adam{LR: 0.1}
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
	rule := &handmade.Adam{LR: 0.05}
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

// Options go along, Gorgonia's own too: here the loss is a sum over four points, and the gradient is limited. What the
// solver remembers is saved with the weights, and another one goes on with it.
func ExampleTrained_Solver_options() {
	rule := &handmade.Adam{LR: 0.05}
	trained := &learnedopt.Trained{Rule: rule, Phi: learnedopt.Phi(rule, 0)} // or learnedopt.Load of a file

	g := G.NewGraph()
	x := G.NewVector(g, G.Float64, G.WithName("x"), G.WithValue(tensor.New(tensor.WithBacking([]float64{-1, 0, 1, 2}))))
	y := G.NewVector(g, G.Float64, G.WithName("y"), G.WithValue(tensor.New(tensor.WithBacking([]float64{-3, -1, 1, 3}))))
	w := G.NewScalar(g, G.Float64, G.WithName("w"), G.WithValue(0.0))
	b := G.NewScalar(g, G.Float64, G.WithName("b"), G.WithValue(0.0))
	guess := G.Must(G.Add(G.Must(G.Mul(x, w)), b))
	loss := G.Must(G.Sum(G.Must(G.Square(G.Must(G.Sub(guess, y))))))
	if _, err := G.Grad(loss, w, b); err != nil {
		log.Fatal(err)
	}
	vm := G.NewTapeMachine(g, G.BindDualValues(w, b))
	defer vm.Close()

	model := G.NodesToValueGrads(G.Nodes{w, b})
	newSolver := func() *learnedopt.Solver { return trained.Solver(G.WithBatchSize(4), G.WithClip(1)) }
	solver := newSolver()
	for i := range 500 {
		if i == 100 {
			saved, err := solver.MarshalBinary()
			if err != nil {
				log.Fatal(err)
			}
			solver = newSolver() // in another process, say
			if err := solver.UnmarshalBinary(saved); err != nil {
				log.Fatal(err)
			}
		}
		if err := vm.RunAll(); err != nil {
			log.Fatal(err)
		}
		if err := solver.Step(model); err != nil {
			log.Fatal(err)
		}
		vm.Reset()
	}
	fmt.Printf("w = %.2f, b = %.2f\n", w.Value().Data(), b.Value().Data())

	fmt.Println(trained.Solver(G.WithLearnRate(0.1)).Step(model))
	// Output:
	// w = 2.00, b = -1.00
	// learnedopt: gorgonia.WithLearnRate: a trained rule has no learning rate; learnedopt.WithRate multiplies its steps
}

// The rule can take the place of gonum's own methods, such as optimize.BFGS. The result is the best location that it came
// by; that it finds nothing better any more is no convergence.
func ExampleTrained_Method() {
	trained, err := learnedopt.Load("zoo:lstm-quadratic")
	if err != nil {
		log.Fatal(err)
	}
	bowl := optimize.Problem{
		Func: func(x []float64) float64 { return (x[0]-3)*(x[0]-3) + 10*x[1]*x[1] },
		Grad: func(grad, x []float64) { grad[0], grad[1] = 2*(x[0]-3), 20*x[1] },
	}
	method := trained.Method(learnedopt.WithRate(0.5), learnedopt.WithPatience(200))
	result, err := optimize.Minimize(bowl, []float64{0, 1}, nil, method)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("f = %.3f, %v\n", result.F, result.Status)
	// Output: f = 0.000, NoProgress
}
