package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// units loads four numbers of each of two coordinates.
func units(low, high Mem) reg.VecVirtual {
	v := YMM()
	VMOVUPS(low, v.AsX())
	VINSERTF128(Imm(1), high, v, v)
	return v
}

func storeUnits(v reg.VecVirtual, low, high Mem) {
	VMOVUPS(v.AsX(), low)
	VEXTRACTF128(Imm(1), v, high)
}

func cellForward() {
	TEXT("cellForwardAVX2", NOSPLIT, "func(gates, cPrev, cNext, act, h1, h2 []float32, n, h, ld1, ld2 int)")
	Pragma("noescape")
	Doc("cellForwardAVX2 computes one LSTM cell for n coordinates and h units, see cellForwardGeneric. It takes two",
		"coordinates and four units at a time; act holds σ(i), σ(f), tanh(g), σ(o), tanh(c) of these eight, again and again.")
	leave := flushDenormals(AllocLocal(8))
	gates, cPrev, cNext := Load(Param("gates").Base(), GP64()), Load(Param("cPrev").Base(), GP64()), Load(Param("cNext").Base(), GP64())
	act, h1, h2 := Load(Param("act").Base(), GP64()), Load(Param("h1").Base(), GP64()), Load(Param("h2").Base(), GP64())
	pairs := Load(Param("n"), GP64())
	h, ld1, ld2 := Load(Param("h"), GP64()), Load(Param("ld1"), GP64()), Load(Param("ld2"), GP64())
	SHRQ(U8(1), pairs)
	bytes(h)
	bytes(ld1)
	bytes(ld2)
	row := GP64() // of gates: 4h numbers
	MOVQ(h, row)
	SHLQ(U8(2), row)
	Label("pairs")
	groups := Load(Param("h"), GP64())
	Label("groups")
	at := func(base, ld reg.Register) (low, high Mem) {
		return Mem{Base: base}, Mem{Base: base, Index: ld, Scale: 1}
	}
	gate := func(half, disp int) reg.VecVirtual { // half 0: the first two gates of disp, 1: the others
		a, v := YMM(), YMM()
		VMOVUPS(Mem{Base: gates, Disp: disp}, a)
		VPERM2F128(Imm(uint64(0x20+0x11*half)), Mem{Base: gates, Index: row, Scale: 1, Disp: disp}, a, v)
		return v
	}
	// Two gates at a time: there are sixteen registers.
	var first, second, third chain
	i, g := eight.sigmoid(&first, gate(0, 0)), eight.tanh(&second, gate(0, 32))
	emit(first, second)
	VMOVUPS(i, Mem{Base: act})
	VMOVUPS(g, Mem{Base: act, Disp: 64})
	VMULPS(i, g, g)
	first, second = nil, nil
	f, o := eight.sigmoid(&first, gate(1, 0)), eight.sigmoid(&second, gate(1, 32))
	emit(first, second)
	VMOVUPS(f, Mem{Base: act, Disp: 32})
	VMOVUPS(o, Mem{Base: act, Disp: 96})
	c := units(at(cPrev, h))
	VFMADD213PS(g, f, c)
	low, high := at(cNext, h)
	storeUnits(c, low, high)
	t := eight.tanh(&third, c)
	emit(third)
	VMOVUPS(t, Mem{Base: act, Disp: 128})
	VMULPS(o, t, t)
	low, high = at(h1, ld1)
	storeUnits(t, low, high)
	low, high = at(h2, ld2)
	storeUnits(t, low, high)
	ADDQ(Imm(64), gates)
	ADDQ(Imm(160), act)
	for _, p := range []reg.Register{cPrev, cNext, h1, h2} {
		ADDQ(Imm(16), p)
	}
	SUBQ(Imm(4), groups)
	JNZ(LabelRef("groups"))
	// All pointers have moved along one row; two rows are done.
	ADDQ(row, gates)
	ADDQ(h, cPrev)
	ADDQ(h, cNext)
	twoRows(h1, ld1, h)
	twoRows(h2, ld2, h)
	DECQ(pairs)
	JNZ(LabelRef("pairs"))
	leave()
	VZEROUPPER()
	RET()
}

// twoRows moves a pointer that is h bytes into a row to the beginning of the row after the next.
func twoRows(p, ld, h reg.Register) {
	LEAQ(Mem{Base: p, Index: ld, Scale: 2}, p)
	SUBQ(h, p)
}

func cellBackward() {
	TEXT("cellBackwardAVX2", NOSPLIT, "func(dGates, dc, cPrev, act, dh1, dh2 []float32, n, h, ld1, ld2 int)")
	Pragma("noescape")
	Doc("cellBackwardAVX2 carries the cotangents of an LSTM cell back, see cellBackwardGeneric. It reads act as",
		"cellForwardAVX2 left it.")
	leave := flushDenormals(AllocLocal(8))
	dGates, dc, cPrev := Load(Param("dGates").Base(), GP64()), Load(Param("dc").Base(), GP64()), Load(Param("cPrev").Base(), GP64())
	act, dh1, dh2 := Load(Param("act").Base(), GP64()), Load(Param("dh1").Base(), GP64()), Load(Param("dh2").Base(), GP64())
	pairs := Load(Param("n"), GP64())
	h, ld1, ld2 := Load(Param("h"), GP64()), Load(Param("ld1"), GP64()), Load(Param("ld2"), GP64())
	SHRQ(U8(1), pairs)
	bytes(h)
	bytes(ld1)
	bytes(ld2)
	row := GP64()
	MOVQ(h, row)
	SHLQ(U8(2), row)
	Label("pairs")
	groups := Load(Param("h"), GP64())
	Label("groups")
	at := func(base, ld reg.Register) (low, high Mem) {
		return Mem{Base: base}, Mem{Base: base, Index: ld, Scale: 1}
	}
	saved := func(k int) reg.VecVirtual { return loaded(Mem{Base: act, Disp: 32 * k}) }
	one := loaded(float("oneF", 1))
	// slope multiplies d by a(1−a), the derivative of σ where it has the value a.
	slope := func(d, a reg.VecVirtual) {
		rest := YMM()
		VSUBPS(a, one, rest)
		VMULPS(a, d, d)
		VMULPS(rest, d, d)
	}
	dh := units(at(dh1, ld1))
	VADDPS(units(at(dh2, ld2)), dh, dh)
	o, t := saved(3), saved(4)
	d, rest := units(at(dc, h)), loaded(float("oneF", 1))
	VFNMADD231PS(t, t, rest) // 1 − tanh(c)²
	VMULPS(o, rest, rest)
	VFMADD231PS(dh, rest, d) // of the cell state
	VMULPS(t, dh, dh)
	slope(dh, o) // of the output gate
	i, g := saved(0), saved(2)
	di, dg := YMM(), loaded(float("oneF", 1))
	VMULPS(g, d, di)
	slope(di, i)
	VFNMADD231PS(g, g, dg) // 1 − tanh(g)²
	VMULPS(i, dg, dg)
	VMULPS(d, dg, dg)
	f := saved(1)
	df := units(at(cPrev, h))
	VMULPS(d, df, df)
	slope(df, f)
	VMULPS(f, d, d)
	low, high := at(dc, h)
	storeUnits(d, low, high)
	pair := func(a, b reg.VecVirtual, disp int) { // gates a and b of both coordinates, into their rows
		v := YMM()
		VPERM2F128(Imm(0x20), b, a, v)
		VMOVUPS(v, Mem{Base: dGates, Disp: disp})
		VPERM2F128(Imm(0x31), b, a, v)
		VMOVUPS(v, Mem{Base: dGates, Index: row, Scale: 1, Disp: disp})
	}
	pair(di, df, 0)
	pair(dg, dh, 32)
	ADDQ(Imm(64), dGates)
	ADDQ(Imm(160), act)
	for _, p := range []reg.Register{dc, cPrev, dh1, dh2} {
		ADDQ(Imm(16), p)
	}
	SUBQ(Imm(4), groups)
	JNZ(LabelRef("groups"))
	ADDQ(row, dGates)
	ADDQ(h, dc)
	ADDQ(h, cPrev)
	twoRows(dh1, ld1, h)
	twoRows(dh2, ld2, h)
	DECQ(pairs)
	JNZ(LabelRef("pairs"))
	leave()
	VZEROUPPER()
	RET()
}
