package main

import (
	"strings"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// rules writes the steps of the hand-made rules. Products and sums are rounded each by itself, like those of the plain
// Go: an FMA would save no time where memory is the limit, and would cost the equality to the bit.
func rules() {
	pass("addAVX2", "Add", "y", "a b", "", func(x, _ []reg.VecVirtual) []reg.VecVirtual {
		VADDPS(x[1], x[0], x[0])
		return x[:1]
	})
	pass("sgdAVX2", "SGD", "step", "grad", "rate", func(x, c []reg.VecVirtual) []reg.VecVirtual {
		VMULPS(c[0], x[0], x[0])
		return x
	})
	pass("momentumAVX2", "Momentum", "step next", "grad v", "rate mu", func(x, c []reg.VecVirtual) []reg.VecVirtual {
		v := decayed(x[1], c[1], x[0])
		step := YMM()
		VMULPS(c[0], v, step)
		return []reg.VecVirtual{step, v}
	})
	pass("nagAVX2", "NAG", "step next", "grad v", "rate mu", func(x, c []reg.VecVirtual) []reg.VecVirtual {
		g := x[0]
		v := decayed(x[1], c[1], g)
		step := YMM()
		VMULPS(c[1], v, step)
		VADDPS(step, g, step)
		VMULPS(c[0], step, step)
		return []reg.VecVirtual{step, v}
	})
	pass("rmspropAVX2", "RMSprop", "step next", "grad v", "rate alpha rest eps", func(x, c []reg.VecVirtual) []reg.VecVirtual {
		g := x[0]
		v := decayed(x[1], c[1], scaledSquare(g, c[2]))
		return []reg.VecVirtual{ratio(g, v, c[3], c[0]), v}
	})
	adam("adamAVX2", "Adam", false)
	adam("adamwAVX2", "AdamW", true)
}

func adam(name, of string, decays bool) {
	in, scalars := "grad m v", "rate beta1 rest1 beta2 rest2 unbias2 eps"
	if decays {
		in, scalars = in+" theta", scalars+" decay"
	}
	pass(name, of, "step nextM nextV", in, scalars, func(x, c []reg.VecVirtual) []reg.VecVirtual {
		g := x[0]
		square := scaledSquare(g, c[4])
		VMULPS(c[2], g, g)
		m := decayed(x[1], c[1], g)
		v := decayed(x[2], c[3], square)
		vHat := YMM()
		VMULPS(c[5], v, vHat)
		step := ratio(m, vHat, c[6], c[0])
		if decays {
			VMULPS(c[7], x[3], x[3])
			VSUBPS(x[3], step, step)
		}
		return []reg.VecVirtual{step, m, v}
	})
}

// decayed emits v ← beta·v + x.
func decayed(v, beta, x reg.VecVirtual) reg.VecVirtual {
	VMULPS(beta, v, v)
	VADDPS(x, v, v)
	return v
}

// scaledSquare emits a·g².
func scaledSquare(g, a reg.VecVirtual) reg.VecVirtual {
	square := YMM()
	VMULPS(g, g, square)
	VMULPS(a, square, square)
	return square
}

// ratio emits rate·(x/(√v + eps)), with the exact root and quotient.
func ratio(x, v, eps, rate reg.VecVirtual) reg.VecVirtual {
	r := YMM()
	VSQRTPS(v, r)
	VADDPS(eps, r, r)
	VDIVPS(r, x, r)
	VMULPS(rate, r, r)
	return r
}

// prefetch is how many bytes ahead memory is asked for, which takes a fifth off the time of a million coordinates: the
// hardware's own guesses stop at the end of a page. Asking for what lies beyond a slice is no access and does no harm.
const prefetch = 2048

// pass writes a function that computes the slices out from the slices in, all of one length, number by number and eight
// at a time. f gets a vector of each of in, which it may overwrite, and the scalars, which it may not, and returns a
// vector for each of out.
func pass(name, of, out, in, scalars string, f func(x, c []reg.VecVirtual) []reg.VecVirtual) {
	outs, ins := strings.Fields(out), strings.Fields(in)
	signature := strings.Join(append(strings.Fields(out), ins...), ", ") + " []float32"
	if scalars != "" {
		signature += ", " + strings.ReplaceAll(scalars, " ", ", ") + " float32"
	}
	TEXT(name, NOSPLIT, "func("+signature+")")
	Pragma("noescape")
	Doc(name + " is " + of + " for slices that are known to be of one length.")
	at := GP64() // bytes done, of each slice
	slices := func(names []string) []Mem {
		m := make([]Mem, len(names))
		for i, s := range names {
			m[i] = Mem{Base: Load(Param(s).Base(), GP64()), Index: at, Scale: 1}
		}
		return m
	}
	to, from := slices(outs), slices(ins)
	n := Load(Param(ins[0]).Len(), GP64())
	c := broadcasts(strings.Fields(scalars))
	XORQ(at, at)
	Label("eight")
	CMPQ(n, Imm(8))
	JLT(LabelRef("rest"))
	x := ymms(len(from))
	for i, m := range from {
		PREFETCHT0(m.Offset(prefetch))
		VMOVUPS(m, x[i])
	}
	for i, y := range f(x, c) {
		VMOVUPS(y, to[i])
	}
	ADDQ(Imm(32), at)
	SUBQ(Imm(8), n)
	JMP(LabelRef("eight"))
	Label("rest")
	TESTQ(n, n)
	JZ(LabelRef("done"))
	mask := loaded(maskOf(n))
	x = ymms(len(from))
	for i, m := range from {
		VMASKMOVPS(m, mask, x[i])
	}
	for i, y := range f(x, c) {
		VMASKMOVPS(y, mask, to[i])
	}
	Label("done")
	VZEROUPPER()
	RET()
}

// broadcasts loads each of the float32 parameters into a whole vector.
func broadcasts(names []string) []reg.VecVirtual {
	v := ymms(len(names))
	for i, name := range names {
		p, err := Param(name).Resolve()
		if err != nil {
			panic(err)
		}
		VBROADCASTSS(p.Addr, v[i])
	}
	return v
}
