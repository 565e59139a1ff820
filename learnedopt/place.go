package learnedopt

import (
	"fmt"
	"math"

	"github.com/seed1498fded/unroll/internal/brief"
	"github.com/seed1498fded/unroll/params"
)

// place names element i of a tensor, as in "w" [3 1].
func place(s params.Spec, i int) string {
	index := make([]int, len(s.Shape))
	for d := len(s.Shape) - 1; d >= 0; d-- {
		index[d] = i % s.Shape[d]
		i /= s.Shape[d]
	}
	return fmt.Sprintf("%s %v", brief.Quote(s.Name), index)
}

// placeIn names element i of a flat vector.
func placeIn(l params.Layout, i int) string {
	for _, s := range l {
		if n := s.Len(); i >= n {
			i -= n
			continue
		}
		return place(s, i)
	}
	panic("learnedopt: no such element")
}

// checkPhi reports the first meta-parameter that is a NaN or an infinity.
func checkPhi(r Rule, phi []float32) error {
	if i := firstNotFinite(phi); i >= 0 && len(phi) == r.Spec().Phi.Len() {
		return fmt.Errorf("learnedopt: %s: phi is %v at %s; want finite numbers", r.Name(), phi[i], placeIn(r.Spec().Phi, i))
	}
	return nil
}

// length is the Euclidean length of v.
func length(v []float32) float64 {
	sum := 0.0
	for _, x := range v {
		sum += float64(x) * float64(x)
	}
	return math.Sqrt(sum)
}

// quickLength is length to the last bits: of four sums none waits for another.
func quickLength(v []float32) float64 {
	var a, b, c, d float64
	for ; len(v) >= 4; v = v[4:] {
		a += float64(v[0]) * float64(v[0])
		b += float64(v[1]) * float64(v[1])
		c += float64(v[2]) * float64(v[2])
		d += float64(v[3]) * float64(v[3])
	}
	for _, x := range v {
		a += float64(x) * float64(x)
	}
	return math.Sqrt((a + b) + (c + d))
}

// scaleBy multiplies v by a factor that float32 may not hold.
func scaleBy(v []float32, factor float64) {
	for i, x := range v {
		v[i] = float32(float64(x) * factor)
	}
}
