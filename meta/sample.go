package meta

import (
	"math"

	"github.com/seed1498fded/unroll/internal/rng"
	"github.com/seed1498fded/unroll/learnedopt"
	"github.com/seed1498fded/unroll/params"
)

// A sample carries windows back over randomly drawn coordinates. The meta-gradient of a coordinatewise rule is a sum over
// coordinates; the sum over m of n drawn without repetition, times n/m, has the same expectation.
type sample[F params.Float] struct {
	compiled *learnedopt.Compiled[F] // bound to m coordinates
	n        int
	whole    *learnedopt.Compiled[F] // bound to all n
	draw     *rng.Stream
	indices  []int
	window   learnedopt.Window[F]
}

func newSample[F params.Float](r learnedopt.Rule, whole *learnedopt.Compiled[F], fraction float64, window, workers int) (*sample[F], error) {
	n := whole.Coordinates()
	m := max(1, int(math.Round(fraction*float64(n))))
	c, err := learnedopt.CompileWith[F](r, params.Layout{{Name: "sample", Shape: []int{m}}}, learnedopt.Options{Workers: workers})
	if err != nil {
		return nil, err
	}
	s := &sample[F]{compiled: c, n: n, whole: whole, draw: rng.New(0), indices: make([]int, n)}
	s.window.State = make([]F, c.State().Len())
	for range window {
		s.window.Grads = append(s.window.Grads, make([]F, m))
		s.window.DStep = append(s.window.DStep, make([]F, m))
	}
	return s, nil
}

// pullbackWindow adds an unbiased estimate of what w's own pullback would give.
func (s *sample[F]) pullbackWindow(w learnedopt.Window[F], key uint64) error {
	chosen := s.choose(key)
	scale := F(s.n) / F(len(chosen))
	part := learnedopt.Window[F]{Phi: w.Phi, State: s.window.State, DPhi: w.DPhi}
	copy(part.State[s.compiled.StateLayout().Shared[0]:], w.State[s.whole.StateLayout().Shared[0]:])
	for k, r := range s.whole.Spec().State.PerCoordinate {
		to, from, row := s.compiled.StateLayout().Rows[k], s.whole.StateLayout().Rows[k], r.Len()
		for i, c := range chosen {
			copy(part.State[to+i*row:to+(i+1)*row], w.State[from+c*row:from+(c+1)*row])
		}
	}
	for t := range w.Grads {
		grads, dStep := s.window.Grads[t], s.window.DStep[t]
		for i, from := range chosen {
			grads[i], dStep[i] = w.Grads[t][from], scale*w.DStep[t][from]
		}
		part.Grads, part.DStep = append(part.Grads, grads), append(part.DStep, dStep)
	}
	return s.compiled.PullbackWindow(part)
}

// choose draws coordinates without repetition: the first steps of a Fisher-Yates shuffle.
func (s *sample[F]) choose(key uint64) []int {
	s.draw.Reset(key)
	for i := range s.indices {
		s.indices[i] = i
	}
	m := s.compiled.Coordinates()
	for i := range m {
		j := i + s.draw.IntN(s.n-i)
		s.indices[i], s.indices[j] = s.indices[j], s.indices[i]
	}
	return s.indices[:m]
}
