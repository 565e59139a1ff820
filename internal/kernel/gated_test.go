package kernel

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// ramp64 returns numbers from lo to hi, enough for more than one block and a rest.
func ramp64(lo, hi float64) []float64 {
	x := make([]float64, 3*gatedBlock+7)
	for i := range x {
		x[i] = lo + (hi-lo)*float64(i)/float64(len(x)-1)
	}
	return x
}

func to32(x []float64) []float32 {
	y := make([]float32, len(x))
	for i, v := range x {
		y[i] = float32(v)
	}
	return y
}

// gated lists the activations with their definitions and, for every derivative, what it must be the slope of.
var gated = []struct {
	name   string
	f      func(x float64) float64
	y32    func(y, x []float32)
	y64    func(y, x []float64)
	pull32 func(dx, x, y, dy []float32)
	pull64 func(dx, x, y, dy []float64)
}{
	{
		"gelu", func(x float64) float64 { return x * .5 * math.Erfc(-x/math.Sqrt2) }, Gelu[float32], Gelu[float64],
		PullGelu[float32], PullGelu[float64],
	},
	{"silu", func(x float64) float64 { return x / (1 + math.Exp(-x)) }, Silu[float32], Silu[float64],
		func(dx, x, _, dy []float32) { PullSilu(dx, x, dy) }, func(dx, x, _, dy []float64) { PullSilu(dx, x, dy) }},
}

func TestGatedActivations(t *testing.T) { assembly(t, testGatedActivations) }

func testGatedActivations(t *testing.T) {
	for _, g := range gated {
		x := ramp64(-9, 9)
		y, y32 := make([]float64, len(x)), to32(x)
		g.y64(y, x)
		g.y32(y32, y32) // in place
		dy, dx, dx32 := ramp64(1, 2), make([]float64, len(x)), to32(ramp64(1, 2))
		g.pull64(dx, x, y, dy)
		g.pull32(dx32, to32(x), y32, dx32)
		for i, v := range x {
			require.InDelta(t, g.f(v), y[i], 1e-15*math.Abs(y[i]), "%s(%v)", g.name, v)
			single := float64(float32(v)) // and not v: far out a small change of x is a large one of y
			require.InDelta(t, g.f(single), y32[i], 1e-6*math.Abs(g.f(single)), "%s(%v) in float32", g.name, v)
			slope := (g.f(v+1e-5) - g.f(v-1e-5)) / 2e-5
			require.InDelta(t, dy[i]*slope, dx[i], 1e-8, "%s'(%v)", g.name, v)
			require.InDelta(t, dy[i]*slope, dx32[i], 2e-6, "%s'(%v) in float32", g.name, v)
		}
	}
}

// Near zero Φ is ½, and far below it what is left of x·Φ(x) is a normal number while Φ(x) is none.
func TestGeluAtItsEnds(t *testing.T) {
	assembly(t, func(t *testing.T) {
		for _, x := range []float64{0x1p-100, -0x1p-100, 1e-30, -1e-30, -1e-6, -13, -13.1} {
			y, want := []float32{float32(x)}, float64(float32(x))
			want *= .5 * math.Erfc(-want/math.Sqrt2)
			Gelu(y, y)
			assert.InDelta(t, want, float64(y[0]), 2e-6*math.Abs(want), "%v", x)
		}
	})
}

func TestGatedActivationsKeepNaN(t *testing.T) { assembly(t, testGatedActivationsKeepNaN) }

func testGatedActivationsKeepNaN(t *testing.T) {
	for _, g := range gated {
		x := []float32{float32(math.NaN()), 1}
		g.y32(x, x)
		assert.True(t, math.IsNaN(float64(x[0])), g.name)
		assert.False(t, math.IsNaN(float64(x[1])), g.name)
		far := []float32{-1e30, 1e30, -100, 100, float32(math.Inf(-1))}
		g.y32(far, far)
		assert.InDeltaSlice(t, []float32{0, 1e30, 0, 100, 0}, far, 1e-6, g.name)
	}
}

func TestGatedActivationsDoNotAllocate(t *testing.T) {
	x, y := make([]float32, 1000), make([]float32, 1000)
	for _, g := range gated {
		assert.Zero(t, testing.AllocsPerRun(5, func() { g.y32(y, x); g.pull32(y, x, y, y) }), g.name)
	}
}

func BenchmarkGated(b *testing.B) {
	x, y, dx := to32(ramp64(-3, 3))[:512], make([]float32, 512), make([]float32, 512)
	for _, g := range gated {
		b.Run(g.name, func(b *testing.B) {
			for b.Loop() {
				g.y32(y, x)
			}
		})
		b.Run(g.name+" back", func(b *testing.B) {
			for b.Loop() {
				g.pull32(dx, x, y, x)
			}
		})
	}
}
