package kernel

import (
	"fmt"
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed1498fded/unroll/internal/rng"
)

// guarded returns n random numbers with guard words before and behind, and a check that these are untouched.
func guarded(t *testing.T, n int, key uint64) (v []float32, check func()) {
	t.Helper()
	const guard = 16
	all := make([]float32, n+2*guard)
	for i := range all {
		all[i] = 12345.678
	}
	v = all[guard : guard+n : guard+n]
	rng.Normal(v, key, 1)
	return v, func() {
		t.Helper()
		for i := range guard {
			require.Equal(t, float32(12345.678), all[i], "guard before")
			require.Equal(t, float32(12345.678), all[guard+n+i], "guard behind")
		}
	}
}

// clone copies v into guards of its own.
func clone(t *testing.T, v []float32) ([]float32, func()) {
	w, check := guarded(t, len(v), 0)
	copy(w, v)
	return w, check
}

func within(t *testing.T, want, got []float32, tol float64) {
	t.Helper()
	for i := range want {
		if d := math.Abs(float64(want[i] - got[i])); !(d <= tol*(1+math.Abs(float64(want[i])))) {
			require.Failf(t, "differ", "element %d: want %v, got %v", i, want[i], got[i])
		}
	}
}

// assembly runs a test at every level of instructions above plain Go that this build and machine have.
func assembly(t *testing.T, f func(t *testing.T)) {
	if level == plain {
		t.Skip("this build or machine has no assembly")
	}
	for _, l := range levels()[1:] {
		t.Run(names[l], func(t *testing.T) {
			at(t, l)
			f(t)
		})
	}
}

var names = map[instructions]string{plain: "go", avx2: "avx2", avx512: "avx512"}

// levels returns those that this build and machine have, plain Go first.
func levels() []instructions { return []instructions{plain, avx2, avx512}[:level+1] }

// at sets the level for the length of a test.
func at(t testing.TB, l instructions) {
	before := level
	setLevel(l)
	t.Cleanup(func() { setLevel(before) })
}

func TestGemm(t *testing.T) { assembly(t, testGemm) }

func testGemm(t *testing.T) {
	for _, n := range []int{1, 2, 3, 4, 7, 20, 101} {
		for _, k := range []int{1, 2, 7, 44, 100} {
			for _, m := range []int{1, 7, 8, 9, 10, 16, 17, 20, 23, 24, 25, 31, 32, 40, 47, 50, 80} {
				for _, add := range []bool{false, true} {
					for _, across := range []bool{false, true} { // A lies as its transpose
						rowA, colA, size := k+3, 1, n*(k+3)
						if across {
							rowA, colA, size = 1, n+3, k*(n+3)
						}
						ldb, ldc := m+2, m+5
						a, checkA := guarded(t, size, 1)
						b, checkB := guarded(t, (k-1)*ldb+m, 2)
						want, _ := guarded(t, (n-1)*ldc+m, 3) // what lies between the rows must stay
						got, checkGot := clone(t, want)
						gemmGeneric(want, a, b, n, k, m, ldc, rowA, colA, ldb, add)
						gemm(got, a, b, n, k, m, ldc, rowA, colA, ldb, add)
						within(t, want, got, 1e-5)
						checkA()
						checkB()
						checkGot()
					}
				}
			}
		}
	}
}

func TestGemmOfTransposes(t *testing.T) { assembly(t, testGemmOfTransposes) }

func testGemmOfTransposes(t *testing.T) {
	flip := func(v []float32, rows, cols int) []float32 {
		w := make([]float32, len(v))
		for i := range rows {
			for j := range cols {
				w[j*rows+i] = v[i*cols+j]
			}
		}
		return w
	}
	for _, n := range []int{1, 5, 128} {
		for _, k := range []int{1, 10, 64, 130} {
			for _, m := range []int{3, 20, 24, 53} {
				for _, add := range []bool{false, true} {
					a, checkA := guarded(t, n*k, 1)
					b, checkB := guarded(t, k*m, 2)
					want, _ := guarded(t, n*m, 3)
					start, _ := clone(t, want)
					gemmGeneric(want, a, b, n, k, m, m, k, 1, m, add)
					for trans := range 4 {
						a, b := a, b
						if trans&1 != 0 {
							a = flip(a, n, k)
						}
						if trans&2 != 0 {
							b = flip(b, k, m)
						}
						got, checkGot := clone(t, start)
						require.True(t, Gemm(got, a, b, n, k, m, trans&1 != 0, trans&2 != 0, add))
						within(t, want, got, 1e-5)
						checkGot()
					}
					checkA()
					checkB()
				}
			}
		}
	}
}

func TestGemmLeavesTheRestAlone(t *testing.T) {
	c := []float64{1}
	require.False(t, Gemm(c, []float64{2}, []float64{3}, 1, 1, 1, false, false, false))
	require.Equal(t, []float64{1}, c)
	if level == plain {
		return
	}
	short := make([]float32, 5)
	require.PanicsWithValue(t, "kernel: product [2 3]·[3 2] of 6 and 5 elements into 6",
		func() { Gemm(make([]float32, 6), make([]float32, 6), short, 2, 3, 2, false, false, false) })
}

// Every length, so that every tail is seen, and in place.
func TestElementwise(t *testing.T) {
	for _, f := range []struct {
		name string
		fast func(y, x []float32)
		want func(x float64) float64
	}{
		{"sigmoid", Sigmoid[float32], func(x float64) float64 { return 1 / (1 + math.Exp(-x)) }},
		{"tanh", Tanh[float32], math.Tanh},
		{"decay", Decay[float32], func(x float64) float64 { return math.Exp(-math.Abs(x)) }},
		{"logarithm", LogSize[float32], func(x float64) float64 { return math.Log(max(math.Abs(x), 0x1p-126)) }},
	} {
		t.Run(f.name, func(t *testing.T) {
			for n := range 101 {
				x, checkX := guarded(t, n, 1)
				y, checkY := guarded(t, n, 2)
				f.fast(y, x)
				for i, v := range x {
					require.Less(t, ulps(f.want(float64(v)), y[i]), 4., "%s of %v", f.name, v)
				}
				checkX()
				checkY()
				f.fast(x, x)
				require.Equal(t, y, x, "in place")
			}
			for _, v := range []float32{0, 1e-40, float32(math.NaN())} {
				y := make([]float32, 1)
				f.fast(y, []float32{v})
				if v == v {
					require.Equal(t, float32(f.want(float64(v))), y[0])
				} else {
					require.True(t, math.IsNaN(float64(y[0])))
				}
			}
			require.PanicsWithValue(t, "kernel: results of length 2 for arguments of length 3",
				func() { f.fast(make([]float32, 2), make([]float32, 3)) })
		})
	}
}

func TestPixelsAreQuotients(t *testing.T) {
	for n := range 280 {
		p := make([]byte, n)
		for i := range p {
			p[i] = byte(i)
		}
		x, check := guarded(t, n, 1)
		Pixels(x, p)
		for i, b := range p {
			require.Equal(t, float32(b)/255, x[i])
		}
		check()
	}
}

func TestCell(t *testing.T) { assembly(t, testCell) }

func testCell(t *testing.T) {
	for _, n := range []int{4, 8, 100} {
		for _, h := range []int{4, 8, 20, 24, 100} {
			ld1, ld2 := h+4, h+9
			gates, checkGates := guarded(t, n*4*h, 1)
			cPrev, checkC := guarded(t, n*h, 2)
			type out struct{ cNext, act, h1, h2 []float32 }
			var outs [2]out
			var checks []func()
			for i := range outs {
				var o out
				var c [4]func()
				o.cNext, c[0] = guarded(t, n*h, 4)
				o.act, c[1] = guarded(t, n*h*5, 5)
				o.h1, c[2] = guarded(t, n*ld1, 6)
				o.h2, c[3] = guarded(t, n*ld2, 7)
				checks = append(checks, c[:]...)
				outs[i] = o
			}
			cellForwardGeneric(gates, cPrev, outs[0].cNext, outs[0].act, outs[0].h1, outs[0].h2, n, h, ld1, ld2)
			cellForward(gates, cPrev, outs[1].cNext, outs[1].act, outs[1].h1, outs[1].h2, n, h, ld1, ld2)
			within(t, outs[0].cNext, outs[1].cNext, 1e-6)
			within(t, outs[0].h1, outs[1].h1, 1e-6)
			within(t, outs[0].h2, outs[1].h2, 1e-6)

			dh1, checkD1 := guarded(t, n*ld1, 8)
			dh2, checkD2 := guarded(t, n*ld2, 9)
			var dGates, dc [2][]float32
			for i := range dGates {
				var c [2]func()
				dGates[i], c[0] = guarded(t, n*4*h, 10)
				dc[i], c[1] = guarded(t, n*h, 11)
				checks = append(checks, c[:]...)
			}
			cellBackwardGeneric(dGates[0], dc[0], cPrev, outs[0].act, dh1, dh2, n, h, ld1, ld2)
			cellBackward(dGates[1], dc[1], cPrev, outs[1].act, dh1, dh2, n, h, ld1, ld2)
			within(t, dGates[0], dGates[1], 1e-5)
			within(t, dc[0], dc[1], 1e-5)
			for _, check := range append(checks, checkGates, checkC, checkD1, checkD2) {
				check()
			}

			// In place: the next cell states over the previous ones.
			again, _ := clone(t, cPrev)
			cellForward(gates, again, again, outs[0].act, outs[0].h1, outs[0].h2, n, h, ld1, ld2)
			require.Equal(t, outs[1].cNext, again)
		}
	}
}

// activations runs the sigmoid and tanh of the cells on up to 8 numbers.
func activations(x []float32) (sigmoids, tanhs []float32) {
	gates, act := make([]float32, 4*16), make([]float32, 4*4*5)
	zero, h := make([]float32, 16), make([]float32, 16)
	for i, v := range x { // units of two coordinates
		row := gates[i/4*16:]
		row[i%4], row[8+i%4] = v, v
	}
	cellForward(gates, zero, make([]float32, 16), act, h, make([]float32, 16), 4, 4, 4, 4)
	together := 8 * int(level) // units whose activations lie together
	return act[:len(x)], act[2*together : 2*together+len(x)]
}

// ulps returns how many float32s lie between got and the number that want rounds to.
func ulps(want float64, got float32) float64 {
	w := float32(want)
	if w == got {
		return 0
	}
	gap := math.Abs(float64(math.Nextafter32(w, float32(math.Inf(1))) - w))
	return math.Abs(float64(w)-float64(got)) / gap
}

func TestActivationsToAFewUlps(t *testing.T) { assembly(t, testActivationsToAFewUlps) }

func testActivationsToAFewUlps(t *testing.T) {
	const tolerance = 4
	worst := [2]float64{}
	s := rng.New(1)
	for range 200_000 {
		x := make([]float32, 8)
		for i := range x {
			switch i % 4 {
			case 0:
				x[i] = float32(s.NormFloat64())
			case 1:
				x[i] = float32(30 * s.NormFloat64())
			case 2: // all sizes
				x[i] = float32(math.Copysign(math.Exp(40*s.Float64()-36), s.Float64()-0.5))
			case 3:
				x[i] = float32(9 * (2*s.Float64() - 1))
			}
			x[i] = max(-86, min(86, x[i])) // beyond, σ stays where it is
		}
		sigmoids, tanhs := activations(x)
		for i, v := range x {
			worst[0] = max(worst[0], ulps(1/(1+math.Exp(-float64(v))), sigmoids[i]))
			worst[1] = max(worst[1], ulps(math.Tanh(float64(v)), tanhs[i]))
		}
	}
	t.Logf("worst errors: sigmoid %.1f ulp, tanh %.1f ulp", worst[0], worst[1])
	require.Less(t, worst[0], float64(tolerance))
	require.Less(t, worst[1], float64(tolerance))
}

func TestActivationsOfSpecialNumbers(t *testing.T) { assembly(t, testActivationsOfSpecialNumbers) }

func testActivationsOfSpecialNumbers(t *testing.T) {
	inf, nan := float32(math.Inf(1)), float32(math.NaN())
	sigmoids, tanhs := activations([]float32{inf, -inf, nan, 0, float32(math.Copysign(0, -1)), 200, -200, 1e-40})
	require.Equal(t, []float32{1, 1, 1, -1}, []float32{sigmoids[0], sigmoids[5], tanhs[0], tanhs[1]})
	require.InDelta(t, 0, sigmoids[1], 1e-37)
	require.InDelta(t, 0, sigmoids[6], 1e-37)
	require.True(t, math.IsNaN(float64(sigmoids[2])))
	require.True(t, math.IsNaN(float64(tanhs[2])))
	require.Equal(t, []float32{0.5, 0.5}, sigmoids[3:5])
	require.Equal(t, []float32{0, 0}, tanhs[3:5])
	require.Zero(t, tanhs[7], "numbers too small to be normal are zero to a cell")
}

// Blocks at every level, float32 against float64, over a window and back.
func TestBlock(t *testing.T) {
	for _, l := range levels() {
		t.Run(names[l], func(t *testing.T) {
			at(t, l)
			testBlock(t)
		})
	}
}

func testBlock(t *testing.T) {
	for _, s := range []Shape{{2, 20, 2}, {1, 4, 1}, {3, 8, 3}} {
		for _, n := range []int{1, 3, 4, 17, 32} {
			t.Run(fmt.Sprintf("%+v/%d", s, n), func(t *testing.T) {
				want := window[float64](s, n)
				got := window[float32](s, n)
				for i := range want {
					require.InDelta(t, want[i], got[i], 2e-5*(1+math.Abs(want[i])), "element %d", i)
				}
			})
		}
	}
}

// window runs five steps and back, on numbers that depend on nothing but the shape, and returns everything that comes
// out.
func window[F float32 | float64](s Shape, n int) (out []float64) {
	const steps = 5
	phi := make([]F, s.Phi())
	rng.Uniform(phi, 1, -0.3, 0.3)
	w, g, b := NewWeights[F](s), NewGradient[F](s), NewBlock[F](s, n, steps)
	w.Pack(phi)
	state := func(key uint64) State[F] {
		var st State[F]
		for l := range uint64(s.Layers) {
			hc := [2][]F{make([]F, n*s.Hidden), make([]F, n*s.Hidden)}
			if key > 0 {
				rng.Normal(hc[0], key+2*l, 0.3)
				rng.Normal(hc[1], key+2*l+1, 0.3)
			}
			st.H, st.C = append(st.H, hc[0]), append(st.C, hc[1])
		}
		return st
	}
	take := func(v []F) {
		for _, x := range v {
			out = append(out, float64(x))
		}
	}
	takeState := func(st State[F]) {
		for l := range s.Layers {
			take(st.H[l])
			take(st.C[l])
		}
	}
	b.SetState(n, state(10))
	step := make([]F, n)
	for t := range steps {
		for i := range n {
			rng.Normal(b.Features(t, i), uint64(100*t+i), 1)
		}
		b.Forward(w, t, n, 0.1, step)
		take(step)
	}
	end := state(0)
	b.GetState(n, steps, end)
	takeState(end)
	b.SetBack(n, state(50))
	for t := steps - 1; t >= 0; t-- {
		rng.Normal(step, uint64(1000+t), 1)
		b.Backward(w, g, t, n, 0.1, step)
		for i := range n {
			take(b.DFeatures(i))
		}
	}
	b.GetBack(n, end)
	takeState(end)
	dphi := make([]F, len(phi))
	g.AddTo(dphi)
	take(dphi)
	return out
}

func BenchmarkBlock(b *testing.B) {
	s := Shape{2, 20, 2}
	const n, steps = 32, 20
	for _, l := range levels() {
		b.Run(names[l], func(b *testing.B) {
			at(b, l)
			phi := make([]float32, s.Phi())
			rng.Uniform(phi, 1, -0.3, 0.3)
			w, g, bl := NewWeights[float32](s), NewGradient[float32](s), NewBlock[float32](s, n, steps)
			w.Pack(phi)
			step := make([]float32, n)
			b.Run("forward", func(b *testing.B) {
				for range b.N {
					for t := range steps {
						bl.Forward(w, t, n, 0.1, step)
					}
				}
				report(b, n*steps, 2*4980)
			})
			b.Run("backward", func(b *testing.B) {
				for range b.N {
					bl.ClearBack()
					for t := steps - 1; t >= 0; t-- {
						bl.Backward(w, g, t, n, 0.1, step)
					}
				}
				report(b, n*steps, 4*4980)
			})
		})
	}
}

// report adds the time of a coordinate-step and the rate of arithmetic, counting flop a coordinate-step.
func report(b *testing.B, steps int, flop float64) {
	perStep := float64(b.Elapsed().Nanoseconds()) / float64(b.N) / float64(steps)
	b.ReportMetric(perStep, "ns/coordinate-step")
	b.ReportMetric(flop/perStep, "GFLOP/s")
}

// A run's provenance tells the levels apart.
func TestLevelNamesWhatRuns(t *testing.T) {
	for i, l := range levels() {
		at(t, l)
		require.Equal(t, []string{"go", "avx2", "avx512"}[i], Level())
	}
}
