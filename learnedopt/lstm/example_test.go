package lstm_test

import (
	"fmt"
	"log"

	G "gorgonia.org/gorgonia"

	"github.com/seed1498fded/unroll/learnedopt"
	"github.com/seed1498fded/unroll/learnedopt/lstm"
	"github.com/seed1498fded/unroll/params"
)

// guided is gradient descent with an LSTM at its side, whose step is kept within ±limit: a learned rule that can't lead
// far astray. The learning rate and the limit are learned along with the LSTM.
//
//	step = −lr·g + limit·tanh(lstm/limit)
type guided struct{ lstm.Rule }

func (*guided) Name() string { return "guided" }

func (r *guided) Spec() learnedopt.Spec {
	s := r.Rule.Spec()
	s.Phi = append(s.Phi, params.Spec{Name: "log_lr", Shape: []int{1}}, params.Spec{Name: "log_limit", Shape: []int{1}})
	return s
}

func (r *guided) Init(phi []float32, key uint64) {
	n := r.Rule.Spec().Phi.Len()
	r.Rule.Init(phi[:n], key)
	phi[n], phi[n+1] = -2.3, -6.9 // a rate of 0.1, a limit of 0.001
}

func (r *guided) Update(in learnedopt.Inputs) (learnedopt.Outputs, error) {
	out, err := r.Fused(in)
	if err != nil {
		return out, err
	}
	x := &out.Tensors[0]
	lr, limit := G.Must(G.Exp(in.Phi["log_lr"])), G.Must(G.Exp(in.Phi["log_limit"]))
	clipped := G.Must(G.HadamardProd(G.Must(G.Tanh(G.Must(G.HadamardDiv(x.Step, limit)))), limit))
	x.Step, err = G.Sub(clipped, G.Must(G.HadamardProd(lr, in.Tensors[0].Grad)))
	return out, err
}

// A rule of one's own that has the LSTM's step in its expression, as one operation on the LSTM's kernels. Everything that
// is not overridden, such as the state, is the LSTM's.
func ExampleRule_Fused() {
	opt, err := learnedopt.New(new(guided), nil, params.Layout{{Name: "theta", Shape: []int{3}}})
	if err != nil {
		log.Fatal(err)
	}
	target := []float32{1, -2, 0.5}
	theta, grad := make([]float32, 3), make([]float32, 3)
	for range 100 {
		for i := range theta {
			grad[i] = 2 * (theta[i] - target[i]) // of |theta - target|²
		}
		if err := opt.Step(theta, grad); err != nil {
			log.Fatal(err)
		}
	}
	fmt.Printf("%.1f\n", theta)
	// Output: [1.0 -2.0 0.5]
}
