package learnedopt

import (
	"fmt"

	G "gorgonia.org/gorgonia"

	"github.com/seed1498fded/unroll/internal/graph"
	"github.com/seed1498fded/unroll/params"
)

// A worker owns one copy of a rule's graph over a block of coordinates, and the programs that run it. The programs
// without and with the cotangents of gradient and theta are compiled when first asked for.
type worker[F params.Float] struct {
	c        *Compiled[F]
	e        *graphEngine[F]
	width    int           // coordinates of the graph; a shorter last block is filled up with zeros
	state    params.Layout // of the graph
	cw       bool          // the rule is coordinatewise
	nodes    ruleNodes
	forward  *graph.Program[F]
	backward [2]*graph.Program[F] // [0] phi and state; [1] gradient and theta too
	clocks   []F                  // the cotangents of the state's shared tensors, end to end
}

// ruleNodes are the inputs and outputs of a rule's graph, tensors in layout order.
type ruleNodes struct {
	phi, state  []*G.Node
	grad, theta *G.Node // nil if not read
	step        *G.Node
	next        []*G.Node
}

func newWorker[F params.Float](c *Compiled[F], e *graphEngine[F], theta params.Layout) (*worker[F], error) {
	_, cw := c.rule.(Coordinatewise)
	w := &worker[F]{c: c, e: e, width: theta.Len(), state: c.rule.State(theta), cw: cw}
	err := graph.Exclusive(func() (err error) {
		if err := w.build(); err != nil {
			return err
		}
		w.forward, err = e.compile(w.nodes.inputs(), append([]*G.Node{w.nodes.step}, w.nodes.next...))
		return err
	})
	return w, err
}

// build writes the rule's step as a graph.
func (w *worker[F]) build() error {
	g := G.NewGraph()
	in := Inputs{Phi: make(map[string]*G.Node), State: make(map[string]*G.Node)}
	for _, s := range w.c.phi {
		n := newInput[F](g, "phi."+s.Name, s.Shape)
		in.Phi[s.Name] = n
		w.nodes.phi = append(w.nodes.phi, n)
	}
	for _, s := range w.state {
		n := newInput[F](g, "state."+s.Name, s.Shape)
		in.State[s.Name] = n
		w.nodes.state = append(w.nodes.state, n)
	}
	if w.c.Reads()&Grad != 0 {
		in.Grad = newInput[F](g, "grad", []int{w.width})
	}
	if w.c.Reads()&Theta != 0 {
		in.Theta = newInput[F](g, "theta", []int{w.width})
	}
	w.nodes.grad, w.nodes.theta = in.Grad, in.Theta
	step, next, err := w.c.rule.Update(in)
	if err != nil {
		return err
	}
	if step == nil || step.Shape().TotalSize() != w.width {
		return fmt.Errorf("Update gave a step %v, want a vector of %d", step, w.width)
	}
	w.nodes.step = step
	for i, s := range w.state {
		n := next[s.Name]
		if n == nil {
			return fmt.Errorf("Update gave no next state %q", s.Name)
		}
		if got := n.Shape(); !got.Eq(w.nodes.state[i].Shape()) {
			return fmt.Errorf("Update gave a next state %q of shape %v, want %v", s.Name, got, w.nodes.state[i].Shape())
		}
		w.nodes.next = append(w.nodes.next, n)
	}
	return nil
}

// newInput makes an input node: a scalar for shape [1], a tensor otherwise.
func newInput[F params.Float](g *G.ExprGraph, name string, shape []int) *G.Node {
	dt := graph.Dtype[F]()
	if len(shape) == 1 && shape[0] == 1 {
		return G.NewScalar(g, dt, G.WithName(name))
	}
	return G.NewTensor(g, dt, len(shape), G.WithShape(shape...), G.WithName(name))
}

// inputs lists the input nodes in the order in which load fills them.
func (r *ruleNodes) inputs() []*G.Node {
	in := append(append([]*G.Node{}, r.phi...), r.state...)
	for _, n := range []*G.Node{r.grad, r.theta} {
		if n != nil {
			in = append(in, n)
		}
	}
	return in
}

// load fills a program's first inputs with a block of p, and returns how many they are.
func (w *worker[F]) load(prog *graph.Program[F], p Point[F], b block) int {
	i := 0
	at := 0
	for _, s := range w.c.phi {
		n := s.Len()
		copy(prog.In(i), p.Phi[at:at+n])
		at += n
		i++
	}
	i += w.loadState(prog, i, p.State, b, w.e.clocks)
	if w.nodes.grad != nil {
		fill(prog.In(i), p.Grad[b.from:b.to])
		i++
	}
	if w.nodes.theta != nil {
		fill(prog.In(i), p.Theta[b.from:b.to])
		i++
	}
	return i
}

// loadState fills the inputs from the i-th on with a block of a state, or of its cotangent, and returns how many they
// are. Tensors without rows come from clocks, end to end; where clocks is nil they are zero.
func (w *worker[F]) loadState(prog *graph.Program[F], i int, state []F, b block, clocks []F) int {
	at := 0
	for j, s := range w.c.state {
		dst := prog.In(i + j)
		if perCoordinate(s, w.c.n) {
			row := s.Len() / w.c.n
			fill(dst, state[at+b.from*row:at+b.to*row])
		} else {
			fill(dst, clocks[:min(len(clocks), s.Len())])
			clocks = clocks[min(len(clocks), s.Len()):]
		}
		at += s.Len()
	}
	return len(w.c.state)
}

// storeState copies the outputs from the i-th on into a block of a state. Tensors without rows are written by the first
// block alone.
func (w *worker[F]) storeState(state []F, prog *graph.Program[F], i int, b block) {
	at := 0
	for j, s := range w.c.state {
		if perCoordinate(s, w.c.n) {
			row := s.Len() / w.c.n
			copy(state[at+b.from*row:at+b.to*row], prog.Out(i+j))
		} else if b.from == 0 {
			copy(state[at:at+s.Len()], prog.Out(i+j))
		}
		at += s.Len()
	}
}

// step runs the rule over a block.
func (w *worker[F]) step(step, next []F, p Point[F], b block) error {
	w.load(w.forward, p, b)
	if err := w.forward.Run(); err != nil {
		return err
	}
	copy(step[b.from:b.to], w.forward.Out(0))
	w.storeState(next, w.forward, 1, b)
	return nil
}

// pullback runs the rule's pullback over a block, adding to dphi.
func (w *worker[F]) pullback(dphi []F, d Cotangents[F], p Point[F], b block) error {
	prog, err := w.backwardProgram(d.Grad != nil || d.Theta != nil)
	if err != nil {
		return err
	}
	i := w.load(prog, p, b)
	fill(prog.In(i), d.Step[b.from:b.to])
	w.loadState(prog, i+1, d.Next, b, w.clockCotangents(d.Next))
	if err := prog.Run(); err != nil {
		return err
	}
	out := 0
	at := 0
	for _, s := range w.c.phi {
		for k, v := range prog.Out(out) {
			dphi[at+k] += v
		}
		at += s.Len()
		out++
	}
	w.storeState(d.State, prog, out, b)
	out += len(w.c.state)
	for _, x := range []struct {
		dst  []F
		read bool
	}{{d.Grad, w.nodes.grad != nil}, {d.Theta, w.nodes.theta != nil}} {
		switch {
		case x.dst != nil && x.read:
			copy(x.dst[b.from:b.to], prog.Out(out))
		case x.dst != nil:
			clear(x.dst[b.from:b.to])
		}
		if x.read {
			out++
		}
	}
	return nil
}

// clockCotangents gathers the cotangents of the state's tensors without rows. In a coordinatewise rule these tensors are
// clocks, the same for all coordinates and independent of phi, so that their cotangents lead nowhere.
func (w *worker[F]) clockCotangents(next []F) []F {
	if w.cw {
		return nil
	}
	w.clocks = appendClocks(w.clocks[:0], w.c, next)
	return w.clocks
}

// backwardProgram returns the pullback, with the cotangents of gradient and theta if wanted.
func (w *worker[F]) backwardProgram(inputs bool) (*graph.Program[F], error) {
	which := 0
	if inputs {
		which = 1
	}
	if w.backward[which] != nil {
		return w.backward[which], nil
	}
	p, err := w.compileBackward(inputs)
	w.backward[which] = p
	return p, err
}

// compileBackward compiles the pullback.
func (w *worker[F]) compileBackward(inputs bool) (p *graph.Program[F], err error) {
	xs := append(append([]*G.Node{}, w.nodes.phi...), w.nodes.state...)
	if inputs {
		xs = w.nodes.inputs()
	}
	err = graph.Exclusive(func() (err error) {
		p, err = w.cotangents(xs)
		return err
	})
	return p, err
}

// cotangents compiles the cotangents of xs.
func (w *worker[F]) cotangents(xs []*G.Node) (*graph.Program[F], error) {
	g := w.nodes.step.Graph()
	dStep := newInput[F](g, "cotangent.step", []int{w.width})
	cots := []*G.Node{dStep}
	for i, s := range w.state {
		cots = append(cots, newInput[F](g, "cotangent."+s.Name, w.nodes.next[i].Shape()))
	}
	grads, err := graph.VJP(append([]*G.Node{w.nodes.step}, w.nodes.next...), cots, xs)
	if err != nil {
		return nil, err
	}
	return w.e.compile(append(w.nodes.inputs(), cots...), grads)
}

// fill copies src to the front of dst and clears the rest.
func fill[F params.Float](dst, src []F) { clear(dst[copy(dst, src):]) }
