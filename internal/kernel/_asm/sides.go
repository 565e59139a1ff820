package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

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
	bias, factor := 6*w.units, 7*w.units
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
			w.put(f, to.kind(mostUnits+k), p)
		}
		for h := range w.units {
			y := w.repeated(number(bias + h))
			for k, x := range seen {
				w.with(plusProd, number(w.units*k+h), x, y)
			}
			w.put(y, to.kind(h), p)
		}
		to.move(Imm(uint64(4 * w.n)))
	})
	leave()
}
