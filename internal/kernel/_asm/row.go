package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// A rowPass goes along slices as long as one another, as often as is asked for: eight numbers at a time, then the last one to eight.
type rowPass struct {
	at, last reg.Register // bytes done, and where the last begin
	mask     reg.VecVirtual
	n        reg.VecVirtual // the length, as a number
}

func newRowPass(name string) rowPass {
	p := rowPass{at: GP64(), last: GP64(), n: YMM()}
	rest := Load(Param(name).Len(), GP64())
	VXORPS(p.n, p.n, p.n)
	VCVTSI2SSQ(rest, p.n.AsX(), p.n.AsX())
	VBROADCASTSS(p.n.AsX(), p.n)
	DECQ(rest)
	MOVQ(rest, p.last)
	SHRQ(U8(3), p.last)
	SHLQ(U8(5), p.last)
	ANDQ(Imm(7), rest)
	INCQ(rest)
	p.mask = loaded(maskOf(rest))
	return p
}

func (p rowPass) slice(name string) Mem {
	return Mem{Base: Load(Param(name).Base(), GP64()), Index: p.at, Scale: 1}
}

// A piece of a row is what a pass has before it. Behind the end of a row load gives zeros, keep clears, and fill takes other numbers.
type piece struct {
	load  func(from Mem) reg.VecVirtual
	store func(v reg.VecVirtual, to Mem)
	keep  func(v reg.VecVirtual)
	fill  func(v, others reg.VecVirtual)
}

// over emits the body twice.
func (p rowPass) over(name string, body func(piece)) {
	XORQ(p.at, p.at)
	Label(name)
	CMPQ(p.at, p.last)
	JGE(LabelRef(name + "last"))
	body(piece{
		loaded,
		func(v reg.VecVirtual, to Mem) { VMOVUPS(v, to) },
		func(reg.VecVirtual) {},
		func(_, _ reg.VecVirtual) {},
	})
	ADDQ(Imm(32), p.at)
	JMP(LabelRef(name))
	Label(name + "last")
	body(piece{
		func(from Mem) reg.VecVirtual {
			v := YMM()
			VMASKMOVPS(from, p.mask, v)
			return v
		},
		func(v reg.VecVirtual, to Mem) { VMASKMOVPS(v, p.mask, to) },
		func(v reg.VecVirtual) { VANDPS(p.mask, v, v) },
		func(v, others reg.VecVirtual) { VBLENDVPS(p.mask, v, others, v) },
	})
}

// mean turns a vector of sums into the mean over the row, in every lane.
func (p rowPass) mean(v reg.VecVirtual) {
	other := YMM()
	VPERM2F128(Imm(1), v, v, other)
	VADDPS(other, v, v)
	VPERMILPS(Imm(0x4e), v, other)
	VADDPS(other, v, v)
	VPERMILPS(Imm(0xb1), v, other)
	VADDPS(other, v, v)
	VDIVPS(p.n, v, v)
}
