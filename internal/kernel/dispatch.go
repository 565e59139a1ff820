package kernel

import "github.com/seed1498fded/unroll/params"

// instructions say which of the implementations run. Each level has all of the one below; where AVX-512 has nothing of
// its own, AVX2 serves.
type instructions int

const (
	plain instructions = iota // Go
	avx2                      // with FMA
	avx512
)

// Level names the instructions that this program runs its kernels on, on this machine: "avx512", "avx2" (with FMA) or "go",
// which is plain Go. The same seed gives the same bits at one level of one architecture; levels agree to rounding.
func Level() string { return level.String() }

func (l instructions) String() string {
	switch l {
	case avx512:
		return "avx512"
	case avx2:
		return "avx2"
	}
	return "go"
}

func gemm[F params.Float](c, a, b []F, n, k, m, ldc, rowA, colA, ldb int, add bool) {
	if c, ok := any(c).([]float32); ok && level > plain {
		a, b := any(a).([]float32), any(b).([]float32)
		if level == avx512 {
			gemmAVX512(c, a, b, n, k, m, ldc, rowA, colA, ldb, add)
		} else {
			gemmAVX2(c, a, b, n, k, m, ldc, rowA, colA, ldb, add)
		}
		return
	}
	gemmGeneric(c, a, b, n, k, m, ldc, rowA, colA, ldb, add)
}

func cellForward[F params.Float](gates, cPrev, cNext, act, h1, h2 []F, n, h, ld1, ld2 int) {
	if gates, ok := any(gates).([]float32); ok && level > plain {
		cPrev, cNext, act := any(cPrev).([]float32), any(cNext).([]float32), any(act).([]float32)
		h1, h2 := any(h1).([]float32), any(h2).([]float32)
		if level == avx512 {
			cellForwardAVX512(gates, cPrev, cNext, act, h1, h2, n, h, ld1, ld2)
		} else {
			cellForwardAVX2(gates, cPrev, cNext, act, h1, h2, n, h, ld1, ld2)
		}
		return
	}
	cellForwardGeneric(gates, cPrev, cNext, act, h1, h2, n, h, ld1, ld2)
}

func cellBackward[F params.Float](dGates, dc, cPrev, act, dh1, dh2 []F, n, h, ld1, ld2 int) {
	if dGates, ok := any(dGates).([]float32); ok && level > plain {
		dc, cPrev, act := any(dc).([]float32), any(cPrev).([]float32), any(act).([]float32)
		dh1, dh2 := any(dh1).([]float32), any(dh2).([]float32)
		if level == avx512 {
			cellBackwardAVX512(dGates, dc, cPrev, act, dh1, dh2, n, h, ld1, ld2)
		} else {
			cellBackwardAVX2(dGates, dc, cPrev, act, dh1, dh2, n, h, ld1, ld2)
		}
		return
	}
	cellBackwardGeneric(dGates, dc, cPrev, act, dh1, dh2, n, h, ld1, ld2)
}
