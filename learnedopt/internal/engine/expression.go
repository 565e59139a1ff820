package engine

import (
	"errors"
	"fmt"

	G "gorgonia.org/gorgonia"

	"github.com/seed1498fded/unroll/internal/graph"
	"github.com/seed1498fded/unroll/learnedopt/rule"
	"github.com/seed1498fded/unroll/params"
)

// An expression is a rule's Update written for the tensors of one kind of piece: its inputs, and what it made of them.
type expression struct {
	spec    rule.Spec
	phi     []*G.Node
	shared  []*G.Node
	scalars []*G.Node // loss, reward, step and horizon, as far as they are read
	loss    *G.Node   // one of scalars, or nil
	reward  *G.Node   // likewise
	tensors []tensorNodes

	nextShared []*G.Node
}

// tensorNodes are the inputs and results of one tensor. State holds first the per-coordinate rows, then what the tensor owns.
type tensorNodes struct {
	spec        params.Spec
	grad, theta *G.Node // nil if not read
	senses      []sensed
	state       []*G.Node
	step        *G.Node
	next        []*G.Node
}

// newInput makes an input node: a scalar for shape [1], a tensor otherwise.
func newInput[F params.Float](g *G.ExprGraph, name string, shape []int) *G.Node {
	dt := graph.Dtype[F]()
	if len(shape) == 0 || len(shape) == 1 && shape[0] == 1 {
		return G.NewScalar(g, dt, G.WithName(name))
	}
	return G.NewTensor(g, dt, len(shape), G.WithShape(shape...), G.WithName(name))
}

// stateSpecs lists the state of a tensor in its own shape: rows, then what it owns.
func stateSpecs(spec rule.Spec, tensor params.Spec) params.Layout {
	var l params.Layout
	for _, r := range spec.State.PerCoordinate {
		shape := append([]int{}, tensor.Shape...)
		if r.Width > 0 {
			shape = append(shape, r.Width)
		}
		l = append(l, params.Spec{Name: r.Name, Shape: shape})
	}
	if spec.State.PerTensor != nil {
		l = append(l, spec.State.PerTensor(tensor)...)
	}
	return l
}

// net is what a rule sees of the whole net's layout.
func net(spec rule.Spec, b rule.Binding) params.Layout {
	if spec.Scope == rule.Coordinates {
		return nil
	}
	return b.Theta
}

// write makes the input nodes for some tensors and has a rule's Update write its step over them. What Update panics with, as
// some of Gorgonia's functions do at what they don't like, is an error.
func write[F params.Float](r rule.Rule, spec rule.Spec, tensors params.Layout, b rule.Binding) (e *expression, err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("its Update panicked: %v", v)
		}
	}()
	g := G.NewGraph()
	e = &expression{spec: spec}
	in := rule.Inputs{Phi: make(map[string]*G.Node), Shared: make(map[string]*G.Node), Net: net(spec, b)}
	for _, s := range spec.Phi {
		n := newInput[F](g, "phi."+s.Name, s.Shape)
		in.Phi[s.Name] = n
		e.phi = append(e.phi, n)
	}
	for _, s := range spec.State.Shared {
		n := newInput[F](g, "shared."+s.Name, s.Shape)
		in.Shared[s.Name] = n
		e.shared = append(e.shared, n)
	}
	for _, x := range []struct {
		read rule.Vars
		name string
		node **G.Node
	}{{rule.Loss, "loss", &in.Loss}, {rule.Reward, "reward", &in.Reward}, {rule.Step, "step", &in.Step}, {rule.Horizon, "horizon", &in.Horizon}} {
		if spec.Reads&x.read != 0 {
			*x.node = newInput[F](g, x.name, nil)
			e.scalars = append(e.scalars, *x.node)
		}
	}
	e.loss, e.reward = in.Loss, in.Reward
	for i, s := range tensors {
		t := tensorNodes{spec: s}
		name := fmt.Sprintf("%d.%s", i, s.Name)
		ti := rule.TensorInputs{Spec: s, State: make(map[string]*G.Node)}
		if spec.Reads&rule.Grad != 0 {
			ti.Grad = newInput[F](g, "grad."+name, s.Shape)
		}
		if spec.Reads&rule.Theta != 0 {
			ti.Theta = newInput[F](g, "theta."+name, s.Shape)
		}
		t.grad, t.theta = ti.Grad, ti.Theta
		t.senses = senseInputs[F](g, spec, b.Senses, &ti)
		for _, st := range stateSpecs(spec, s) {
			n := newInput[F](g, "state."+name+"."+st.Name, st.Shape)
			ti.State[st.Name] = n
			t.state = append(t.state, n)
		}
		in.Tensors = append(in.Tensors, ti)
		e.tensors = append(e.tensors, t)
	}
	out, err := r.Update(in)
	if err != nil {
		return nil, err
	}
	return e, e.take(out)
}

// take checks and keeps what Update gave.
func (e *expression) take(out rule.Outputs) error {
	if len(out.Tensors) != len(e.tensors) {
		return fmt.Errorf("its Update gave the steps of %d tensors, want %d", len(out.Tensors), len(e.tensors))
	}
	for i := range e.tensors {
		t, o := &e.tensors[i], out.Tensors[i]
		if o.Step == nil || o.Step.Shape().TotalSize() != t.spec.Len() {
			return fmt.Errorf("its Update gave a step %v for %v, want one of its shape", o.Step, t.spec)
		}
		t.step = o.Step
		var err error
		if t.next, err = nextState(stateSpecs(e.spec, t.spec), t.state, o.State); err != nil {
			return err
		}
	}
	var err error
	if e.nextShared, err = nextState(e.spec.State.Shared, e.shared, out.Shared); err != nil {
		return fmt.Errorf("shared: %w", err)
	}
	return e.checkShared()
}

// nextState lists the next values of a state, checked.
func nextState(specs params.Layout, now []*G.Node, next map[string]*G.Node) (nodes []*G.Node, err error) {
	for i, s := range specs {
		n := next[s.Name]
		if n == nil {
			return nil, fmt.Errorf("its Update gave no next state %q", s.Name)
		}
		if got := n.Shape(); !got.Eq(now[i].Shape()) {
			return nil, fmt.Errorf("its Update gave a next state %q of shape %v, want %v", s.Name, got, now[i].Shape())
		}
		nodes = append(nodes, n)
	}
	return nodes, nil
}

// checkShared sees to it that all who see a shared state at a time agree on its next value.
func (e *expression) checkShared() error {
	if e.spec.Scope == rule.Whole || len(e.nextShared) == 0 {
		return nil
	}
	var own []*G.Node
	for _, t := range e.tensors {
		own = append(own, t.state...)
		own = append(append(own, t.read()...), e.perRun()...)
	}
	if n := graph.Reach(e.nextShared, own); n != nil {
		return fmt.Errorf("the next shared state depends on %s, which is not the same for all; in scope %v it may follow from shared state, phi, step and horizon alone",
			n.Name(), e.spec.Scope)
	}
	return nil
}

// inputs lists the input nodes in the order in which they are filled.
func (e *expression) inputs() []*G.Node {
	in := append(append(append([]*G.Node{}, e.phi...), e.shared...), e.scalars...)
	for _, t := range e.tensors {
		in = append(append(in, t.read()...), t.state...)
	}
	return in
}

// read lists what is read of one tensor but its state, in order: gradient, theta, senses.
func (t *tensorNodes) read() []*G.Node {
	var list []*G.Node
	for _, n := range []*G.Node{t.grad, t.theta} {
		if n != nil {
			list = append(list, n)
		}
	}
	for _, s := range t.senses {
		list = append(list, s.node)
	}
	return list
}

// perRun lists what a run has one of and differentiates by, in order: loss, reward.
func (e *expression) perRun() []*G.Node {
	var list []*G.Node
	for _, n := range []*G.Node{e.loss, e.reward} {
		if n != nil {
			list = append(list, n)
		}
	}
	return list
}

// results lists the results: for each tensor its step and next state, then the next shared state.
func (e *expression) results() []*G.Node {
	var out []*G.Node
	for _, t := range e.tensors {
		out = append(append(out, t.step), t.next...)
	}
	return append(out, e.nextShared...)
}

// forward compiles the step.
func forward[F params.Float](e *expression, compile compiler[F]) (*graph.Program[F], error) {
	return compile(e.inputs(), e.results())
}

// backward compiles the pullback: its inputs are those of the step and then the cotangents of its results, its results the
// cotangents of phi, shared state, for each tensor its state; and, if wanted, of loss and reward and of each tensor's
// gradient, theta and senses, as far as they are read.
func backward[F params.Float](e *expression, wanted bool, compile compiler[F]) (*graph.Program[F], error) {
	results := e.results()
	if len(results) == 0 {
		return nil, errors.New("there are no results")
	}
	g := results[0].Graph()
	var cots []*G.Node
	for i, n := range results {
		cots = append(cots, newInput[F](g, fmt.Sprintf("cotangent.%d", i), n.Shape()))
	}
	xs := append(append([]*G.Node{}, e.phi...), e.shared...)
	for _, t := range e.tensors {
		xs = append(xs, t.state...)
	}
	if wanted {
		xs = append(xs, e.perRun()...)
		for _, t := range e.tensors {
			xs = append(xs, t.read()...)
		}
	}
	grads, err := graph.VJP(results, cots, xs)
	if err != nil {
		return nil, err
	}
	return compile(append(e.inputs(), cots...), grads)
}

// A compiler makes a program of a graph: lowered onto kernels, or the reference.
type compiler[F params.Float] func(inputs, outputs []*G.Node) (*graph.Program[F], error)
