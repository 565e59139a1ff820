package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// softmax takes a row three times: for the largest, for the exponentials and their sum, and to divide by that. The last one to eight
// numbers are apart.
func softmax() {
	TEXT("softmaxAVX2", NOSPLIT, "func(y, x []float32, scale, mass float32) (top float32, sum float64)")
	Pragma("noescape")
	Doc("softmaxAVX2 is Softmax for slices of one length, at least 1.")
	at, last := GP64(), GP64() // bytes done, of each slice, and where the last begin
	n := Load(Param("x").Len(), GP64())
	x := Mem{Base: Load(Param("x").Base(), GP64()), Index: at, Scale: 1}
	y := Mem{Base: Load(Param("y").Base(), GP64()), Index: at, Scale: 1}
	DECQ(n)
	MOVQ(n, last)
	SHRQ(U8(3), last)
	SHLQ(U8(5), last)
	ANDQ(Imm(7), n)
	INCQ(n)
	mask := loaded(maskOf(n))
	pass := func(name string, whole, rest func()) {
		XORQ(at, at)
		Label(name)
		CMPQ(at, last)
		JGE(LabelRef(name + "rest"))
		whole()
		ADDQ(Imm(32), at)
		JMP(LabelRef(name))
		Label(name + "rest")
		rest()
	}
	top, v, other := YMM(), YMM(), YMM()
	VBROADCASTSS(Mem{Base: x.Base}, top)
	pass("top", func() { VMAXPS(x, top, top) }, func() {
		VMASKMOVPS(x, mask, v)
		VBLENDVPS(mask, v, top, v)
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
	share := func() reg.VecVirtual {
		VSUBPS(top, v, v)
		VMULPS(scale, v, v)
		return activation(eight.decay).now(v)
	}
	count := func(e reg.VecVirtual) {
		half := YMM()
		VCVTPS2PD(e.AsX(), half)
		VADDPD(half, sums[0], sums[0])
		VEXTRACTF128(Imm(1), e, half.AsX())
		VCVTPS2PD(half.AsX(), half)
		VADDPD(half, sums[1], sums[1])
	}
	pass("sum", func() {
		VMOVUPS(x, v)
		e := share()
		VMOVUPS(e, y)
		count(e)
	}, func() {
		VMASKMOVPS(x, mask, v)
		e := share()
		VANDPS(mask, e, e)
		VMASKMOVPS(e, mask, y)
		count(e)
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
	pass("share", func() {
		VMULPS(y, mass, v)
		VMOVUPS(v, y)
	}, func() {
		VMASKMOVPS(y, mask, v)
		VMULPS(mass, v, v)
		VMASKMOVPS(v, mask, y)
	})
	Store(top.AsX(), ReturnIndex(0))
	Store(sum, ReturnIndex(1))
	VZEROUPPER()
	RET()
}
