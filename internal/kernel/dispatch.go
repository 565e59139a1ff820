package kernel

import "github.com/seed1498fded/unroll/params"

func gemm[F params.Float](c, a, b []F, n, k, m, ldc, rowA, colA, ldb int, add bool) {
	if useAVX2 {
		if c, ok := any(c).([]float32); ok {
			gemmAVX2(c, any(a).([]float32), any(b).([]float32), n, k, m, ldc, rowA, colA, ldb, add)
			return
		}
	}
	gemmGeneric(c, a, b, n, k, m, ldc, rowA, colA, ldb, add)
}

func cellForward[F params.Float](gates, cPrev, cNext, act, h1, h2 []F, n, h, ld1, ld2 int) {
	if useAVX2 {
		if gates, ok := any(gates).([]float32); ok {
			cellForwardAVX2(gates, any(cPrev).([]float32), any(cNext).([]float32), any(act).([]float32),
				any(h1).([]float32), any(h2).([]float32), n, h, ld1, ld2)
			return
		}
	}
	cellForwardGeneric(gates, cPrev, cNext, act, h1, h2, n, h, ld1, ld2)
}

func cellBackward[F params.Float](dGates, dc, cPrev, act, dh1, dh2 []F, n, h, ld1, ld2 int) {
	if useAVX2 {
		if dGates, ok := any(dGates).([]float32); ok {
			cellBackwardAVX2(dGates, any(dc).([]float32), any(cPrev).([]float32), any(act).([]float32),
				any(dh1).([]float32), any(dh2).([]float32), n, h, ld1, ld2)
			return
		}
	}
	cellBackwardGeneric(dGates, dc, cPrev, act, dh1, dh2, n, h, ld1, ld2)
}
