package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// kinds lists those of terms from one on.
func (w wide) kinds(first int) (list []int) {
	for k := first; k < terms; k++ {
		if k < w.units || k >= mostUnits {
			list = append(list, k)
		}
	}
	return list
}

func (w wide) expand(name, of string, kinds []int) {
	w.text(name, "planes, down, across []float32, rows, cols, ldDown, ldAcross int", of)
	ldDown, ldAcross := Load(Param("ldDown"), GP64()), Load(Param("ldAcross"), GP64())
	bytes(ldDown)
	bytes(ldAcross)
	planes := base("planes")
	down, across := newColumn(base("down"), ldDown), newColumn(base("across"), ldAcross)
	if w.broadcast {
		w.expandAlong(planes, down, across, kinds)
	}
	moved, n := GP64(), GP64()
	Label("rows")
	v := make([]reg.VecVirtual, terms)
	for _, k := range kinds {
		v[k] = w.repeated(down.kind(k))
	}
	down.move(Imm(4))
	XORQ(moved, moved)
	Load(Param("cols"), n)
	Label("cols")
	for _, k := range kinds {
		x := w.reg()
		if k < mostUnits {
			VADDPS(across.kind(k), v[k], x)
		} else {
			VMULPS(across.kind(k), v[k], x)
		}
		VMOVUPS(x, Mem{Base: planes, Disp: k * planeStride})
	}
	across.move(Imm(uint64(4 * w.n)))
	ADDQ(Imm(uint64(4*w.n)), planes)
	SUBQ(Imm(uint64(4*w.n)), moved)
	SUBQ(Imm(uint64(w.n)), n)
	JG(LabelRef("cols"))
	// Behind the last number of this row there may be some that are none; the next row begins there.
	across.move(moved)
	LEAQ(Mem{Base: planes, Index: n, Scale: 4}, planes)
	nextRow()
	leave()
}

// expandAlong does the work and returns where rows are of a register at least: it goes along the planes, a register at a time, which
// has the end of a row and the beginning of the next. Behind the last column the first ones come again.
func (w wide) expandAlong(planes reg.Register, down, across column, kinds []int) {
	cols, left := parameter("cols"), parameter("rows")
	col, x := GP64(), GP64()
	CMPQ(cols, Imm(uint64(w.n)))
	JLT(LabelRef("rows"))
	MOVQ(left, x)
	IMULQ(cols, x)
	MOVQ(x, left)
	lane := w.load(lanesInOrder())
	XORQ(col, col)
	Label("along")
	// The next row's lanes begin where there are no columns left.
	const notLess = 5
	here, mask := w.reg(), K()
	MOVQ(cols, x)
	SUBQ(col, x)
	VPBROADCASTD(x.As32(), here)
	VPCMPD(Imm(notLess), here, lane, mask)
	for _, k := range kinds {
		y, row := w.reg(), w.repeated(down.kind(k))
		VBROADCASTSS(down.kind(k).Offset(4), mask, row)
		if k < mostUnits {
			VADDPS(across.kind(k), row, y)
		} else {
			VMULPS(across.kind(k), row, y)
		}
		VMOVUPS(y, Mem{Base: planes, Disp: k * planeStride})
	}
	ADDQ(Imm(uint64(4*w.n)), planes)
	SUBQ(Imm(uint64(w.n)), left)
	JLE(LabelRef("end"))
	ADDQ(Imm(uint64(w.n)), col)
	across.move(Imm(uint64(4 * w.n)))
	CMPQ(col, cols)
	JLT(LabelRef("along"))
	MOVQ(cols, x)
	SUBQ(x, col)
	NEGQ(x)
	bytes(x)
	across.move(x)
	down.move(Imm(4))
	JMP(LabelRef("along"))
	Label("end")
	leave()
}

var lanesData *Mem

// lanesInOrder are the numbers from 0 to 15.
func lanesInOrder() Mem {
	if lanesData == nil {
		m := GLOBL("lanesInOrder", RODATA|NOPTR)
		for i := range lanes {
			DATA(4*i, U32(i))
		}
		lanesData = &m
	}
	return *lanesData
}

// nextRow goes to the label rows again, as often as the argument of that name says.
func nextRow() {
	left, err := Param("rows").Resolve()
	if err != nil {
		panic(err)
	}
	DECQ(left.Addr)
	JNZ(LabelRef("rows"))
}
