package main

import (
	"fmt"
	"math"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// networks writes what small networks over minibatches take beside products. Each gives the bits of the plain Go that it stands
// for: nothing is added in another order, nothing rounded at another place.
func networks() {
	for _, w := range widths {
		w.pixelRows()
	}
	each("reluAVX2", "max(·, 0)", func(c *chain, x reg.VecVirtual) reg.VecVirtual {
		zero, above := YMM(), YMM()
		c.op(VXORPS, zero, zero, zero)
		c.op(VCMPPS, Imm(notLessEqual), zero, x, above)
		c.op(VANDPS, above, x, x)
		return x
	})
	binary("pullReluAVX2", "PullRelu", func(ops ...Op) { // dy, y, to
		zero, y := YMM(), ops[2]
		VXORPS(zero, zero, zero)
		VCMPPS(Imm(greater), zero, ops[1], y)
		VANDPS(float("one", 1), y, y)
		VMULPS(ops[0], y, y)
	})
	finite()
	sumRows()
	nonzero()
	belowTop()
	shares()
	logs()
}

// Predicates of VCMPPS that raise nothing: greater is false of what is no number, notLessEqual true.
const greater, notLessEqual = 0x1e, 0x16

// pixelRows writes the gathering of a minibatch. Images lie anywhere in memory, and are asked for some rows ahead.
func (w wide) pixelRows() {
	TEXT("pixelRows"+w.suffix, NOSPLIT, "func(x []float32, p []byte, rows []int, size int)")
	Pragma("noescape")
	Doc(fmt.Sprintf("pixelRows%s is PixelRows for at least one row, of a multiple of %d pixels, and rows that are all there.", w.suffix, w.n))
	const ahead = 32
	x, p, size := Load(Param("x").Base(), GP64()), Load(Param("p").Base(), GP64()), Load(Param("size"), GP64())
	rows, left := Load(Param("rows").Base(), GP64()), Load(Param("rows").Len(), GP64())
	ask := func(row Mem) {
		image := GP64()
		MOVQ(row, image)
		IMULQ(size, image)
		PREFETCHT0(Mem{Base: p, Index: image, Scale: 1})
		ADDQ(size, image)
		PREFETCHT0(Mem{Base: p, Index: image, Scale: 1, Disp: -1})
	}
	// 1/255 in two parts: the sum of the products rounds like the quotient, for all 256 bytes.
	const high = float32(1. / 255)
	h, l := w.repeated(float("inv255High", float64(high))), w.repeated(float("inv255Low", 1./255-float64(high)))
	first, all := GP64(), GP64()
	XORQ(first, first)
	MOVQ(left, all)
	CMPQ(all, Imm(ahead))
	JLE(LabelRef("first"))
	MOVQ(U32(ahead), all)
	Label("first")
	ask(Mem{Base: rows, Index: first, Scale: 8})
	INCQ(first)
	CMPQ(first, all)
	JLT(LabelRef("first"))
	Label("row")
	CMPQ(left, Imm(ahead))
	JLE(LabelRef("near"))
	ask(Mem{Base: rows, Disp: 8 * ahead})
	Label("near")
	at, n := GP64(), GP64()
	MOVQ(Mem{Base: rows}, at)
	IMULQ(size, at)
	ADDQ(p, at)
	MOVQ(size, n)
	Label("numbers")
	v, low := w.reg(), w.reg()
	VPMOVZXBD(Mem{Base: at}, v)
	VCVTDQ2PS(v, v)
	VMULPS(l, v, low)
	VFMADD132PS(h, low, v)
	VMOVUPS(v, Mem{Base: x})
	ADDQ(Imm(uint64(w.n)), at)
	ADDQ(Imm(uint64(4*w.n)), x)
	SUBQ(Imm(uint64(w.n)), n)
	JNZ(LabelRef("numbers"))
	ADDQ(Imm(8), rows)
	DECQ(left)
	JNZ(LabelRef("row"))
	VZEROUPPER()
	RET()
}

// finite looks for exponents of ones alone, which are those of infinities and of what is no number.
func finite() {
	TEXT("finiteAVX2", NOSPLIT, "func(v []float32) bool")
	Pragma("noescape")
	Doc("finiteAVX2 is Finite for a length that is a multiple of 32, and not zero.")
	v, n := Load(Param("v").Base(), GP64()), Load(Param("v").Len(), GP64())
	exponent, found := YMM(), ymms(4)
	VMOVUPS(word("exponent", 0xff<<23), exponent)
	for _, f := range found {
		VXORPS(f, f, f)
	}
	Label("loop")
	for i, f := range found {
		x := YMM()
		VPAND(Mem{Base: v, Disp: 32 * i}, exponent, x)
		VPCMPEQD(exponent, x, x)
		VPOR(x, f, f)
	}
	ADDQ(U32(128), v)
	SUBQ(Imm(32), n)
	JNZ(LabelRef("loop"))
	VPOR(found[1], found[0], found[0])
	VPOR(found[3], found[2], found[2])
	VPOR(found[2], found[0], found[0])
	VPTEST(found[0], found[0])
	result := GP8()
	SETEQ(result)
	Store(result, ReturnIndex(0))
	VZEROUPPER()
	RET()
}

// sumRows takes 32 columns at a time while there are as many, then 8, then the rest.
func sumRows() {
	TEXT("sumRowsAVX2", NOSPLIT, "func(sums, rows []float32, n, m int)")
	Pragma("noescape")
	Doc("sumRowsAVX2 is SumRows for n rows of m columns, at least one of each.")
	sums, rows := Load(Param("sums").Base(), GP64()), Load(Param("rows").Base(), GP64())
	n, left, ld := Load(Param("n"), GP64()), Load(Param("m"), GP64()), GP64()
	MOVQ(left, ld)
	bytes(ld)
	columns := func(name string, vectors int, load func(from Mem, to reg.VecVirtual), store func(v reg.VecVirtual, to Mem)) {
		at, k, acc := GP64(), GP64(), ymms(vectors)
		MOVQ(rows, at)
		MOVQ(n, k)
		for _, a := range acc {
			VXORPS(a, a, a)
		}
		Label(name + "row")
		for i, a := range acc {
			v := YMM()
			load(Mem{Base: at, Disp: 32 * i}, v)
			VADDPS(v, a, a)
		}
		ADDQ(ld, at)
		DECQ(k)
		JNZ(LabelRef(name + "row"))
		for i, a := range acc {
			store(a, Mem{Base: sums, Disp: 32 * i})
		}
	}
	whole := func(from Mem, to reg.VecVirtual) { VMOVUPS(from, to) }
	for _, vectors := range []int{4, 1} {
		name := "by" + string(rune('0'+vectors))
		Label(name)
		CMPQ(left, Imm(uint64(8*vectors)))
		JLT(LabelRef(name + "past"))
		columns(name, vectors, whole, func(v reg.VecVirtual, to Mem) { VMOVUPS(v, to) })
		ADDQ(U32(uint32(32*vectors)), sums)
		ADDQ(U32(uint32(32*vectors)), rows)
		SUBQ(Imm(uint64(8*vectors)), left)
		JMP(LabelRef(name))
		Label(name + "past")
	}
	TESTQ(left, left)
	JZ(LabelRef("done"))
	mask := loaded(maskOf(left))
	columns("rest", 1, func(from Mem, to reg.VecVirtual) { VMASKMOVPS(from, mask, to) },
		func(v reg.VecVirtual, to Mem) { VMASKMOVPS(v, mask, to) })
	Label("done")
	VZEROUPPER()
	RET()
}

// nonzero looks at all bits of a column but signs.
func nonzero() {
	TEXT("nonzeroAVX2", NOSPLIT, "func(x []float32, n, ld int) uint64")
	Pragma("noescape")
	Doc("nonzeroAVX2 returns which of the first 16 columns of n rows, which lie ld apart, have anything but zeros: a bit",
		"for each.")
	x, n, ld := Load(Param("x").Base(), GP64()), Load(Param("n"), GP64()), Load(Param("ld"), GP64())
	bytes(ld)
	found, zero := ymms(2), YMM()
	VXORPS(zero, zero, zero)
	for _, f := range found {
		VXORPS(f, f, f)
	}
	Label("row")
	for i, f := range found {
		VPOR(Mem{Base: x, Disp: 32 * i}, f, f)
	}
	ADDQ(ld, x)
	DECQ(n)
	JNZ(LabelRef("row"))
	masks := [2]reg.Register{GP64(), GP64()}
	for i, f := range found {
		VPSLLD(Imm(1), f, f)
		VPCMPEQD(zero, f, f)
		VMOVMSKPS(f, masks[i].(reg.GPVirtual).As32())
	}
	SHLQ(Imm(8), masks[1])
	ORQ(masks[1], masks[0])
	XORQ(U32(0xffff), masks[0])
	Store(masks[0], ReturnIndex(0))
	VZEROUPPER()
	RET()
}

// maskOfClasses returns the mask of the first numbers of a vector, as many as a register says, from 1 to 16.
func maskOfClasses(classes reg.Register) reg.Register {
	ones, mask := GP64(), K()
	MOVQ(classes, reg.RCX)
	MOVQ(U32(1), ones)
	SHLQ(reg.CL, ones)
	DECQ(ones)
	KMOVW(ones.As32(), mask)
	return mask
}

// belowTop writes the first half of a cross-entropy: a row is a vector.
func belowTop() {
	TEXT("belowTopAVX512", NOSPLIT, "func(p, h, target []float32, n, classes int) (below float64)")
	Pragma("noescape")
	Doc("belowTopAVX512 overwrites p with e^(h − top), top being the largest of each of n rows of 1 to 16 classes, and returns",
		"the sum of target·(top − h).")
	p, h, target := Load(Param("p").Base(), GP64()), Load(Param("h").Base(), GP64()), Load(Param("target").Base(), GP64())
	n, ld := Load(Param("n"), GP64()), Load(Param("classes"), GP64())
	mask := maskOfClasses(ld)
	bytes(ld)
	lowest, sum := ZMM(), XMM()
	VBROADCASTSS(word("minusInfinity", math.Float32bits(float32(math.Inf(-1)))), lowest)
	VXORPD(sum, sum, sum)
	Label("row")
	x, top, other := ZMM(), ZMM(), ZMM()
	VMOVAPS(lowest, x)
	VMOVUPS(Mem{Base: h}, mask, x)
	// The largest, in every lane.
	VSHUFF32X4(Imm(0x4e), x, x, other)
	VMAXPS(other, x, top)
	VSHUFF32X4(Imm(0xb1), top, top, other)
	VMAXPS(other, top, top)
	VPERMILPS(Imm(0x4e), top, other)
	VMAXPS(other, top, top)
	VPERMILPS(Imm(0xb1), top, other)
	VMAXPS(other, top, top)
	// What the label is below it, in float64. But for the label all terms are zero, so that their order does not matter.
	t, high := ZMM(), ZMM()
	VMOVUPS_Z(Mem{Base: target}, mask, t)
	under := ZMM()
	VMOVUPS_Z(x, mask, under)
	VEXTRACTF64X4(Imm(1), under, other.AsY())
	VEXTRACTF64X4(Imm(1), t, high.AsY())
	low64, high64, low, top64 := ZMM(), ZMM(), ZMM(), ZMM()
	VCVTPS2PD(top.AsY(), top64)
	VCVTPS2PD(under.AsY(), low64)
	VCVTPS2PD(other.AsY(), high64)
	VSUBPD(low64, top64, low64)
	VSUBPD(high64, top64, high64)
	VCVTPS2PD(t.AsY(), low)
	VCVTPS2PD(high.AsY(), high)
	VMULPD(low, low64, low64)
	VMULPD(high, high64, high64)
	VADDPD(high64, low64, low64)
	VEXTRACTF64X4(Imm(1), low64, high64.AsY())
	VADDPD(high64.AsY(), low64.AsY(), low64.AsY())
	VEXTRACTF128(Imm(1), low64.AsY(), high64.AsX())
	VADDPD(high64.AsX(), low64.AsX(), low64.AsX())
	VPERMILPD(Imm(1), low64.AsX(), high64.AsX())
	VADDSD(high64.AsX(), low64.AsX(), low64.AsX())
	VADDSD(low64.AsX(), sum, sum)
	VSUBPS(top, x, x)
	VMOVUPS(activation(sixteen.decay).now(x), mask, Mem{Base: p})
	for _, r := range []reg.Register{p, h, target} {
		ADDQ(ld, r)
	}
	DECQ(n)
	JNZ(LabelRef("row"))
	Store(sum, ReturnIndex(0))
	VZEROUPPER()
	RET()
}

// shares writes the second half.
func shares() {
	TEXT("sharesAVX512", NOSPLIT, "func(p, target []float32, sums []float64, classes int, scale, shift float32)")
	Pragma("noescape")
	Doc("sharesAVX512 overwrites sums with the sums of rows of 1 to 16 classes, in float64, and p with p/sum·scale −",
		"target·shift.")
	p, target := Load(Param("p").Base(), GP64()), Load(Param("target").Base(), GP64())
	sums, n := Load(Param("sums").Base(), GP64()), Load(Param("sums").Len(), GP64())
	ld := Load(Param("classes"), GP64())
	mask, upper := maskOfClasses(ld), K()
	KSHIFTRW(Imm(8), mask, upper)
	scale, shift := YMM(), YMM()
	scaleAt, shiftAt := must(Param("scale").Resolve()), must(Param("shift").Resolve())
	VBROADCASTSS(scaleAt.Addr, scale)
	VBROADCASTSS(shiftAt.Addr, shift)
	one := XMM()
	VMOVSD(double("one", 1), one)
	from, to, rows := GP64(), GP64(), GP64()
	MOVQ(p, from)
	MOVQ(sums, to)
	MOVQ(n, rows)
	Label("sums")
	k, sum := GP64(), XMM()
	MOVQ(ld, k)
	VXORPD(sum, sum, sum)
	Label("sum")
	x := XMM()
	VXORPS(x, x, x)
	VCVTSS2SD(Mem{Base: from}, x, x)
	VADDSD(x, sum, sum)
	ADDQ(Imm(4), from)
	DECQ(k)
	JNZ(LabelRef("sum"))
	VMOVSD(sum, Mem{Base: to})
	ADDQ(Imm(8), to)
	DECQ(rows)
	JNZ(LabelRef("sums"))
	bytes(ld)
	// A row is loaded before the one above it is stored: a load that meets a store half-way would wait for it.
	shares := [2]share{{mask: mask, row: YMM()}, {at: 32, mask: upper, row: YMM()}}
	for i := range shares {
		shares[i].load(p)
	}
	Label("row")
	total, inverse := ZMM(), ZMM()
	VMOVSD(Mem{Base: sums}, total.AsX())
	VDIVSD(total.AsX(), one, inverse.AsX())
	VBROADCASTSD(total.AsX(), total)
	VBROADCASTSD(inverse.AsX(), inverse)
	var done [2]reg.VecVirtual
	for i, h := range shares {
		done[i] = h.quotient(total, inverse)
		t := YMM()
		VMOVUPS_Z(Mem{Base: target, Disp: h.at}, h.mask, t)
		VMULPS(scale, done[i], done[i])
		VMULPS(shift, t, t)
		VSUBPS(t, done[i], done[i])
	}
	row := GP64()
	MOVQ(p, row)
	ADDQ(ld, p)
	ADDQ(ld, target)
	ADDQ(Imm(8), sums)
	DECQ(n)
	JZ(LabelRef("last"))
	for i, h := range shares {
		h.load(p)
		VMOVUPS(done[i], h.mask, Mem{Base: row, Disp: h.at})
	}
	JMP(LabelRef("row"))
	Label("last")
	for i, h := range shares {
		VMOVUPS(done[i], h.mask, Mem{Base: row, Disp: h.at})
	}
	VZEROUPPER()
	RET()
}

// A share is half a row, at so many bytes into it.
type share struct {
	at   int
	mask reg.Register
	row  reg.VecVirtual
}

func (s share) load(p reg.Register) { VMOVUPS_Z(Mem{Base: p, Disp: s.at}, s.mask, s.row) }

// quotient divides by the total of the row, given its inverse: p·r, and what that leaves of p, times r, more. It is the quotient
// to the bit, since r is rounded to nearest (Markstein 1990).
func (s share) quotient(total, inverse reg.VecVirtual) reg.VecVirtual {
	wide, q, v := ZMM(), ZMM(), YMM()
	VCVTPS2PD(s.row, wide)
	VMULPD(inverse, wide, q)
	VFNMADD231PD(total, q, wide)
	VFMADD231PD(inverse, wide, q)
	VCVTPD2PS(q, v)
	return v
}

// logs writes the logarithm of package math, eight numbers at a time: FDLIBM's, whose operations it has in their order, so that
// it gives the same bits. What is no number stays so.
func logs() {
	TEXT("logsAVX512", NOSPLIT, "func(x []float64)")
	Pragma("noescape")
	Doc("logsAVX512 overwrites x, whose length is a multiple of 8, with its logarithms; x is normal, above zero or NaN.")
	at, n := Load(Param("x").Base(), GP64()), Load(Param("x").Len(), GP64())
	Label("eight")
	x, f, k := ZMM(), ZMM(), ZMM()
	VMOVUPD(Mem{Base: at}, x)
	// x = f·2^k with f from √½ to √2.
	VPANDQ_BCST(quad64("mantissa", 1<<52-1), x, f)
	VPORQ_BCST(double("half", .5), f, f)
	VPSRLQ(Imm(52), x, k)
	VPSUBQ_BCST(quad64("bias", 0x3fe), k, k)
	VCVTQQ2PD(k, k)
	root, low := ZMM(), K()
	VBROADCASTSD(double("rootHalf", math.Sqrt2/2), root)
	VCMPPD(Imm(5), f, root, low) // not above
	VSUBPD_BCST(double("one", 1), k, low, k)
	VADDPD(f, f, low, f)
	VSUBPD_BCST(double("one", 1), f, f)
	s, s2, s4 := ZMM(), ZMM(), ZMM()
	VADDPD_BCST(double("two", 2), f, s)
	VDIVPD(s, f, s)
	VMULPD(s, s, s2)
	VMULPD(s2, s2, s4)
	series := func(first reg.VecVirtual, l ...float64) reg.VecVirtual {
		t := ZMM()
		VBROADCASTSD(coefficient(l[0]), t)
		for _, c := range l[1:] {
			VMULPD(s4, t, t)
			VADDPD_BCST(coefficient(c), t, t)
		}
		VMULPD(first, t, t)
		return t
	}
	r := series(s2, 1.479819860511658591e-01, 1.818357216161805012e-01, 2.857142874366239149e-01, 6.666666666666735130e-01)
	VADDPD(series(s4, 1.531383769920937332e-01, 2.222219843214978396e-01, 3.999999999940941908e-01), r, r)
	half, low2 := ZMM(), ZMM()
	VMULPD_BCST(double("half", .5), f, half)
	VMULPD(f, half, half) // f²/2
	VADDPD(half, r, r)
	VMULPD(s, r, r)
	VMULPD_BCST(double("ln2Low", 1.90821492927058770002e-10), k, low2)
	VADDPD(low2, r, r)
	VSUBPD(r, half, half)
	VSUBPD(f, half, half)
	VMULPD_BCST(double("ln2High", 6.93147180369123816490e-01), k, k)
	VSUBPD(half, k, k)
	VSUBPD(x, x, x)
	VADDPD(x, k, k)
	VMOVUPD(k, Mem{Base: at})
	ADDQ(Imm(64), at)
	SUBQ(Imm(8), n)
	JNZ(LabelRef("eight"))
	VZEROUPPER()
	RET()
}

func coefficient(v float64) Mem { return double(fmt.Sprintf("log%x", math.Float64bits(v)), v) }

// double is a constant in float64.
func double(name string, v float64) Mem { return quad64(name, math.Float64bits(v)) }

// quad64 is a constant of eight bytes; its name is apart from those of words.
func quad64(name string, bits uint64) Mem {
	name += "64"
	if m, ok := constants[name]; ok {
		return m
	}
	m := GLOBL(name, RODATA|NOPTR)
	DATA(0, U64(bits))
	constants[name] = m
	return m
}

func must[T any](t T, err error) T {
	if err != nil {
		panic(err)
	}
	return t
}
