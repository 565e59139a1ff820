// Command rule writes a rule of one's own, in Gorgonia's functions, and learns its three numbers on a bowl: momentum whose
// steps have about the same length wherever the gradient is large.
//
//	go run ./examples/rule
//
// It prints where the numbers begin and where they come to, and the mean loss after 40 steps from starts that they were not
// learned on:
//
//	at the start  α = 0.01, β = 0.50, δ = 1.00, loss 7.52
//	learned       α = 0.06, β = 0.35, δ = 0.23, loss 0.12
package main

import (
	"context"
	"fmt"
	"log"
	"math"
	"math/rand/v2"

	G "gorgonia.org/gorgonia"

	"github.com/seed1498fded/unroll/inner"
	"github.com/seed1498fded/unroll/learnedopt"
	"github.com/seed1498fded/unroll/meta"
	"github.com/seed1498fded/unroll/meta/eval"
	"github.com/seed1498fded/unroll/params"
)

// Soft is
//
//	m ← βm + (1−β)g,  step = −α·m/(|m| + δ)
//
// whose meta-parameters are log α, logit β and log δ: then every real number will do.
type Soft struct{}

// Name is what files call the rule.
func (*Soft) Name() string { return "soft" }

// Spec says that the rule moves each coordinate by itself, and remembers a number for it.
func (*Soft) Spec() learnedopt.Spec {
	number := []int{1}
	return learnedopt.Spec{
		Reads: learnedopt.Grad, Scope: learnedopt.Coordinates,
		Phi: params.Layout{
			{Name: "log_alpha", Shape: number}, {Name: "logit_beta", Shape: number}, {Name: "log_delta", Shape: number},
		},
		State: learnedopt.State{PerCoordinate: []learnedopt.Row{{Name: "m"}}},
	}
}

// Init is where learning begins: α = 0.01, β = 0.5, δ = 1.
func (*Soft) Init(phi []float32, _ uint64) { phi[0], phi[1], phi[2] = float32(math.Log(.01)), 0, 0 }

// Update is one step. Its derivatives, and with them the meta-gradient, are Gorgonia's.
func (*Soft) Update(in learnedopt.Inputs) (learnedopt.Outputs, error) {
	x, logit := in.Tensors[0], in.Phi["logit_beta"]
	beta, rest := G.Must(G.Sigmoid(logit)), G.Must(G.Sigmoid(G.Must(G.Neg(logit))))
	m := G.Must(G.Add(G.Must(G.HadamardProd(beta, x.State["m"])), G.Must(G.HadamardProd(rest, x.Grad))))
	size := G.Must(G.Add(G.Must(G.Abs(m)), G.Must(G.Exp(in.Phi["log_delta"]))))
	step := G.Must(G.Neg(G.Must(G.HadamardProd(G.Must(G.Exp(in.Phi["log_alpha"])), G.Must(G.HadamardDiv(m, size))))))
	return learnedopt.One(step, map[string]*G.Node{"m": m}), nil
}

// bowl is the function Σᵢ aᵢ(θᵢ − cᵢ)² of ten weights, written as an expression: aᵢ and cᵢ are its data.
var bowl = inner.Expression{
	Layout: params.Layout{{Name: "theta", Shape: []int{10}}},
	Data:   params.Layout{{Name: "a", Shape: []int{10}}, {Name: "c", Shape: []int{10}}},
	Fill: func(data []float32, _ uint64) {
		random := rand.New(rand.NewPCG(1, 2))
		for i := range data {
			data[i] = random.Float32()
		}
	},
	Loss: func(theta, data map[string]*G.Node) (*G.Node, error) {
		off := G.Must(G.Sub(theta["theta"], data["c"]))
		return G.Sum(G.Must(G.HadamardProd(data["a"], G.Must(G.Square(off)))))
	},
	Start: func(theta []float32, key uint64) {
		random := rand.New(rand.NewPCG(key, 3))
		for i := range theta {
			theta[i] = 4*random.Float32() - 2
		}
	},
}

func main() {
	ctx, rule := context.Background(), new(Soft)
	bptt, err := meta.NewBPTT(meta.BPTTConfig{Rule: rule, Family: bowl, Horizon: 40, Window: 20, Copies: 8})
	check(err)
	learner, err := meta.NewGradientLearner(meta.GradientConfig{Rule: rule, Estimator: bptt})
	check(err)
	tell(ctx, "at the start", rule, learnedopt.Phi(rule, 0))
	for step := range 600 {
		_, err := learner.Learn(ctx, uint64(step), meta.Progress{Steps: step})
		check(err)
	}
	tell(ctx, "learned", rule, learner.Phi())
}

func tell(ctx context.Context, name string, rule learnedopt.Rule, phi []float32) {
	trained := &learnedopt.Trained{Rule: rule, Phi: phi}
	losses, err := eval.Measure(ctx, trained, eval.Runs{Family: bowl, Steps: 41, Count: 50, Key: 1e6})
	check(err)
	alpha, beta, delta := math.Exp(float64(phi[0])), 1/(1+math.Exp(-float64(phi[1]))), math.Exp(float64(phi[2]))
	fmt.Printf("%-13s α = %.2f, β = %.2f, δ = %.2f, loss %.2f\n", name, alpha, beta, delta, losses.Final().Mean)
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
