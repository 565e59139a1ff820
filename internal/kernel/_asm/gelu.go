package main

import (
	"fmt"
	"math"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

func gelus() {
	each("geluAVX2", "x·Φ(x)", eight.gelu)
	pullGelu()
}

// Predicates of VCMPPS that raise nothing and are false of what is no number.
const less, lessEqual = 0x11, 0x12

// farOut is where Φ(−x) counts as nothing.
const farOut = 14

// gelu emits x·Φ(x) as max(x, 0) − |x|·Φ(−|x|), where Φ(−v) = ½erfc(z) with z = v/√2. Numerical Recipes (Press et al. 1992, section
// 6.2) give erfc(z) = t·e^(P(t) − z²) with t = 1/(1 + z/2) and a polynomial P, right to 1.2e-7 of itself everywhere. Far out a rounded
// z² would cost more than that: z² = v²/2 is taken apart into near²/2, which is exact, and a rest, which is added only when multiples
// of ln 2 are gone. The exponential is 2⁶⁴ times too large, so that it stays a normal number.
func (w width) gelu(c *chain, x reg.VecVirtual) reg.VecVirtual {
	size, within, v := w.reg(), w.reg(), c.constant(w, float("limit14", farOut))
	c.op(VANDPS, word("withoutSign", 1<<31-1), x, size)
	c.op(VCMPPS, Imm(lessEqual), v, size, within)
	c.op(VMINPS, size, v, v) // NaN stays NaN
	t := c.constant(w, float("oneF", 1))
	c.with(w, fmaTo, float("eighthRoot", 1/(2*math.Sqrt2)), v, t)
	t = w.inverse(c, t)
	p := c.constant(w, float("erfc9", 0.17087277))
	for i, a := range []float64{
		-0.82215223, 1.48851587, -1.13520398, 0.27886807, -0.18628806, 0.09678418, 0.37409196, 1.00002368, -1.26551223,
	} {
		c.with(w, fma, float(fmt.Sprintf("erfc%d", 8-i), a), t, p)
	}
	near, square, sum, rest := w.reg(), w.reg(), w.reg(), w.reg()
	c.op(VANDPS, word("upperHalf", 1<<32-1<<12), v, near)
	c.op(VADDPS, near, v, sum)
	c.op(VSUBPS, near, v, rest)
	c.op(VMULPS, float("halfF", 0.5), sum, sum)
	c.op(VFMSUB213PS, p, sum, rest) // z² − near²/2 − P
	c.op(VMULPS, float("halfF", 0.5), near, square)
	c.op(VMULPS, near, square, square)
	c.op(VADDPS, rest, square, sum)
	shifted, k := w.power2(c, sum, -1)
	c.with(w, fnmaTo, float(named("ln2High", -1), -ln2High), k, square)
	c.op(VADDPS, rest, square, square)
	c.with(w, fnmaTo, float(named("ln2Low", -1), ln2High-math.Ln2), k, square)
	q := w.beyondOne(c, square, -1)
	c.op(VPSLLD, Imm(23), shifted, shifted)
	c.with(w, addInt, word("hugeScale", math.Float32bits(1<<64)), shifted, shifted)
	c.op(VFMADD213PS, shifted, shifted, q)
	c.op(VMULPS, v, t, t)
	c.op(VANDPS, within, t, t)
	c.op(VMULPS, q, t, t)
	y := w.reg()
	c.op(VXORPS, y, y, y)
	c.op(VMAXPS, x, y, y)
	c.op(VFNMADD231PS, float("halfUnscale", 0x1p-65), t, y)
	return y
}

// pullGelu writes the way back of gelu.
func pullGelu() {
	TEXT("pullGeluAVX2", NOSPLIT, "func(dx, x, y, dy []float32)")
	Pragma("noescape")
	Doc("pullGeluAVX2 is PullGelu for slices that are known to be of one length.")
	at := GP64() // bytes done, of each slice
	slice := func(name string) Mem { return Mem{Base: Load(Param(name).Base(), GP64()), Index: at, Scale: 1} }
	dx, x, y, dy, n := slice("dx"), slice("x"), slice("y"), slice("dy"), Load(Param("x").Len(), GP64())
	XORQ(at, at)
	Label("eight")
	CMPQ(n, Imm(8))
	JLT(LabelRef("rest"))
	d := eight.geluSlope(loaded(x), loaded(y))
	VMULPS(dy, d, d)
	VMOVUPS(d, dx)
	ADDQ(Imm(32), at)
	SUBQ(Imm(8), n)
	JMP(LabelRef("eight"))
	Label("rest")
	TESTQ(n, n)
	JZ(LabelRef("done"))
	mask, xs, ys, dys := loaded(maskOf(n)), YMM(), YMM(), YMM()
	VMASKMOVPS(x, mask, xs)
	VMASKMOVPS(y, mask, ys)
	VMASKMOVPS(dy, mask, dys)
	d = eight.geluSlope(xs, ys)
	VMULPS(dys, d, d)
	VMASKMOVPS(d, mask, dx)
	Label("done")
	VZEROUPPER()
	RET()
}

// geluSlope emits Φ(x) + x·φ(x), with Φ(x) = y/x, which is cheaper than anew: ½ at zero, and 1 where both are infinite.
func (w width) geluSlope(x, y reg.VecVirtual) reg.VecVirtual {
	var c chain
	size, tiny, half, slope, density := w.reg(), w.reg(), w.reg(), w.reg(), w.reg()
	c.op(VDIVPS, x, y, slope)
	c.op(VANDPS, word("withoutSign", 1<<31-1), x, size)
	c.op(VCMPPS, Imm(less), float("tiny", 1e-30), size, tiny)
	c.op(VMOVUPS, float("halfF", 0.5), half)
	c = append(c, func() { VBLENDVPS(tiny, half, slope, slope) })
	c.op(VMINPS, float("oneF", 1), slope, slope)
	x = w.clamp(&c, x, farOut)
	c.op(VMULPS, half, x, density)
	c.op(VMULPS, x, density, density)
	density = w.decay(&c, density)
	c.op(VMULPS, float("invSqrt2Pi", 1/math.Sqrt(2*math.Pi)), x, x)
	c.op(VFMADD231PS, density, x, slope)
	emit(c)
	return slope
}
