package lstm

import (
	"cmp"
	"encoding/json"
	"fmt"

	G "gorgonia.org/gorgonia"

	"github.com/seed1498fded/unroll/internal/graph"
	"github.com/seed1498fded/unroll/learnedopt/rule"
)

// Averaging is the LSTM with global averaging cells, LSTM+GAC, of Andrychowicz et al. 2016 (in the appendix, where coordinates
// share information): coordinates that tell each other something, enough to clip the whole gradient for instance. In each layer
// the first Averaged units are cells as the others, but what they say is averaged over all coordinates of the run, at every
// step:
//
//	hˡ ← σ(o)∘tanh(cˡ)                              as in Rule
//	hˡ ← the mean of hˡ over all coordinates        for the first Averaged units
//
// There is no code of theirs, so this is a reading: the mean takes the place of hˡ both upwards, in the next layer's input or
// the read-out, and in the same layer's gates at the next step. Cell states are not averaged; each coordinate's go on from
// gates of its own. Coordinates of the same gradients take the LSTM's steps.
//
// Phi and state are those of Rule. There are no kernels: it runs as an expression of all the run's coordinates at once.
type Averaging struct {
	Hidden     int     `json:"hidden"`     // units a layer, 2 to 1024; 20 if zero
	Layers     int     `json:"layers"`     // 1 to 16; 2 if zero
	Scale      float64 `json:"scale"`      // of the output; 0.1 if zero
	Preprocess float64 `json:"preprocess"` // as of Rule; 10 if zero
	Averaged   int     `json:"averaged"`   // units of each layer whose outputs are averaged, 1 to Hidden; a quarter of them if zero
}

var _ rule.Rule = (*Averaging)(nil)

// Name implements rule.Rule.
func (*Averaging) Name() string { return "lstm-gac" }

// plain returns the rule without averages.
func (r *Averaging) plain() *Rule {
	return &Rule{Hidden: r.Hidden, Layers: r.Layers, Scale: r.Scale, Preprocess: r.Preprocess}
}

func (r *Averaging) averaged() int { return cmp.Or(r.Averaged, max(1, r.plain().hidden()/4)) }

// Spec implements rule.Rule.
func (r *Averaging) Spec() rule.Spec {
	s := r.plain().Spec()
	s.Scope = rule.Whole
	return s
}

// Validate reports a field out of its range.
func (r *Averaging) Validate() error {
	if err := r.plain().Validate(); err != nil {
		return err
	}
	h := r.plain().hidden()
	if h < 2 {
		return fmt.Errorf("learnedopt: lstm-gac: hidden is %d, want 2 to %d", h, maxHidden)
	}
	if n := r.averaged(); n < 1 || n > h {
		return fmt.Errorf("learnedopt: lstm-gac: averaged is %d, want 1 to %d, the hidden units", n, h)
	}
	return nil
}

// MarshalJSON writes the configuration with every default in its place, so that a file keeps its meaning.
func (r *Averaging) MarshalJSON() ([]byte, error) {
	type plain Averaging
	f := r.plain().filled()
	return json.Marshal(plain{f.Hidden, f.Layers, f.Scale, f.Preprocess, r.averaged()})
}

// Init draws phi like Rule's.
func (r *Averaging) Init(phi []float32, key uint64) { r.plain().Init(phi, key) }

// Update implements rule.Rule. All tensors are stacked, a row a coordinate, and taken apart again at the end.
func (r *Averaging) Update(in rule.Inputs) (rule.Outputs, error) {
	b, lstm := new(graph.Builder), r.plain()
	x := stacked(b, in.Tensors, 1, func(t rule.TensorInputs) *G.Node { return t.Grad })
	if b.Err() == nil && lstm.preprocesses() {
		x = logSign(b, x, lstm.filled().Preprocess)
	}
	out := newParts(in.Tensors)
	for l := range lstm.filled().Layers {
		state := func(name string) *G.Node {
			return stacked(b, in.Tensors, lstm.hidden(), func(t rule.TensorInputs) *G.Node { return t.State[name] })
		}
		h, c := fmt.Sprintf("h%d", l), fmt.Sprintf("c%d", l)
		nextH, nextC := lstm.layer(b, l, in.Phi, x, state(h), state(c))
		x = r.mean(b, nextH)
		out.keep(b, h, x)
		out.keep(b, c, nextC)
	}
	step := b.MatMul(x, b.Reshape(in.Phi["linear.weight"], lstm.hidden(), 1))
	out.step(b, b.Scale(lstm.filled().Scale, b.Add(step, in.Phi["linear.bias"])))
	return rule.Outputs{Tensors: out.outputs}, b.Err()
}

// mean puts the averages of the first units in their place, in all rows of h.
func (r *Averaging) mean(b *graph.Builder, h *G.Node) *G.Node {
	if b.Err() != nil {
		return nil
	}
	n, units := h.Shape()[0], h.Shape()[1]
	averaged, others := make([]float64, units), make([]float64, units)
	for i := range units {
		if i < r.averaged() {
			averaged[i] = 1 / float64(n)
		} else {
			others[i] = 1
		}
	}
	means := b.Mul(b.SumAlong(h, 0), b.Vector(h, averaged...))
	return b.Add(b.Mul(h, b.RepeatRows(b.Vector(h, others...), n)), b.RepeatRows(means, n))
}
