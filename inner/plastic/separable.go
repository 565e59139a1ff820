package plastic

import (
	"math/bits"
	"slices"
	"sync"
)

// Separable returns the truth tables of all functions of a number of Boolean inputs, 1 to 3, that a hyperplane separates: 4, 14
// and 104. Bit p of a table is the value at pattern p, whose bit i is input i. Tables are in ascending order.
func Separable(inputs int) []uint8 {
	if inputs < 1 || inputs > len(separable) {
		panic("plastic: Separable of functions of 1 to 3 inputs")
	}
	return slices.Clone(separable[inputs-1]())
}

// separable counts each number of inputs up once.
var separable = [...]func() []uint8{
	sync.OnceValue(func() []uint8 { return allSeparable(1) }),
	sync.OnceValue(func() []uint8 { return allSeparable(2) }),
	sync.OnceValue(func() []uint8 { return allSeparable(3) }),
}

func allSeparable(inputs int) []uint8 {
	// Integer weights up to the number of inputs, with thresholds between the integers, reach them all: of up to three inputs
	// the largest weight that a function needs is 2.
	var seen []uint8
	each(inputs, inputs, func(w []int) {
		for threshold := -2*inputs*inputs - 1; threshold <= 2*inputs*inputs+1; threshold += 2 {
			seen = append(seen, table(w, threshold))
		}
	})
	slices.Sort(seen)
	return slices.Compact(seen)
}

// each calls f with all vectors of n integers from -most to most.
func each(n, most int, f func([]int)) {
	w := make([]int, n)
	var at func(i int)
	at = func(i int) {
		if i == n {
			f(w)
			return
		}
		for w[i] = -most; w[i] <= most; w[i]++ {
			at(i + 1)
		}
	}
	at(0)
}

// table is the truth table of 2w·x > threshold.
func table(w []int, threshold int) uint8 {
	var t uint8
	for p := range 1 << len(w) {
		sum := 0
		for x := uint(p); x != 0; x &= x - 1 {
			sum += w[bits.TrailingZeros(x)]
		}
		if 2*sum > threshold {
			t |= 1 << p
		}
	}
	return t
}
