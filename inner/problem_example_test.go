package inner_test

import (
	"fmt"

	"github.com/seed1498fded/unroll/inner"
	"github.com/seed1498fded/unroll/params"
)

// A parabola is (θ − c)²: any Go code that returns a loss and a gradient is a problem.
type parabola struct{ c float32 }

func (parabola) Params() params.Layout { return params.Layout{{Name: "theta", Shape: []int{1}}} }

func (parabola) Init(theta []float32, _ uint64) { theta[0] = 0 }

func (p parabola) Eval(grad, theta []float32, _ uint64) (loss float64, err error) {
	off := theta[0] - p.c
	if grad != nil {
		grad[0] = 2 * off
	}
	return float64(off * off), nil
}

// parabolas has another one for each key.
type parabolas struct{}

func (parabolas) Sample(key uint64) (inner.Problem, error) { return parabola{float32(key % 5)}, nil }

// A family of one's own is sampled by keys; the key of Eval would choose the minibatch, if there were any.
func ExampleFamily() {
	var family inner.Family = parabolas{}
	problem, err := family.Sample(8)
	if err != nil {
		fmt.Println(err)
		return
	}
	theta, grad := make([]float32, 1), make([]float32, 1)
	problem.Init(theta, 1)
	loss, err := problem.Eval(grad, theta, 1)
	fmt.Println(loss, grad, err)
	// Output: 9 [-6] <nil>
}
