// Package lab measures estimators of meta-gradients: how far from the truth they are on average, how much they vary, and what it takes
// until there is as much signal in them as noise. By that one chooses an estimator for a rule, a problem and a horizon.
//
// A [StudyOf] draws estimates of the gradient of one and the same episode, or of a few, again and again, with phi where it is. A draw is
// all of an episode: where an estimator goes by windows, the sum of what it has for each. The [TruthOf] an episode is its full
// derivative, by backpropagation or by differences. [SetupOf] makes both for the training of a family's problems by a rule.
package lab

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/seed1498fded/unroll/internal/machine"
	"github.com/seed1498fded/unroll/internal/rng"
	"github.com/seed1498fded/unroll/meta"
	"github.com/seed1498fded/unroll/params"
)

// A ContenderOf is an estimator under study.
type ContenderOf[F params.Float] struct {
	Name string

	// New makes an estimator for episodes of a horizon, all of which are the one that a key, never 0, names; and says how many steps an
	// estimate is of. Where the estimator is meta.Resumable it is put back to its beginning before each draw.
	New func(episode uint64, horizon int) (e meta.EstimatorOf[F], window int, err error)
}

// A TruthOf returns the derivative of what an episode of a horizon comes to by phi.
type TruthOf[F params.Float] func(ctx context.Context, phi []F, episode uint64, horizon int) ([]float64, error)

// StudyOf says what is measured.
type StudyOf[F params.Float] struct {
	Contenders []ContenderOf[F]
	Truth      TruthOf[F]
	Phi        []F
	Horizons   []int // steps of an episode, for each of which all is measured
	Episodes   int   // that draws are made in; 1 if zero
	Draws      int   // of each contender in each episode, at least 2; 100 if zero

	// PerStep divides truth and estimates by the horizon: what is of a sum of losses becomes of their mean.
	PerStep bool

	Key     uint64 // names all that is random
	Workers int    // goroutines to use at most; runtime.GOMAXPROCS(0) if zero. Only times depend on it

	Progress func(fraction float64) // nil, or told how much is done, by one goroutine at a time
}

// The keys of a study's parts are children of its own.
const (
	keyEpisodes = iota
	keyDraws
)

// maxParts is the number of parts that the draws of a contender in an episode are made in, each by an estimator of its own.
const maxParts = 8

// filled returns the study with every default in its place, checked.
func (s StudyOf[F]) filled() (StudyOf[F], error) {
	s.Episodes, s.Draws, s.Workers = cmp.Or(s.Episodes, 1), cmp.Or(s.Draws, 100), cmp.Or(s.Workers, runtime.GOMAXPROCS(0))
	switch {
	case len(s.Contenders) == 0:
		return s, errors.New("lab: no estimators; want at least 1")
	case s.Truth == nil:
		return s, errors.New("lab: no truth")
	case len(s.Horizons) == 0 || slices.Min(s.Horizons) < 1:
		return s, fmt.Errorf("lab: horizons %v; want at least 1, each of at least 1", s.Horizons)
	case s.Episodes < 1:
		return s, fmt.Errorf("lab: %d episodes; want at least 1", s.Episodes)
	case s.Draws < 2:
		return s, fmt.Errorf("lab: %d draws; want at least 2", s.Draws)
	case s.Workers < 1:
		return s, fmt.Errorf("lab: %d workers; want 0 for all processors, or more", s.Workers)
	}
	if err := machine.Fits(s.bytes()); err != nil {
		return s, fmt.Errorf("lab: %d estimators at %d horizons in %d episodes: %w", len(s.Contenders), len(s.Horizons), s.Episodes, err)
	}
	return s, nil
}

// bytes estimates what is kept of all draws, beside what estimators take: a truth of each episode, and moments of each part.
func (s StudyOf[F]) bytes() float64 {
	episodes, phi := float64(s.Episodes)*float64(len(s.Horizons)), float64(len(s.Phi))
	return episodes * (8*phi + 30 + float64(len(s.Contenders)*(s.parts()+1))*(16*phi+100))
}

// Validate reports what keeps the study from being run: it makes each contender once for each horizon.
func (s StudyOf[F]) Validate() error {
	s, err := s.filled()
	if err != nil {
		return err
	}
	for _, c := range s.Contenders {
		for _, h := range s.Horizons {
			e, _, err := c.New(s.episode(0), h)
			if err != nil {
				return fmt.Errorf("lab: %s: %w", c.Name, err)
			}
			if n := e.Phi().Len(); n != len(s.Phi) {
				return fmt.Errorf("lab: %s: it is for %d numbers, and phi has %d", c.Name, n, len(s.Phi))
			}
		}
	}
	return nil
}

// episode returns the key of the i-th episode, never 0.
func (s StudyOf[F]) episode(i int) uint64 {
	return max(1, rng.Split(rng.Split(s.Key, keyEpisodes), uint64(i)))
}

// parts returns how many parts the draws come in, however many workers there are.
func (s StudyOf[F]) parts() int { return min(maxParts, s.Draws/2) }

// Run measures. All but the times follows from the key.
func (s StudyOf[F]) Run(ctx context.Context) (*Report, error) {
	if err := s.Validate(); err != nil {
		return nil, err
	}
	s, _ = s.filled()
	truths := make([][]float64, len(s.Horizons)*s.Episodes)
	moments := make([]*moments, len(truths)*len(s.Contenders)*s.parts())
	done := s.counter(len(truths) + len(moments))
	err := s.each(ctx, len(truths), func(ctx context.Context, i int) (err error) {
		truths[i], err = s.truth(ctx, s.episode(i%s.Episodes), s.Horizons[i/s.Episodes])
		done()
		return err
	})
	if err != nil {
		return nil, err
	}
	err = s.each(ctx, len(moments), func(ctx context.Context, i int) (err error) {
		part, c, at := i%s.parts(), i/s.parts()%len(s.Contenders), i/s.parts()/len(s.Contenders)
		moments[i], err = s.draw(ctx, s.Contenders[c], at%s.Episodes, part, s.Horizons[at/s.Episodes], truths[at])
		done()
		return err
	})
	if err != nil {
		return nil, err
	}
	return s.report(truths, moments), nil
}

// counter returns what is to be called n times, for progress to be told.
func (s StudyOf[F]) counter(n int) func() {
	var mu sync.Mutex
	made := 0
	return func() {
		mu.Lock()
		defer mu.Unlock()
		if made++; s.Progress != nil {
			s.Progress(float64(made) / float64(n))
		}
	}
}

// each does n things, several at a time.
func (s StudyOf[F]) each(ctx context.Context, n int, do func(ctx context.Context, i int) error) error {
	group, inner := errgroup.WithContext(ctx)
	group.SetLimit(s.Workers)
	for i := range n {
		group.Go(func() error {
			if err := inner.Err(); err != nil {
				return err
			}
			return do(inner, i)
		})
	}
	err := group.Wait()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}

// truth returns the derivative of an episode, on the scale of the estimates.
func (s StudyOf[F]) truth(ctx context.Context, episode uint64, horizon int) ([]float64, error) {
	t, err := s.Truth(ctx, s.Phi, episode, horizon)
	if err != nil {
		return nil, err
	}
	s.rescale(t, horizon)
	return t, nil
}

func (s StudyOf[F]) rescale(v []float64, horizon int) {
	if !s.PerStep {
		return
	}
	for i := range v {
		v[i] /= float64(horizon)
	}
}
