package mlp

import (
	"github.com/seed1498fded/unroll/internal/kernel"
)

// sideBack is what a side needs on the way back.
type sideBack struct {
	dTerms []float32 // cotangents of the terms, laid out like these
	dMean  []float32 // of the mean square of each row or column
}

func (s *side) makeBack() {
	s.dTerms, s.dMean = make([]float32, len(s.terms)), make([]float32, s.n)
}

// addBack adds a tile's share of the cotangents of some terms.
func (s *side) addBack(d []float32, ld, from, to int) {
	for k := range kernel.Terms {
		sum := s.dTerms[k*s.stride+from : k*s.stride+to]
		kernel.Add(sum, sum, d[k*ld:k*ld+to-from])
	}
}

// seen returns what the first layer sees of one row or column: three averages and their roots.
func (s *side) seen(i int) (x [6]float32) {
	for k := range 3 {
		x[k] = s.next[k][i]
		x[3+k] = float32(inverseRootOf(float64(x[k]) + 1e-8))
	}
	return x
}

// back goes back from the terms to the averages, and to phi.
func (s *side) back(net *net, dPhi []float64, dNext, dState []float32) {
	dMeans, dRelative := s.weightsBack(net, dPhi)
	var e [6]float32
	for k, d := range dMeans {
		e[k] = float32(2 * d / float64(s.n))
	}
	w, factor, units := s.weights, s.factor(net), int(net.units)
	next, state := s.part(dNext, 0, s.n), s.part(dState, 0, s.n)
	for i := range s.n {
		x := s.seen(i)
		var d [6]float32
		for k := range d {
			d[k] = e[k] * x[k]
		}
		for h := range units {
			t := s.dTerms[h*s.stride+i]
			for k := range d {
				d[k] += w[k*units+h] * t
			}
		}
		mean := float32(0)
		for k := range 3 {
			root := x[3+k]
			now := d[k] - d[3+k]*root*root*root/2 + next[k][i] + dRelative[k] + s.factorBack(factor, k, i)*factor[k]
			state[k][i] = float32(threeDecays[k]) * now
			mean += float32(1-threeDecays[k]) * now
		}
		s.dMean[i] = mean / float32(s.other)
	}
}

// factorBack is the cotangent of what a factor is the inverse root of; none where that is at its least.
func (s *side) factorBack(factor []float32, k, i int) float32 {
	at := (kernel.Factors+k)*s.stride + i
	if s.next[k][i]*factor[k] <= factor[3] {
		return 0
	}
	f := s.terms[at]
	return -s.dTerms[at] * f * f * f / 2
}

// weightsBack adds to phi's cotangents, and returns those of the means of squares of what is seen, and what each average has of the
// cotangent of its mean.
func (s *side) weightsBack(net *net, dPhi []float64) (dMeans [6]float64, dRelative [3]float32) {
	var dW [6][kernel.MostUnits]float32
	factor, units := s.factor(net), int(net.units)
	var dFactor [3]float64
	for i := range s.n {
		x := s.seen(i)
		for h := range units {
			t := s.dTerms[h*s.stride+i]
			for k, v := range x {
				dW[k][h] += v * t
			}
		}
		if s.kind.relative {
			for k := range dFactor {
				dFactor[k] += float64(s.factorBack(factor, k, i)) * float64(x[k])
			}
		}
	}
	for k := range dMeans {
		feature := s.kind.averages + k
		if k >= 3 {
			feature = s.kind.roots + k - 3
		}
		var d [kernel.MostUnits]float64
		for h, v := range dW[k] {
			d[h] = float64(v)
		}
		scale := inverseRoot(total(s.sums[(3+k)*kernel.Lanes:]) / float64(s.n))
		dMeans[k] = scaleBack(dPhi[feature*units:], d[:], net.first(feature), scale)
	}
	for k := range dRelative {
		inverse := float64(factor[k])
		dRelative[k] = float32(-inverse * inverse * dFactor[k] / float64(s.n))
	}
	return dMeans, dRelative
}
