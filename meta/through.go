package meta

import (
	"context"
	"fmt"

	"github.com/seed1498fded/unroll/inner"
	"github.com/seed1498fded/unroll/params"
)

// A StretchOf is a number of steps of an episode that somebody else keeps.
type StretchOf[F params.Float] struct {
	Problems []inner.ProblemOf[F] // that Trajectory.Sample returned for the key, one for each copy
	Key      uint64               // of the episode
	From     int                  // steps taken before
	Steps    int                  // at most the window
	Horizon  int                  // steps of the episode
}

// Through differentiates a stretch of an episode under phi: it overwrites grad with the derivative of the meta-loss of the losses that
// the steps lead to, with the place they begin at held constant, and moves the place, which is laid out by Trajectory.PlaceLayout, to
// where they end. The objective must not be Borders. The loss is the meta-loss; if it is not finite the gradient is zero. The
// estimator's own episode, if there is one under way, is lost.
func (b *BPTTOf[F]) Through(ctx context.Context, grad, place, phi []F, s StretchOf[F]) (loss float64, err error) {
	if s.Steps < 1 || s.Steps > b.config.Window || b.config.Objective == Borders {
		panic(fmt.Sprintf("meta: a stretch of %d steps, objective %s; want 1 to %d, and not %s", s.Steps, b.config.Objective, b.config.Window, Borders))
	}
	clear(grad)
	b.live = false
	tr := b.trajectory
	tr.ResumeOn(s.Problems, place, s.Key, s.From, s.Horizon)
	if err := tr.Prepare(ctx, s.Horizon); err != nil {
		return 0, err
	}
	loss, err = b.forward(ctx, phi, s.Steps)
	if err == nil && finite(loss) {
		err = b.tape.back(ctx, grad, phi, tr, b.weights[:s.Steps+1], b.lambda, s.Key)
	}
	tr.Place(place)
	return loss, err
}
