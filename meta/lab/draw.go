package lab

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/seed1498fded/unroll/checkpoints"
	"github.com/seed1498fded/unroll/internal/rng"
	"github.com/seed1498fded/unroll/meta"
	"github.com/seed1498fded/unroll/params"
)

// moments are those of some draws in one episode (Chan, Golub and LeVeque 1979: of equal draws the squares are 0 to the bit).
type moments struct {
	draws, diverged int
	steps           int       // of a draw
	seconds         float64   // the least that a draw took
	mean, square    []float64 // of the differences from the truth: their mean, and the sum of squares about it
	cosine, norm    float64   // of each draw: the sums of its cosine with the truth, and of its squared length
}

// add adds the moments of other draws in the same episode.
func (m *moments) add(o *moments) {
	m.diverged += o.diverged
	m.steps, m.seconds = max(m.steps, o.steps), min(m.seconds, o.seconds)
	m.cosine, m.norm = m.cosine+o.cosine, m.norm+o.norm
	if o.draws == 0 {
		return
	}
	a, b := float64(m.draws), float64(o.draws)
	for j, x := range o.mean {
		d := x - m.mean[j]
		m.mean[j] += d * (b / (a + b))
		m.square[j] += o.square[j] + d*d*(a*b/(a+b))
	}
	m.draws += o.draws
}

func newMoments(n int) *moments {
	return &moments{mean: make([]float64, n), square: make([]float64, n), seconds: math.Inf(1)}
}

// note takes in a draw.
func (m *moments) note(draw, truth []float64) {
	m.draws++
	for j, x := range draw {
		d := x - truth[j] - m.mean[j]
		m.mean[j] += d / float64(m.draws)
		m.square[j] += d * (x - truth[j] - m.mean[j])
		m.norm += x * x
	}
	m.cosine += cosine(draw, truth)
}

// draw makes a part of a contender's draws in an episode.
func (s StudyOf[F]) draw(ctx context.Context, c ContenderOf[F], episode, part, horizon int, truth []float64) (*moments, error) {
	e, window, err := c.New(s.episode(episode), horizon)
	if err != nil {
		return nil, fmt.Errorf("lab: %s: %w", c.Name, err)
	}
	reset, err := beginning(e)
	if err != nil {
		return nil, fmt.Errorf("lab: %s: %w", c.Name, err)
	}
	d := drawer[F]{e, (horizon + window - 1) / window, s.Phi, make([]F, len(s.Phi)), make([]float64, len(s.Phi))}
	m := newMoments(len(s.Phi))
	key := rng.Split(rng.Split(s.Key, keyDraws), uint64(episode))
	for i := part * s.Draws / s.parts(); i < (part+1)*s.Draws/s.parts(); i++ {
		if err := reset(); err != nil {
			return nil, fmt.Errorf("lab: %s: %w", c.Name, err)
		}
		began := time.Now()
		steps, sound, err := d.draw(ctx, rng.Split(key, uint64(i)))
		if err != nil {
			return nil, err
		}
		m.seconds = min(m.seconds, time.Since(began).Seconds())
		if !sound {
			m.diverged++
			continue
		}
		m.steps = max(m.steps, steps)
		s.rescale(d.sum, horizon)
		m.note(d.sum, truth)
	}
	return m, nil
}

// beginning returns what puts an estimator back to where it is now, if it can be.
func beginning[F params.Float](e meta.EstimatorOf[F]) (func() error, error) {
	r, ok := e.(meta.Resumable)
	if !ok {
		return func() error { return nil }, nil
	}
	f := &checkpoints.File{Meta: make(map[string]string)}
	if err := r.Save(f, "start"); err != nil {
		return nil, err
	}
	return func() error { return r.Load(f, "start") }, nil
}

// A drawer makes draws by one estimator.
type drawer[F params.Float] struct {
	estimator meta.EstimatorOf[F]
	calls     int // that an episode takes
	phi, grad []F
	sum       []float64
}

// draw sets the sum to a draw. It is not sound if a loss was not finite, or if an episode ended before its time because one was.
func (d drawer[F]) draw(ctx context.Context, key uint64) (steps int, sound bool, err error) {
	clear(d.sum)
	sound = true
	for call := range d.calls {
		est, err := d.estimator.Estimate(ctx, d.grad, d.phi, rng.Split(key, uint64(call)))
		if err != nil {
			return 0, false, err
		}
		steps += est.Steps
		if math.IsInf(est.Loss, 0) || math.IsNaN(est.Loss) || est.Episodes > 0 && call < d.calls-1 {
			return steps, false, nil
		}
		for j, x := range d.grad {
			d.sum[j] += float64(x)
		}
	}
	return steps, sound, nil
}
