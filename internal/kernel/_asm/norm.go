package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

func norms() {
	normRow()
	pullNormRow()
}

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

// A piece of a row is what a pass has before it. What load fills up and keep clears is zeros.
type piece struct {
	load  func(from Mem) reg.VecVirtual
	store func(v reg.VecVirtual, to Mem)
	keep  func(v reg.VecVirtual)
}

// over emits the body twice.
func (p rowPass) over(name string, body func(piece)) {
	XORQ(p.at, p.at)
	Label(name)
	CMPQ(p.at, p.last)
	JGE(LabelRef(name + "last"))
	body(piece{loaded, func(v reg.VecVirtual, to Mem) { VMOVUPS(v, to) }, func(reg.VecVirtual) {}})
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

func normRow() {
	TEXT("normRowAVX2", NOSPLIT, "func(y, unit, x, gain, bias []float32, epsilon float32) (scale float32)")
	Pragma("noescape")
	Doc("normRowAVX2 is NormRow for slices of one length, at least 1.")
	p := newRowPass("x")
	y, unit, x, gain, bias := p.slice("y"), p.slice("unit"), p.slice("x"), p.slice("gain"), p.slice("bias")
	mean, squares := YMM(), YMM()
	VXORPS(mean, mean, mean)
	VXORPS(squares, squares, squares)
	p.over("mean", func(at piece) { VADDPS(at.load(x), mean, mean) })
	p.mean(mean)
	p.over("squares", func(at piece) {
		v := at.load(x)
		VSUBPS(mean, v, v)
		at.keep(v)
		at.store(v, unit)
		VFMADD231PS(v, v, squares)
	})
	p.mean(squares)
	epsilon, scale := YMM(), loaded(float("oneF", 1))
	VBROADCASTSS(must(Param("epsilon").Resolve()).Addr, epsilon)
	VADDPS(epsilon, squares, squares)
	VSQRTPS(squares, squares)
	VDIVPS(squares, scale, scale)
	p.over("scale", func(at piece) {
		v, b := at.load(unit), at.load(bias)
		VMULPS(scale, v, v)
		at.store(v, unit)
		VFMADD231PS(at.load(gain), v, b)
		at.store(b, y)
	})
	Store(scale.AsX(), ReturnIndex(0))
	VZEROUPPER()
	RET()
}

func pullNormRow() {
	TEXT("pullNormRowAVX2", NOSPLIT, "func(dx, dGain, dBias, dy, unit, gain []float32, scale float32)")
	Pragma("noescape")
	Doc("pullNormRowAVX2 is PullNormRow for slices of one length, at least 1.")
	p := newRowPass("dx")
	dx, dGain, dBias := p.slice("dx"), p.slice("dGain"), p.slice("dBias")
	dy, unit, gain := p.slice("dy"), p.slice("unit"), p.slice("gain")
	sum, along, scale := YMM(), YMM(), YMM()
	VXORPS(sum, sum, sum)
	VXORPS(along, along, along)
	VBROADCASTSS(must(Param("scale").Resolve()).Addr, scale)
	p.over("sums", func(at piece) {
		v, u, g, b := at.load(dy), at.load(unit), at.load(dGain), at.load(dBias)
		VFMADD231PS(v, u, g)
		at.store(g, dGain)
		VADDPS(v, b, b)
		at.store(b, dBias)
		VMULPS(at.load(gain), v, v)
		VADDPS(v, sum, sum)
		VFMADD231PS(v, u, along)
	})
	p.mean(sum)
	p.mean(along)
	p.over("back", func(at piece) {
		v, d := at.load(gain), at.load(dx)
		VFMSUB213PS(sum, at.load(dy), v)
		VFNMADD231PS(at.load(unit), along, v)
		VFMADD231PS(v, scale, d)
		at.store(d, dx)
	})
	VZEROUPPER()
	RET()
}
