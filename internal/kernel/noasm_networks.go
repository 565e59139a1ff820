//go:build !amd64 || purego

package kernel

func pixelRowsAVX2(x []float32, p []byte, rows []int, size int)                        { panic(noAsm) }
func pixelRowsAVX512(x []float32, p []byte, rows []int, size int)                      { panic(noAsm) }
func reluAVX2(y, x []float32)                                                          { panic(noAsm) }
func pullReluAVX2(y, a, b []float32)                                                   { panic(noAsm) }
func finiteAVX2(v []float32) bool                                                      { panic(noAsm) }
func sumRowsAVX2(sums, rows []float32, n, m int)                                       { panic(noAsm) }
func belowTopAVX512(p, h, target []float32, n, classes int) (below float64)            { panic(noAsm) }
func sharesAVX512(p, target []float32, sums []float64, classes int, sc, shift float32) { panic(noAsm) }
func logsAVX512(x []float64)                                                           { panic(noAsm) }
func nonzeroAVX2(x []float32, n, ld int) uint64                                        { panic(noAsm) }
