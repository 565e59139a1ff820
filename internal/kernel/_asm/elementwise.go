package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// elementwise writes the arithmetic of lowered graphs: it runs on what lies in the first-level cache, so that nothing is
// asked for ahead.
func elementwise() {
	binary("subAVX2", "Sub", VSUBPS)
	binary("mulAVX2", "Mul", VMULPS)
	binary("divAVX2", "Div", VDIVPS)
	each("sqrtAVX2", "√", func(c *chain, x reg.VecVirtual) reg.VecVirtual {
		c.op(VSQRTPS, x, x)
		return x
	})
	each("absAVX2", "|·|", func(c *chain, x reg.VecVirtual) reg.VecVirtual {
		c.op(VANDPS, word("withoutSign", 1<<31-1), x, x)
		return x
	})
	each("expAVX2", "e^·", eight.power)
	each("eluAVX2", "the exponential-linear unit", eight.elu)
	binary("eluBackAVX2", "EluBack", eluBack)
	copyRows()
}

// power emits e^x, as the square of e^(x/2), which overflows where e^x does and goes gradually to zero.
func (w width) power(c *chain, x reg.VecVirtual) reg.VecVirtual {
	c.op(VMULPS, float("halfF", 0.5), x, x)
	s, q := w.exponential(c, w.clamp(c, x, 87), 1)
	c.op(VFMADD213PS, s, s, q)
	c.op(VMULPS, q, q, q)
	return q
}

// elu emits x above 0 and e^x − 1 = (s−1) + s·q below, which cancels nothing.
func (w width) elu(c *chain, x reg.VecVirtual) reg.VecVirtual {
	zero, above := w.reg(), w.reg()
	c.op(VXORPS, zero, zero, zero)
	c.op(VMAXPS, zero, x, above)
	c.op(VMINPS, x, zero, x) // NaN stays NaN
	s, q := w.exponential(c, w.clamp(c, x, 87), 1)
	below := w.reg()
	c.with(w, sub, float("oneF", 1), s, below)
	c.op(VFMADD213PS, below, s, q)
	c.op(VADDPS, above, q, q)
	return q
}

// eluBack emits y + y·min(x, 0) for a result x of elu.
func eluBack(operands ...Op) {
	x, y := operands[0], operands[1]
	below := YMM()
	VXORPS(below, below, below)
	VMINPS(x, below, below)
	VFMADD213PS(y, y, below)
	VMOVAPS(below, y)
}

// binary writes a function of two numbers each, 32 at a time while there are as many.
func binary(name, of string, instruction func(...Op)) {
	TEXT(name, NOSPLIT, "func(y, a, b []float32)")
	Pragma("noescape")
	Doc(name + " is " + of + " for slices that are known to be of one length.")
	at := GP64() // bytes done, of each slice
	slice := func(name string) Mem { return Mem{Base: Load(Param(name).Base(), GP64()), Index: at, Scale: 1} }
	y, a, b, n := slice("y"), slice("a"), slice("b"), Load(Param("a").Len(), GP64())
	XORQ(at, at)
	for _, vectors := range []int{4, 1} {
		loop := "by" + string(rune('0'+vectors))
		Label(loop)
		CMPQ(n, Imm(uint64(8*vectors)))
		JLT(LabelRef(loop + "past"))
		x := ymms(vectors)
		for i := range x {
			VMOVUPS(a.Offset(32*i), x[i])
			instruction(b.Offset(32*i), x[i], x[i])
		}
		for i := range x {
			VMOVUPS(x[i], y.Offset(32*i))
		}
		ADDQ(Imm(uint64(32*vectors)), at)
		SUBQ(Imm(uint64(8*vectors)), n)
		JMP(LabelRef(loop))
		Label(loop + "past")
	}
	TESTQ(n, n)
	JZ(LabelRef("done"))
	mask, v, w := loaded(maskOf(n)), YMM(), YMM()
	VMASKMOVPS(a, mask, v)
	VMASKMOVPS(b, mask, w)
	instruction(w, v, v)
	VMASKMOVPS(v, mask, y)
	Label("done")
	VZEROUPPER()
	RET()
}

// copyRows copies the rows of a thin matrix: eight numbers at a time, the last eight of a row once more where its length
// is no multiple.
func copyRows() {
	TEXT("copyRowsAVX2", NOSPLIT, "func(dst, src []float32, rows, cols, ldDst, ldSrc int)")
	Pragma("noescape")
	Doc("copyRowsAVX2 is CopyRows for at least one row of at least eight numbers.")
	dst, src := Load(Param("dst").Base(), GP64()), Load(Param("src").Base(), GP64())
	rows, last := Load(Param("rows"), GP64()), Load(Param("cols"), GP64())
	ldDst, ldSrc := Load(Param("ldDst"), GP64()), Load(Param("ldSrc"), GP64())
	for _, r := range []reg.Register{last, ldDst, ldSrc} {
		bytes(r)
	}
	SUBQ(Imm(32), last)
	Label("row")
	at, v := GP64(), YMM()
	XORQ(at, at)
	Label("eight")
	CMPQ(at, last)
	JGE(LabelRef("rest"))
	VMOVUPS(Mem{Base: src, Index: at, Scale: 1}, v)
	VMOVUPS(v, Mem{Base: dst, Index: at, Scale: 1})
	ADDQ(Imm(32), at)
	JMP(LabelRef("eight"))
	Label("rest")
	VMOVUPS(Mem{Base: src, Index: last, Scale: 1}, v)
	VMOVUPS(v, Mem{Base: dst, Index: last, Scale: 1})
	ADDQ(ldDst, dst)
	ADDQ(ldSrc, src)
	DECQ(rows)
	JNZ(LabelRef("row"))
	VZEROUPPER()
	RET()
}
