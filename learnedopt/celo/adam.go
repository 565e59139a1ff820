package celo

import (
	"cmp"
	"encoding/json"
	"math"

	G "gorgonia.org/gorgonia"

	"github.com/seed1498fded/unroll/internal/graph"
	"github.com/seed1498fded/unroll/learnedopt/internal/features"
	"github.com/seed1498fded/unroll/learnedopt/internal/hyper"
	"github.com/seed1498fded/unroll/learnedopt/rule"
)

// Adam is Celo-Adam, Adam under Celo's scheduler:
//
//	step = −0.001·s·m̂/(1e-8 + √(v̂ + 1e-10))
//
// with s the scheduler's, and averages of decays 0.9 and 0.999. Gradients count up to ±1000.
type Adam struct {
	LSTM int `json:"lstm"` // units of the scheduler, 1 to 1024; 64 if zero
}

var (
	_ rule.Rule         = (*Adam)(nil)
	_ rule.InitialState = (*Adam)(nil)
)

// Name implements rule.Rule.
func (*Adam) Name() string { return "celoadam" }

func (r *Adam) filled() Adam { return Adam{LSTM: cmp.Or(r.LSTM, 64)} }

func (r *Adam) scheduler() scheduler { return scheduler{r.filled().LSTM} }

// Spec implements rule.Rule. Phi is the scheduler's; the state is m and v a coordinate, and the scheduler's.
func (r *Adam) Spec() rule.Spec {
	s := rule.Spec{
		Reads: rule.Grad | rule.Loss | rule.Step | rule.Horizon, Scope: rule.Whole, Phi: r.scheduler().phi(), State: hyper.Rows("m", "v"),
	}
	s.State.Shared = r.scheduler().shared()
	return s
}

// Validate reports a field out of its range.
func (r *Adam) Validate() error { return hyper.Check("celoadam", hyper.Units("lstm", r.filled().LSTM)) }

// MarshalJSON writes the configuration with every default in its place.
func (r *Adam) MarshalJSON() ([]byte, error) {
	type plain Adam
	return json.Marshal(plain(r.filled()))
}

// Init implements rule.Rule: weights from truncated normal distributions of deviation 1/√inputs, all else 0.
func (r *Adam) Init(phi []float32, key uint64) { r.scheduler().init(phi, key) }

// InitState implements rule.InitialState: the LSTM's state is learned.
func (r *Adam) InitState(in rule.Inputs) (rule.Outputs, error) {
	return r.scheduler().start(in), nil
}

// Update implements rule.Rule.
func (r *Adam) Update(in rule.Inputs) (rule.Outputs, error) {
	b := new(graph.Builder)
	length, shared := r.scheduler().step(b, in)
	out := rule.Outputs{Shared: shared}
	unbias := func(beta float64) *G.Node { return rest(b, b.Scale(-math.Log(beta), b.Shift(1, in.Step))) }
	firstBias, secondBias := unbias(0.9), unbias(0.999)
	for _, x := range in.Tensors {
		t := features.NewTensor(b, x)
		g := t.Clamp(t.Grad, 1000)
		m := t.Div(t.Average("m", t.Const(g, 0.9), g), firstBias)
		v := t.Div(t.Average("v", t.Const(g, 0.999), t.Square(g)), secondBias)
		step := t.Div(t.Mul(t.Scale(-0.001, length), m), t.Shift(1e-8, t.Sqrt(t.Shift(1e-10, v))))
		out.Tensors = append(out.Tensors, rule.TensorOutputs{Step: step, State: t.Next})
	}
	return out, b.Err()
}
