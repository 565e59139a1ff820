//go:build !amd64 || purego

package kernel

func addAVX2(y, a, b []float32)                                     { panic(noAsm) }
func subAVX2(y, a, b []float32)                                     { panic(noAsm) }
func mulAVX2(y, a, b []float32)                                     { panic(noAsm) }
func divAVX2(y, a, b []float32)                                     { panic(noAsm) }
func sqrtAVX2(y, x []float32)                                       { panic(noAsm) }
func absAVX2(y, x []float32)                                        { panic(noAsm) }
func expAVX2(y, x []float32)                                        { panic(noAsm) }
func eluAVX2(y, x []float32)                                        { panic(noAsm) }
func eluBackAVX2(y, a, b []float32)                                 { panic(noAsm) }
func copyRowsAVX2(dst, src []float32, rows, cols, ldDst, ldSrc int) { panic(noAsm) }
func sgdAVX2(step, grad []float32, rate float32)                    { panic(noAsm) }
func momentumAVX2(step, next, grad, v []float32, rate, mu float32)  { panic(noAsm) }
func nagAVX2(step, next, grad, v []float32, rate, mu float32)       { panic(noAsm) }
func rmspropAVX2(step, next, grad, v []float32, rate, alpha, rest, eps float32) {
	panic(noAsm)
}
func adamAVX2(step, nextM, nextV, grad, m, v []float32, rate, beta1, rest1, beta2, rest2, unbias2, eps float32) {
	panic(noAsm)
}
func adamwAVX2(step, nextM, nextV, grad, m, v, theta []float32,
	rate, beta1, rest1, beta2, rest2, unbias2, eps, decay float32) {
	panic(noAsm)
}
