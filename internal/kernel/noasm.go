//go:build !amd64 || purego

package kernel

const useAVX2 = false

func gemmAVX2(c, a, b []float32, n, k, m, lda, ldc int) { panic("kernel: no AVX2") }
func gemmTNAVX2(c, a, b []float32, n, k, m, lda int)    { panic("kernel: no AVX2") }
func cellForwardAVX2(gates, cPrev, cNext, act, h1, h2 []float32, n, h, ld1, ld2 int) {
	panic("kernel: no AVX2")
}
func cellBackwardAVX2(dGates, dc, cPrev, act, dh1, dh2 []float32, n, h, ld1, ld2 int) {
	panic("kernel: no AVX2")
}
