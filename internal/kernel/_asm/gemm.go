package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

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
	leave := flushDenormals(AllocLocal(8))
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
	leave()
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
