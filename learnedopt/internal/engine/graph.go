package engine

import (
	"github.com/seed1498fded/unroll/internal/graph"
	"github.com/seed1498fded/unroll/learnedopt/rule"
	"github.com/seed1498fded/unroll/params"
)

// A graphEngine runs the expression that a rule's Update writes, piece by piece.
type graphEngine[F params.Float] struct {
	*Schedule[piece, F]
	c       *Compiled[F]
	kinds   []params.Layout
	workers []*worker[F]
	owns    [][]int // of each kind, for each tensor, how many tensors of state it owns
	shared  []F     // the shared states as the running step found them
	sums    sumLayout
	senses  int // numbers that a run feels
	reward  int // where among them the reward lies, if the rule reads it

	// The arguments of the running step, and what each worker does with them: kept here, so that a step allocates nothing.
	running struct {
		step, next []F
		p          rule.Point[F]
		d          rule.Cotangents[F]
	}
	stepGroup, pullbackGroup func(worker, group int) error
}

// A sumLayout says what a group's share of sums consists of, end to end: the cotangents of phi, of what is shared, of the
// losses and of the rewards.
type sumLayout struct{ phi, shared, loss, reward int }

func (s sumLayout) len() int { return s.phi + s.shared + s.loss + s.reward }

func newGraphEngine[F params.Float](c *Compiled[F]) (*graphEngine[F], error) {
	kinds, pieces := cut(c.spec, c.binding, c.state, c.lowered())
	e := &graphEngine[F]{c: c, kinds: kinds, senses: c.binding.Senses.Len(), reward: rewardIn(c.spec, c.binding.Senses)}
	e.sums = sumLayout{c.spec.Phi.Len(), c.state.Flat.Len() - c.state.Shared[0], c.binding.Copies, c.binding.Copies}
	e.Schedule = NewSchedule[F](pieces, e.sums.len(), c.options.Workers)
	e.shared = make([]F, e.sums.shared)
	e.stepGroup, e.pullbackGroup = e.stepOfGroup, e.pullbackOfGroup
	for range e.Workers() {
		e.workers = append(e.workers, &worker[F]{e: e, units: make([]*unit[F], len(kinds))})
	}
	// What is wrong with an expression shall come out now, and not at the first step.
	for i, w := range e.workers {
		for _, g := range e.Share(i) {
			for _, p := range e.Groups[g] {
				if err := w.make(p.kind); err != nil {
					return nil, err
				}
			}
		}
	}
	for k := range kinds {
		e.owns = append(e.owns, e.owned(k))
	}
	return e, nil
}

// owned returns, for each tensor of a kind, how many tensors of state it owns.
func (e *graphEngine[F]) owned(kind int) []int {
	owns := make([]int, len(e.kinds[kind]))
	if own := e.c.spec.State.PerTensor; own != nil {
		for i, tensor := range e.kinds[kind] {
			owns[i] = len(own(tensor))
		}
	}
	return owns
}

// compiler returns what makes programs of the rule's graphs.
func (e *graphEngine[F]) compiler() compiler[F] {
	if e.c.options.Reference {
		return graph.CompileUnlowered[F]
	}
	return graph.Compile[F]
}

func (e *graphEngine[F]) step(step, next []F, p rule.Point[F]) error {
	copy(e.shared, p.State[e.c.state.Shared[0]:])
	e.running.step, e.running.next, e.running.p = step, next, p
	return e.Each(e.stepGroup)
}

func (e *graphEngine[F]) stepOfGroup(w, g int) error {
	for i := range e.Groups[g] {
		if err := e.workers[w].step(e.running.step, e.running.next, &e.running.p, &e.Groups[g][i]); err != nil {
			return err
		}
	}
	return nil
}

func (e *graphEngine[F]) pullback(d rule.Cotangents[F], p rule.Point[F]) error {
	copy(e.shared, p.State[e.c.state.Shared[0]:])
	e.running.d, e.running.p = d, p
	clear(d.Senses)
	err := e.Each(e.pullbackGroup)
	dShared := d.State[e.c.state.Shared[0]:]
	clear(dShared)
	clear(d.Loss)
	for _, s := range e.Sums {
		add(d.Phi, s[:e.sums.phi])
		add(dShared, s[e.sums.phi:e.sums.phi+e.sums.shared])
		if d.Loss != nil {
			add(d.Loss, s[e.sums.phi+e.sums.shared:][:e.sums.loss])
		}
	}
	e.addRewards(d.Senses)
	return err
}

func (e *graphEngine[F]) pullbackOfGroup(w, g int) error {
	clear(e.Sums[g])
	for i := range e.Groups[g] {
		if err := e.workers[w].pullback(e.Sums[g], &e.running.d, &e.running.p, &e.Groups[g][i]); err != nil {
			return err
		}
	}
	return nil
}

func add[F params.Float](sum, v []F) {
	for i, x := range v {
		sum[i] += x
	}
}

// A worker owns one graph of each kind, for one goroutine at a time.
type worker[F params.Float] struct {
	e     *graphEngine[F]
	units []*unit[F]
}

// A unit is a graph with its programs. Those of the pullback, without and with the cotangents of loss, gradient and theta, are
// compiled when first asked for.
type unit[F params.Float] struct {
	expression *expression
	forward    *graph.Program[F]
	backward   [2]*graph.Program[F]
}

// make makes the worker's graph of a kind, unless it has one.
func (w *worker[F]) make(kind int) error {
	if w.units[kind] != nil {
		return nil
	}
	u := new(unit[F])
	err := graph.Exclusive(func() (err error) {
		if u.expression, err = write[F](w.e.c.rule, w.e.c.spec, w.e.kinds[kind], w.e.c.binding); err != nil {
			return err
		}
		u.forward, err = forward(u.expression, w.e.compiler())
		return err
	})
	w.units[kind] = u
	return err
}

// pullbackProgram returns the unit's program of the pullback.
func (w *worker[F]) pullbackProgram(u *unit[F], wanted bool) (*graph.Program[F], error) {
	which := 0
	if wanted {
		which = 1
	}
	if u.backward[which] != nil {
		return u.backward[which], nil
	}
	err := graph.Exclusive(func() (err error) {
		u.backward[which], err = backward(u.expression, wanted, w.e.compiler())
		return err
	})
	return u.backward[which], err
}

// step runs the rule over a piece.
func (w *worker[F]) step(step, next []F, p *rule.Point[F], pc *piece) error {
	u := w.units[pc.kind]
	w.load(u, u.forward, p, pc)
	if err := u.forward.Run(); err != nil {
		return err
	}
	out := 0
	for i, span := range pc.spans {
		copy(step[span.From:span.To], u.forward.Out(out))
		out = w.storeState(next, u.forward, out+1, pc, i)
	}
	if pc.first {
		at := w.e.c.state.Shared[pc.run]
		for range u.expression.shared {
			at += copy(next[at:], u.forward.Out(out))
			out++
		}
	}
	return nil
}

// pullback runs the rule's pullback over a piece, adding to the sums of its group.
func (w *worker[F]) pullback(sums []F, d *rule.Cotangents[F], p *rule.Point[F], pc *piece) error {
	u := w.units[pc.kind]
	wanted := d.Grad != nil || d.Theta != nil || d.Loss != nil || d.Senses != nil
	prog, err := w.pullbackProgram(u, wanted)
	if err != nil {
		return err
	}
	in := w.load(u, prog, p, pc)
	for i, span := range pc.spans {
		fill(prog.In(in), d.Step[span.From:span.To])
		in = w.loadState(prog, in+1, d.Next, pc, i)
	}
	w.loadShared(u, prog, in, d.Next, w.e.c.state.Shared[pc.run], pc.first)
	if err := prog.Run(); err != nil {
		return err
	}
	out, at := 0, 0
	for range u.expression.phi {
		at += accumulate(sums[at:], prog.Out(out))
		out++
	}
	at = w.e.sums.phi + w.e.c.state.Shared[pc.run] - w.e.c.state.Shared[0]
	for range u.expression.shared {
		at += accumulate(sums[at:], prog.Out(out))
		out++
	}
	for i := range pc.spans {
		out = w.storeState(d.State, prog, out, pc, i)
	}
	if wanted {
		w.storeInputs(sums, d, u, prog, out, pc)
	}
	return nil
}

// storeInputs copies the cotangents of loss, reward, gradient, theta and senses to where they are wanted.
func (w *worker[F]) storeInputs(sums []F, d *rule.Cotangents[F], u *unit[F], prog *graph.Program[F], out int, pc *piece) {
	perRun := w.e.sums.phi + w.e.sums.shared + pc.run
	if u.expression.loss != nil {
		accumulate(sums[perRun:], prog.Out(out))
		out++
	}
	if u.expression.reward != nil {
		accumulate(sums[perRun+w.e.sums.loss:], prog.Out(out))
		out++
	}
	for i, span := range pc.spans {
		t := &u.expression.tensors[i]
		for _, x := range []struct {
			dst  []F
			read bool
		}{{d.Grad, t.grad != nil}, {d.Theta, t.theta != nil}} {
			switch {
			case x.dst != nil && x.read:
				copy(x.dst[span.From:span.To], prog.Out(out))
			case x.dst != nil:
				clear(x.dst[span.From:span.To])
			}
			if x.read {
				out++
			}
		}
		for _, s := range t.senses {
			if d.Senses != nil {
				copy(part(s, d.Senses, w.e.senses, pc.run), prog.Out(out))
			}
			out++
		}
	}
}

// load fills a program's first inputs with a piece of p, and returns how many they are.
func (w *worker[F]) load(u *unit[F], prog *graph.Program[F], p *rule.Point[F], pc *piece) int {
	e := u.expression
	in, at := 0, 0
	for range e.phi {
		at += copy(prog.In(in), p.Phi[at:])
		in++
	}
	in = w.loadShared(u, prog, in, w.e.shared, w.e.c.state.Shared[pc.run]-w.e.c.state.Shared[0], true)
	scalar := func(read rule.Vars, value F) {
		if e.spec.Reads&read != 0 {
			prog.In(in)[0] = value
			in++
		}
	}
	if e.loss != nil {
		scalar(rule.Loss, p.Loss[pc.run])
	}
	if e.reward != nil {
		scalar(rule.Reward, p.Senses[pc.run*w.e.senses+w.e.reward])
	}
	scalar(rule.Step, F(p.Step))
	scalar(rule.Horizon, F(p.Horizon))
	for i, span := range pc.spans {
		t := &e.tensors[i]
		if t.grad != nil {
			fill(prog.In(in), p.Grad[span.From:span.To])
			in++
		}
		if t.theta != nil {
			fill(prog.In(in), p.Theta[span.From:span.To])
			in++
		}
		for _, s := range t.senses {
			copy(prog.In(in), part(s, p.Senses, w.e.senses, pc.run))
			in++
		}
		in = w.loadState(prog, in, p.State, pc, i)
	}
	return in
}

// loadShared fills the inputs from the in-th on with shared state, or its cotangents, from at on; with zeros if it is not
// seen. It returns the next input.
func (w *worker[F]) loadShared(u *unit[F], prog *graph.Program[F], in int, state []F, at int, seen bool) int {
	for range u.expression.shared {
		dst := prog.In(in)
		if seen {
			at += copy(dst, state[at:])
		} else {
			clear(dst)
		}
		in++
	}
	return in
}

// loadState fills the inputs from the in-th on with a tensor's part of a state, or of its cotangent, and returns the next
// input.
func (w *worker[F]) loadState(prog *graph.Program[F], in int, state []F, pc *piece, tensor int) int {
	span := pc.spans[tensor]
	for i, r := range w.e.c.spec.State.PerCoordinate {
		at, width := w.e.c.state.Rows[i], r.Len()
		fill(prog.In(in), state[at+span.From*width:at+span.To*width])
		in++
	}
	if pc.owned != nil {
		at := pc.owned[tensor]
		for range w.e.owns[pc.kind][tensor] {
			at += copy(prog.In(in), state[at:])
			in++
		}
	}
	return in
}

// storeState copies the results from the out-th on into a tensor's part of a state, and returns the next result.
func (w *worker[F]) storeState(state []F, prog *graph.Program[F], out int, pc *piece, tensor int) int {
	span := pc.spans[tensor]
	for i, r := range w.e.c.spec.State.PerCoordinate {
		at, width := w.e.c.state.Rows[i], r.Len()
		copy(state[at+span.From*width:at+span.To*width], prog.Out(out))
		out++
	}
	if pc.owned != nil {
		at := pc.owned[tensor]
		for range w.e.owns[pc.kind][tensor] {
			at += copy(state[at:], prog.Out(out))
			out++
		}
	}
	return out
}

// accumulate adds v to the front of sum and returns its length.
func accumulate[F params.Float](sum, v []F) int {
	add(sum, v)
	return len(v)
}

// fill copies src to the front of dst and clears the rest.
func fill[F params.Float](dst, src []F) { clear(dst[copy(dst, src):]) }
