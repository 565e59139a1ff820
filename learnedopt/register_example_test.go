package learnedopt_test

import (
	"encoding/json"
	"fmt"
	"log"
	"math"
	"sync"

	G "gorgonia.org/gorgonia"

	"github.com/seed1498fded/unroll/learnedopt"
	"github.com/seed1498fded/unroll/params"
)

// Soft is a rule of one's own: steps of tanh(g) times a rate, whose logarithm can be learned.
type Soft struct {
	Rate float64 `json:"rate"`
}

func (*Soft) Name() string { return "soft" }

func (*Soft) Spec() learnedopt.Spec {
	return learnedopt.Spec{
		Reads: learnedopt.Grad, Scope: learnedopt.Coordinates,
		Phi: params.Layout{{Name: "log_rate", Shape: []int{1}}},
	}
}

func (r *Soft) Init(phi []float32, _ uint64) { phi[0] = float32(math.Log(r.Rate)) }

func (*Soft) Update(in learnedopt.Inputs) (learnedopt.Outputs, error) {
	rate, err := G.Exp(in.Phi["log_rate"])
	if err != nil {
		return learnedopt.Outputs{}, err
	}
	soft, err := G.Tanh(in.Tensors[0].Grad)
	if err != nil {
		return learnedopt.Outputs{}, err
	}
	up, err := G.HadamardProd(rate, soft)
	if err != nil {
		return learnedopt.Outputs{}, err
	}
	step, err := G.Neg(up)
	return learnedopt.One(step, nil), err
}

var once sync.Once // a main needs no such thing: it registers but once anyway

// A rule of one's own gets a name: files that hold it can then be loaded, and the commands of cmd/app take --rule soft.
func ExampleRegister() {
	once.Do(func() { learnedopt.Register(func() learnedopt.Rule { return &Soft{Rate: 0.1} }) })

	rule, err := learnedopt.Named("soft", json.RawMessage(`{"rate":0.5}`))
	if err != nil {
		log.Fatal(err)
	}
	opt, err := learnedopt.New(rule, nil, params.Layout{{Name: "theta", Shape: []int{3}}})
	if err != nil {
		log.Fatal(err)
	}
	theta := []float32{1, 1, 1}
	if err := opt.Step(theta, []float32{-100, 0, 100}); err != nil {
		log.Fatal(err)
	}
	fmt.Println(theta)
	// Output: [1.5 1 0.5]
}
