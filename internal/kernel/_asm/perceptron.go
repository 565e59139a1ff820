package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// The parts of a step that sees coordinates through a perceptron, of perceptron.go in package kernel, whose constants these are.
const (
	hiddenUnits = 8
	terms       = hiddenUnits + 3
	streamed    = 18
	lanes       = 16
	planeStride = 4 * (512 + lanes) // in bytes
)

func perceptrons() {
	for _, w := range widths {
		w.squares()
		w.sideAverages()
		w.sideTerms()
		w.expand("expandTerms", "Grid.Expand", 0)
		w.expand("expandFactors", "Grid.ExpandFactors", hiddenUnits)
		w.moments()
		w.momentsGrid()
		w.perceptron()
		w.perceptronGrid()
		w.perceptronBack()
		w.momentsBack()
		w.fold("foldTerms", "Grid.FoldTerms", 0, hiddenUnits)
		w.fold("foldFactors", "Grid.FoldFactors", hiddenUnits, terms)
	}
	weigh()
	pass("combineAVX2", "Combine", "y", "x z", "a b", func(x, c []reg.VecVirtual) []reg.VecVirtual {
		VMULPS(c[0], x[0], x[0])
		VMULPS(c[1], x[1], x[1])
		VADDPS(x[1], x[0], x[0])
		return x[:1]
	})
}

// A wide is a width with the operations that these parts are made of, which are the same in both.
type wide struct {
	width
	suffix string
	n      int // numbers in a register
}

var widths = []wide{{eight, "AVX2", 8}, {sixteen, "AVX512", 16}}

func (w wide) text(name, signature, of string) {
	TEXT(name+w.suffix, NOSPLIT, "func("+signature+")")
	Pragma("noescape")
	Doc(name + w.suffix + " is " + of + " for slices whose lengths are known to fit.")
}

// with applies an instruction whose first operand is one number in memory, for all of a register.
func (w wide) with(a arithmetic, m Mem, operands ...Op) {
	if w.broadcast {
		a.broadcast(append([]Op{m}, operands...)...)
		return
	}
	a.plain(append([]Op{w.repeated(m)}, operands...)...)
}

var (
	times    = arithmetic{VMULPS, VMULPS_BCST}
	plus     = arithmetic{VADDPS, VADDPS_BCST}
	plusProd = arithmetic{VFMADD231PS, VFMADD231PS_BCST} // z ← z + constant·y
)

func (w wide) repeated(m Mem) reg.VecVirtual {
	v := w.reg()
	VBROADCASTSS(m, v)
	return v
}

func (w wide) zero() reg.VecVirtual {
	v := w.reg()
	VXORPS(v, v, v)
	return v
}

func (w wide) product(x, y reg.VecVirtual) reg.VecVirtual {
	v := w.reg()
	VMULPS(x, y, v)
	return v
}

// limited is x within two bounds. NaN, as the first operand, stays.
func (w wide) limited(x reg.VecVirtual, name string, limit float64) reg.VecVirtual {
	v := w.reg()
	VMINPS(x, w.repeated(float(name, limit)), v)
	VMAXPS(v, w.repeated(float(name+"Below", -limit)), v)
	return v
}

// inverseRoot replaces x, above 0, by 1/√x: exact steps where there are eight lanes, an estimate of 14 bits and Newton's step where
// there are sixteen.
func (w wide) inverseRoot(x reg.VecVirtual) {
	y := w.reg()
	if !w.broadcast {
		VSQRTPS(x, y)
		VDIVPS(y, w.repeated(float("oneF", 1)), x)
		return
	}
	t := w.reg()
	VRSQRT14PS(x, y)
	VMULPS(x, y, t)
	w.with(times, float("halfF", .5), y, x)
	VFNMADD213PS(w.repeated(float("oneF", 1)), y, t) // 1 − xy²
	VFMADD213PS(y, t, x)                             // y/2·(1 − xy²) + y
}

// reciprocal replaces x by 1/x.
func (w wide) reciprocal(x reg.VecVirtual) { VDIVPS(x, w.repeated(float("oneF", 1)), x) }

// A part is which lanes of a register are meant: all if zero.
type part struct{ mask reg.Register }

func (w wide) get(m Mem, p part) reg.VecVirtual {
	v := w.reg()
	switch {
	case p.mask == nil:
		VMOVUPS(m, v)
	case w.broadcast:
		VMOVUPS_Z(m, p.mask, v)
	default:
		VMASKMOVPS(m, p.mask, v)
	}
	return v
}

func (w wide) put(v reg.VecVirtual, m Mem, p part) {
	switch {
	case p.mask == nil:
		VMOVUPS(v, m)
	case w.broadcast:
		VMOVUPS(v, p.mask, m)
	default:
		VMASKMOVPS(v, p.mask, m)
	}
}

// only makes what is not meant zero.
func (w wide) only(v reg.VecVirtual, p part) {
	switch {
	case p.mask == nil:
	case w.broadcast:
		VMOVAPS_Z(v, p.mask, v)
	default:
		VANDPS(p.mask, v, v)
	}
}

// loop runs a body over n numbers, a register's at a time, and over the rest. It uses n up and leaves in at the bytes that are done
// before the rest.
func (w wide) loop(label string, n, at reg.Register, body func(p part)) {
	XORQ(at, at)
	Label(label)
	CMPQ(n, Imm(uint64(w.n)))
	JLT(LabelRef(label + "rest"))
	body(part{})
	ADDQ(Imm(uint64(4*w.n)), at)
	SUBQ(Imm(uint64(w.n)), n)
	JMP(LabelRef(label))
	Label(label + "rest")
	TESTQ(n, n)
	JZ(LabelRef(label + "done"))
	body(part{w.rest(n)})
	Label(label + "done")
}

// rest is the mask of the first n numbers.
func (w wide) rest(n reg.Register) reg.Register {
	if !w.broadcast {
		return loaded(maskOf(n))
	}
	bits, mask := GP32(), K()
	MOVL(U32(0xffff), bits)
	BZHIL(n.(reg.GPVirtual).As32(), bits, bits)
	KMOVW(bits, mask)
	return mask
}

func base(name string) reg.GPVirtual { return Load(Param(name).Base(), GP64()).(reg.GPVirtual) }

func indexed(base, at reg.Register, k int) Mem {
	return Mem{Base: base, Index: at, Scale: 1, Disp: k}
}

// Sums are kept in registers where there are enough, in memory where not.
type sums struct {
	wide
	memory reg.Register
	held   []reg.VecVirtual
}

func (w wide) sums(n int) *sums {
	s := &sums{wide: w, memory: base("sums")}
	if w.broadcast {
		for k := range n {
			s.held = append(s.held, w.load(s.at(k)))
		}
	}
	return s
}

func (s *sums) at(k int) Mem { return Mem{Base: s.memory, Disp: 4 * lanes * k} }

// add adds the product of x and y to sum k.
func (s *sums) add(k int, x, y reg.VecVirtual) {
	s.change(k, func(v reg.VecVirtual) { VFMADD231PS(x, y, v) })
}

// count adds x to sum k.
func (s *sums) count(k int, x reg.VecVirtual) {
	s.change(k, func(v reg.VecVirtual) { VADDPS(x, v, v) })
}

func (s *sums) change(k int, f func(reg.VecVirtual)) {
	if s.held != nil {
		f(s.held[k])
		return
	}
	v := s.load(s.at(k))
	f(v)
	VMOVUPS(v, s.at(k))
}

// done writes what is held.
func (s *sums) done() {
	s.memory = base("sums")
	for k, v := range s.held {
		VMOVUPS(v, s.at(k))
	}
}

func leave() {
	VZEROUPPER()
	RET()
}

func (w wide) squares() {
	w.text("squares", "row, col, g []float32, ld int", "Squares")
	q := squares{wide: w, row: base("row"), col: base("col"), g: base("g"), ld: Load(Param("ld"), GP64())}
	rows := Load(Param("row").Len(), GP64())
	bytes(q.ld)
	for _, count := range []int{4, 1} {
		label := "rows" + string(rune('0'+count))
		Label(label)
		CMPQ(rows, Imm(uint64(count)))
		JLT(LabelRef(label + "past"))
		q.rows(label, count)
		SUBQ(Imm(uint64(count)), rows)
		JMP(LabelRef(label))
		Label(label + "past")
	}
	leave()
}

// squares are sums over rows and columns of a matrix.
type squares struct {
	wide
	row, col, g reg.Register
	ld          reg.Register // in bytes
}

// rows takes so many rows at a time, which go to the columns' sums one after the other, and moves on.
func (q squares) rows(label string, count int) {
	n, at := GP64(), GP64()
	rows, sum := []reg.Register{q.g}, []reg.VecVirtual{q.zero()}
	for i := 1; i < count; i++ {
		next := GP64()
		LEAQ(Mem{Base: rows[i-1], Index: q.ld, Scale: 1}, next)
		rows, sum = append(rows, next), append(sum, q.zero())
	}
	Load(Param("col").Len(), n)
	q.loop(label+"cols", n, at, func(p part) {
		to := q.get(indexed(q.col, at, 0), p)
		for i, row := range rows {
			x := q.limited(q.get(indexed(row, at, 0), p), "gradLimit", 1000)
			VMULPS(x, x, x)
			VADDPS(x, sum[i], sum[i])
			VADDPS(x, to, to)
		}
		q.put(to, indexed(q.col, at, 0), p)
	})
	for i, s := range sum {
		VMOVSS(q.total(s), Mem{Base: q.row, Disp: 4 * i})
	}
	ADDQ(Imm(uint64(4*count)), q.row)
	LEAQ(Mem{Base: rows[count-1], Index: q.ld, Scale: 1}, q.g)
}

// total adds a register's numbers up.
func (w wide) total(v reg.VecVirtual) reg.Register {
	half, x, t := YMM(), XMM(), XMM()
	if w.broadcast {
		VEXTRACTF64X4(Imm(1), v, half)
		VADDPS(half, v.AsY(), half)
	} else {
		VMOVAPS(v, half)
	}
	VEXTRACTF128(Imm(1), half, x)
	VADDPS(half.AsX(), x, x)
	VMOVHLPS(x, x, t)
	VADDPS(t, x, x)
	VMOVSHDUP(x, t)
	VADDSS(t, x, x)
	return x
}

var decays, rests = [3]float64{.9, .99, .999}, [3]float64{.1, .01, .001}

func decay(k int) Mem { return float("decay"+string(rune('0'+k)), decays[k]) }
func rest(k int) Mem  { return float("rest"+string(rune('0'+k)), rests[k]) }

func (w wide) sideAverages() {
	w.text("sideAverages", "n0, n1, n2, s0, s1, s2, squares, sums []float32, scale float32", "SideAverages")
	next := []reg.Register{base("n0"), base("n1"), base("n2")}
	state := []reg.Register{base("s0"), base("s1"), base("s2")}
	squares, at := base("squares"), GP64()
	scale, err := Param("scale").Resolve()
	if err != nil {
		panic(err)
	}
	sums := w.sums(9)
	n := Load(Param("squares").Len(), GP64())
	w.loop("n", n, at, func(p part) {
		q := w.get(indexed(squares, at, 0), p)
		w.with(times, scale.Addr, q, q)
		w.with(plus, float("squareEps", 1e-30), q, q)
		for k := range 3 {
			s := w.get(indexed(state[k], at, 0), p)
			w.with(times, decay(k), s, s)
			w.with(plusProd, rest(k), q, s)
			w.put(s, indexed(next[k], at, 0), p)
			sums.count(k, s)
			sums.add(3+k, s, s)
			w.with(plus, float("rootEps", 1e-8), s, s)
			w.reciprocal(s)
			w.only(s, p)
			sums.count(6+k, s)
		}
	})
	sums.done()
	leave()
}

// A column is values of several kinds, which lie ld apart. There is one index in an address only, so every third has a base.
type column struct {
	bases [4]reg.Register
	ld    reg.Register // in bytes
}

func newColumn(first, ld reg.Register) column { return newColumnOf(first, ld, 0, terms) }

// newColumnOf has no bases but those of some kinds.
func newColumnOf(first, ld reg.Register, from, to int) column {
	c := column{ld: ld}
	at := first
	for i := range c.bases {
		if i > 0 {
			next := GP64()
			LEAQ(Mem{Base: at, Index: ld, Scale: 2}, next)
			ADDQ(ld, next)
			at = next
		}
		if i >= from/3 && i <= (to-1)/3 {
			c.bases[i] = at
		}
	}
	return c
}

func (c column) kind(k int) Mem {
	m := Mem{Base: c.bases[k/3]}
	if k%3 > 0 {
		m.Index, m.Scale = c.ld, uint8(k%3)
	}
	return m
}

func (c column) move(by Op) {
	for _, b := range c.bases {
		if b != nil {
			ADDQ(by, b)
		}
	}
}

func (w wide) sideTerms() {
	w.text("sideTerms", "terms, s0, s1, s2, w []float32, stride int", "SideTerms")
	ld := Load(Param("stride"), GP64())
	bytes(ld)
	to := newColumn(base("terms"), ld)
	state := []reg.Register{base("s0"), base("s1"), base("s2")}
	weights, at := base("w"), GP64()
	n := Load(Param("s0").Len(), GP64())
	number := func(k int) Mem { return Mem{Base: weights, Disp: 4 * k} }
	const bias, factor = 6 * hiddenUnits, 7 * hiddenUnits
	w.loop("n", n, at, func(p part) {
		var seen []reg.VecVirtual
		for k := range 3 {
			seen = append(seen, w.get(indexed(state[k], at, 0), p))
		}
		for k := range 3 {
			root := w.reg()
			w.with(plus, float("rootEps", 1e-8), seen[k], root)
			w.inverseRoot(root)
			seen = append(seen, root)
			f := w.reg()
			w.with(times, number(factor+k), seen[k], f)
			VMAXPS(f, w.repeated(number(factor+3)), f)
			w.with(plus, number(factor+4), f, f)
			w.inverseRoot(f)
			w.put(f, to.kind(hiddenUnits+k), p)
		}
		for h := range hiddenUnits {
			y := w.repeated(number(bias + h))
			for k, x := range seen {
				w.with(plusProd, number(hiddenUnits*k+h), x, y)
			}
			w.put(y, to.kind(h), p)
		}
		to.move(Imm(uint64(4 * w.n)))
	})
	leave()
}

func (w wide) expand(name, of string, first int) {
	w.text(name, "planes, down, across []float32, rows, cols, ldDown, ldAcross int", of)
	ldDown, ldAcross := Load(Param("ldDown"), GP64()), Load(Param("ldAcross"), GP64())
	bytes(ldDown)
	bytes(ldAcross)
	planes := base("planes")
	down, across := newColumn(base("down"), ldDown), newColumn(base("across"), ldAcross)
	moved, n := GP64(), GP64()
	Label("rows")
	v := make([]reg.VecVirtual, terms)
	for k := first; k < terms; k++ {
		v[k] = w.repeated(down.kind(k))
	}
	down.move(Imm(4))
	XORQ(moved, moved)
	Load(Param("cols"), n)
	Label("cols")
	for k := first; k < terms; k++ {
		x := w.reg()
		if k < hiddenUnits {
			VADDPS(across.kind(k), v[k], x)
		} else {
			VMULPS(across.kind(k), v[k], x)
		}
		VMOVUPS(x, Mem{Base: planes, Disp: k * planeStride})
	}
	across.move(Imm(uint64(4 * w.n)))
	ADDQ(Imm(uint64(4*w.n)), planes)
	SUBQ(Imm(uint64(4*w.n)), moved)
	SUBQ(Imm(uint64(w.n)), n)
	JG(LabelRef("cols"))
	// Behind the last number of this row there may be some that are none; the next row begins there.
	across.move(moved)
	LEAQ(Mem{Base: planes, Index: n, Scale: 4}, planes)
	left, err := Param("rows").Resolve()
	if err != nil {
		panic(err)
	}
	DECQ(left.Addr)
	JNZ(LabelRef("rows"))
	leave()
}

// Where a perceptron's weights are.
const (
	atBias1    = streamed * hiddenUnits
	atWeights1 = atBias1 + hiddenUnits
	atWeights2 = atWeights1 + hiddenUnits*hiddenUnits
)

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
	return c.get(indexed(c.planes, c.at, k*planeStride), p)
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
			m, f = c.get(indexed(c.state[k], c.at, c.ahead), c.part), c.plane(hiddenUnits+k, c.part)
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
	acc := make([]reg.VecVirtual, hiddenUnits)
	for h := range acc {
		acc[h] = c.plane(h, c.part)
	}
	for _, f := range c.features(theta) {
		x := f.make()
		for h := range acc {
			c.with(plusProd, weight(weights, hiddenUnits*f.k+h), x, acc[h])
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
	second := make([]reg.VecVirtual, hiddenUnits)
	for j := range second {
		second[j] = c.repeated(weight(weights, atBias1+j))
	}
	for h := range hiddenUnits {
		x := hidden(h)
		for j := range second {
			c.with(plusProd, weight(weights, atWeights1+hiddenUnits*h+j), x, second[j])
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
	g := w.newGrid(hiddenUnits)
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
		f := c.plane(hiddenUnits+k, p)
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
	w.loop("n", n, l.at, func(p part) { l.step(&coordinate{wide: w, part: p, planes: planes, at: l.at}) })
	l.sums.done()
	leave()
}

func (w wide) perceptronGrid() {
	w.text("perceptronGrid", "d, s0, s1, s2, sv, grad, theta, down, across, w, sums []float32, rows, cols, ldDown int",
		"Grid.Perceptron")
	l := w.newPerceptronLoop()
	g := w.newGrid(0)
	one := func(ahead int) *coordinate { return &coordinate{wide: w, at: l.at, grid: g, ahead: ahead} }
	var pair func()
	if w.broadcast {
		pair = func() { l.pair([2]*coordinate{one(0), one(4 * w.n)}) }
	}
	g.loop(l.at, func() { l.step(one(0)) }, pair)
	l.sums.done()
	leave()
}

// A perceptronLoop is what goes on from coordinates to coordinates.
type perceptronLoop struct {
	wide
	state                       []reg.Register
	d, grad, theta, weights, at reg.Register
	spill                       Mem // of the first layer, where there are sixteen registers
	sums                        *sums
}

func (w wide) newPerceptronLoop() *perceptronLoop {
	return &perceptronLoop{
		wide: w, spill: AllocLocal(4 * 8 * hiddenUnits), state: []reg.Register{base("s0"), base("s1"), base("s2"), base("sv")},
		d: base("d"), grad: base("grad"), theta: base("theta"), weights: base("w"), at: GP64(), sums: w.sums(1),
	}
}

// step is what is done with a register of coordinates.
func (l *perceptronLoop) step(c *coordinate) {
	w := l.wide
	c.read(l.grad, l.state)
	acc := c.firstLayer(l.weights, l.theta)
	hidden := c.rectified(acc, l.spill)
	second := c.secondLayer(l.weights, hidden)
	out, odd, zero := w.repeated(weight(l.weights, atWeights2+hiddenUnits)), w.zero(), w.zero()
	for j, y := range second {
		VMAXPS(y, zero, y)
		if j%2 == 0 {
			w.with(plusProd, weight(l.weights, atWeights2+j), y, out)
		} else {
			w.with(plusProd, weight(l.weights, atWeights2+j), y, odd)
		}
	}
	VADDPS(odd, out, out)
	w.only(out, c.part)
	w.put(out, indexed(l.d, l.at, 0), c.part)
	l.sums.add(0, out, out)
}

// pair is step for two registers, which takes each weight from memory once for both.
func (l *perceptronLoop) pair(two [2]*coordinate) {
	w := l.wide
	var acc, out, odd [2][]reg.VecVirtual
	var features [2][]feature
	// product adds that of a weight and the x of each to what they have to in a place.
	product := func(k int, x [2]reg.VecVirtual, to *[2][]reg.VecVirtual, place int) {
		v := w.repeated(weight(l.weights, k))
		for i := range two {
			VFMADD231PS(v, x[i], to[i][place])
		}
	}
	for i, c := range two {
		c.read(l.grad, l.state)
		for h := range hiddenUnits {
			acc[i] = append(acc[i], c.plane(h, c.part))
		}
		features[i] = c.features(l.theta)
	}
	for n, f := range features[0] {
		x := [2]reg.VecVirtual{f.make(), features[1][n].make()}
		for h := range hiddenUnits {
			product(hiddenUnits*f.k+h, x, &acc, h)
		}
	}
	bias := w.repeated(weight(l.weights, atWeights2+hiddenUnits))
	zero := w.zero()
	for i := range two {
		for h := range acc[i] {
			VMAXPS(acc[i][h], zero, acc[i][h])
		}
		out[i], odd[i] = []reg.VecVirtual{w.reg()}, []reg.VecVirtual{w.zero()}
		VMOVAPS(bias, out[i][0])
	}
	// Half of the second layer at a time: there are not the registers for all of it.
	for first := 0; first < hiddenUnits; first += hiddenUnits / 2 {
		var second [2][]reg.VecVirtual
		for j := first; j < first+hiddenUnits/2; j++ {
			y := w.repeated(weight(l.weights, atBias1+j))
			copied := w.reg()
			VMOVAPS(y, copied)
			second[0], second[1] = append(second[0], y), append(second[1], copied)
		}
		for h := range hiddenUnits {
			for j := range second[0] {
				product(atWeights1+hiddenUnits*h+first+j, [2]reg.VecVirtual{acc[0][h], acc[1][h]}, &second, j)
			}
		}
		zero := w.zero()
		for j := range second[0] {
			x, to := [2]reg.VecVirtual{second[0][j], second[1][j]}, &out
			for _, y := range x {
				VMAXPS(y, zero, y)
			}
			if j%2 == 1 {
				to = &odd
			}
			product(atWeights2+first+j, x, to, 0)
		}
	}
	for i, c := range two {
		VADDPS(odd[i][0], out[i][0], out[i][0])
		w.put(out[i][0], indexed(l.d, l.at, c.ahead), c.part)
		l.sums.add(0, out[i][0], out[i][0])
	}
}
