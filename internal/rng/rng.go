// Package rng makes randomness a value: a key names a stream of numbers, and a key has as many child keys as anybody
// wants. The same key gives the same numbers on any machine, in any order of use, on any number of goroutines.
package rng

import (
	"math/bits"
	"math/rand/v2"
)

// Split returns the i-th child of key. Children of one key, and of different keys, are independent streams for all
// practical purposes: the mixer is SplitMix64's finalizer (Steele, Lea, Flood 2014), applied to both arguments in turn.
func Split(key, i uint64) uint64 { return mix(mix(key+0x9e3779b97f4a7c15) ^ (i+1)*0xd1342543de82ef95) }

func mix(z uint64) uint64 {
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// A Stream draws the numbers of one key after another without allocating. The zero Stream is not ready: use New.
type Stream struct {
	*rand.Rand
	pcg rand.PCG
}

// New returns the stream of a key.
func New(key uint64) *Stream {
	s := new(Stream)
	s.Rand = rand.New(&s.pcg)
	s.Reset(key)
	return s
}

// Reset starts the stream of another key.
func (s *Stream) Reset(key uint64) { s.pcg.Seed(key, mix(key)) }

// IntsN fills dst with numbers below n, which is above zero: those that IntN would draw one after the other.
func (s *Stream) IntsN(dst []int, n int) {
	if n < 1 || n&(n-1) == 0 || bits.UintSize == 32 { // IntN has ways of its own
		for i := range dst {
			dst[i] = s.IntN(n)
		}
		return
	}
	// The upper half of a random number times n; what makes some of these likelier than others is drawn again (Lemire 2019).
	width := uint64(n)
	for i := range dst {
		upper, lower := bits.Mul64(s.pcg.Uint64(), width)
		if lower < width {
			for least := -width % width; lower < least; {
				upper, lower = bits.Mul64(s.pcg.Uint64(), width)
			}
		}
		dst[i] = int(upper)
	}
}

// Normal fills dst with draws from N(0, std²).
func Normal[F float32 | float64](dst []F, key uint64, std float64) {
	s := New(key)
	for i := range dst {
		dst[i] = F(std * s.NormFloat64())
	}
}

// Uniform fills dst with draws from the uniform distribution on [lo, hi).
func Uniform[F float32 | float64](dst []F, key uint64, lo, hi float64) {
	s := New(key)
	for i := range dst {
		dst[i] = F(lo + float64((hi-lo)*s.Float64())) // float64() forbids a fused multiply-add, which not every machine has
	}
}
