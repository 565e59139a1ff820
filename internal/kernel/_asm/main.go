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
	masks()
	gemm()
	each("sigmoidAVX2", "σ", sigmoid)
	each("tanhAVX2", "tanh", tanh)
	each("decayAVX2", "e^−|·|", decay)
	pixels()
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

// tailMask holds eight words of ones and eight of zeros: the mask of the first t numbers of a vector begins at word 8−t.
var tailMask Mem

func masks() {
	tailMask = GLOBL("tailMask", RODATA|NOPTR)
	for i := range 8 {
		DATA(4*i, U32(math.MaxUint32))
	}
	for i := range 8 {
		DATA(32+4*i, U32(0))
	}
}

// maskOf emits the address of the mask of the first t numbers, t from 1 to 8. It overwrites t.
func maskOf(t reg.Register) Mem {
	mask := GP64()
	LEAQ(tailMask.Offset(32), mask)
	bytes(t)
	SUBQ(t, mask)
	return Mem{Base: mask}
}

func gemm() {
	TEXT("gemmAVX2", NOSPLIT, "func(c, a, b []float32, n, k, m, ldc, rowA, colA, ldb int, add bool)")
	Pragma("noescape")
	Doc("gemmAVX2 computes C = A·B, or C += A·B if add, see gemmGeneric.")
	t := tiles{c: GP64(), b: GP64(), a: GP64(), rows: GP64()}
	t.ldc, t.ldb = Load(Param("ldc"), GP64()), Load(Param("ldb"), GP64())
	t.rowA, t.colA = Load(Param("rowA"), GP64()), Load(Param("colA"), GP64())
	for _, r := range []reg.Register{t.ldc, t.ldb, t.rowA, t.colA} {
		bytes(r)
	}
	// Up to three vectors of columns at a time; where they begin and how many are left lies on the stack.
	const panel = 24
	frame := AllocLocal(24)
	c, b, left := frame, frame.Offset(8), frame.Offset(16)
	MOVQ(Load(Param("c").Base(), GP64()), c)
	MOVQ(Load(Param("b").Base(), GP64()), b)
	m, tail := Load(Param("m"), GP64()), GP64()
	MOVQ(m, left)
	LEAQ(Mem{Base: m, Disp: -1}, tail)
	ANDQ(Imm(7), tail)
	INCQ(tail)
	t.mask = maskOf(tail)
	Label("panels")
	MOVQ(c, t.c)
	MOVQ(b, t.b)
	Load(Param("a").Base(), t.a)
	Load(Param("n"), t.rows)
	CMPQ(left, Imm(panel))
	JGE(LabelRef(t.name(3, false)))
	for v := 1; v <= 2; v++ {
		CMPQ(left, Imm(uint64(8*v)))
		JE(LabelRef(t.name(v, false)))
		JLT(LabelRef(t.name(v, true)))
	}
	t.emit(3, true)
	for v := 1; v <= 2; v++ {
		t.emit(v, true)
		t.emit(v, false)
	}
	t.emit(3, false)
	Label("done")
	ADDQ(Imm(4*panel), c)
	ADDQ(Imm(4*panel), b)
	SUBQ(Imm(panel), left)
	JG(LabelRef("panels"))
	VZEROUPPER()
	RET()
}

// tiles are the products of gemm, in tiles of four rows, and one where fewer are left, by one to three vectors.
type tiles struct {
	c, a, b, rows        reg.Register
	ldc, rowA, colA, ldb reg.Register // in bytes
	mask                 Mem          // of the last vector of a row
}

func (t tiles) name(v int, masked bool) string {
	if masked {
		return "masked" + string(rune('0'+v))
	}
	return "full" + string(rune('0'+v))
}

// emit writes all tiles of v vectors, the last of which may be masked.
func (t tiles) emit(v int, masked bool) {
	name := t.name(v, masked)
	Label(name)
	CMPQ(t.rows, Imm(4))
	JLT(LabelRef(name + "rest"))
	t.tile(name+"four", 4, v, masked)
	LEAQ(Mem{Base: t.a, Index: t.rowA, Scale: 4}, t.a)
	SUBQ(Imm(4), t.rows)
	JMP(LabelRef(name))
	Label(name + "rest")
	TESTQ(t.rows, t.rows)
	JZ(LabelRef("done"))
	t.tile(name+"one", 1, v, masked)
	ADDQ(t.rowA, t.a)
	DECQ(t.rows)
	JMP(LabelRef(name + "rest"))
}

// tile writes one tile at a and c, and moves c behind it. The mask has no register of its own: twelve sums, three
// vectors of b and a number of a take all sixteen.
func (t tiles) tile(name string, rows, v int, masked bool) {
	whole := func(j int) bool { return !masked || j < v-1 }
	load := func(from reg.Register, j int, to reg.VecVirtual) {
		if at := (Mem{Base: from, Disp: 32 * j}); whole(j) {
			VMOVUPS(at, to)
		} else {
			VMASKMOVPS(at, loaded(t.mask), to)
		}
	}
	acc := ymms(rows * v)
	add, err := Param("add").Resolve()
	if err != nil {
		panic(err)
	}
	CMPB(add.Addr, Imm(0))
	JE(LabelRef(name + "zero"))
	c := GP64()
	MOVQ(t.c, c)
	for i := range rows {
		for j := range v {
			load(c, j, acc[i*v+j])
		}
		ADDQ(t.ldc, c)
	}
	JMP(LabelRef(name + "sum"))
	Label(name + "zero")
	for _, y := range acc {
		VXORPS(y, y, y)
	}
	Label(name + "sum")
	a, a3, b, k := GP64(), GP64(), GP64(), Load(Param("k"), GP64())
	MOVQ(t.a, a)
	numbers := []Mem{{Base: a}}
	if rows == 4 {
		LEAQ(Mem{Base: t.a, Index: t.rowA, Scale: 2}, a3)
		ADDQ(t.rowA, a3)
		numbers = append(numbers, Mem{Base: a, Index: t.rowA, Scale: 1}, Mem{Base: a, Index: t.rowA, Scale: 2}, Mem{Base: a3})
	}
	MOVQ(t.b, b)
	Label(name + "k")
	bv := ymms(v)
	for j := range v {
		load(b, j, bv[j])
	}
	for i, x := range numbers {
		s := YMM()
		VBROADCASTSS(x, s)
		for j := range v {
			VFMADD231PS(bv[j], s, acc[i*v+j])
		}
	}
	ADDQ(t.colA, a)
	if rows == 4 {
		ADDQ(t.colA, a3)
	}
	ADDQ(t.ldb, b)
	DECQ(k)
	JNZ(LabelRef(name + "k"))
	for i := range rows {
		for j := range v {
			if at := (Mem{Base: t.c, Disp: 32 * j}); whole(j) {
				VMOVUPS(acc[i*v+j], at)
			} else {
				VMASKMOVPS(acc[i*v+j], loaded(t.mask), at)
			}
		}
		ADDQ(t.ldc, t.c)
	}
}

// each writes a function that computes y from x, number by number and eight at a time.
func each(name, doc string, f func(x reg.VecVirtual) reg.VecVirtual) {
	TEXT(name, NOSPLIT, "func(y, x []float32)")
	Pragma("noescape")
	Doc(name + " sets y to " + doc + " of x, which is as long.")
	y, x, n := Load(Param("y").Base(), GP64()), Load(Param("x").Base(), GP64()), Load(Param("x").Len(), GP64())
	Label("eight")
	CMPQ(n, Imm(8))
	JLT(LabelRef("rest"))
	VMOVUPS(f(loaded(Mem{Base: x})), Mem{Base: y})
	ADDQ(Imm(32), x)
	ADDQ(Imm(32), y)
	SUBQ(Imm(8), n)
	JMP(LabelRef("eight"))
	Label("rest")
	TESTQ(n, n)
	JZ(LabelRef("done"))
	mask, v := loaded(maskOf(n)), YMM()
	VMASKMOVPS(Mem{Base: x}, mask, v)
	VMASKMOVPS(f(v), mask, Mem{Base: y})
	Label("done")
	VZEROUPPER()
	RET()
}

func pixels() {
	TEXT("pixelsAVX2", NOSPLIT, "func(x []float32, p []byte)")
	Pragma("noescape")
	Doc("pixelsAVX2 sets x to p/255, see Pixels. Its length is a multiple of 8.")
	x, p, n := Load(Param("x").Base(), GP64()), Load(Param("p").Base(), GP64()), Load(Param("p").Len(), GP64())
	// 1/255 in two parts: the sum of the products rounds like the quotient, for all 256 bytes.
	const high = float32(1. / 255)
	h, l := loaded(float("inv255High", float64(high))), loaded(float("inv255Low", 1./255-float64(high)))
	Label("eight")
	v, low := YMM(), YMM()
	VPMOVZXBD(Mem{Base: p}, v)
	VCVTDQ2PS(v, v)
	VMULPS(l, v, low)
	VFMADD132PS(h, low, v)
	VMOVUPS(v, Mem{Base: x})
	ADDQ(Imm(8), p)
	ADDQ(Imm(32), x)
	SUBQ(Imm(8), n)
	JNZ(LabelRef("eight"))
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

// decay emits e^−|x|.
func decay(x reg.VecVirtual) reg.VecVirtual {
	s, q := exponential(x)
	VFMADD213PS(s, s, q) // s·q + s
	return q
}

// sigmoid emits σ(x) = 1/(1+e) or e/(1+e) with e = e^−|x|, by the sign of x.
func sigmoid(x reg.VecVirtual) reg.VecVirtual {
	e := decay(x)
	top, bottom := loaded(float("oneF", 1)), YMM()
	VADDPS(e, top, bottom)
	VBLENDVPS(x, e, top, top)
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
