package kernel

import (
	"fmt"
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed1498fded/unroll/internal/rng"
)

// Assembly and plain Go give the same bits at every length, beyond no end of a slice, and over what they read.
func TestArithmetic(t *testing.T) {
	for name, f := range map[string]struct {
		do func(y, a, b []float32)
		of func(a, b float32) float32
	}{
		"sub":  {Sub, func(a, b float32) float32 { return a - b }},
		"mul":  {Mul, func(a, b float32) float32 { return a * b }},
		"div":  {Div, func(a, b float32) float32 { return a / b }},
		"abs":  {func(y, a, _ []float32) { Abs(y, a) }, func(a, _ float32) float32 { return float32(math.Abs(float64(a))) }},
		"sqrt": {func(y, a, _ []float32) { Sqrt(y, a) }, func(a, _ float32) float32 { return float32(math.Sqrt(float64(a))) }},
	} {
		for _, l := range levels() {
			t.Run(name+"/"+names[l], func(t *testing.T) {
				at(t, l)
				for n := range 101 {
					a, checkA := guarded(t, n, 1)
					b, checkB := guarded(t, n, 2)
					got, check := guarded(t, n, 3)
					if n > 4 {
						a[0], a[1], b[2], a[3], b[3] = float32(math.NaN()), float32(math.Inf(1)), 0, 0, 0
					}
					var want []uint32
					for i := range a {
						want = append(want, math.Float32bits(f.of(a[i], b[i])))
					}
					f.do(got, a, b)
					same(t, want, got)
					f.do(b, a, b)
					same(t, want, b)
					check()
					checkA()
					checkB()
				}
			})
		}
	}
	require.PanicsWithValue(t, "kernel: results of length 2 for arguments of length 3", func() {
		Mul(make([]float32, 2), make([]float32, 2), make([]float32, 3))
	})
}

// e^x and log x are right to 4 ulp, over all sizes, at every length, and where they are zero or infinite.
func TestExpAndLog(t *testing.T) {
	for _, f := range []struct {
		name   string
		do     func(y, x []float32)
		of     func(x float64) float64
		lo, hi float64
	}{
		{"exp", Exp, math.Exp, -86, 88.7},
		{"log", Log, math.Log, 0x1p-126, 2},
		{"log", Log, math.Log, 2, 3e38},
		{"elu", ELU[float32], elu[float64], -86, 1},
		{"elu", ELU[float32], elu[float64], -1e-3, 1e-3},
	} {
		for _, l := range levels() {
			t.Run(f.name+"/"+names[l], func(t *testing.T) {
				at(t, l)
				for n := range 101 {
					x, checkX := guarded(t, n, 1)
					y, checkY := guarded(t, n, 2)
					rng.Uniform(x, uint64(n), f.lo, f.hi)
					f.do(y, x)
					for i, v := range x {
						require.Less(t, ulps(f.of(float64(v)), y[i]), 4., "%s of %v", f.name, v)
					}
					f.do(x, x)
					require.Equal(t, y, x, "in place")
					checkX()
					checkY()
				}
				special := []float32{0, -1, 1, 1e-40, -1e-40, 88.8, -88, -100, -104, 1e30, -1e30, float32(math.Inf(1)), float32(math.Inf(-1)), float32(math.NaN())}
				y := make([]float32, len(special))
				f.do(y, special)
				for i, v := range special {
					if w := float64(float32(f.of(float64(v)))); math.IsNaN(w) || math.IsInf(w, 0) || w == 0 {
						require.Equal(t, fmt.Sprint(w), fmt.Sprint(y[i]), "%s of %v", f.name, v)
					} else {
						require.InDelta(t, w, y[i], 5e-7*math.Abs(w)+0x1p-148, "%s of %v", f.name, v)
					}
				}
			})
		}
	}
}

// ELUBack is the derivative of ELU, 1 above 0 and e^x below, as its results tell it.
func TestELUBack(t *testing.T) {
	for _, l := range levels() {
		t.Run(names[l], func(t *testing.T) {
			at(t, l)
			for n := range 101 {
				x, checkX := guarded(t, n, 1)
				d, checkD := guarded(t, n, 2)
				y := make([]float32, n)
				rng.Uniform(x, uint64(n), -3, 3)
				ELU(y, x)
				before := append([]float32(nil), d...)
				ELUBack(d, d, y)
				for i, v := range x {
					require.InDelta(t, float64(before[i])*math.Exp(min(float64(v), 0)), d[i], 4e-7*math.Abs(float64(before[i])), "at %v", v)
				}
				checkX()
				checkD()
			}
		})
	}
}

// same compares bits; one NaN is like another.
func same(t *testing.T, want []uint32, got []float32) {
	t.Helper()
	for i, w := range want {
		if g := math.Float32bits(got[i]); g != w && !(got[i] != got[i] && w&0x7fffffff > 0x7f800000) {
			require.Failf(t, "differ", "element %d of %d: want %v, got %v", i, len(want), math.Float32frombits(w), got[i])
		}
	}
}

func TestCopyRows(t *testing.T) {
	for _, l := range levels() {
		t.Run(names[l], func(t *testing.T) {
			at(t, l)
			for _, rows := range []int{0, 1, 2, 5} {
				for cols := range 101 {
					for _, gaps := range [][2]int{{0, 0}, {3, 0}, {0, 5}, {2, -cols}} { // the last: one row again and again
						ldDst, ldSrc := cols+gaps[0], cols+gaps[1]
						src, checkSrc := guarded(t, max(0, (rows-1)*ldSrc+cols), 1)
						dst, checkDst := guarded(t, max(0, (rows-1)*ldDst+cols), 2)
						want := append([]float32(nil), dst...)
						for i := range rows {
							copy(want[i*ldDst:i*ldDst+cols], src[i*ldSrc:])
						}
						CopyRows(dst, src, rows, cols, ldDst, ldSrc)
						require.Equal(t, want, append([]float32(nil), dst...), "%d rows of %d", rows, cols)
						checkSrc()
						checkDst()
					}
				}
			}
		})
	}
	require.Panics(t, func() { CopyRows(make([]float32, 8), make([]float32, 9), 1, 9, 9, 9) })
}

// Operands of any strides: parts, transposes, one row or number again and again.
func TestGemmStrided(t *testing.T) {
	for _, l := range levels() {
		t.Run(names[l], func(t *testing.T) {
			at(t, l)
			for _, n := range []int{1, 5} {
				for _, k := range []int{1, 7, 100} {
					for _, m := range []int{1, 20, 100} {
						for _, add := range []bool{false, true} {
							for a := range 4 {
								for b := range 4 {
									testGemmStrided(t, n, k, m, a, b, add)
								}
							}
						}
					}
				}
			}
		})
	}
	c := Strided{make([]float32, 4), 2, 1}
	require.Panics(t, func() { GemmStrided(c, c, Strided{make([]float32, 3), 2, 1}, 2, 2, 2, false) })
	require.Panics(t, func() { GemmStrided(c, c, Strided{make([]float32, 20), 2, 2}, 2, 2, 2, false) })
}

func testGemmStrided(t *testing.T, n, k, m, ofA, ofB int, add bool) {
	strides := func(rows, cols, which int) (row, col int) {
		switch which {
		case 0:
			return cols + 2, 1
		case 1:
			return 1, rows + 3
		case 2:
			return 0, 1
		}
		return 1, 0
	}
	operand := func(rows, cols, which int, key uint64) (Strided, func()) {
		row, col := strides(rows, cols, which)
		v, check := guarded(t, (rows-1)*row+(cols-1)*col+1, key)
		return Strided{v, row, col}, check
	}
	a, checkA := operand(n, k, ofA, 1)
	b, checkB := operand(k, m, ofB, 2)
	c, checkC := operand(n, m, 0, 3)
	want := append([]float32(nil), c.Data...)
	for i := range n {
		for j := range m {
			sum := 0.0
			if add {
				sum = float64(c.Data[i*c.Row+j])
			}
			for p := range k {
				sum += float64(a.Data[i*a.Row+p*a.Col]) * float64(b.Data[p*b.Row+j*b.Col])
			}
			want[i*c.Row+j] = float32(sum)
		}
	}
	GemmStrided(c, a, b, n, k, m, add)
	for i := range want {
		require.InDelta(t, want[i], c.Data[i], 2e-5*float64(k), fmt.Sprint(n, k, m, ofA, ofB, add, i))
	}
	checkA()
	checkB()
	checkC()
}
