package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
)

// softmax takes a row three times: for the largest, for the exponentials and their sum, and to divide by that.
func softmax() {
	TEXT("softmaxAVX2", NOSPLIT, "func(y, x []float32, scale, mass float32) (top float32, sum float64)")
	Pragma("noescape")
	Doc("softmaxAVX2 is Softmax for slices of one length, at least 1.")
	p := newRowPass("x")
	x, y := p.slice("x"), p.slice("y")
	top, other := YMM(), YMM()
	VBROADCASTSS(Mem{Base: x.Base}, top)
	p.over("top", func(at piece) {
		v := at.load(x)
		at.fill(v, top)
		VMAXPS(v, top, top)
	})
	VPERM2F128(Imm(1), top, top, other)
	VMAXPS(other, top, top)
	VPERMILPS(Imm(0x4e), top, other)
	VMAXPS(other, top, top)
	VPERMILPS(Imm(0xb1), top, other)
	VMAXPS(other, top, top)

	sums, scale := ymms(2), YMM() // sums in float64
	scaleAt, massAt := must(Param("scale").Resolve()), must(Param("mass").Resolve())
	VBROADCASTSS(scaleAt.Addr, scale)
	for _, s := range sums {
		VXORPD(s, s, s)
	}
	p.over("sum", func(at piece) {
		v, half := at.load(x), YMM()
		VSUBPS(top, v, v)
		VMULPS(scale, v, v)
		e := activation(eight.decay).now(v)
		at.keep(e)
		at.store(e, y)
		VCVTPS2PD(e.AsX(), half)
		VADDPD(half, sums[0], sums[0])
		VEXTRACTF128(Imm(1), e, half.AsX())
		VCVTPS2PD(half.AsX(), half)
		VADDPD(half, sums[1], sums[1])
	})
	VADDPD(sums[1], sums[0], sums[0])
	VEXTRACTF128(Imm(1), sums[0], sums[1].AsX())
	sum, high := sums[0].AsX(), sums[1].AsX()
	VADDPD(high, sum, sum)
	VPERMILPD(Imm(1), sum, high)
	VADDSD(high, sum, sum)

	mass := YMM()
	VXORPS(mass, mass, mass)
	VCVTSS2SD(massAt.Addr, mass.AsX(), mass.AsX())
	VDIVSD(sum, mass.AsX(), mass.AsX())
	VCVTSD2SS(mass.AsX(), mass.AsX(), mass.AsX())
	VBROADCASTSS(mass.AsX(), mass)
	p.over("share", func(at piece) {
		v := at.load(y)
		VMULPS(mass, v, v)
		at.store(v, y)
	})
	Store(top.AsX(), ReturnIndex(0))
	Store(sum, ReturnIndex(1))
	VZEROUPPER()
	RET()
}
