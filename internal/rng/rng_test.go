package rng

import (
	"flag"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// The numbers are a promise: a seed in a paper or a bug report names the same run on any machine and in any later
// version. A change of this file breaks that promise.
func TestGolden(t *testing.T) {
	var b strings.Builder
	for _, key := range []uint64{0, 1, 2, 0xdeadbeef, math.MaxUint64} {
		fmt.Fprintf(&b, "key %#x\n", key)
		for _, i := range []uint64{0, 1, 2, 1000, math.MaxUint64} {
			fmt.Fprintf(&b, "  Split %d\t%#016x\n", i, Split(key, i))
		}
		u, n, k := New(key), New(key), New(key)
		for range 4 {
			fmt.Fprintf(&b, "  Uint64 %#016x\tNormFloat64 %v\tIntN(1000) %d\n", u.Uint64(), n.NormFloat64(), k.IntN(1000))
		}
		normal, uniform := make([]float32, 3), make([]float32, 3)
		Normal(normal, key, 2)
		Uniform(uniform, key, -1, 1)
		fmt.Fprintf(&b, "  Normal %v\tUniform %v\n", normal, uniform)
	}
	path := filepath.Join("testdata", "streams.txt")
	if *update {
		require.NoError(t, os.WriteFile(path, []byte(b.String()), 0o644))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, string(want), b.String())
}

// Small keys and small indices are the ones in use, and must not meet: not the children of one key, nor those of
// neighbouring keys, nor children and grandchildren.
func TestKeysDoNotMeet(t *testing.T) {
	seen := make(map[uint64]string)
	add := func(key uint64, path string, args ...any) {
		old, ok := seen[key]
		require.False(t, ok, "%s = %s", old, path)
		seen[key] = fmt.Sprintf(path, args...)
	}
	for i := range uint64(100_000) {
		add(Split(1, i), "Split(1, %d)", i)
	}
	for key := uint64(100); key < 200; key++ {
		add(key, "%d", key)
		for i := range uint64(100) {
			child := Split(key, i)
			add(child, "Split(%d, %d)", key, i)
			for j := range uint64(5) {
				add(Split(child, j), "Split(Split(%d, %d), %d)", key, i, j)
			}
		}
	}
}

// Neither do their streams: the first numbers of 10,000 siblings are all different.
func TestStreamsOfSiblingsDiffer(t *testing.T) {
	seen := make(map[uint64]bool)
	s := New(0)
	for i := range uint64(10_000) {
		s.Reset(Split(7, i))
		seen[s.Uint64()] = true
	}
	require.Len(t, seen, 10_000)
}

func TestResetIsNew(t *testing.T) {
	s := New(1)
	s.NormFloat64()
	s.Uint32()
	s.Reset(42)
	fresh := New(42)
	for range 10 {
		require.Equal(t, fresh.Uint64(), s.Uint64())
	}
}

func TestIntsAreIntN(t *testing.T) {
	for _, n := range []int{1, 2, 3, 64, 60000, math.MaxInt/4*3 + 1, math.MaxInt} { // of the last, many are drawn again
		one, many := New(5), New(5)
		dst := make([]int, 200)
		many.IntsN(dst, n)
		for i, x := range dst {
			require.Equal(t, one.IntN(n), x, "number %d below %d", i, n)
		}
	}
	require.Panics(t, func() { New(5).IntsN(make([]int, 1), 0) })
	require.Panics(t, func() { New(5).IntsN(make([]int, 1), -3) })
}

func TestStreamDoesNotAllocate(t *testing.T) {
	s := New(1)
	require.Zero(t, testing.AllocsPerRun(100, func() {
		s.Reset(Split(2, s.Uint64()))
		s.NormFloat64()
		s.Float64()
		s.IntN(10)
	}))
}

// Crude on purpose: the bounds are four standard errors, for a mistake such as a variance in the place of a standard
// deviation. The keys are fixed, so this does not fail by chance.
func TestMoments(t *testing.T) {
	const n = 100_000
	v := make([]float64, n)
	for _, tt := range []struct {
		name      string
		fill      func()
		mean, std float64
	}{
		{"normal", func() { Normal(v, 3, 2.5) }, 0, 2.5},
		{"uniform", func() { Uniform(v, 4, -1, 5) }, 2, 6 / math.Sqrt(12)},
	} {
		tt.fill()
		mean, square := 0.0, 0.0
		for _, x := range v {
			mean += x / n
			square += (x - tt.mean) * (x - tt.mean) / n
		}
		require.InDelta(t, tt.mean, mean, 4*tt.std/math.Sqrt(n), tt.name)
		require.InEpsilon(t, tt.std*tt.std, square, 4*math.Sqrt(2.0/n), tt.name)
	}
	for _, x := range v {
		require.True(t, -1 <= x && x < 5)
	}
}

// float32 draws are the float64 draws, rounded.
func TestPrecisionsShareAStream(t *testing.T) {
	narrow, wide := make([]float32, 100), make([]float64, 100)
	Normal(narrow, 5, 1)
	Normal(wide, 5, 1)
	for i := range wide {
		require.Equal(t, float32(wide[i]), narrow[i])
	}
}
