package learnedopt

import (
	"encoding/json"

	G "gorgonia.org/gorgonia"

	"github.com/seed1498fded/unroll/internal/graph"
	"github.com/seed1498fded/unroll/internal/kernel"
	"github.com/seed1498fded/unroll/params"
)

// RMSprop divides the gradient by a running average of its size (Tieleman and Hinton 2012, lecture 6.5):
//
//	v ← αv + (1−α)g²,  step = −LR·g/(√v + ε)
type RMSprop struct {
	LR    float64 `json:"lr"`    // 0.01 if zero
	Alpha float64 `json:"alpha"` // α, above 0 and below 1; 0.99 if zero
	Eps   float64 `json:"eps"`   // ε; 1e-8 if zero
}

var _ Coordinatewise = (*RMSprop)(nil)

func (*RMSprop) Name() string       { return "rmsprop" }
func (*RMSprop) Reads() Vars        { return Grad }
func (*RMSprop) Coordinatewise()    {}
func (*RMSprop) Phi() params.Layout { return scalars("log_lr", "logit_alpha", "log_eps") }

func (r *RMSprop) Init(phi []float32, _ uint64) {
	f := r.filled()
	phi[0], phi[1], phi[2] = logOf(f.LR), logit(f.Alpha), logOf(f.Eps)
}

// filled returns r with every default in its place.
func (r *RMSprop) filled() RMSprop {
	return RMSprop{LR: orDefault(r.LR, 0.01), Alpha: orDefault(r.Alpha, 0.99), Eps: orDefault(r.Eps, 1e-8)}
}

// Validate reports a field out of its range.
func (r *RMSprop) Validate() error {
	f := r.filled()
	return checkHyper("rmsprop", positive("lr", f.LR), fraction("alpha", f.Alpha), positive("eps", f.Eps))
}

// MarshalJSON writes the configuration with every default in its place.
func (r *RMSprop) MarshalJSON() ([]byte, error) {
	type plain RMSprop
	return json.Marshal(plain(r.filled()))
}

func (*RMSprop) State(theta params.Layout) params.Layout { return vectors(theta, "v") }

func (*RMSprop) Update(in Inputs) (*G.Node, map[string]*G.Node, error) {
	b := new(graph.Builder)
	lr, eps := b.Exp(in.Phi["log_lr"]), b.Exp(in.Phi["log_eps"])
	v := average(b, in.Phi["logit_alpha"], in.State["v"], b.Square(in.Grad))
	step := b.Neg(b.Mul(lr, b.Div(in.Grad, b.Add(b.RootOrZero(v), eps))))
	return step, map[string]*G.Node{"v": v}, b.Err()
}

// An rmspropPass is RMSprop's step on its kernel.
type rmspropPass struct{ kernel.RMSpropFactors[float32] }

func (r *rmspropPass) begin(p Point[float32], _ []float32) {
	r.Rate, r.Eps = float32(-exp(p.Phi[0])), float32(exp(p.Phi[2]))
	r.Alpha, r.Rest = float32(sigmoid(p.Phi[1])), float32(sigmoid(-p.Phi[1]))
}

func (r *rmspropPass) run(step, next []float32, p Point[float32], b block) {
	kernel.RMSprop(step, next[b.from:b.to], p.Grad[b.from:b.to], p.State[b.from:b.to], &r.RMSpropFactors)
}
