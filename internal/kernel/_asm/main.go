// Command _asm writes the AVX2 kernels of package kernel: run "go generate" there.
package main

import (
	"math"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

func main() {
	ConstraintExpr("amd64,!purego")
	gemm()
	gemmTN()
	cellForward()
	cellBackward()
	Generate()
}

// bytes turns a count of float32s in a register into bytes.
func bytes(r reg.Register) { SHLQ(U8(2), r) }

func ymms(n int) []reg.VecVirtual {
	v := make([]reg.VecVirtual, n)
	for i := range v {
		v[i] = YMM()
	}
	return v
}

// columns emits body for the columns of a matrix in chunks of 3, 2 and 1 vectors, as long as there are some left. The
// body must leave left, a count of vectors, alone.
func columns(name string, left reg.Register, body func(v int, label string), advance func(v int)) {
	for _, v := range []int{3, 2, 1} {
		label := name + string(rune('0'+v))
		Label(label)
		CMPQ(left, Imm(uint64(v)))
		JLT(LabelRef(label + "done"))
		body(v, label)
		advance(v)
		SUBQ(Imm(uint64(v)), left)
		JMP(LabelRef(label))
		Label(label + "done")
	}
}

func gemm() {
	TEXT("gemmAVX2", NOSPLIT, "func(c, a, b []float32, n, k, m, lda, ldc int)")
	Pragma("noescape")
	Doc("gemmAVX2 computes C = A·B for A [n, k] with rows lda apart, B [k, m] with rows m apart, C [n, m] with rows ldc apart.",
		"n is a multiple of 4 and m one of 8.")
	c, b := Load(Param("c").Base(), GP64()), Load(Param("b").Base(), GP64())
	lda, ldc, ldb := Load(Param("lda"), GP64()), Load(Param("ldc"), GP64()), Load(Param("m"), GP64())
	left := GP64()
	MOVQ(ldb, left)
	SHRQ(U8(3), left)
	bytes(lda)
	bytes(ldc)
	bytes(ldb)
	columns("cols", left, func(v int, label string) {
		rows := Load(Param("n"), GP64())
		a, cp := Load(Param("a").Base(), GP64()), GP64()
		MOVQ(c, cp)
		Label(label + "rows")
		acc := ymms(4 * v)
		for _, y := range acc {
			VXORPS(y, y, y)
		}
		ap, a3, bp, k := GP64(), GP64(), GP64(), Load(Param("k"), GP64())
		MOVQ(a, ap)
		LEAQ(Mem{Base: a, Index: lda, Scale: 2}, a3)
		ADDQ(lda, a3)
		MOVQ(b, bp)
		Label(label + "k")
		bv := ymms(v)
		for j := range v {
			VMOVUPS(Mem{Base: bp, Disp: 32 * j}, bv[j])
		}
		for i, x := range []Mem{{Base: ap}, {Base: ap, Index: lda, Scale: 1}, {Base: ap, Index: lda, Scale: 2}, {Base: a3}} {
			s := YMM()
			VBROADCASTSS(x, s)
			for j := range v {
				VFMADD231PS(bv[j], s, acc[i*v+j])
			}
		}
		ADDQ(Imm(4), ap)
		ADDQ(Imm(4), a3)
		ADDQ(ldb, bp)
		DECQ(k)
		JNZ(LabelRef(label + "k"))
		for i := range 4 {
			for j := range v {
				VMOVUPS(acc[i*v+j], Mem{Base: cp, Disp: 32 * j})
			}
			ADDQ(ldc, cp)
		}
		LEAQ(Mem{Base: a, Index: lda, Scale: 4}, a)
		SUBQ(Imm(4), rows)
		JNZ(LabelRef(label + "rows"))
	}, func(v int) {
		ADDQ(Imm(uint64(32*v)), c)
		ADDQ(Imm(uint64(32*v)), b)
	})
	VZEROUPPER()
	RET()
}

func gemmTN() {
	TEXT("gemmTNAVX2", NOSPLIT, "func(c, a, b []float32, n, k, m, lda int)")
	Pragma("noescape")
	Doc("gemmTNAVX2 computes C += Aᵀ·B for A [n, k] with rows lda apart, B [n, m] with rows m apart, C [k, m] with rows m apart.",
		"k is a multiple of 4 and m one of 8.")
	c, b := Load(Param("c").Base(), GP64()), Load(Param("b").Base(), GP64())
	lda, ldb := Load(Param("lda"), GP64()), Load(Param("m"), GP64())
	left := GP64()
	MOVQ(ldb, left)
	SHRQ(U8(3), left)
	bytes(lda)
	bytes(ldb)
	columns("cols", left, func(v int, label string) {
		k := Load(Param("k"), GP64())
		a, cp := Load(Param("a").Base(), GP64()), GP64()
		MOVQ(c, cp)
		Label(label + "k")
		c3 := GP64()
		LEAQ(Mem{Base: cp, Index: ldb, Scale: 2}, c3)
		ADDQ(ldb, c3)
		at := func(i, j int) Mem {
			switch i {
			case 0:
				return Mem{Base: cp, Disp: 32 * j}
			case 3:
				return Mem{Base: c3, Disp: 32 * j}
			}
			return Mem{Base: cp, Index: ldb, Scale: uint8(i), Disp: 32 * j}
		}
		acc := ymms(4 * v)
		for i := range 4 {
			for j := range v {
				VMOVUPS(at(i, j), acc[i*v+j])
			}
		}
		ap, bp, n := GP64(), GP64(), Load(Param("n"), GP64())
		MOVQ(a, ap)
		MOVQ(b, bp)
		Label(label + "n")
		bv := ymms(v)
		for j := range v {
			VMOVUPS(Mem{Base: bp, Disp: 32 * j}, bv[j])
		}
		for i := range 4 {
			s := YMM()
			VBROADCASTSS(Mem{Base: ap, Disp: 4 * i}, s)
			for j := range v {
				VFMADD231PS(bv[j], s, acc[i*v+j])
			}
		}
		ADDQ(lda, ap)
		ADDQ(ldb, bp)
		DECQ(n)
		JNZ(LabelRef(label + "n"))
		for i := range 4 {
			for j := range v {
				VMOVUPS(acc[i*v+j], at(i, j))
			}
		}
		ADDQ(Imm(16), a)
		LEAQ(Mem{Base: cp, Index: ldb, Scale: 4}, cp)
		SUBQ(Imm(4), k)
		JNZ(LabelRef(label + "k"))
	}, func(v int) {
		ADDQ(Imm(uint64(32*v)), c)
		ADDQ(Imm(uint64(32*v)), b)
	})
	VZEROUPPER()
	RET()
}

// Constants, eight times each, to serve as memory operands.

var constants = map[string]Mem{}

func word(name string, bits uint32) Mem {
	if m, ok := constants[name]; ok {
		return m
	}
	m := GLOBL(name, RODATA|NOPTR)
	for i := range 8 {
		DATA(4*i, U32(bits))
	}
	constants[name] = m
	return m
}

func float(name string, v float64) Mem { return word(name, math.Float32bits(float32(v))) }

// exponential emits s = 2^k and q = e^r − 1 with s·(1+q) = e^−|x|, for |x| up to 87 and as if it were 87 beyond; NaN stays
// NaN. It follows the textbook: x = k ln 2 + r, ln 2 in two parts (Cody and Waite), and the series of e^r − 1 up to r⁷/7!,
// which for |r| ≤ ln(2)/2 leaves out less than 1e-8.
func exponential(x reg.VecVirtual) (s, q reg.VecVirtual) {
	neg, k, r := YMM(), YMM(), YMM()
	VORPS(word("signBit", 1<<31), x, neg) // −|x|
	VMAXPS(neg, loaded(float("lowest", -87)), neg)
	VMULPS(float("log2e", math.Log2E), neg, k)
	VROUNDPS(Imm(0), k, k)
	VMOVAPS(neg, r)
	VFNMADD231PS(float("ln2High", 0.693359375), k, r)
	VFNMADD231PS(float("ln2Low", math.Ln2-0.693359375), k, r)
	q = loaded(float("c7", 1.0/5040))
	for i, name := range []string{"c6", "c5", "c4", "c3", "c2", "c1"} {
		factorial := []float64{720, 120, 24, 6, 2, 1}[i]
		VFMADD213PS(float(name, 1/factorial), r, q)
	}
	VMULPS(r, q, q)
	s = YMM()
	VCVTPS2DQ(k, s)
	VPSLLD(Imm(23), s, s)
	VPADDD(word("one", math.Float32bits(1)), s, s)
	return s, q
}

func loaded(m Mem) reg.VecVirtual {
	v := YMM()
	VMOVUPS(m, v)
	return v
}

// sigmoid emits σ(x) = 1/(1+e) or e/(1+e) with e = e^−|x|, by the sign of x.
func sigmoid(x reg.VecVirtual) reg.VecVirtual {
	s, q := exponential(x)
	VFMADD213PS(s, s, q) // e = s·q + s
	top, bottom := loaded(float("oneF", 1)), YMM()
	VADDPS(q, top, bottom)
	VBLENDVPS(x, q, top, top)
	VDIVPS(bottom, top, top)
	return top
}

// tanh emits tanh x = ∓d/(2+d) with d = e^(−2|x|) − 1 = s·q + (s−1), which cancels nothing.
func tanh(x reg.VecVirtual) reg.VecVirtual {
	twice := YMM()
	VADDPS(x, x, twice)
	s, d := exponential(twice)
	less, two, sign := YMM(), YMM(), YMM()
	VSUBPS(float("oneF", 1), s, less)
	VFMADD213PS(less, s, d)
	VADDPS(float("twoF", 2), d, two)
	VDIVPS(two, d, d) // −tanh|x|, not above zero
	VANDPS(word("signBit", 1<<31), x, sign)
	VXORPS(word("signBit", 1<<31), sign, sign)
	VXORPS(sign, d, d)
	return d
}

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
	i := sigmoid(gate(0, 0))
	VMOVUPS(i, Mem{Base: act})
	g := tanh(gate(0, 32))
	VMOVUPS(g, Mem{Base: act, Disp: 64})
	VMULPS(i, g, g)
	f := sigmoid(gate(1, 0))
	VMOVUPS(f, Mem{Base: act, Disp: 32})
	c := units(at(cPrev, h))
	VFMADD213PS(g, f, c)
	low, high := at(cNext, h)
	storeUnits(c, low, high)
	o := sigmoid(gate(1, 32))
	VMOVUPS(o, Mem{Base: act, Disp: 96})
	t := tanh(c)
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
	VZEROUPPER()
	RET()
}
