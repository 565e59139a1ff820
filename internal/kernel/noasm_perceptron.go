//go:build !amd64 || purego

package kernel

var ofUnits [avx512 + 1][2]unitKernels

func squaresAVX2(row, col, g []float32, ld int)   { panic(noAsm) }
func squaresAVX512(row, col, g []float32, ld int) { panic(noAsm) }
func sideAveragesAVX2(n0, n1, n2, s0, s1, s2, squares, sums []float32, scale float32) {
	panic(noAsm)
}
func sideAveragesAVX512(n0, n1, n2, s0, s1, s2, squares, sums []float32, scale float32) {
	panic(noAsm)
}
func expandFactorsAVX2(planes, down, across []float32, rows, cols, ldDown, ldAcross int) {
	panic(noAsm)
}
func expandFactorsAVX512(planes, down, across []float32, rows, cols, ldDown, ldAcross int) {
	panic(noAsm)
}
func momentsAVX2(n0, n1, n2, nv, s0, s1, s2, sv, grad, theta, planes, sums []float32) {
	panic(noAsm)
}
func momentsAVX512(n0, n1, n2, nv, s0, s1, s2, sv, grad, theta, planes, sums []float32) {
	panic(noAsm)
}
func momentsGridAVX2(n0, n1, n2, nv, s0, s1, s2, sv, grad, theta, down, across, sums []float32, rows, cols, ldDown int) {
	panic(noAsm)
}
func momentsGridAVX512(n0, n1, n2, nv, s0, s1, s2, sv, grad, theta, down, across, sums []float32, rows, cols, ldDown int) {
	panic(noAsm)
}
func combineAVX2(y, x, z []float32, a, b float32) { panic(noAsm) }

func foldFactorsAVX2(d, down, across, dDown, dAcross []float32, rows, cols, ldDown, ldAcross int) {
	panic(noAsm)
}

func foldFactorsAVX512(d, down, across, dDown, dAcross []float32, rows, cols, ldDown, ldAcross int) {
	panic(noAsm)
}

func weigh4AVX512(w, from, sums []float32, means []float64, n float64) { panic(noAsm) }
func weigh8AVX512(w, from, sums []float32, means []float64, n float64) { panic(noAsm) }
