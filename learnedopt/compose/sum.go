package compose

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"math"

	"github.com/seed1498fded/unroll/internal/config"
	"github.com/seed1498fded/unroll/internal/graph"
	"github.com/seed1498fded/unroll/learnedopt/handmade"
	"github.com/seed1498fded/unroll/learnedopt/internal/features"
	"github.com/seed1498fded/unroll/learnedopt/internal/hyper"
	"github.com/seed1498fded/unroll/learnedopt/rule"
	"github.com/seed1498fded/unroll/params"
)

// Sum takes the sum of the steps of several rules, each times a weight. All see the same gradients and the weights as the sum
// moves them; their weights are learned, and may become of any sign.
type Sum struct {
	Terms []Term `json:"terms"` // at most 100; Adam alone if there are none
}

// A Term is one rule of a Sum.
type Term struct {
	Rule   Inner   `json:"rule"`   // Adam if left out
	Weight float64 `json:"weight"` // a finite number; 1 if zero
}

var _ composition = (*Sum)(nil)

// maxTerms bounds how many rules one composition has.
const maxTerms = 100

// UnmarshalJSON reads a term, more strictly than encoding/json would.
func (t *Term) UnmarshalJSON(text []byte) error {
	type plain Term
	return config.Set((*plain)(t), text)
}

// Name implements rule.Rule.
func (*Sum) Name() string { return "sum" }

func (r *Sum) terms() []Term {
	list := append([]Term(nil), r.Terms...)
	if len(list) == 0 {
		list = make([]Term, 1)
	}
	for i, t := range list {
		list[i] = Term{t.Rule.or(new(handmade.Adam)), cmp.Or(t.Weight, 1)}
	}
	return list
}

func (r *Sum) parts() []part {
	var parts []part
	for i, t := range r.terms() {
		parts = append(parts, newPart(fmt.Sprint(i), t.Rule))
	}
	return parts
}

// Spec implements rule.Rule. Phi is that of the rules, whose names begin with their number from 0 on, and then weights.
func (r *Sum) Spec() rule.Spec {
	parts := r.parts()
	s := join(rule.Coordinates, parts)
	s.Phi = append(s.Phi, params.Spec{Name: "weights", Shape: []int{len(parts)}})
	return s
}

// Init implements rule.Rule.
func (r *Sum) Init(phi []float32, key uint64) {
	terms := r.terms()
	n := len(phi) - len(terms)
	initParts(r.parts(), phi[:n], key)
	for i, t := range terms {
		phi[n+i] = float32(t.Weight)
	}
}

// Validate reports a field out of its range.
func (r *Sum) Validate() error {
	var errs []error
	if len(r.Terms) > maxTerms {
		errs = append(errs, fmt.Errorf("there are %d terms, want at most %d", len(r.Terms), maxTerms))
	}
	for i, t := range r.terms() {
		if err := t.Rule.check(); err != nil {
			errs = append(errs, fmt.Errorf("terms[%d]: %w", i, err))
		}
		if math.Abs(t.Weight) > math.MaxFloat32 || math.IsNaN(t.Weight) {
			errs = append(errs, fmt.Errorf("terms[%d]: weight is %v, want a number of float32", i, t.Weight))
		}
	}
	return hyper.Check("sum", errors.Join(errs...))
}

// MarshalJSON writes the configuration with every default in its place.
func (r *Sum) MarshalJSON() ([]byte, error) {
	type plain Sum
	return json.Marshal(plain{r.terms()})
}

// Update implements rule.Rule.
func (r *Sum) Update(in rule.Inputs) (rule.Outputs, error) {
	b := new(graph.Builder)
	var all rule.Outputs
	for k, p := range r.parts() {
		out := p.update(b, in)
		collect(&all, out)
		weight := features.Element(b, in.Phi["weights"], k)
		for i, x := range out.Tensors {
			step := b.Mul(weight, x.Step)
			if k > 0 {
				step = b.Add(all.Tensors[i].Step, step)
			}
			all.Tensors[i].Step = step
		}
	}
	return all, b.Err()
}

// InitState implements rule.InitialState.
func (r *Sum) InitState(in rule.Inputs) (rule.Outputs, error) { return start(r.parts(), in) }
