package handmade

import (
	"cmp"
	"encoding/json"

	"github.com/seed1498fded/unroll/internal/graph"
	"github.com/seed1498fded/unroll/internal/kernel"
	"github.com/seed1498fded/unroll/learnedopt/internal/engine"
	"github.com/seed1498fded/unroll/learnedopt/internal/hyper"
	"github.com/seed1498fded/unroll/learnedopt/rule"
)

// SGD is gradient descent: step = −LR·g.
type SGD struct {
	LR float64 `json:"lr"` // 0.01 if zero
}

var (
	_ rule.Rule    = (*SGD)(nil)
	_ rule.Kernels = (*SGD)(nil)
)

// Name implements rule.Rule.
func (*SGD) Name() string { return "sgd" }

// Spec implements rule.Rule.
func (*SGD) Spec() rule.Spec { return rule.Spec{Reads: rule.Grad, Phi: hyper.Scalars("log_lr")} }

// Init implements rule.Rule.
func (r *SGD) Init(phi []float32, _ uint64) { phi[0] = hyper.Log(r.filled().LR) }

// filled returns r with every default in its place.
func (r *SGD) filled() SGD { return SGD{LR: cmp.Or(r.LR, 0.01)} }

// Validate reports a field out of its range.
func (r *SGD) Validate() error { return hyper.Check("sgd", hyper.Positive("lr", r.filled().LR)) }

// MarshalJSON writes the configuration with every default in its place.
func (r *SGD) MarshalJSON() ([]byte, error) {
	type plain SGD
	return json.Marshal(plain(r.filled()))
}

func (*SGD) Update(in rule.Inputs) (rule.Outputs, error) {
	b := new(graph.Builder)
	return rule.One(b.Neg(b.Mul(b.Exp(in.Phi["log_lr"]), in.Tensors[0].Grad)), nil), b.Err()
}

// An sgdPass is SGD's step on its kernel.
type sgdPass struct{ rate float32 }

func (s *sgdPass) Begin(p rule.Point[float32], _ []float32) { s.rate = float32(-hyper.Exp(p.Phi[0])) }

func (s *sgdPass) Run(step, _ []float32, p rule.Point[float32], b engine.Block) {
	kernel.SGD(step, p.Grad[b.From:b.To], s.rate)
}

// Kernel implements rule.Kernels.
func (r *SGD) Kernel(of rule.Rule, b rule.Binding, workers int) rule.Kernel {
	return vectorKernel(r, of, new(sgdPass), b, workers)
}
