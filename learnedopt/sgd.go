package learnedopt

import (
	"encoding/json"

	G "gorgonia.org/gorgonia"

	"github.com/seed1498fded/unroll/internal/graph"
	"github.com/seed1498fded/unroll/internal/kernel"
	"github.com/seed1498fded/unroll/params"
)

// SGD is gradient descent: step = −LR·g.
type SGD struct {
	LR float64 `json:"lr"` // 0.01 if zero
}

var _ Coordinatewise = (*SGD)(nil)

func (*SGD) Name() string                      { return "sgd" }
func (*SGD) Reads() Vars                       { return Grad }
func (*SGD) Coordinatewise()                   {}
func (*SGD) Phi() params.Layout                { return scalars("log_lr") }
func (r *SGD) Init(phi []float32, _ uint64)    { phi[0] = logOf(r.filled().LR) }
func (*SGD) State(params.Layout) params.Layout { return nil }

// filled returns r with every default in its place.
func (r *SGD) filled() SGD { return SGD{LR: orDefault(r.LR, 0.01)} }

// Validate reports a field out of its range.
func (r *SGD) Validate() error { return checkHyper("sgd", positive("lr", r.filled().LR)) }

// MarshalJSON writes the configuration with every default in its place.
func (r *SGD) MarshalJSON() ([]byte, error) {
	type plain SGD
	return json.Marshal(plain(r.filled()))
}

func (*SGD) Update(in Inputs) (*G.Node, map[string]*G.Node, error) {
	b := new(graph.Builder)
	return b.Neg(b.Mul(b.Exp(in.Phi["log_lr"]), in.Grad)), nil, b.Err()
}

// An sgdPass is SGD's step on its kernel.
type sgdPass struct{ rate float32 }

func (s *sgdPass) begin(p Point[float32], _ []float32) { s.rate = float32(-exp(p.Phi[0])) }

func (s *sgdPass) run(step, _ []float32, p Point[float32], b block) {
	kernel.SGD(step, p.Grad[b.from:b.to], s.rate)
}
