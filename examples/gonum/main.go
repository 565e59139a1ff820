// Command gonum uses a learned optimizer as a method of gonum's, in the place of optimize.BFGS, on functions that it was not
// learned on. A guard holds it to what Adam does, since nothing promises that it is any good there. (On functions as small
// and smooth as these BFGS is the method to take.)
//
//	go run ./examples/gonum
//
// It prints, for each function, its value at the start and where the methods have come to in 2,000 evaluations:
//
//	Beale       14.2   learned 0.00   guarded 0.00   BFGS 0.00
//	Rosenbrock  24.2   learned 5.37   guarded 0.91   BFGS 0.00
//	Powell      95.0   learned 0.00   guarded 0.00   BFGS 0.00
package main

import (
	"errors"
	"fmt"
	"log"

	"gonum.org/v1/gonum/optimize"
	"gonum.org/v1/gonum/optimize/functions"

	"github.com/seed1498fded/unroll/learnedopt"
)

// A function is one of gonum's test functions.
type function interface {
	Func(x []float64) float64
	Grad(grad, x []float64)
}

func main() {
	trained, err := learnedopt.Load("zoo:lstm-quadratic")
	if err != nil {
		log.Fatal(err)
	}
	for _, f := range []struct {
		name  string
		f     function
		start []float64
	}{
		{"Beale", functions.Beale{}, []float64{1, 1}},
		{"Rosenbrock", functions.ExtendedRosenbrock{}, []float64{-1.2, 1}},
		{"Powell", functions.ExtendedPowellSingular{}, []float64{3, -1, 0, 3}},
	} {
		bare := trained.Method()
		guarded := trained.Method(learnedopt.WithGuard(learnedopt.LossCheck{}))
		fmt.Printf("%-11s %4.1f   learned %.2f   guarded %.2f   BFGS %.2f\n", f.name, f.f.Func(f.start),
			minimum(f.f, f.start, bare), minimum(f.f, f.start, guarded), minimum(f.f, f.start, &optimize.BFGS{}))
	}
}

// minimum is the lowest value that a method finds.
func minimum(f function, start []float64, method optimize.Method) float64 {
	problem := optimize.Problem{Func: f.Func, Grad: f.Grad}
	result, err := optimize.Minimize(problem, start, &optimize.Settings{FuncEvaluations: 2000}, method)
	if err != nil && !errors.Is(err, optimize.ErrLinesearcherFailure) {
		log.Fatal(err)
	}
	return result.F
}
