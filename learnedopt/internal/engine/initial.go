package engine

import (
	"fmt"

	G "gorgonia.org/gorgonia"

	"github.com/seed1498fded/unroll/internal/graph"
	"github.com/seed1498fded/unroll/learnedopt/rule"
	"github.com/seed1498fded/unroll/params"
)

// An initial runs what a rule's InitState writes: the state at the start of a run, and the way from its cotangent to phi's.
type initial[F params.Float] struct {
	pieces []piece
	kinds  []initialPrograms[F]
	phi    params.Layout
	shared []int // where each run's shared state begins
}

// initialPrograms are those of one kind of piece.
type initialPrograms[F params.Float] struct {
	forward  *graph.Program[F]
	backward *graph.Program[F]
	parts    []initialPart
}

// An initialPart is where one result of InitState belongs: a per-coordinate row of a tensor, what a tensor owns, or what is
// shared.
type initialPart struct {
	tensor int // -1: shared
	width  int // of a row; 0: not a row
	at     int // where in the state the row begins; or how far behind the beginning of what the tensor owns, or of what is shared
	size   int
}

func newInitial[F params.Float](c *Compiled[F]) (*initial[F], error) {
	r, ok := c.rule.(rule.InitialState)
	if !ok {
		return nil, nil
	}
	kinds, pieces := cut(c.spec, c.binding, c.state, c.lowered())
	s := &initial[F]{pieces: pieces, phi: c.spec.Phi, shared: c.state.Shared}
	for _, tensors := range kinds {
		var k initialPrograms[F]
		err := graph.Exclusive(func() (err error) {
			k, err = compileInitial[F](r, c, tensors)
			return err
		})
		if err != nil {
			return nil, fmt.Errorf("InitState: %w", err)
		}
		s.kinds = append(s.kinds, k)
	}
	return s, nil
}

// compileInitial has InitState write the state of some tensors and compiles it with its pullback.
func compileInitial[F params.Float](r rule.InitialState, c *Compiled[F], tensors params.Layout) (k initialPrograms[F], err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("panic: %v", v)
		}
	}()
	g := G.NewGraph()
	in := rule.Inputs{Phi: make(map[string]*G.Node), Net: net(c.spec, c.binding)}
	var phi []*G.Node
	for _, s := range c.spec.Phi {
		n := newInput[F](g, "phi."+s.Name, s.Shape)
		in.Phi[s.Name] = n
		phi = append(phi, n)
	}
	for _, s := range tensors {
		in.Tensors = append(in.Tensors, rule.TensorInputs{Spec: s})
	}
	out, err := r.InitState(in)
	if err != nil {
		return k, err
	}
	if len(out.Tensors) != 0 && len(out.Tensors) != len(tensors) {
		return k, fmt.Errorf("the state of %d tensors, want %d", len(out.Tensors), len(tensors))
	}
	var results, cots []*G.Node
	take := func(n *G.Node, spec params.Spec, part initialPart) error {
		if n.Shape().TotalSize() != spec.Len() {
			return fmt.Errorf("a state %q of shape %v, want %v", spec.Name, n.Shape(), spec.Shape)
		}
		part.size = spec.Len()
		results = append(results, n)
		cots = append(cots, newInput[F](g, fmt.Sprintf("cotangent.%d", len(cots)), n.Shape()))
		k.parts = append(k.parts, part)
		return nil
	}
	for i, o := range out.Tensors {
		at := 0
		for j, s := range stateSpecs(c.spec, tensors[i]) {
			part := initialPart{tensor: i, at: at}
			if j < len(c.state.Rows) {
				part.width, part.at = c.spec.State.PerCoordinate[j].Len(), c.state.Rows[j]
			} else {
				at += s.Len()
			}
			if n := o.State[s.Name]; n != nil {
				if err := take(n, s, part); err != nil {
					return k, err
				}
			}
		}
	}
	at := 0
	for _, s := range c.spec.State.Shared {
		if n := out.Shared[s.Name]; n != nil {
			if err := take(n, s, initialPart{tensor: -1, at: at}); err != nil {
				return k, err
			}
		}
		at += s.Len()
	}
	if len(results) == 0 {
		return k, nil
	}
	if k.forward, err = graph.Compile[F](phi, results); err != nil {
		return k, err
	}
	grads, err := graph.VJP(results, cots, phi)
	if err != nil {
		return k, err
	}
	k.backward, err = graph.Compile[F](append(append([]*G.Node{}, phi...), cots...), grads)
	return k, err
}

// each calls f with every program's kind, and with where each of its results belongs in the state.
func (s *initial[F]) each(f func(k *initialPrograms[F], place func(part int) (from, to int)) error) error {
	for i := range s.pieces {
		p := &s.pieces[i]
		k := &s.kinds[p.kind]
		if k.forward == nil {
			continue
		}
		err := f(k, func(part int) (from, to int) {
			x := k.parts[part]
			switch {
			case x.tensor < 0 && !p.first:
				return 0, 0
			case x.tensor < 0:
				at := s.shared[p.run] + x.at
				return at, at + x.size
			case x.width > 0:
				span := p.spans[x.tensor]
				return x.at + span.From*x.width, x.at + span.To*x.width
			}
			at := p.owned[x.tensor] + x.at
			return at, at + x.size
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// run writes the start into state, which is zero.
func (s *initial[F]) run(state, phi []F) error {
	return s.each(func(k *initialPrograms[F], place func(int) (int, int)) error {
		s.loadPhi(k.forward, phi)
		if err := k.forward.Run(); err != nil {
			return err
		}
		for i := range k.parts {
			from, to := place(i)
			copy(state[from:to], k.forward.Out(i))
		}
		return nil
	})
}

// pullback adds to dPhi.
func (s *initial[F]) pullback(dPhi, dState, phi []F) error {
	return s.each(func(k *initialPrograms[F], place func(int) (int, int)) error {
		in := s.loadPhi(k.backward, phi)
		for i := range k.parts {
			from, to := place(i)
			fill(k.backward.In(in+i), dState[from:to])
		}
		if err := k.backward.Run(); err != nil {
			return err
		}
		at := 0
		for i := range s.phi {
			at += accumulate(dPhi[at:], k.backward.Out(i))
		}
		return nil
	})
}

func (s *initial[F]) loadPhi(prog *graph.Program[F], phi []F) int {
	at := 0
	for i := range s.phi {
		at += copy(prog.In(i), phi[at:])
	}
	return len(s.phi)
}
