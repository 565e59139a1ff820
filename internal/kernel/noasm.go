//go:build !amd64 || purego

package kernel

const (
	level = plain
	noAsm = "kernel: no assembly in this build"
)

func gemmAVX2(c, a, b []float32, n, k, m, ldc, rowA, colA, ldb int, add bool)   { panic(noAsm) }
func gemmAVX512(c, a, b []float32, n, k, m, ldc, rowA, colA, ldb int, add bool) { panic(noAsm) }
func sigmoidAVX2(y, x []float32)                                                { panic(noAsm) }
func tanhAVX2(y, x []float32)                                                   { panic(noAsm) }
func decayAVX2(y, x []float32)                                                  { panic(noAsm) }
func logSizeAVX2(y, x []float32)                                                { panic(noAsm) }
func geluAVX2(y, x []float32)                                                   { panic(noAsm) }
func pullGeluAVX2(dx, x, y, dy []float32)                                       { panic(noAsm) }
func softmaxAVX2(y, x []float32, scale, mass float32) (float32, float64)        { panic(noAsm) }

func cellRowsAVX2(z, before, c, tanhC, h []float32, rows, n int)       { panic(noAsm) }
func pullCellRowsAVX2(z, before, tanhC, dh, dc []float32, rows, n int) { panic(noAsm) }

func normRowAVX2(y, unit, x, gain, bias []float32, epsilon float32) float32  { panic(noAsm) }
func pullNormRowAVX2(dx, dGain, dBias, dy, unit, gain []float32, sc float32) { panic(noAsm) }

func cellForwardAVX2(gates, cPrev, cNext, act, h1, h2 []float32, n, h, ld1, ld2 int)    { panic(noAsm) }
func cellForwardAVX512(gates, cPrev, cNext, act, h1, h2 []float32, n, h, ld1, ld2 int)  { panic(noAsm) }
func cellBackwardAVX2(dGates, dc, cPrev, act, dh1, dh2 []float32, n, h, ld1, ld2 int)   { panic(noAsm) }
func cellBackwardAVX512(dGates, dc, cPrev, act, dh1, dh2 []float32, n, h, ld1, ld2 int) { panic(noAsm) }
