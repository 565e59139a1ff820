package kernel

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed1498fded/unroll/internal/rng"
)

// A ruleCase is one of the rules' kernels: out are the step and the next states, in what they are computed from.
type ruleCase struct {
	name    string
	states  int // of in, behind the gradient; anything else comes after them
	in      int
	fast    func(out, in [][]float32)
	generic func(out, in [][]float32)
	exact   func(out, in [][]float64)
}

func ruleCases() []ruleCase {
	rms := RMSpropFactors[float32]{Rate: -0.01, Alpha: 0.99, Rest: 0.01, Eps: 1e-8}
	rms64 := RMSpropFactors[float64]{Rate: -0.01, Alpha: 0.99, Rest: 0.01, Eps: 1e-8}
	adam := AdamFactors[float32]{Rate: -0.003, Beta1: 0.9, Rest1: 0.1, Beta2: 0.999, Rest2: 0.001, Unbias2: 300, Eps: 1e-8, Decay: 0.1}
	adam64 := AdamFactors[float64]{Rate: -0.003, Beta1: 0.9, Rest1: 0.1, Beta2: 0.999, Rest2: 0.001, Unbias2: 300, Eps: 1e-8, Decay: 0.1}
	return []ruleCase{
		{"add", 0, 2,
			func(o, in [][]float32) { Add(o[0], in[0], in[1]) },
			func(o, in [][]float32) { addGeneric(o[0], in[0], in[1]) },
			func(o, in [][]float64) { addGeneric(o[0], in[0], in[1]) }},
		{"sgd", 0, 1,
			func(o, in [][]float32) { SGD(o[0], in[0], -0.03) },
			func(o, in [][]float32) { sgdGeneric(o[0], in[0], -0.03) },
			func(o, in [][]float64) { sgdGeneric(o[0], in[0], -0.03) }},
		{"momentum", 1, 2,
			func(o, in [][]float32) { Momentum(o[0], o[1], in[0], in[1], -0.03, 0.9) },
			func(o, in [][]float32) { momentumGeneric(o[0], o[1], in[0], in[1], -0.03, 0.9) },
			func(o, in [][]float64) { momentumGeneric(o[0], o[1], in[0], in[1], -0.03, 0.9) }},
		{"nag", 1, 2,
			func(o, in [][]float32) { NAG(o[0], o[1], in[0], in[1], -0.03, 0.9) },
			func(o, in [][]float32) { nagGeneric(o[0], o[1], in[0], in[1], -0.03, 0.9) },
			func(o, in [][]float64) { nagGeneric(o[0], o[1], in[0], in[1], -0.03, 0.9) }},
		{"rmsprop", 1, 2,
			func(o, in [][]float32) { RMSprop(o[0], o[1], in[0], in[1], &rms) },
			func(o, in [][]float32) { rmspropGeneric(o[0], o[1], in[0], in[1], &rms) },
			func(o, in [][]float64) { rmspropGeneric(o[0], o[1], in[0], in[1], &rms64) }},
		{"adam", 2, 3,
			func(o, in [][]float32) { Adam(o[0], o[1], o[2], in[0], in[1], in[2], &adam) },
			func(o, in [][]float32) { adamGeneric(o[0], o[1], o[2], in[0], in[1], in[2], &adam) },
			func(o, in [][]float64) { adamGeneric(o[0], o[1], o[2], in[0], in[1], in[2], &adam64) }},
		{"adamw", 2, 4,
			func(o, in [][]float32) { AdamW(o[0], o[1], o[2], in[0], in[1], in[2], in[3], &adam) },
			func(o, in [][]float32) { adamwGeneric(o[0], o[1], o[2], in[0], in[1], in[2], in[3], &adam) },
			func(o, in [][]float64) { adamwGeneric(o[0], o[1], o[2], in[0], in[1], in[2], in[3], &adam64) }},
	}
}

// inputs draws what a kernel reads; averages of squares, which are last among the states, are positive.
func (c ruleCase) inputs(t *testing.T, n int) (in [][]float32, check func()) {
	var checks []func()
	for k := range c.in {
		v, check := guarded(t, n, uint64(k+1))
		if k == c.states && k > 0 {
			for i, x := range v {
				v[i] = x * x
			}
		}
		in, checks = append(in, v), append(checks, check)
	}
	return in, func() {
		for _, check := range checks {
			check()
		}
	}
}

// outputs makes room for what it writes.
func (c ruleCase) outputs(t *testing.T, n int) (out [][]float32, check func()) {
	c.in = 1 + c.states
	return c.inputs(t, n)
}

// Assembly and plain Go agree to the bit, at every length, beyond no end of a slice, and in place.
func TestRulesAreTheReference(t *testing.T) {
	for _, c := range ruleCases() {
		t.Run(c.name, func(t *testing.T) {
			for n := range 101 {
				in, checkIn := c.inputs(t, n)
				want, _ := c.outputs(t, n)
				got, checkOut := c.outputs(t, n)
				c.generic(want, in)
				c.fast(got, in)
				require.Equal(t, want, got, "length %d", n)
				unchanged, _ := c.inputs(t, n)
				require.Equal(t, unchanged, in)

				inPlace := append([][]float32{got[0]}, in[1:1+c.states]...)
				c.fast(inPlace, in)
				require.Equal(t, want, inPlace, "in place, length %d", n)
				checkIn()
				checkOut()
			}
		})
	}
}

// The formulas hold in float32 as they do in float64, to rounding.
func TestRulesInBothPrecisions(t *testing.T) {
	for _, c := range ruleCases() {
		t.Run(c.name, func(t *testing.T) {
			const n = 1000
			in, _ := c.inputs(t, n)
			got, _ := c.outputs(t, n)
			c.fast(got, in)
			in64, want := make([][]float64, len(in)), make([][]float64, len(got))
			for k := range in {
				for _, x := range in[k] {
					in64[k] = append(in64[k], float64(x))
				}
			}
			for k := range want {
				want[k] = make([]float64, n)
			}
			c.exact(want, in64)
			for k := range want {
				for i, x := range want[k] {
					require.InDelta(t, x, got[k][i], 1e-6*(1+math.Abs(x)), "result %d, element %d", k, i)
				}
			}
		})
	}
}

// Zero, Inf, NaN, the smallest and the largest numbers, in every input, come to the same as in plain Go and harm no
// neighbour.
func TestRulesOfSpecialNumbers(t *testing.T) {
	inf := float32(math.Inf(1))
	special := []float32{
		0, float32(math.Copysign(0, -1)), inf, -inf, float32(math.NaN()), 1e-45, 1e-38, 1e-20, 1e19, 3e38, -3e38, 1, -1,
	}
	bits := func(v []float32) []uint32 {
		b := make([]uint32, len(v))
		for i, x := range v {
			b[i] = math.Float32bits(x)
			if x != x {
				b[i] = math.MaxUint32 // one NaN is like another
			}
		}
		return b
	}
	for _, c := range ruleCases() {
		s := rng.New(1)
		const n = 5003
		in, _ := c.inputs(t, n)
		for _, v := range in {
			for i := range v {
				if s.Float64() < 0.7 {
					v[i] = special[int(s.Float64()*float64(len(special)))]
				}
			}
		}
		want, _ := c.outputs(t, n)
		got, _ := c.outputs(t, n)
		c.generic(want, in)
		c.fast(got, in)
		for k := range want {
			require.Equal(t, bits(want[k]), bits(got[k]), "%s: result %d", c.name, k)
		}
	}
}

func TestRulesRefuseOtherLengths(t *testing.T) {
	for _, c := range ruleCases() {
		for k := range c.in {
			in, _ := c.inputs(t, 3)
			out, _ := c.outputs(t, 3)
			in[k] = in[k][:2]
			require.PanicsWithValue(t, "kernel: results of length 3 for arguments of length 2", func() { c.fast(out, in) }, c.name)
		}
	}
}

func BenchmarkRules(b *testing.B) {
	for _, l := range levels()[:min(2, len(levels()))] { // plain Go and AVX2
		for _, c := range ruleCases() {
			b.Run(names[l]+"/"+c.name, func(b *testing.B) {
				at(b, l)
				const n = 1024 // in the first-level cache
				in := make([][]float32, c.in)
				for k := range in {
					in[k] = make([]float32, n)
					rng.Uniform(in[k], uint64(k), 0.5, 1)
				}
				out := append([][]float32{make([]float32, n)}, in[1:1+c.states]...)
				for b.Loop() {
					c.fast(out, in)
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/coordinate")
			})
		}
	}
}
