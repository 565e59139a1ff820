//go:build !amd64 || purego

package kernel

const useAVX2 = false

func gemmAVX2(c, a, b []float32, n, k, m, ldc, rowA, colA, ldb int, add bool) {
	panic("kernel: no AVX2")
}
func sigmoidAVX2(y, x []float32)       { panic("kernel: no AVX2") }
func tanhAVX2(y, x []float32)          { panic("kernel: no AVX2") }
func decayAVX2(y, x []float32)         { panic("kernel: no AVX2") }
func pixelsAVX2(x []float32, p []byte) { panic("kernel: no AVX2") }
func cellForwardAVX2(gates, cPrev, cNext, act, h1, h2 []float32, n, h, ld1, ld2 int) {
	panic("kernel: no AVX2")
}
func cellBackwardAVX2(dGates, dc, cPrev, act, dh1, dh2 []float32, n, h, ld1, ld2 int) {
	panic("kernel: no AVX2")
}
