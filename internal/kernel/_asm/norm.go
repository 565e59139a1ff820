package main

import (
	. "github.com/mmcloughlin/avo/build"
)

func norms() {
	normRow()
	pullNormRow()
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
