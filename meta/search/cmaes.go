package search

import (
	"cmp"
	"encoding/json"
	"math"

	"github.com/seed1498fded/unroll/params"
)

// CMAES is the evolution strategy that adapts a covariance matrix (Hansen 2016, "The CMA evolution strategy: a tutorial", arXiv
// 1604.00772, the algorithm of its appendix A with the defaults of its table 1): candidates are drawn from N(m, σ²C), m moves to
// the weighted mean of the better half, C takes in the directions in which that was so and, with negative weights, gives up those
// of the worse half, and σ grows while steps go on in one direction and shrinks while they undo each other. It keeps n² numbers
// and takes some n³ operations now and then: for hundreds of numbers, not thousands.
//
// gonum's CmaEsChol calls the function itself, from goroutines of its own, draws from a source that can't be saved, and keeps
// what it has learned to itself; so it can't be asked and told, nor go on to the bit.
//
// Its current vector is the mean m.
type CMAES struct {
	Lambda int     `json:"lambda"` // λ, candidates, 4 or more; 4 + 3·ln n, rounded down, if zero
	Sigma  float64 `json:"sigma"`  // σ at the start; 0.5 if zero
}

// MarshalJSON writes the settings with every default in its place but λ's, which depends on n.
func (c CMAES) MarshalJSON() ([]byte, error) {
	type plain CMAES
	c.Sigma = cmp.Or(c.Sigma, 0.5)
	return json.Marshal(plain(c))
}

// New implements Method.
func (c CMAES) New(start []float64, key uint64) (Search, error) {
	n := len(start)
	c.Lambda, c.Sigma = cmp.Or(c.Lambda, 4+int(3*math.Log(max(1, float64(n))))), cmp.Or(c.Sigma, 0.5)
	if err := checked("cmaes", atLeast("lambda", c.Lambda, 4), between("sigma", c.Sigma, 0, mostStep)); err != nil {
		return nil, err
	}
	square := []int{max(1, n), max(1, n)}
	base, parts, err := newCore("cmaes", start, key, c.Lambda,
		params.Spec{Name: "mean", Shape: []int{n}}, params.Spec{Name: "path_sigma", Shape: []int{n}}, params.Spec{Name: "path", Shape: []int{n}},
		params.Spec{Name: "covariance", Shape: square}, params.Spec{Name: "axes", Shape: square}, params.Spec{Name: "lengths", Shape: []int{n}},
		params.Spec{Name: "sigma_and_decomposed", Shape: []int{2}})
	if err != nil {
		return nil, err
	}
	s := &covariance{
		core: base, cmaRates: newCMARates(n, c.Lambda),
		mean: parts[0], pathSigma: parts[1], path: parts[2], c: parts[3], axes: parts[4], lengths: parts[5],
		sigma: &parts[6][0], decomposed: &parts[6][1],
		y: rows(make([]float64, c.Lambda*n), n), moved: make([]float64, n), white: make([]float64, n), turned: make([]float64, n),
		scratch: make([]float64, n*n),
	}
	copy(s.mean, start)
	*s.sigma = c.Sigma
	for i := range n {
		s.c[i*n+i], s.axes[i*n+i], s.lengths[i] = 1, 1, 1
	}
	return s, nil
}

// cmaRates are the constants of a search, by the tutorial's names.
type cmaRates struct {
	weights      []float64 // of all candidates from the best on, the negative ones last
	mu           int       // how many are positive
	muEff        float64
	cc, cs       float64
	c1, cmu      float64
	damping      float64
	length       float64 // of a vector of standard normals, on average
	sumOfWeights float64
	lazy         float64 // generations between decompositions
}

func newCMARates(dimension, lambda int) cmaRates {
	n := float64(dimension)
	r := cmaRates{weights: make([]float64, lambda), mu: lambda / 2}
	for i := range r.weights {
		r.weights[i] = math.Log(float64(lambda+1)/2) - math.Log(float64(i+1))
	}
	good, bad := r.weights[:r.mu], r.weights[r.mu:]
	r.muEff = effective(good)
	r.cc = (4 + r.muEff/n) / (n + 4 + 2*r.muEff/n)
	r.cs = (r.muEff + 2) / (n + r.muEff + 5)
	r.c1 = 2 / ((n+1.3)*(n+1.3) + r.muEff)
	r.cmu = min(1-r.c1, 2*(0.25+r.muEff+1/r.muEff-2)/((n+2)*(n+2)+r.muEff))
	r.damping = 1 + 2*max(0, math.Sqrt((r.muEff-1)/(n+1))-1) + r.cs
	r.length = math.Sqrt(n) * (1 - 1/(4*n) + 1/(21*n*n))

	muEffBad := effective(bad)
	alpha := min(1+r.c1/r.cmu, 1+2*muEffBad/(r.muEff+2), (1-r.c1-r.cmu)/(n*r.cmu))
	scaleTo(good, 1)
	scaleTo(bad, -max(0, alpha))
	for _, w := range r.weights {
		r.sumOfWeights += w
	}
	r.lazy = 1 / (10 * n * (r.c1 + r.cmu))
	return r
}

// effective returns (Σw)²/Σw², how many equal weights would be worth as much.
func effective(weights []float64) float64 {
	sum, squares := 0.0, 0.0
	for _, w := range weights {
		sum += w
		squares += w * w
	}
	if squares == 0 {
		return 0
	}
	return sum * sum / squares
}

// scaleTo gives weights of one sign another sum.
func scaleTo(weights []float64, total float64) {
	sum := 0.0
	for _, w := range weights {
		sum += w
	}
	for i := range weights {
		if sum != 0 {
			weights[i] *= total / sum
		}
	}
}

// A covariance is a search by CMAES.
type covariance struct {
	core
	cmaRates
	mean, pathSigma, path []float64
	c                     []float64 // C, n×n
	axes, lengths         []float64 // C = B·D²·Bᵀ as of the last decomposition: B's columns are axes, D's numbers lengths
	sigma, decomposed     *float64  // decomposed: the generation of that

	y                    [][]float64 // the candidates' steps from the mean, over σ
	moved, white, turned []float64
	scratch              []float64
}

// Ask implements Search.
func (s *covariance) Ask() [][]float64 {
	if s.ready {
		return s.asked
	}
	for i, x := range s.asked {
		r := s.draw(i)
		for j := range s.turned {
			s.turned[j] = s.lengths[j] * r.NormFloat64()
		}
		s.multiply(s.y[i], s.axes, s.turned)
		for j, y := range s.y[i] {
			x[j] = s.mean[j] + *s.sigma*y
		}
	}
	s.ready = true
	return s.asked
}

// Tell implements Search. Where fewer candidates have a finite loss than have a positive weight, the mean is of these; where
// none has, nothing moves.
func (s *covariance) Tell(losses []float64) error {
	if err := s.check(losses); err != nil {
		return err
	}
	s.Ask()
	order, sound := rank(losses)
	if sound == 0 {
		s.next(losses)
		return nil
	}
	for i := sound; i < s.mu; i++ {
		order[i] = order[i%sound]
	}
	clear(s.moved)
	for i := range s.mu {
		for j, y := range s.y[order[i]] {
			s.moved[j] += s.weights[i] * y
		}
	}
	for j, y := range s.moved {
		s.mean[j] += *s.sigma * y
	}
	s.whiten(s.white, s.moved)
	straight := s.paths()
	s.adapt(order, straight)
	s.next(losses)
	if float64(s.generation)-*s.decomposed >= s.lazy {
		s.decompose()
	}
	return nil
}

// paths moves the paths and σ. It reports whether the path of C took the step: not while σ grows too fast.
func (s *covariance) paths() (straight bool) {
	up := math.Sqrt(s.cs * (2 - s.cs) * s.muEff)
	square := 0.0
	for j, x := range s.white {
		s.pathSigma[j] = (1-s.cs)*s.pathSigma[j] + up*x
		square += s.pathSigma[j] * s.pathSigma[j]
	}
	n, long := float64(s.Len()), math.Sqrt(square)
	unbiased := long / math.Sqrt(1-math.Pow(1-s.cs, 2*float64(s.generation+1)))
	straight = unbiased < (1.4+2/(n+1))*s.length
	up = 0
	if straight {
		up = math.Sqrt(s.cc * (2 - s.cc) * s.muEff)
	}
	for j, x := range s.moved {
		s.path[j] = (1-s.cc)*s.path[j] + up*x
	}
	*s.sigma = min(max(*s.sigma*math.Exp(s.cs/s.damping*(long/s.length-1)), leastStep), mostStep)
	return straight
}

// adapt moves C.
func (s *covariance) adapt(order []int, straight bool) {
	keep := 1 - s.c1 - s.cmu*s.sumOfWeights
	if !straight {
		keep += s.c1 * s.cc * (2 - s.cc)
	}
	for i := range s.c {
		s.c[i] *= keep
	}
	s.addOuter(s.c1, s.path)
	for i, w := range s.weights {
		y := s.y[order[i]]
		if w < 0 { // as long as an average one, so that C stays positive
			s.whiten(s.white, y)
			square := 0.0
			for _, x := range s.white {
				square += x * x
			}
			if square == 0 {
				continue
			}
			w *= float64(s.Len()) / square
		}
		s.addOuter(s.cmu*w, y)
	}
}

// addOuter adds w·vvᵀ to C.
func (s *covariance) addOuter(w float64, v []float64) {
	n := len(v)
	for i, x := range v {
		row := s.c[i*n : (i+1)*n]
		for j, y := range v {
			row[j] += w * (x * y) // the same bits on both sides of the diagonal
		}
	}
}

// decompose takes B and D of C.
func (s *covariance) decompose() {
	*s.decomposed = float64(s.generation)
	copy(s.scratch, s.c)
	eigen(s.scratch, s.axes, s.lengths)
	most := 0.0
	for _, square := range s.lengths {
		most = max(most, square)
	}
	for i, square := range s.lengths {
		s.lengths[i] = math.Sqrt(max(square, 1e-20*most, math.SmallestNonzeroFloat64))
	}
}

// whiten writes C^(−1/2)·v = B·D⁻¹·Bᵀ·v.
func (s *covariance) whiten(dst, v []float64) {
	n := len(v)
	for j := range n {
		sum := 0.0
		for i := range n {
			sum += s.axes[i*n+j] * v[i]
		}
		s.turned[j] = sum / s.lengths[j]
	}
	s.multiply(dst, s.axes, s.turned)
}

// multiply writes the product of an n×n matrix with a vector.
func (s *covariance) multiply(dst, matrix, v []float64) {
	n := len(v)
	for i := range dst {
		sum := 0.0
		for j, x := range v {
			sum += matrix[i*n+j] * x
		}
		dst[i] = sum
	}
}

// Current implements Search: the mean.
func (s *covariance) Current() []float64 { return s.mean }
