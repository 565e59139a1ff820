package main

import (
	"strconv"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// weigh takes means in float64 from sums of sixteen parts, and multiplies rows of weights, one for each unit, with the inverses of
// their roots.
func weigh(units int) {
	name := "weigh" + strconv.Itoa(units) + "AVX512"
	TEXT(name, NOSPLIT, "func(w, from, sums []float32, means []float64, n float64)")
	Pragma("noescape")
	Doc(name + " is Units.Weigh for slices whose lengths are known to fit.")
	sums, means := base("sums"), base("means")
	rows := Load(Param("means").Len(), GP64())
	count, one, floor := XMM(), XMM(), XMM()
	VMOVSD(parameter("n"), count)
	VMOVSD(double("one", 1), one)
	VMOVSD(double("meanFloor", 1e-9), floor)
	from, to := base("from"), base("w")
	Label("row")
	low, high := ZMM(), ZMM()
	VCVTPS2PD(Mem{Base: sums}, low)
	VCVTPS2PD(Mem{Base: sums, Disp: 32}, high)
	VADDPD(high, low, low)
	half, pair := YMM(), XMM()
	VEXTRACTF64X4(Imm(1), low, half)
	VHADDPD(half, low.AsY(), half) // s0 + s1, s4 + s5, s2 + s3, s6 + s7
	VEXTRACTF128(Imm(1), half, pair)
	VADDPD(pair, half.AsX(), pair)
	mean, scale := XMM(), XMM()
	VPERMILPD(Imm(1), pair, mean)
	VADDSD(mean, pair, mean)
	VDIVSD(count, mean, mean)
	VMOVSD(mean, Mem{Base: means})
	VADDSD(floor, mean, scale)
	VSQRTSD(scale, scale, scale)
	VDIVSD(scale, one, scale)
	VCVTSD2SS(scale, scale, scale)
	row := reg.VecVirtual(YMM())
	if units == 4 {
		row = XMM()
	}
	VBROADCASTSS(scale, row)
	VMULPS(Mem{Base: from}, row, row)
	VMOVUPS(row, Mem{Base: to})
	ADDQ(Imm(4*lanes), sums)
	ADDQ(Imm(8), means)
	ADDQ(Imm(uint64(4*units)), from)
	ADDQ(Imm(uint64(4*units)), to)
	DECQ(rows)
	JNZ(LabelRef("row"))
	leave()
}
