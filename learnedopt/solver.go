package learnedopt

import (
	"encoding"
	"fmt"
	"reflect"
	"slices"
	"strings"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/seed1498fded/unroll/internal/brief"
	"github.com/seed1498fded/unroll/internal/graph"
	"github.com/seed1498fded/unroll/params"
)

// Solver returns the rule as a gorgonia.Solver: put it in the place of gorgonia.NewAdamSolver() in an existing program.
// The guards are those of [Trained.New], and so are the options, Gorgonia's among them; what is wrong with these, the first
// Step reports. A rule that reads the loss, and [LossCheck], need [WithLoss].
func (t *Trained) Solver(opts ...Option) *Solver {
	s := &Solver{trained: t}
	s.options, s.err = newOptions("Solver", opts, "WithPatience")
	return s
}

// A Solver moves the weights of a Gorgonia program. Like Gorgonia's own solvers it zeroes the gradients it has used. The
// nodes given to Step must be the same, in the same order, at every step; they may be of float32 or float64. The rule
// computes in float32; its steps are added to the weights in the weights' own precision. A Solver is for one goroutine at a
// time.
type Solver struct {
	trained *Trained
	options *options
	err     error // of the options

	opt   *Optimizer        // nil before the first step
	saved []byte            // a state to go on with, until the model is known
	nodes []node            // of the first step
	slabs []slab            // of the running step, in the same order
	f32   []slabOf[float32] // what slabs point to
	f64   []slabOf[float64]
}

var (
	_ G.Solver                   = (*Solver)(nil)
	_ encoding.BinaryMarshaler   = (*Solver)(nil)
	_ encoding.BinaryUnmarshaler = (*Solver)(nil)
)

// A node is what a model's node was at the first step.
type node struct {
	name  string
	dtype tensor.Dtype
	shape []int // that of the value; a scalar has [1]
}

func (n node) String() string { return fmt.Sprintf("%s %v%v", label(n.name), n.dtype, n.shape) }

// Step moves the model's weights by one step. An error names the node that is to blame, and nothing has moved: one without
// a value or gradient, since the graph has not been run, or with a gradient that is not finite, see [SkipNonFinite]; one
// that is not of float32 or float64; a model that is not that of the first step.
func (s *Solver) Step(model []G.ValueGrad) error {
	if s.err != nil {
		return s.err
	}
	if err := s.gather(model); err != nil {
		return err
	}
	if s.opt == nil {
		if err := s.begin(); err != nil {
			s.nodes = nil
			return err
		}
	}
	if err := s.opt.guard.step(s.slabs); err != nil {
		return err
	}
	if s.options.loss != nil { // to ask for it may have run the graph, and given the nodes other gradients
		if err := s.gather(model); err != nil {
			return err
		}
	}
	for i, m := range model {
		g, _ := m.Grad() // gather has seen it
		if d, ok := g.(*tensor.Dense); ok && d.RequiresIterator() {
			d.Zero()
			continue
		}
		s.slabs[i].zeroGrad()
	}
	return nil
}

// Skipped returns how many steps were left out since the start or the last Reset; see [SkipNonFinite].
func (s *Solver) Skipped() int {
	if s.opt == nil {
		return 0
	}
	return s.opt.Skipped()
}

// Checks returns what the guard of [LossCheck] has done since the start or the last Reset; zeros without it.
func (s *Solver) Checks() Checks {
	if s.opt == nil {
		return Checks{}
	}
	return s.opt.Checks()
}

// Finish ends a run under [LossCheck]: if the loss of [WithLoss] is not the lowest of the points that the guard could go back to, the
// model's weights become those of the lowest. Call it where another Step would stand, after the graph has been run. Without that
// guard nothing happens.
func (s *Solver) Finish(model []G.ValueGrad) error {
	if s.err != nil || s.opt == nil {
		return s.err
	}
	if err := s.gather(model); err != nil {
		return err
	}
	return s.opt.guard.finish(s.slabs)
}

// Reset forgets all steps, and the model too: the next one is the first of a run.
func (s *Solver) Reset() { s.opt, s.saved, s.nodes = nil, nil, nil }

// MarshalBinary returns all that the solver remembers, to be kept with the weights, as [Optimizer.MarshalBinary] does.
func (s *Solver) MarshalBinary() ([]byte, error) {
	switch {
	case s.err != nil:
		return nil, s.err
	case s.opt != nil:
		return s.opt.MarshalBinary()
	case s.saved != nil:
		return slices.Clone(s.saved), nil
	}
	f, err := newState(s.trained.Rule, nil, s.options, 0, 0)
	if err != nil {
		return nil, err
	}
	return encodeState(f)
}

// UnmarshalBinary goes on with what MarshalBinary returned: given the same options, weights and gradients, to the same bits.
// An error says what is wrong and leaves the solver as it was. Of a solver that has taken no step yet, it is the first Step
// that finds out whether the model is the one that the state is of.
func (s *Solver) UnmarshalBinary(b []byte) error {
	if s.err != nil {
		return s.err
	}
	f, err := decodeState(b, s.trained.Rule, s.options)
	if err != nil {
		return err
	}
	weights, err := weightsOf(f)
	switch {
	case err != nil:
		return err
	case len(weights) == 0:
		s.Reset()
	case s.opt != nil:
		return s.opt.restore(f)
	default:
		s.saved = slices.Clone(b)
	}
	return nil
}

// begin makes the optimizer, once the model is known.
func (s *Solver) begin() error {
	opt, err := s.trained.guarded(layoutOf(s.nodes), s.options)
	if err != nil {
		return err
	}
	if r := opt.wantsLoss(); r != nil {
		return fmt.Errorf("learnedopt: %s reads the loss, which a solver is not told; want WithLoss, or Trained.New and StepLoss", r.Name())
	}
	if s.saved != nil {
		if err := opt.UnmarshalBinary(s.saved); err != nil {
			return err
		}
		s.saved = nil
	}
	s.opt = opt
	return nil
}

// layoutOf lays out the nodes' weights end to end, under their names; a name that is not the first of its kind is numbered.
func layoutOf(nodes []node) params.Layout {
	taken := make(map[string]bool)
	var l params.Layout
	for _, n := range nodes {
		name := n.name
		for k := 2; taken[name]; k++ {
			name = fmt.Sprintf("%s (%d)", n.name, k)
		}
		taken[name] = true
		l = append(l, params.Spec{Name: name, Shape: n.shape})
	}
	return l
}

// gather finds the values and gradients of a model's nodes. At the first step it learns the nodes, afterwards it checks them.
func (s *Solver) gather(model []G.ValueGrad) error {
	if s.nodes == nil {
		return s.learn(model)
	}
	for i := range max(len(model), len(s.nodes)) {
		if i >= len(model) {
			return fmt.Errorf("learnedopt: the model differs from that of the first step: %v is missing", s.nodes[i])
		}
		name := nameOf(model[i], i)
		if i >= len(s.nodes) {
			return fmt.Errorf("learnedopt: the model differs from that of the first step: %s is one too many", label(name))
		}
		w, g, err := valuesOf(model[i], name)
		if err != nil {
			return err
		}
		if n := s.nodes[i]; n.name != name || n.dtype != w.Dtype() || !sameShape(n.shape, w.Shape()) {
			return fmt.Errorf("learnedopt: the model differs from that of the first step: %v stands where there was %v",
				nodeOf(name, w), n)
		}
		s.point(i, w, g)
	}
	return nil
}

// learn is gather at the first step.
func (s *Solver) learn(model []G.ValueGrad) error {
	nodes := make([]node, len(model))
	s.slabs = make([]slab, len(model))
	s.f32, s.f64 = make([]slabOf[float32], len(model)), make([]slabOf[float64], len(model))
	for i, m := range model {
		name := nameOf(m, i)
		w, g, err := valuesOf(m, name)
		if err != nil {
			return err
		}
		nodes[i] = nodeOf(name, w)
		s.point(i, w, g)
	}
	s.nodes = nodes
	return nil
}

// point makes the i-th slab that of a node's value and gradient.
func (s *Solver) point(i int, w, g G.Value) {
	if w.Dtype() == tensor.Float32 {
		s.f32[i] = slabOf[float32]{graph.Floats[float32](w), graph.Floats[float32](g)}
		s.slabs[i] = &s.f32[i]
		return
	}
	s.f64[i] = slabOf[float64]{graph.Floats[float64](w), graph.Floats[float64](g)}
	s.slabs[i] = &s.f64[i]
}

// valuesOf returns a node's value and gradient, if a solver can work with them.
func valuesOf(m G.ValueGrad, name string) (w, g G.Value, err error) {
	if isNil(m) {
		return nil, nil, fmt.Errorf("learnedopt: %s is nil", label(name))
	}
	if w = m.Value(); isNil(w) {
		return nil, nil, fmt.Errorf("learnedopt: %s has no value: was the graph run (RunAll) before Step?", label(name))
	}
	g, err = m.Grad()
	if err != nil {
		return nil, nil, fmt.Errorf("learnedopt: %s: %w", label(name), err)
	}
	if isNil(g) {
		return nil, nil, fmt.Errorf("learnedopt: %s has no gradient: was the graph run (RunAll) before Step, with the node among those "+
			"of gorgonia.Grad and BindDualValues?", label(name))
	}
	if !slices.Equal(w.Shape(), g.Shape()) || w.Dtype() != g.Dtype() {
		return nil, nil, fmt.Errorf("learnedopt: %s has a value %v%v and a gradient %v%v", label(name), w.Dtype(), w.Shape(), g.Dtype(), g.Shape())
	}
	if dt := w.Dtype(); dt != tensor.Float32 && dt != tensor.Float64 {
		return nil, nil, fmt.Errorf("learnedopt: %s is of %v; want float32 or float64", label(name), dt)
	}
	if d, ok := w.(*tensor.Dense); ok && d.RequiresIterator() {
		return nil, nil, fmt.Errorf("learnedopt: %s holds a view that is not contiguous", label(name))
	}
	return w, g, nil
}

// isNil says whether an interface holds nothing, or a pointer to nothing.
func isNil(v any) bool {
	if v == nil {
		return true
	}
	p := reflect.ValueOf(v)
	return p.Kind() == reflect.Pointer && p.IsNil()
}

// nodeOf describes a node of value w.
func nodeOf(name string, w G.Value) node {
	shape := slices.Clone([]int(w.Shape()))
	if len(shape) == 0 {
		shape = []int{1}
	}
	return node{name: name, dtype: w.Dtype(), shape: shape}
}

// sameShape compares a node's shape with that of a value, where a scalar has none.
func sameShape(shape []int, got tensor.Shape) bool {
	if len(got) == 0 {
		return len(shape) == 1 && shape[0] == 1
	}
	return slices.Equal(shape, got)
}

// nameOf returns the name of a node, and of one without a name its place.
func nameOf(m G.ValueGrad, i int) string {
	if n, ok := m.(G.Namer); ok && !isNil(m) {
		// Gorgonia spells the name of an input that has none like this.
		if name := n.Name(); name != "" && !strings.HasPrefix(name, "%!s(<nil>)") {
			return name
		}
	}
	return fmt.Sprintf("node %d", i)
}

// label is a name as messages have it: a place stands for itself, a node's own name is quoted.
func label(name string) string {
	if strings.HasPrefix(name, "node ") {
		return name
	}
	return "node " + brief.Quote(name)
}
