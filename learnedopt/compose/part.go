package compose

import (
	"fmt"
	"maps"

	G "gorgonia.org/gorgonia"

	"github.com/seed1498fded/unroll/internal/graph"
	"github.com/seed1498fded/unroll/internal/rng"
	"github.com/seed1498fded/unroll/learnedopt/rule"
	"github.com/seed1498fded/unroll/params"
)

// A composition is a rule that is made of others.
type composition interface {
	rule.Rule
	parts() []part
}

// A part is a rule inside of another, under whose name all that is the part's has a prefix.
type part struct {
	prefix string
	rule   rule.Rule
	spec   rule.Spec
}

func newPart(name string, x Inner) part { return part{name + ".", x.Rule, x.Rule.Spec()} }

// alone is the only part of a composition.
func alone(x Inner) []part { return []part{newPart("rule", x)} }

// named returns a layout under the part's prefix.
func (p part) named(l params.Layout) params.Layout {
	var all params.Layout
	for _, s := range l {
		all = append(all, params.Spec{Name: p.prefix + s.Name, Shape: s.Shape})
	}
	return all
}

// join returns what parts read, learn and remember together, in a scope at least as wide as that of each.
func join(scope rule.Scope, parts []part) rule.Spec {
	s := rule.Spec{Scope: scope}
	owned := false
	for _, p := range parts {
		s.Reads |= p.spec.Reads
		s.Scope = max(s.Scope, p.spec.Scope)
		s.Phi = append(s.Phi, p.named(p.spec.Phi)...)
		for _, r := range p.spec.State.PerCoordinate {
			s.State.PerCoordinate = append(s.State.PerCoordinate, rule.Row{Name: p.prefix + r.Name, Width: r.Width})
		}
		s.State.Shared = append(s.State.Shared, p.named(p.spec.State.Shared)...)
		owned = owned || p.spec.State.PerTensor != nil
	}
	if owned {
		s.State.PerTensor = func(tensor params.Spec) params.Layout {
			var l params.Layout
			for _, p := range parts {
				l = append(l, p.owned(tensor)...)
			}
			return l
		}
	}
	return s
}

// owned returns what a tensor owns of a part's memory.
func (p part) owned(tensor params.Spec) params.Layout {
	if p.spec.State.PerTensor == nil {
		return nil
	}
	return p.named(p.spec.State.PerTensor(tensor))
}

// initParts fills in the beginning of phi, which is that of the parts. A single part starts as it would by itself.
func initParts(parts []part, phi []float32, key uint64) {
	for i, p := range parts {
		if i > 0 {
			key = rng.Split(key, uint64(i))
		}
		n := p.spec.Phi.Len()
		p.rule.Init(phi[:n:n], key)
		phi = phi[n:]
	}
}

// strip returns what a map has under the part's prefix for each name of a layout.
func (p part) strip(l params.Layout, of map[string]*G.Node) map[string]*G.Node {
	own := make(map[string]*G.Node)
	for _, s := range l {
		own[s.Name] = of[p.prefix+s.Name]
	}
	return own
}

// inputs are those of a composition as a part sees them, without tensors.
func (p part) inputs(in rule.Inputs) rule.Inputs {
	own := rule.Inputs{Phi: p.strip(p.spec.Phi, in.Phi), Shared: p.strip(p.spec.State.Shared, in.Shared), Net: in.Net}
	for _, x := range []struct {
		read     rule.Vars
		from, to **G.Node
	}{
		{rule.Loss, &in.Loss, &own.Loss}, {rule.Step, &in.Step, &own.Step}, {rule.Horizon, &in.Horizon, &own.Horizon},
		{rule.Reward, &in.Reward, &own.Reward},
	} {
		if p.spec.Reads&x.read != 0 {
			*x.to = *x.from
		}
	}
	return own
}

// tensor is one tensor of a composition as a part sees it.
func (p part) tensor(x rule.TensorInputs) rule.TensorInputs {
	own := rule.TensorInputs{Spec: x.Spec, State: make(map[string]*G.Node)}
	for _, v := range []struct {
		read     rule.Vars
		from, to **G.Node
	}{
		{rule.Grad, &x.Grad, &own.Grad}, {rule.Theta, &x.Theta, &own.Theta},
		{rule.Pre, &x.Pre, &own.Pre}, {rule.Potential, &x.Potential, &own.Potential}, {rule.Post, &x.Post, &own.Post},
		{rule.Mod, &x.Mod, &own.Mod}, {rule.Target, &x.Target, &own.Target},
	} {
		if p.spec.Reads&v.read != 0 {
			*v.to = *v.from
		}
	}
	for _, name := range p.remembered(x.Spec) {
		own.State[name] = x.State[p.prefix+name]
	}
	return own
}

// remembered returns the names of the state of a tensor.
func (p part) remembered(tensor params.Spec) (names []string) {
	for _, r := range p.spec.State.PerCoordinate {
		names = append(names, r.Name)
	}
	if p.spec.State.PerTensor != nil {
		for _, s := range p.spec.State.PerTensor(tensor) {
			names = append(names, s.Name)
		}
	}
	return names
}

// update writes the part's step over all tensors of a composition, with its next state under the prefix.
func (p part) update(b *graph.Builder, in rule.Inputs) rule.Outputs {
	return p.over(b, in, p.rule.Update)
}

// over has write, a method of the part's rule, write over the tensors of a composition: all at a time where the scope is the
// whole, else one after the other. What is shared all of them agree on, and the first says it.
func (p part) over(b *graph.Builder, in rule.Inputs, write func(rule.Inputs) (rule.Outputs, error)) rule.Outputs {
	all := rule.Outputs{Shared: make(map[string]*G.Node)}
	seen := p.inputs(in)
	for _, x := range in.Tensors {
		seen.Tensors = append(seen.Tensors, p.tensor(x))
	}
	if p.spec.Scope == rule.Whole {
		return p.outputs(b, in, p.call(b, seen, write))
	}
	for i, x := range seen.Tensors {
		one := seen
		one.Tensors = []rule.TensorInputs{p.block(b, x)}
		out := p.outputs(b, rule.Inputs{Tensors: in.Tensors[i : i+1]}, p.call(b, one, write))
		all.Tensors = append(all.Tensors, out.Tensors...)
		if i == 0 {
			all.Shared = out.Shared
		}
	}
	return all
}

// call calls write, whose error becomes the builder's.
func (p part) call(b *graph.Builder, in rule.Inputs, write func(rule.Inputs) (rule.Outputs, error)) rule.Outputs {
	if b.Err() != nil {
		return rule.Outputs{}
	}
	out, err := write(in)
	if err != nil {
		b.Fail(fmt.Errorf("%s: %w", p.rule.Name(), err))
	}
	return out
}

// outputs gives what a part wrote the shapes and names of the composition.
func (p part) outputs(b *graph.Builder, in rule.Inputs, out rule.Outputs) rule.Outputs {
	all := rule.Outputs{Tensors: make([]rule.TensorOutputs, len(in.Tensors)), Shared: make(map[string]*G.Node)}
	for name, n := range out.Shared {
		all.Shared[p.prefix+name] = n
	}
	for i := range all.Tensors {
		all.Tensors[i].State = make(map[string]*G.Node)
	}
	if len(out.Tensors) == 0 { // of a start
		return all
	}
	if len(out.Tensors) != len(in.Tensors) {
		b.Fail(fmt.Errorf("%s gave the steps of %d tensors, want %d", p.rule.Name(), len(out.Tensors), len(in.Tensors)))
		return all
	}
	for i, x := range in.Tensors {
		own := out.Tensors[i]
		all.Tensors[i].Step = shaped(b, own.Step, x.Spec.Shape)
		widths := make(map[string]int)
		for _, r := range p.spec.State.PerCoordinate {
			widths[r.Name] = r.Width
		}
		for name, n := range own.State {
			if width, row := widths[name]; row {
				n = shaped(b, n, rowShape(x.Spec.Shape, width))
			}
			all.Tensors[i].State[p.prefix+name] = n
		}
	}
	return all
}

// collect adds the next state that a part wrote to that of a composition.
func collect(all *rule.Outputs, out rule.Outputs) {
	if all.Shared == nil {
		all.Shared = make(map[string]*G.Node)
	}
	maps.Copy(all.Shared, out.Shared)
	for i, x := range out.Tensors {
		if len(all.Tensors) == i {
			all.Tensors = append(all.Tensors, rule.TensorOutputs{State: make(map[string]*G.Node)})
		}
		maps.Copy(all.Tensors[i].State, x.State)
	}
}

// start writes the state at the start of a run that parts have.
func start(parts []part, in rule.Inputs) (rule.Outputs, error) {
	b, all := new(graph.Builder), rule.Outputs{Tensors: make([]rule.TensorOutputs, len(in.Tensors))}
	for i := range all.Tensors {
		all.Tensors[i].State = make(map[string]*G.Node)
	}
	for _, p := range parts {
		if r, ok := p.rule.(rule.InitialState); ok {
			collect(&all, p.over(b, in, r.InitState))
		}
	}
	return all, b.Err()
}
