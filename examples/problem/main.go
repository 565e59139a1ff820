// Command problem learns an optimizer for a problem of one's own, any Go code that returns a loss and a gradient, and
// compares it with Adam, whose learning rate is tuned on other problems of the kind.
//
//	go run ./examples/problem
//
// It prints mean losses over 100 waves that neither has met:
//
//	adam, tuned  0.232 at the start, 0.026 after 10 steps, 0.001 after 40
//	learned      0.232 at the start, 0.000 after 10 steps, 0.000 after 40
package main

import (
	"context"
	"fmt"
	"log"
	"math"
	"math/rand/v2"

	"github.com/seed1498fded/unroll/inner"
	"github.com/seed1498fded/unroll/learnedopt"
	"github.com/seed1498fded/unroll/learnedopt/rnnprop"
	"github.com/seed1498fded/unroll/meta"
	"github.com/seed1498fded/unroll/meta/eval"
	"github.com/seed1498fded/unroll/params"
)

const points = 20

// A wave is a·sin(ωx + p) at some points, to be fitted by the weights (a, ω, p).
type wave [points]float64

func at(theta []float32, i int) (x, sin, cos float64) {
	x = 4*float64(i)/points - 2
	sin, cos = math.Sincos(float64(theta[1])*x + float64(theta[2]))
	return x, sin, cos
}

func (*wave) Params() params.Layout { return params.Layout{{Name: "theta", Shape: []int{3}}} }

func (*wave) Init(theta []float32, _ uint64) { theta[0], theta[1], theta[2] = 1, 1.5, 0 }

// Eval is the mean square error. There are no minibatches, and so no use for the key.
func (w *wave) Eval(grad, theta []float32, _ uint64) (loss float64, err error) {
	var g [3]float64
	for i, y := range w {
		x, sin, cos := at(theta, i)
		a := float64(theta[0])
		miss := a*sin - y
		loss += miss * miss / points
		for k, d := range [3]float64{sin, a * x * cos, a * cos} {
			g[k] += 2 * miss * d / points
		}
	}
	for k := range grad { // nil where only the loss is wanted
		grad[k] = float32(g[k])
	}
	return loss, nil
}

// waves is the family: a wave for each key.
type waves struct{}

func (waves) Sample(key uint64) (inner.Problem, error) {
	random := rand.New(rand.NewPCG(key, 0))
	theta := []float32{.5 + random.Float32(), 1 + random.Float32(), 2*random.Float32() - 1}
	w := new(wave)
	for i := range w {
		_, sin, _ := at(theta, i)
		w[i] = float64(theta[0]) * sin
	}
	return w, nil
}

func main() {
	ctx, rule := context.Background(), &rnnprop.Rule{Hidden: 8, Layers: 1}
	bptt, err := meta.NewBPTT(meta.BPTTConfig{Rule: rule, Family: waves{}, Horizon: 40, Window: 20, Copies: 32})
	check(err)
	learner, err := meta.NewGradientLearner(meta.GradientConfig{Rule: rule, Key: 1, Estimator: bptt})
	check(err)
	for step := range 800 {
		_, err := learner.Learn(ctx, uint64(step), meta.Progress{Steps: step})
		check(err)
	}
	learned := &learnedopt.Trained{Rule: rule, Phi: learner.Phi()}

	adam, err := eval.FindBaseline("adam")
	check(err)
	tuned, err := eval.Tune(ctx, adam, eval.LearningRates(), eval.Runs{Family: waves{}, Steps: 40, Count: 50, Key: 1e6})
	check(err)
	for _, c := range []struct {
		name string
		rule *learnedopt.Trained
	}{{"adam, tuned", &learnedopt.Trained{Rule: tuned.Rule, Phi: learnedopt.Phi(tuned.Rule, 0)}}, {"learned", learned}} {
		losses, err := eval.Measure(ctx, c.rule, eval.Runs{Family: waves{}, Steps: 41, Count: 100, Key: 2e6})
		check(err)
		fmt.Printf("%-12s %.3f at the start, %.3f after 10 steps, %.3f after 40\n",
			c.name, losses.At(0).Mean, losses.At(10).Mean, losses.At(40).Mean)
	}
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
