package kernel

import "math"

// Weigh sets means to the means over n numbers of what sums, of Lanes parts each, are made of, and w to rows of weights, one for each unit, in from,
// each times 1/√(mean + 1e-9) of its own. There are as many rows as means, one at least.
func (u Units) Weigh(w, from, sums []float32, means []float64, n int) {
	sameLength(len(w), len(means)*int(u))
	sameLength(len(from), len(w))
	sameLength(len(sums), len(means)*Lanes)
	atLeast(len(means), 1)
	if level == avx512 {
		switch u { // by their names, so that what they read may lie on a stack
		case FewUnits:
			weigh4AVX512(w, from, sums, means, float64(n))
			return
		case MostUnits:
			weigh8AVX512(w, from, sums, means, float64(n))
			return
		}
	}
	for k := range means {
		means[k] = Total((*[Lanes]float32)(sums[k*Lanes:])) / float64(n)
		scale := float32(1 / math.Sqrt(means[k]+1e-9))
		to := u.row(w, k)
		for h, x := range u.row(from, k) {
			to[h] = x * scale
		}
	}
}

// Total adds up the parts of a sum, in pairs.
func Total(parts *[Lanes]float32) float64 {
	var s [Lanes / 2]float64
	for i := range s {
		s[i] = float64(parts[i]) + float64(parts[i+len(s)])
	}
	return ((s[0] + s[1]) + (s[2] + s[3])) + ((s[4] + s[5]) + (s[6] + s[7]))
}
