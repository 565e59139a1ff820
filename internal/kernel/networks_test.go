package kernel

import (
	"fmt"
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed1498fded/unroll/internal/rng"
)

// everywhere runs a test at every level that the machine has.
func everywhere(t *testing.T, f func(t *testing.T)) {
	for _, l := range levels() {
		t.Run(names[l], func(t *testing.T) {
			at(t, l)
			f(t)
		})
	}
}

// special are numbers that arithmetic may take another way.
var special = []float32{
	float32(math.NaN()), float32(math.Inf(1)), float32(math.Inf(-1)), 0,
	float32(math.Copysign(0, -1)), 0x1p-140, -0x1p-140, math.MaxFloat32,
}

// withSpecial puts special numbers among others.
func withSpecial(v []float32, shift int) {
	for i := shift % 3; i < len(v); i += 3 {
		v[i] = special[(i+shift)%len(special)]
	}
}

func TestRelu(t *testing.T) {
	everywhere(t, func(t *testing.T) {
		for n := range 101 {
			x, checkX := guarded(t, n, 1)
			y, checkY := guarded(t, n, 2)
			d, checkD := guarded(t, n, 3)
			withSpecial(x, n)
			withSpecial(d, n+1)
			var want, pulled []uint32
			for i, v := range x {
				want = append(want, math.Float32bits(max(v, 0)))
				on := float32(0)
				if v > 0 {
					on = 1
				}
				pulled = append(pulled, math.Float32bits(d[i]*on))
			}
			Relu(y, x)
			same(t, want, y)
			PullRelu(d, y, d)
			same(t, pulled, d)
			Relu(x, x)
			same(t, want, x)
			checkX()
			checkY()
			checkD()
		}
	})
	require.Equal(t, []float64{0, 2}, func() []float64 { y := []float64{-1, 2}; Relu(y, y); return y }())
}

func TestFinite(t *testing.T) {
	everywhere(t, func(t *testing.T) {
		for n := range 140 {
			v, _ := guarded(t, n, 1)
			require.True(t, Finite(v))
			for i := range v {
				for _, x := range special {
					old := v[i]
					v[i] = x
					require.Equal(t, x-x == 0, Finite(v), "%v in place %d of %d", x, i, n)
					v[i] = old
				}
			}
		}
	})
}

func TestSumRows(t *testing.T) {
	everywhere(t, func(t *testing.T) {
		for m := 1; m < 75; m++ {
			for _, n := range []int{0, 1, 2, 65} {
				rows, checkRows := guarded(t, n*m, 1)
				sums, check := guarded(t, m, 2)
				var want []uint32
				for j := range m {
					sum := float32(0)
					for i := range n {
						sum += rows[i*m+j]
					}
					want = append(want, math.Float32bits(sum))
				}
				SumRows(sums, rows)
				same(t, want, sums)
				check()
				checkRows()
			}
		}
	})
	require.PanicsWithValue(t, "kernel: sums of 2 columns of 3 elements", func() {
		SumRows(make([]float32, 2), make([]float32, 3))
	})
}

func TestRepeat(t *testing.T) {
	everywhere(t, func(t *testing.T) {
		for _, n := range []int{1, 3, 10, 32} {
			row, _ := guarded(t, n, 1)
			rows, check := guarded(t, 5*n, 2)
			Repeat(rows, row)
			for i := range 5 {
				require.Equal(t, row, rows[i*n:(i+1)*n])
			}
			check()
		}
	})
	require.PanicsWithValue(t, "kernel: 3 elements for rows of 2", func() { Repeat(make([]float64, 3), make([]float64, 2)) })
}

func TestPixelRows(t *testing.T) {
	everywhere(t, func(t *testing.T) {
		for _, size := range []int{1, 7, 8, 9, 16, 64, 100} {
			p := make([]byte, 30*size)
			for i := range p {
				p[i] = byte(i * 7)
			}
			for n := range 30 {
				rows := make([]int, n)
				for i := range rows {
					rows[i] = (i*11 + n) % 30
				}
				x, check := guarded(t, n*size, 1)
				PixelRows(x, p, rows, size)
				for i, row := range rows {
					for j := range size {
						require.Equal(t, float32(p[row*size+j])/255, x[i*size+j])
					}
				}
				check()
			}
		}
	})
	for _, row := range []int{-1, 2} {
		require.PanicsWithValue(t, fmt.Sprintf("kernel: row %d of 8 bytes in 23", row), func() {
			PixelRows(make([]float32, 16), make([]byte, 23), []int{0, row}, 8)
		})
	}
}

// crossEntropyCase draws outputs, and the targets of labels.
func crossEntropyCase(t *testing.T, n, classes int, key uint64) (h, target []float32) {
	h, _ = guarded(t, n*classes, key)
	target = make([]float32, n*classes)
	labels := rng.New(key)
	for i := range n {
		target[i*classes+labels.IntN(classes)] = 1
	}
	return h, target
}

func TestCrossEntropy(t *testing.T) {
	everywhere(t, func(t *testing.T) {
		for classes := 1; classes <= 20; classes++ {
			for _, n := range []int{1, 3, 64, 130} {
				h, target := crossEntropyCase(t, n, classes, uint64(classes))
				p, check := guarded(t, n*classes, 2)
				const scale, shift = 0.25, 0.5
				loss := CrossEntropy(p, h, target, n, scale, shift)
				want := 0.0
				for i := range n {
					sum := 0.0
					for _, v := range h[i*classes : (i+1)*classes] {
						sum += math.Exp(float64(v))
					}
					for k := i * classes; k < (i+1)*classes; k++ {
						share := math.Exp(float64(h[k])) / sum
						require.InDelta(t, share*scale-float64(target[k])*shift, float64(p[k]), 1e-6)
						want -= float64(target[k]) * math.Log(share)
					}
				}
				require.InDelta(t, want, loss, 1e-5*float64(n))
				check()
			}
		}
	})
}

// The kernels for thin rows give the bits of those that know no width, whatever the numbers.
func TestCrossEntropyOfAllWidthsIsTheSame(t *testing.T) {
	if level < avx512 {
		t.Skip("this build or machine has no AVX-512")
	}
	for classes := 1; classes <= 16; classes++ {
		for key := range uint64(30) {
			const n = 70
			h, target := crossEntropyCase(t, n, classes, key)
			for i := range h {
				h[i] *= float32(math.Exp(float64(key) / 5))
			}
			if key > 25 {
				h[classes*int(key)] = special[key%4]
			}
			var loss [2]float64
			var p [2][]float32
			for i, l := range []instructions{avx2, avx512} {
				at(t, l)
				p[i], _ = guarded(t, n*classes, 2)
				loss[i] = CrossEntropy(p[i], h, target, n, 1./3, 0.7)
			}
			at(t, avx512)
			if math.IsNaN(loss[0]) || math.IsInf(loss[0], 0) {
				require.False(t, loss[1]-loss[1] == 0, "%v and %v", loss[0], loss[1])
			} else {
				require.Equal(t, loss[0], loss[1])
			}
			var want []uint32
			for _, v := range p[0] {
				want = append(want, math.Float32bits(v))
			}
			same(t, want, p[1])
		}
	}
}

// Logarithms are those of package math, to the bit.
func TestLogs(t *testing.T) {
	everywhere(t, func(t *testing.T) {
		draw := rng.New(1)
		for round := range 2000 {
			var x [64]float64
			for i := range x {
				switch x[i] = 1 + 16*draw.Float64(); {
				case round%3 == 1:
					x[i] = math.Ldexp(x[i], draw.IntN(2000)-1000)
				case round == 0:
					x[i] = []float64{1, 2, 0.5, math.Sqrt2, math.Sqrt2 / 2, 0x1p-1022, math.MaxFloat64, math.E}[i%8]
				}
			}
			x[round%64] = math.NaN()
			y := x
			logsOf(&y)
			for i, v := range x {
				if want := math.Log(v); want == want {
					require.Equal(t, math.Float64bits(want), math.Float64bits(y[i]), "log %v", v)
				} else {
					require.True(t, math.IsNaN(y[i]))
				}
			}
		}
	})
}

func TestSpan(t *testing.T) {
	everywhere(t, func(t *testing.T) {
		for _, m := range []int{1, 15, 16, 17, 40, 64} {
			for first := 0; first < m; first += 3 {
				for last := first + 1; last <= m; last += 5 {
					x := make([]float32, 3*m)
					x[m+first], x[2*m+last-1] = -1, 0x1p-149
					x[0] = float32(math.Copysign(0, -1))
					from, to := Span(x, m)
					if level == plain || m < 16 {
						require.Equal(t, [2]int{0, m}, [2]int{from, to})
					} else {
						require.Equal(t, [2]int{first, last}, [2]int{from, to}, "%d columns", m)
					}
				}
			}
		}
		if level > plain {
			from, to := Span(make([]float32, 120), 40)
			require.Equal(t, from, to)
		}
	})
	from, to := Span(make([]float64, 40), 20)
	require.Equal(t, [2]int{0, 20}, [2]int{from, to})
}
