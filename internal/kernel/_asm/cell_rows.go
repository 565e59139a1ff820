package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// cellRows writes LSTM cells whose gates lie one kind after the other.
func cellRows() {
	cellRowsForward()
	cellRowsBack()
}

// A rowWalk goes along rows of cells, eight at a time, and then the rest of a row.
type rowWalk struct {
	z, ld reg.Register   // of the gates, and how far apart their kinds are
	state []reg.Register // of what has one number for a cell
}

func newRowWalk(state ...string) rowWalk {
	w := rowWalk{z: Load(Param("z").Base(), GP64()), ld: Load(Param("n"), GP64())}
	for _, name := range state {
		w.state = append(w.state, Load(Param(name).Base(), GP64()))
	}
	bytes(w.ld)
	return w
}

// gate returns where the gates of one of the four kinds are.
func (w rowWalk) gate(kind int) Mem {
	switch kind {
	case 0:
		return Mem{Base: w.z}
	case 3:
		third := GP64()
		LEAQ(Mem{Base: w.z, Index: w.ld, Scale: 2}, third)
		return Mem{Base: third, Index: w.ld, Scale: 1}
	}
	return Mem{Base: w.z, Index: w.ld, Scale: uint8(kind)}
}

// move moves everything by as many bytes as there are in r.
func (w rowWalk) move(by Op) {
	ADDQ(by, w.z)
	for _, r := range w.state {
		ADDQ(by, r)
	}
}

// loop emits the body twice: for eight cells, and for the rest of a row, one to seven.
func (w rowWalk) loop(body func(load func(from Mem) reg.VecVirtual, store func(v reg.VecVirtual, to Mem))) {
	leave := flushDenormals(AllocLocal(8))
	rows, left := Load(Param("rows"), GP64()), GP64()
	Label("row")
	Load(Param("n"), left)
	Label("eight")
	CMPQ(left, Imm(8))
	JLT(LabelRef("rest"))
	body(loaded, func(v reg.VecVirtual, to Mem) { VMOVUPS(v, to) })
	w.move(Imm(32))
	SUBQ(Imm(8), left)
	JMP(LabelRef("eight"))
	Label("rest")
	TESTQ(left, left)
	JZ(LabelRef("next"))
	mask := maskOf(left) // of the rest, which is now in bytes
	body(func(from Mem) reg.VecVirtual {
		v := YMM()
		VMASKMOVPS(from, loaded(mask), v)
		return v
	}, func(v reg.VecVirtual, to Mem) { VMASKMOVPS(v, loaded(mask), to) })
	w.move(left)
	Label("next")
	LEAQ(Mem{Base: w.z, Index: w.ld, Scale: 2}, w.z)
	ADDQ(w.ld, w.z)
	DECQ(rows)
	JNZ(LabelRef("row"))
	leave()
	VZEROUPPER()
	RET()
}

func cellRowsForward() {
	TEXT("cellRowsAVX2", NOSPLIT, "func(z, before, c, tanhC, h []float32, rows, n int)")
	Pragma("noescape")
	Doc("cellRowsAVX2 is CellRows for at least one row of at least one cell.")
	w := newRowWalk("before", "c", "tanhC", "h")
	w.loop(func(load func(Mem) reg.VecVirtual, store func(reg.VecVirtual, Mem)) {
		at := func(i int) Mem { return Mem{Base: w.state[i]} }
		var first, second, third, fourth, last chain
		i, g := eight.sigmoid(&first, load(w.gate(0))), eight.tanh(&second, load(w.gate(3)))
		emit(first, second)
		store(i, w.gate(0))
		store(g, w.gate(3))
		VMULPS(i, g, g)
		f, o := eight.sigmoid(&third, load(w.gate(1))), eight.sigmoid(&fourth, load(w.gate(2)))
		emit(third, fourth)
		store(f, w.gate(1))
		store(o, w.gate(2))
		c := load(at(0))
		VFMADD213PS(g, f, c)
		store(c, at(1))
		t := eight.tanh(&last, c)
		emit(last)
		store(t, at(2))
		VMULPS(o, t, t)
		store(t, at(3))
	})
}

func cellRowsBack() {
	TEXT("pullCellRowsAVX2", NOSPLIT, "func(z, before, tanhC, dh, dc []float32, rows, n int)")
	Pragma("noescape")
	Doc("pullCellRowsAVX2 is PullCellRows for at least one row of at least one cell.")
	w := newRowWalk("before", "tanhC", "dh", "dc")
	w.loop(func(load func(Mem) reg.VecVirtual, store func(reg.VecVirtual, Mem)) {
		at := func(i int) Mem { return Mem{Base: w.state[i]} }
		one := loaded(float("oneF", 1))
		slope := func(d, a reg.VecVirtual) { // times a(1−a)
			rest := YMM()
			VSUBPS(a, one, rest)
			VMULPS(a, d, d)
			VMULPS(rest, d, d)
		}
		o, t, dh, d := load(w.gate(2)), load(at(1)), load(at(2)), load(at(3))
		rest := loaded(float("oneF", 1))
		VFNMADD231PS(t, t, rest) // 1 − tanh(c)²
		VMULPS(o, rest, rest)
		VFMADD231PS(dh, rest, d) // of the cell state
		VMULPS(t, dh, dh)
		slope(dh, o)
		store(dh, w.gate(2))
		i, g, di, dg := load(w.gate(0)), load(w.gate(3)), YMM(), loaded(float("oneF", 1))
		VMULPS(g, d, di)
		slope(di, i)
		store(di, w.gate(0))
		VFNMADD231PS(g, g, dg) // 1 − tanh(g)²
		VMULPS(i, dg, dg)
		VMULPS(d, dg, dg)
		store(dg, w.gate(3))
		f, df := load(w.gate(1)), load(at(0))
		VMULPS(d, df, df)
		slope(df, f)
		store(df, w.gate(1))
		VMULPS(f, d, d)
		store(d, at(3))
	})
}
