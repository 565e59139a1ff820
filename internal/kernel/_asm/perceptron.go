package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// The parts of a step that sees coordinates through a perceptron, of perceptron.go in package kernel, whose constants these are.
const (
	mostUnits   = 8
	terms       = mostUnits + 3
	streamed    = 18
	lanes       = 16
	planeStride = 4 * (512 + lanes) // in bytes
)

func perceptrons() {
	for _, w := range widths {
		w.squares()
		w.sideAverages()
		w.expand("expandFactors", "Grid.ExpandFactors", w.kinds(mostUnits))
		w.moments()
		w.momentsGrid()
		w.fold("foldFactors", "Grid.FoldFactors", mostUnits, terms)
		for _, units := range []int{mostUnits / 2, mostUnits} {
			w := w.of(units)
			w.sideTerms()
			w.expand("expandTerms", "Grid.Expand", w.kinds(0))
			w.perceptron()
			w.perceptronGrid()
			w.perceptronBack()
			w.momentsBack()
			w.fold("foldTerms", "Grid.FoldTerms", 0, units)
		}
	}
	for _, units := range []int{mostUnits / 2, mostUnits} {
		weigh(units)
	}
	pass("combineAVX2", "Combine", "y", "x z", "a b", func(x, c []reg.VecVirtual) []reg.VecVirtual {
		VMULPS(c[0], x[0], x[0])
		VMULPS(c[1], x[1], x[1])
		VADDPS(x[1], x[0], x[0])
		return x[:1]
	})
}

// Where a perceptron's weights are, those of feature k and unit h, those of the second layer, and the output's.
func (w wide) first(k, h int) int  { return w.units*k + h }
func (w wide) bias1(j int) int     { return w.first(streamed, j) }
func (w wide) second(h, j int) int { return w.bias1(w.units*(1+h) + j) }
func (w wide) out(j int) int       { return w.second(w.units, j) }
func (w wide) outBias() int        { return w.out(w.units) }

// bias0 is where a sum for the first layer's bias is, behind those for all weights.
func (w wide) bias0(h int) int { return w.outBias() + 1 + h }

func weight(weights reg.Register, k int) Mem { return Mem{Base: weights, Disp: 4 * k} }

// A coordinate is what the streamed features are made of.
type coordinate struct {
	wide
	part
	g, v, root reg.VecVirtual
	state      []reg.Register
	planes, at reg.Register
	grid       *grid // instead of planes, if any
	ahead      int   // bytes from at
}

func (c *coordinate) plane(k int, p part) reg.VecVirtual {
	if c.grid != nil {
		return c.grid.term(k, c.ahead)
	}
	return c.get(indexed(c.planes, c.at, k*planeStride+c.ahead), p)
}

// read takes the gradient, and the root of the average of its square.
func (c *coordinate) read(grad reg.Register, state []reg.Register) {
	c.state = state
	c.g = c.limited(c.get(indexed(grad, c.at, c.ahead), c.part), "gradLimit", 1000)
	c.v = c.get(indexed(state[3], c.at, c.ahead), c.part)
	c.root = c.reg()
	c.with(plus, float("rootEps", 1e-8), c.v, c.root)
	c.inverseRoot(c.root)
}

// A feature is one of the streamed, which is made when it is asked for, in their order, and may not be overwritten.
type feature struct {
	k    int
	make func() reg.VecVirtual
}

func (c *coordinate) features(theta reg.Register) (list []feature) {
	is := func(k int, make func() reg.VecVirtual) { list = append(list, feature{k, make}) }
	is(6, func() reg.VecVirtual { return c.v })
	is(0, func() reg.VecVirtual { return c.g })
	is(1, func() reg.VecVirtual { return c.limited(c.g, "clipLimit", .1) })
	is(2, func() reg.VecVirtual { return c.get(indexed(theta, c.at, c.ahead), c.part) })
	is(10, func() reg.VecVirtual { return c.root })
	is(14, func() reg.VecVirtual { return c.product(c.g, c.root) })
	for k := range 3 {
		var m, f reg.VecVirtual
		is(3+k, func() reg.VecVirtual {
			m, f = c.get(indexed(c.state[k], c.at, c.ahead), c.part), c.plane(mostUnits+k, c.part)
			return m
		})
		is(7+k, func() reg.VecVirtual { return c.product(m, c.root) })
		is(11+k, func() reg.VecVirtual { return c.product(c.g, f) })
		is(15+k, func() reg.VecVirtual {
			VMULPS(m, f, f)
			return f
		})
	}
	return list
}

// firstLayer is the first layer's sums.
func (c *coordinate) firstLayer(weights, theta reg.Register) []reg.VecVirtual {
	acc := make([]reg.VecVirtual, c.units)
	for h := range acc {
		acc[h] = c.plane(h, c.part)
	}
	for _, f := range c.features(theta) {
		x := f.make()
		for h := range acc {
			c.with(plusProd, weight(weights, c.first(f.k, h)), x, acc[h])
		}
	}
	return acc
}

// rectified are the layer's units. Where there are sixteen registers they wait in memory.
func (c *coordinate) rectified(acc []reg.VecVirtual, spill Mem) func(h int) reg.VecVirtual {
	zero := c.zero()
	for h := range acc {
		VMAXPS(acc[h], zero, acc[h])
		if !c.broadcast {
			VMOVUPS(acc[h], spill.Offset(32*h))
		}
	}
	if c.broadcast {
		return func(h int) reg.VecVirtual { return acc[h] }
	}
	return func(h int) reg.VecVirtual { return c.load(spill.Offset(32 * h)) }
}

// secondLayer is the second layer's sums.
func (c *coordinate) secondLayer(weights reg.Register, hidden func(h int) reg.VecVirtual) []reg.VecVirtual {
	second := make([]reg.VecVirtual, c.units)
	for j := range second {
		second[j] = c.repeated(weight(weights, c.bias1(j)))
	}
	for h := range c.units {
		x := hidden(h)
		for j := range second {
			c.with(plusProd, weight(weights, c.second(h, j)), x, second[j])
		}
	}
	return second
}

func (w wide) moments() {
	w.text("moments", "n0, n1, n2, nv, s0, s1, s2, sv, grad, theta, planes, sums []float32", "Moments")
	m := w.newMomentsLoop()
	planes := base("planes")
	n := Load(Param("grad").Len(), GP64())
	w.loop("n", n, m.at, func(p part) { m.step(&coordinate{wide: w, part: p, planes: planes, at: m.at}) })
	m.sums.done()
	leave()
}

func (w wide) momentsGrid() {
	w.text("momentsGrid", "n0, n1, n2, nv, s0, s1, s2, sv, grad, theta, down, across, sums []float32, rows, cols, ldDown int",
		"Grid.Moments")
	m := w.newMomentsLoop()
	g := w.newGrid(mostUnits)
	g.loop(m.at, func() { m.step(&coordinate{wide: w, at: m.at, grid: g}) }, nil)
	m.sums.done()
	leave()
}

// A momentsLoop is what goes on from coordinates to coordinates.
type momentsLoop struct {
	wide
	next, state []reg.Register
	grad, at    reg.Register
	sums        *sums
}

func (w wide) newMomentsLoop() *momentsLoop {
	return &momentsLoop{
		wide: w, next: []reg.Register{base("n0"), base("n1"), base("n2"), base("nv")},
		state: []reg.Register{base("s0"), base("s1"), base("s2"), base("sv")}, grad: base("grad"), at: GP64(), sums: w.sums(streamed),
	}
}

// step is what is done with a register of coordinates.
func (m *momentsLoop) step(c *coordinate) {
	w, p, sums := m.wide, c.part, m.sums
	there := func(base reg.Register) Mem { return indexed(base, m.at, 0) }
	g := w.limited(w.get(there(m.grad), p), "gradLimit", 1000)
	gg := w.product(g, g)
	v := w.get(there(m.state[3]), p)
	w.with(times, float("squareDecay", .95), v, v)
	w.with(plusProd, float("squareRest", .05), gg, v)
	w.put(v, there(m.next[3]), p)
	sums.add(6, v, v)
	inverse := v
	w.with(plus, float("rootEps", 1e-8), v, inverse)
	w.reciprocal(inverse)
	w.only(inverse, p)
	sums.count(0, gg)
	x := w.limited(g, "clipLimit", .1)
	sums.add(1, x, x)
	x = w.get(there(base("theta")), p)
	sums.add(2, x, x)
	sums.count(10, inverse)
	sums.add(14, gg, inverse)
	for k := range 3 {
		a := w.get(there(m.state[k]), p)
		w.with(times, decay(k), a, a)
		w.with(plusProd, rest(k), g, a)
		w.put(a, there(m.next[k]), p)
		VMULPS(a, a, a)
		sums.count(3+k, a)
		sums.add(7+k, a, inverse)
		f := c.plane(mostUnits+k, p)
		VMULPS(f, f, f)
		sums.add(11+k, gg, f)
		sums.add(15+k, a, f)
	}
}

func (w wide) perceptron() {
	w.text("perceptron", "d, s0, s1, s2, sv, grad, theta, planes, w, sums []float32", "Perceptron")
	l := w.newPerceptronLoop()
	planes := base("planes")
	n := Load(Param("grad").Len(), GP64())
	one := func(p part, ahead int) *coordinate {
		return &coordinate{wide: w, part: p, planes: planes, at: l.at, ahead: ahead}
	}
	XORQ(l.at, l.at)
	if w.broadcast {
		w.while("pairs", n, l.at, 2*w.n, func() { l.together(one(part{}, 0), one(part{}, 4*w.n)) })
	}
	w.onward("n", n, l.at, func(p part) { l.step(one(p, 0)) })
	l.done()
}

func (w wide) perceptronGrid() {
	w.text("perceptronGrid", "d, s0, s1, s2, sv, grad, theta, down, across, w, sums []float32, rows, cols, ldDown int",
		"Grid.Perceptron")
	l := w.newPerceptronLoop()
	g := w.newGrid(0)
	one := func(ahead int) *coordinate { return &coordinate{wide: w, at: l.at, grid: g, ahead: ahead} }
	var pair func()
	if w.broadcast {
		pair = func() { l.together(one(0), one(4*w.n)) }
	}
	g.loop(l.at, func() { l.step(one(0)) }, pair)
	l.done()
}

// A perceptronLoop is what goes on from coordinates to coordinates.
type perceptronLoop struct {
	wide
	state                       []reg.Register
	d, grad, theta, weights, at reg.Register
	spill                       Mem // of the first layer, where there are sixteen registers
	calm                        calm
	sums                        *sums
}

func (w wide) newPerceptronLoop() *perceptronLoop {
	l := &perceptronLoop{
		wide: w, spill: AllocLocal(4 * 8 * w.units), state: []reg.Register{base("s0"), base("s1"), base("s2"), base("sv")},
		d: base("d"), grad: base("grad"), theta: base("theta"), weights: base("w"), at: GP64(), sums: w.sums(1),
	}
	if w.broadcast {
		l.calm = w.newCalm(l.weights)
	}
	return l
}

func (l *perceptronLoop) done() {
	l.sums.done()
	leave()
	l.calm.done()
}

// step is what is done with a register of coordinates.
func (l *perceptronLoop) step(c *coordinate) {
	w := l.wide
	if w.broadcast {
		l.together(c)
		return
	}
	c.read(l.grad, l.state)
	acc := c.firstLayer(l.weights, l.theta)
	hidden := c.rectified(acc, l.spill)
	second := c.secondLayer(l.weights, hidden)
	out, odd, zero := w.repeated(weight(l.weights, w.outBias())), w.zero(), w.zero()
	for j, y := range second {
		VMAXPS(y, zero, y)
		if j%2 == 0 {
			w.with(plusProd, weight(l.weights, w.out(j)), y, out)
		} else {
			w.with(plusProd, weight(l.weights, w.out(j)), y, odd)
		}
	}
	VADDPS(odd, out, out)
	w.only(out, c.part)
	w.put(out, indexed(l.d, l.at, 0), c.part)
	l.sums.add(0, out, out)
}
