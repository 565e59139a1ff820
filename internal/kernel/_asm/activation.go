package main

import (
	"fmt"
	"math"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// A width is one of the two kinds of vector registers.
type width struct {
	reg       func() reg.VecVirtual
	broadcast bool // a constant in memory is one number, which instructions repeat
	// quotient adds top/bottom, and inverse 1/bottom, for bottoms that are not below 1. They may overwrite both.
	quotient func(c *chain, top, bottom reg.VecVirtual) reg.VecVirtual
	inverse  func(c *chain, bottom reg.VecVirtual) reg.VecVirtual
}

var (
	eight   = width{reg: YMM, quotient: quotient, inverse: inverse}
	sixteen = width{reg: ZMM, broadcast: true, quotient: quotient512, inverse: inverse512}
)

func (w width) load(m Mem) reg.VecVirtual {
	v := w.reg()
	VMOVUPS(m, v)
	return v
}

// A chain is a sequence of instructions of which most wait for the one before. Several that do not depend on each other
// are emitted in turns: left one behind the other, they would fill the processor's scheduler with waiting instructions.
type chain []func()

func (c *chain) op(instruction func(...Op), operands ...Op) {
	*c = append(*c, func() { instruction(operands...) })
}

// An arithmetic is an instruction and its form that repeats a number in memory. Whole vectors of constants would be
// no use to sixteen: the linker begins them on half a cache line.
type arithmetic struct{ plain, broadcast func(...Op) }

var (
	add    = arithmetic{VADDPS, VADDPS_BCST}
	sub    = arithmetic{VSUBPS, VSUBPS_BCST}
	and    = arithmetic{VANDPS, VANDPS_BCST}
	addInt = arithmetic{VPADDD, VPADDD_BCST}
	fma    = arithmetic{VFMADD213PS, VFMADD213PS_BCST}   // y ← y·x + constant
	fmaTo  = arithmetic{VFMADD231PS, VFMADD231PS_BCST}   // y ← y + x·constant
	fnmaTo = arithmetic{VFNMADD231PS, VFNMADD231PS_BCST} // y ← y − x·constant
)

// with adds an instruction whose first operand is a constant.
func (c *chain) with(w width, a arithmetic, operands ...Op) {
	if w.broadcast {
		c.op(a.broadcast, operands...)
	} else {
		c.op(a.plain, operands...)
	}
}

// constant fills a register.
func (c *chain) constant(w width, m Mem) reg.VecVirtual {
	v := w.reg()
	c.op(VBROADCASTSS, m, v)
	return v
}

// emit writes the instructions of all chains, one of each in turn.
func emit(chains ...chain) {
	for i, any := 0, true; any; i++ {
		any = false
		for _, c := range chains {
			if i < len(c) {
				c[i]()
				any = true
			}
		}
	}
}

// An activation adds the instructions of a function of x to a chain.
type activation func(c *chain, x reg.VecVirtual) reg.VecVirtual

// now emits an activation by itself.
func (f activation) now(x reg.VecVirtual) reg.VecVirtual {
	var c chain
	y := f(&c, x)
	emit(c)
	return y
}

func inverse(c *chain, bottom reg.VecVirtual) reg.VecVirtual {
	top := YMM()
	c.op(VBROADCASTSS, float("oneF", 1), top)
	return quotient(c, top, bottom)
}

func quotient(c *chain, top, bottom reg.VecVirtual) reg.VecVirtual {
	c.op(VDIVPS, bottom, top, top)
	return top
}

// inverse512 takes a reciprocal of 14 bits and one Newton step, because VDIVPS on sixteen numbers takes longer than all the
// rest of a σ. The result is right to 1.5 ulp, for bottoms whose reciprocal is a normal number.
func inverse512(c *chain, bottom reg.VecVirtual) reg.VecVirtual {
	r := ZMM()
	c.op(VRCP14PS, bottom, r)
	c.op(VFNMADD213PS_BCST, float("oneF", 1), r, bottom) // 1 − bottom·r
	c.op(VFMADD231PS, r, bottom, r)
	return r
}

func quotient512(c *chain, top, bottom reg.VecVirtual) reg.VecVirtual {
	r := inverse512(c, bottom)
	c.op(VMULPS, r, top, top)
	return top
}

// clamp emits x, not beyond ±limit; NaN stays NaN.
func (w width) clamp(c *chain, x reg.VecVirtual, limit float64) reg.VecVirtual {
	name := fmt.Sprintf("limit%d", int(limit))
	high, low := c.constant(w, float(name, limit)), c.constant(w, float("minus"+name, -limit))
	c.op(VMINPS, x, high, high)
	c.op(VMAXPS, high, low, low)
	return low
}

// exponential emits s = 2^k and q = e^r − 1 with s·(1+q) = e^(fx), for |fx| up to 87; f is ±1 or −2. It follows the
// textbook: fx = k ln 2 + r, ln 2 in two parts (Cody and Waite 1980). k is rounded by adding 3·2²², whose last bit
// counts ones, and is then shifted into the exponent of s. The polynomial in r is the minimax one of degree 6 whose two
// first terms are 1 + r: off by 4e-9 where |r| ≤ ln(2)/2. That we have x − k ln(2)/f in place of r is in its
// coefficients. x is overwritten.
func (w width) exponential(c *chain, x reg.VecVirtual, f float64) (s, q reg.VecVirtual) {
	shifted, k := w.power2(c, x, f)
	c.with(w, fnmaTo, float(named("ln2High", f), ln2High/f), k, x)
	c.with(w, fnmaTo, float(named("ln2Low", f), (math.Ln2-ln2High)/f), k, x)
	q = w.beyondOne(c, x, f)
	c.op(VPSLLD, Imm(23), shifted, shifted)
	c.with(w, addInt, word("one", math.Float32bits(1)), shifted, shifted)
	return shifted, q
}

// ln2High is the first part of ln 2.
const ln2High = 0.693359375

// named tells the constants of one f from those of another.
func named(s string, f float64) string {
	return s + map[float64]string{1: "", -1: "Neg", -2: "NegTwice"}[f]
}

// power2 emits k for exponential, as a number, and with what rounded it still added.
func (w width) power2(c *chain, x reg.VecVirtual, f float64) (shifted, k reg.VecVirtual) {
	shifted, k = c.constant(w, float("shift", 3<<22)), w.reg()
	c.with(w, fmaTo, float(named("log2e", f), f*math.Log2E), x, shifted)
	c.with(w, sub, float("shift", 3<<22), shifted, k)
	return shifted, k
}

// beyondOne emits q for exponential, of the x that is left.
func (w width) beyondOne(c *chain, x reg.VecVirtual, f float64) (q reg.VecVirtual) {
	q = c.constant(w, float(named("c6", f), 0.0013814050471410155*math.Pow(f, 6)))
	for i, a := range []float64{0.008368739858269691, 0.041668396443128586, 0.1666652113199234, 0.4999999403953552, 1} {
		c.with(w, fma, float(named(fmt.Sprintf("c%d", 5-i), f), a*math.Pow(f, float64(5-i))), x, q)
	}
	c.op(VMULPS, x, q, q)
	return q
}

// decay emits e^−|x|, and as if |x| were 87 beyond.
func (w width) decay(c *chain, x reg.VecVirtual) reg.VecVirtual {
	size, limit := w.reg(), c.constant(w, float("limit87", 87))
	c.with(w, and, word("withoutSign", 1<<31-1), x, size)
	c.op(VMINPS, size, limit, limit)
	s, q := w.exponential(c, limit, -1)
	c.op(VFMADD213PS, s, s, q) // s·q + s
	return q
}

// sigmoid emits σ(x) = 1/(1 + e^−x).
func (w width) sigmoid(c *chain, x reg.VecVirtual) reg.VecVirtual {
	s, e := w.exponential(c, w.clamp(c, x, 87), -1)
	c.op(VFMADD213PS, s, s, e)
	c.with(w, add, float("oneF", 1), e, e)
	return w.inverse(c, e)
}

// tanh emits tanh x = d/(2−d) with d = 1 − e^(−2x) = (1−s) − s·q, which cancels nothing; beyond ±10 it is ±1.
func (w width) tanh(c *chain, x reg.VecVirtual) reg.VecVirtual {
	s, q := w.exponential(c, w.clamp(c, x, 10), -2)
	d, bottom := c.constant(w, float("oneF", 1)), c.constant(w, float("twoF", 2))
	c.op(VSUBPS, s, d, d)
	c.op(VFNMADD231PS, q, s, d)
	c.op(VSUBPS, d, bottom, bottom)
	return w.quotient(c, d, bottom)
}

// logarithm emits log|x|, of the smallest normal number where |x| is below it; NaN and Inf pass through. |x| = 2^k·m with
// m from √½ to √2, k and m by arithmetic on the bits; log m = f − f²/2 + f³·P(f), f = m − 1, P the minimax polynomial
// of degree 7: off by 6e-9 relative.
func (w width) logarithm(c *chain, x reg.VecVirtual) reg.VecVirtual {
	size, bits, k, f := w.reg(), w.reg(), w.reg(), w.reg()
	c.op(VANDPS, word("withoutSign", 1<<31-1), x, size)
	c.op(VMAXPS, float("smallestNormal", 0x1p-126), size, bits)
	c.op(VPSUBD, word("rootHalf", math.Float32bits(math.Sqrt2/2)), bits, k)
	c.op(VPSRAD, Imm(23), k, k)
	c.op(VPSLLD, Imm(23), k, f)
	c.op(VPSUBD, f, bits, f)
	c.op(VSUBPS, float("oneF", 1), f, f)
	c.op(VCVTDQ2PS, k, k)
	y, square := c.constant(w, float("l7", -0.07634498178958893)), w.reg()
	for i, a := range []float64{
		0.1276157647371292, -0.13160182535648346, 0.14201757311820984, -0.16623356938362122,
		0.20001226663589478, -0.2500081956386566, 0.3333333134651184,
	} {
		c.op(VFMADD213PS, float(fmt.Sprintf("l%d", 6-i), a), f, y)
	}
	c.op(VMULPS, f, f, square)
	c.op(VMULPS, f, y, y)
	c.op(VMULPS, square, y, y)
	c.op(VFMADD231PS, float("ln2Low", math.Ln2-0.693359375), k, y)
	c.op(VFNMADD231PS, float("halfF", 0.5), square, y)
	c.op(VADDPS, f, y, y)
	c.op(VFMADD231PS, float("ln2High", 0.693359375), k, y)
	beyond := w.reg()
	const notLess = 5
	c.op(VCMPPS, Imm(notLess), word("inf", 0xff<<23), size, beyond)
	*c = append(*c, func() { VBLENDVPS(beyond, size, y, y) })
	return y
}

// each writes a function that computes y from x, number by number and eight at a time.
func each(name, doc string, f activation) {
	TEXT(name, NOSPLIT, "func(y, x []float32)")
	Pragma("noescape")
	Doc(name + " sets y to " + doc + " of x, which is as long.")
	y, x, n := Load(Param("y").Base(), GP64()), Load(Param("x").Base(), GP64()), Load(Param("x").Len(), GP64())
	Label("eight")
	CMPQ(n, Imm(8))
	JLT(LabelRef("rest"))
	VMOVUPS(f.now(loaded(Mem{Base: x})), Mem{Base: y})
	ADDQ(Imm(32), x)
	ADDQ(Imm(32), y)
	SUBQ(Imm(8), n)
	JMP(LabelRef("eight"))
	Label("rest")
	TESTQ(n, n)
	JZ(LabelRef("done"))
	mask, v := loaded(maskOf(n)), YMM()
	VMASKMOVPS(Mem{Base: x}, mask, v)
	VMASKMOVPS(f.now(v), mask, Mem{Base: y})
	Label("done")
	VZEROUPPER()
	RET()
}
