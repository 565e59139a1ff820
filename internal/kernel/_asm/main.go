// Command _asm writes the AVX2 and AVX-512 kernels of package kernel: run "go generate" there.
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
	each("sigmoidAVX2", "σ", eight.sigmoid)
	each("tanhAVX2", "tanh", eight.tanh)
	each("decayAVX2", "e^−|·|", eight.decay)
	each("logSizeAVX2", "log|·|", eight.logarithm)
	gelus()
	softmax()
	cellRows()
	norms()
	networks()
	cellForward()
	cellBackward()
	gemm512()
	cellForward512()
	cellBackward512()
	perceptrons()
	rules()
	elementwise()
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

// flushDenormals makes numbers too small to be normal count as zero, until leave; saved is four bytes of the stack. They
// carry no information here, and an operation on one can take a hundred times as long: the cotangents of an LSTM whose
// forget gates are nearly shut are full of them.
func flushDenormals(saved Mem) (leave func()) {
	const flushToZero, denormalsAreZero = 1 << 15, 1 << 6
	control, temporary := GP32(), AllocLocal(8)
	STMXCSR(saved)
	MOVL(saved, control)
	ORL(U32(flushToZero|denormalsAreZero), control)
	MOVL(control, temporary)
	LDMXCSR(temporary)
	return func() { LDMXCSR(saved) }
}

func loaded(m Mem) reg.VecVirtual { return eight.load(m) }
