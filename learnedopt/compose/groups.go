package compose

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/seed1498fded/unroll/internal/config"
	"github.com/seed1498fded/unroll/internal/graph"
	"github.com/seed1498fded/unroll/learnedopt/handmade"
	"github.com/seed1498fded/unroll/learnedopt/internal/hyper"
	"github.com/seed1498fded/unroll/learnedopt/rule"
	"github.com/seed1498fded/unroll/params"
)

// Groups has a rule for each group of tensors. A tensor belongs to the first group that it fits, or else to the rest. By default
// matrices and tensors of more dimensions move by Muon, all others by Adam.
//
// A tensor has the memory of its own rule alone. What such a rule shares among all that it works on each tensor has for itself,
// which comes to the same, except where it sees all tensors of its group together.
type Groups struct {
	Groups []Group `json:"groups"` // at most 100; tensors of two dimensions and more, by Muon, if there are none
	Rest   Inner   `json:"rest"`   // the rule of all others; Adam if left out
}

// A Group is tensors with a name and a number of dimensions that fit.
type Group struct {
	Names   string `json:"names"`    // a pattern, in which * stands for any text and ? for any letter; any name if empty
	MinDims int    `json:"min_dims"` // dimensions, at least; any number if zero
	Rule    Inner  `json:"rule"`     // Adam if left out
}

var _ composition = (*Groups)(nil)

// UnmarshalJSON reads a group, more strictly than encoding/json would.
func (g *Group) UnmarshalJSON(text []byte) error {
	type plain Group
	return config.Set((*plain)(g), text)
}

// Name implements rule.Rule.
func (*Groups) Name() string { return "groups" }

func (r *Groups) filled() Groups {
	f := Groups{slices.Clone(r.Groups), r.Rest.or(new(handmade.Adam))}
	if len(f.Groups) == 0 {
		f.Groups = []Group{{MinDims: 2, Rule: Of(new(handmade.Muon))}}
	}
	for i, g := range f.Groups {
		f.Groups[i].Rule = g.Rule.or(new(handmade.Adam))
	}
	return f
}

// parts are the rules of the groups and that of the rest.
func (r *Groups) parts() []part {
	f := r.filled()
	var parts []part
	for i, g := range f.Groups {
		parts = append(parts, newPart(fmt.Sprint(i), g.Rule))
	}
	return append(parts, newPart("rest", f.Rest))
}

// of returns the number of the part that a tensor belongs to.
func (r *Groups) of(tensor params.Spec) int {
	groups := r.filled().Groups
	i := slices.IndexFunc(groups, func(g Group) bool { return g.fits(tensor) })
	if i < 0 {
		return len(groups)
	}
	return i
}

func (g Group) fits(tensor params.Spec) bool {
	return len(tensor.Shape) >= g.MinDims && (g.Names == "" || matches(g.Names, tensor.Name))
}

// matches reports whether a pattern fits a whole name.
func matches(pattern, name string) bool {
	p, s := []rune(pattern), []rune(name)
	star, mark := -1, 0 // the last star, and where what it stands for ends
	i, j := 0, 0
	for j < len(s) {
		switch {
		case i < len(p) && p[i] == '*':
			star, mark = i, j
			i++
		case i < len(p) && (p[i] == '?' || p[i] == s[j]):
			i++
			j++
		case star >= 0:
			mark++
			i, j = star+1, mark
		default:
			return false
		}
	}
	for i < len(p) && p[i] == '*' {
		i++
	}
	return i == len(p)
}

// Spec implements rule.Rule. Phi is that of the groups' rules, whose names begin with the number of the group from 0 on, and that
// of the rest.
func (r *Groups) Spec() rule.Spec {
	parts := r.parts()
	s := join(rule.Tensor, parts)
	s.State = rule.State{PerTensor: func(tensor params.Spec) params.Layout { return parts[r.of(tensor)].all(tensor) }}
	for _, p := range parts {
		if p.spec.Scope == rule.Whole {
			s.State.Shared = append(s.State.Shared, p.named(p.spec.State.Shared)...)
		}
	}
	return s
}

// all is the memory of a part that is the only one to work on a tensor.
func (p part) all(tensor params.Spec) params.Layout {
	var l params.Layout
	for _, row := range p.spec.State.PerCoordinate {
		l = append(l, params.Spec{Name: p.prefix + row.Name, Shape: rowShape(tensor.Shape, row.Width)})
	}
	l = append(l, p.owned(tensor)...)
	if p.spec.Scope != rule.Whole {
		l = append(l, p.named(p.spec.State.Shared)...)
	}
	return l
}

// Init implements rule.Rule.
func (r *Groups) Init(phi []float32, key uint64) { initParts(r.parts(), phi, key) }

// Validate reports a field out of its range.
func (r *Groups) Validate() error {
	var errs []error
	if len(r.Groups) > maxTerms {
		errs = append(errs, fmt.Errorf("there are %d groups, want at most %d", len(r.Groups), maxTerms))
	}
	f := r.filled()
	for i, g := range f.Groups {
		if err := g.Rule.check(); err != nil {
			errs = append(errs, fmt.Errorf("groups[%d]: %w", i, err))
		}
		if g.MinDims < 0 {
			errs = append(errs, fmt.Errorf("groups[%d]: min_dims is %d, want at least 0", i, g.MinDims))
		}
	}
	if err := f.Rest.check(); err != nil {
		errs = append(errs, fmt.Errorf("rest: %w", err))
	}
	return hyper.Check("groups", errors.Join(errs...))
}

// MarshalJSON writes the configuration with every default in its place.
func (r *Groups) MarshalJSON() ([]byte, error) {
	type plain Groups
	return json.Marshal(plain(r.filled()))
}

// Update implements rule.Rule.
func (r *Groups) Update(in rule.Inputs) (rule.Outputs, error) {
	b := new(graph.Builder)
	out := r.each(in, func(p part, in rule.Inputs) rule.Outputs { return p.update(b, in) })
	return out, b.Err()
}

// InitState implements rule.InitialState.
func (r *Groups) InitState(in rule.Inputs) (rule.Outputs, error) {
	b := new(graph.Builder)
	out := r.each(in, func(p part, in rule.Inputs) rule.Outputs {
		if x, ok := p.rule.(rule.InitialState); ok {
			return p.over(b, in, x.InitState)
		}
		return rule.Outputs{}
	})
	return out, b.Err()
}

// each has write write over the tensors of each part, and puts together what it wrote.
func (r *Groups) each(in rule.Inputs, write func(part, rule.Inputs) rule.Outputs) rule.Outputs {
	all := rule.Outputs{Tensors: make([]rule.TensorOutputs, len(in.Tensors))}
	collect(&all, rule.Outputs{Shared: in.Shared}) // of a group without tensors it stays as it is
	for k, p := range r.parts() {
		var mine []int
		for i, x := range in.Tensors {
			if r.of(x.Spec) == k {
				mine = append(mine, i)
			}
		}
		if p.spec.Scope == rule.Whole && len(mine) > 0 {
			put(&all, mine, write(p, some(in, mine)))
			continue
		}
		for _, i := range mine {
			own := some(in, []int{i})
			own.Shared = in.Tensors[i].State
			put(&all, []int{i}, kept(write(p, own)))
		}
	}
	return all
}

// some returns the inputs with some of the tensors.
func some(in rule.Inputs, numbers []int) rule.Inputs {
	all := in.Tensors
	in.Tensors = nil
	for _, i := range numbers {
		in.Tensors = append(in.Tensors, all[i])
	}
	return in
}

// kept has a single tensor keep for itself what is shared.
func kept(out rule.Outputs) rule.Outputs {
	for _, x := range out.Tensors {
		maps.Copy(x.State, out.Shared)
	}
	return rule.Outputs{Tensors: out.Tensors}
}

// put puts what was written over some tensors in its place.
func put(all *rule.Outputs, numbers []int, out rule.Outputs) {
	collect(all, rule.Outputs{Shared: out.Shared})
	for i, x := range out.Tensors {
		all.Tensors[numbers[i]] = x
	}
}
