package lab

import (
	"math"

	"github.com/seed1498fded/unroll/meta"
)

// A Report is what a study has found.
type Report struct {
	Problem string  `json:"problem,omitempty"` // for people; set by whoever knows
	Rule    string  `json:"rule,omitempty"`
	Truth   string  `json:"truth,omitempty"`
	Seed    *uint64 `json:"seed,omitempty"`

	Horizons []int    `json:"horizons"`
	Episodes int      `json:"episodes"`
	Draws    int      `json:"draws"`
	Truths   []Truth  `json:"truths"`  // one for each horizon
	Results  []Result `json:"results"` // of each contender, for each horizon
}

// A Truth is of a horizon: the mean over the episodes.
type Truth struct {
	Horizon  int           `json:"horizon"`
	Norm     meta.Number   `json:"norm"`
	Gradient []meta.Number `json:"gradient"`
}

// A Result is of a contender at a horizon. Lengths are Euclidean, and those that are called relative are in units of the truth's.
type Result struct {
	Name    string `json:"name"`
	Horizon int    `json:"horizon"`

	Bias   meta.Number `json:"bias"`       // relative length of the mean estimate less the truth
	Noise  meta.Number `json:"bias_noise"` // what Bias would be, as a root mean square, if there were none: its standard error
	WorstZ meta.Number `json:"worst_z"`    // the largest bias of one number of phi, in its standard errors

	Variance meta.Number `json:"variance"` // trace of the covariance of a draw given its episode, in units of the truth's square
	Between  meta.Number `json:"between"`  // the same of what the episodes differ by; 0 with one

	Cosine meta.Number `json:"cosine"`        // of the mean estimate with the truth
	Single meta.Number `json:"single_cosine"` // of a draw with its episode's truth, on average
	Norm   meta.Number `json:"norm"`          // length of the mean estimate
	RMS    meta.Number `json:"rms"`           // of a draw, as a root mean square

	Steps    int         `json:"steps"`   // inner steps that a draw takes
	Seconds  meta.Number `json:"seconds"` // the least time that a draw took
	Diverged int         `json:"diverged"`

	// What it takes until the mean of draws has as much signal, along the truth, as noise: the number of draws, at least 1, and their
	// inner steps and seconds; +Inf, null in JSON, if the mean estimate leads away from the truth.
	SNRDraws   meta.Number `json:"snr_draws"`
	SNRSteps   meta.Number `json:"snr_steps"`
	SNRSeconds meta.Number `json:"snr_seconds"`

	// For each number of phi: the mean estimate, and the variance of a draw given its episode.
	Mean      []meta.Number `json:"mean"`
	Variances []meta.Number `json:"variances"`
}

// report makes a report of the truths of each horizon and episode, and of the moments of each of these, contender and part.
func (s StudyOf[F]) report(truths [][]float64, all []*moments) *Report {
	r := &Report{Horizons: s.Horizons, Episodes: s.Episodes, Draws: s.Draws}
	for h, horizon := range s.Horizons {
		of := truths[h*s.Episodes : (h+1)*s.Episodes]
		mean := average(of)
		r.Truths = append(r.Truths, Truth{Horizon: horizon, Norm: meta.Number(length(mean)), Gradient: numbers(mean)})
		for c, contender := range s.Contenders {
			each := make([]*moments, s.Episodes)
			for e := range each {
				each[e] = newMoments(len(s.Phi))
				at := ((h*s.Episodes+e)*len(s.Contenders) + c) * s.parts()
				for _, m := range all[at : at+s.parts()] {
					each[e].add(m)
				}
			}
			x := summarise(of, each)
			x.Name, x.Horizon = contender.Name, horizon
			r.Results = append(r.Results, x)
		}
	}
	return r
}

// summarise makes a result of the moments of each episode beside its truth.
func summarise(truths [][]float64, each []*moments) Result {
	truth := average(truths)
	n, episodes := len(truth), float64(len(each))
	bias, errors, variances := make([]float64, n), make([]float64, n), make([]float64, n)
	means := make([][]float64, len(each))
	x := Result{Seconds: meta.Number(math.Inf(1))}
	draws, single, square := 0, 0.0, 0.0
	for e, m := range each {
		means[e] = make([]float64, n)
		count := float64(m.draws)
		for j := range n {
			d, v := m.mean[j], m.square[j]/(count-1)
			bias[j] += d / episodes
			variances[j] += v / episodes
			errors[j] += v / count / (episodes * episodes)
			means[e][j] = truths[e][j] + d
		}
		draws, single, square = draws+m.draws, single+m.cosine, square+m.norm
		x.Steps, x.Diverged = max(x.Steps, m.steps), x.Diverged+m.diverged
		x.Seconds = min(x.Seconds, meta.Number(m.seconds))
	}
	mean, size := average(means), length(truth)
	x.Bias, x.Noise = meta.Number(length(bias)/size), meta.Number(math.Sqrt(total(errors))/size)
	x.WorstZ = meta.Number(worst(bias, errors))
	between := max(0, spread(means)-total(errors)*episodes)
	x.Variance, x.Between = meta.Number(total(variances)/(size*size)), meta.Number(between/(size*size))
	x.Cosine, x.Single = meta.Number(cosine(mean, truth)), meta.Number(single/float64(draws))
	x.Norm, x.RMS = meta.Number(length(mean)), meta.Number(math.Sqrt(square/float64(draws)))
	need := math.Inf(1)
	if signal := dot(mean, truth) / size; signal > 0 {
		need = max(1, (total(variances)+between)/(signal*signal))
	}
	x.SNRDraws, x.SNRSteps, x.SNRSeconds = meta.Number(need), meta.Number(need*float64(x.Steps)), meta.Number(need)*x.Seconds
	x.Mean, x.Variances = numbers(mean), numbers(variances)
	return x
}

// worst returns the largest number, in terms of the square root of its variance.
func worst(v, variances []float64) float64 {
	z := 0.0
	for j, x := range v {
		if x != 0 {
			z = max(z, math.Abs(x)/math.Sqrt(variances[j]))
		}
	}
	return z
}

// spread returns the trace of the covariance of vectors; 0 of a single one.
func spread(of [][]float64) (trace float64) {
	if len(of) < 2 {
		return 0
	}
	mean := average(of)
	for _, v := range of {
		for j, x := range v {
			trace += (x - mean[j]) * (x - mean[j])
		}
	}
	return trace / float64(len(of)-1)
}

func average(of [][]float64) []float64 {
	mean := make([]float64, len(of[0]))
	for _, v := range of {
		for j, x := range v {
			mean[j] += x / float64(len(of))
		}
	}
	return mean
}

func total(v []float64) (sum float64) {
	for _, x := range v {
		sum += x
	}
	return sum
}

func dot(a, b []float64) (sum float64) {
	for j, x := range a {
		sum += x * b[j]
	}
	return sum
}

func length(v []float64) float64 { return math.Sqrt(dot(v, v)) }

// cosine returns that of the angle between two vectors; not a number if one is zero.
func cosine(a, b []float64) float64 { return dot(a, b) / (length(a) * length(b)) }

func numbers(v []float64) []meta.Number {
	all := make([]meta.Number, len(v))
	for j, x := range v {
		all[j] = meta.Number(x)
	}
	return all
}
