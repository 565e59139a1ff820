package credit

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync"

	"github.com/seed1498fded/unroll/internal/rng"
	"github.com/seed1498fded/unroll/params"
)

// UnlockedOf trains a net with no backward pass to wait for (Jaderberg et al. 2017, arXiv 1608.05343): every block is a goroutine
// that passes its output up, asks its model what the gradient will be, and moves its weights at once. What comes down later
// only teaches the model. That message may be late, and may get lost.
//
// Block l goes through the minibatches in order. For minibatch b it
//
//  1. lets its model learn from the message of minibatch b−1−Delay, for which it waits unless that message is lost;
//  2. waits for its input, computes its output and passes it up;
//  3. asks the model for gˡ, makes δˡ of it and sends Wˡᵀδˡ down; the last block takes δ from the loss;
//  4. moves its weights.
//
// So nothing depends on when goroutines run: all blocks see minibatch b with weights that have moved b times, and with
// models that have heard the messages up to b−1−Delay, but for those whose loss the minibatch's key decides. The same key
// gives the same bits on any number of processors. And no block waits for those above it before it moves: with a Delay of
// zero block l moves for minibatch b while the one above computes it, and waits only before b+1; each further Delay lets it
// run ahead by one more.
//
// Without Delay and Drop this is the problem of the same Family under the same rule to the bit, as long as the weights'
// moves do not depend on each other across blocks. If all messages are lost it is NoneOf. A lost message costs more than its
// share: blocks go on where models that are behind send them, so let the net move more slowly than the models.
type UnlockedOf[F params.Float] struct {
	Family FamilyOf[F] // its Rule is a DNIOf or a CDNIOf
	Delay  int         // minibatches by which what comes down is late, 0 or more
	Drop   float64     // probability that what comes down to a block for a minibatch is lost, 0 to 1

	// Mover is called for each block's weights and for each model's, with their part of the problem's layout.
	Mover func(params.Layout) (MoverOf[F], error)
}

// MoverOf moves weights, given a gradient laid out like them; a learnedopt.Optimizer is one for float32. Each is called from
// one goroutine, several at a time.
type MoverOf[F params.Float] interface {
	Step(theta, grad []F) error
}

// The float32 forms are the ones in use.
type (
	Unlocked = UnlockedOf[float32]
	Mover    = MoverOf[float32]
)

// Pipeline returns what trains, with new movers. Settings out of their range, a rule that has to wait for the layers above,
// and whatever the family or Mover object to are errors.
func (u UnlockedOf[F]) Pipeline() (*PipelineOf[F], error) {
	if err := u.validate(); err != nil {
		return nil, fmt.Errorf("credit: unlocked: %w", err)
	}
	problem, err := u.Family.Problem()
	if err != nil {
		return nil, err
	}
	rule, ok := problem.assigner.(*synthetic[F])
	if !ok || rule.lambda != 0 {
		return nil, fmt.Errorf("credit: unlocked: the rule %s waits for the layers above; want dni or cdni", problem.family.Rule.Name())
	}
	p := &PipelineOf[F]{problem: problem, drop: u.Drop}
	grad := make([]F, problem.Own()) // each station writes its block's part
	for l := range problem.family.Net.Blocks() {
		s, err := newStation(u, problem, rule, l, grad)
		if err != nil {
			return nil, fmt.Errorf("credit: unlocked: block %d: %w", l, err)
		}
		p.stations = append(p.stations, s)
	}
	// Enough that neither late messages nor the length of the way keep a block idle; the results do not depend on it. Less
	// than Delay+1 would be a deadlock: a station keeps Delay minibatches while it waits for the next.
	for range u.Delay + 1 + len(p.stations) {
		p.batches = append(p.batches, newBatch(problem))
	}
	return p, nil
}

func (u UnlockedOf[F]) validate() error {
	switch {
	case u.Delay < 0:
		return fmt.Errorf("a delay of %d minibatches; want 0 or more", u.Delay)
	case !(u.Drop >= 0 && u.Drop <= 1):
		return fmt.Errorf("messages are lost with probability %v; want 0 to 1", u.Drop)
	case u.Mover == nil:
		return errors.New("no mover")
	}
	return nil
}

// PipelineOf is an UnlockedOf ready to train. It holds room for Delay + 1 + blocks minibatches and all that the net makes of
// each. One Train at a time.
type PipelineOf[F params.Float] struct {
	problem  *ProblemOf[F]
	drop     float64
	stations []*station[F]
	batches  []*batch[F]
}

// Pipeline is PipelineOf in use.
type Pipeline = PipelineOf[float32]

// Problem returns the problem whose theta Train moves: it tells the layout, draws a start, and measures. It shares memory
// with the pipeline: not during Train.
func (p *PipelineOf[F]) Problem() *ProblemOf[F] { return p.problem }

// Train moves theta for a number of minibatches, 1 or more, and returns the mean of their losses, each before theta has moved
// for it.
// Minibatch i is the one that the problem's Eval draws for the i-th child of key. Messages that are late at the end are
// waited for, so that with Delay one long run is not two short ones.
//
// The first error of a mover ends the training, and so does the context; blocks have then come to different points, and
// theta is of no use. No goroutine outlives the call. A run that diverges is no error; its loss is not finite.
func (p *PipelineOf[F]) Train(ctx context.Context, theta []F, key uint64, minibatches int) (loss float64, err error) {
	checkLen("theta", theta, p.problem.layout.Len())
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	var busy sync.WaitGroup
	var once sync.Once
	start := func(run func() error) {
		busy.Go(func() {
			if e := run(); e != nil {
				once.Do(func() { err = e })
				stop(e)
			}
		})
	}
	free, bottom := p.connect(theta)
	start(func() error { return p.feed(ctx, free, bottom, key, minibatches) })
	for _, s := range p.stations {
		start(func() error { return s.run(ctx, minibatches) })
	}
	busy.Wait()
	if err != nil {
		return math.NaN(), fmt.Errorf("credit: unlocked: %w", err)
	}
	return p.stations[len(p.stations)-1].loss / float64(minibatches), nil
}

// connect makes the channels of a run. Each has room for all minibatches there are, so that sending never waits.
func (p *PipelineOf[F]) connect(theta []F) (free, bottom chan *batch[F]) {
	n := len(p.batches)
	free, bottom = make(chan *batch[F], n), make(chan *batch[F], n)
	for _, b := range p.batches {
		b.free = free
		free <- b
	}
	in, down := bottom, chan []F(nil)
	for _, s := range p.stations {
		out, teach := make(chan *batch[F], n), make(chan []F, n)
		s.begin(theta, in, out, teach, down)
		in, down = out, teach
	}
	return free, bottom
}

// feed draws the minibatches.
func (p *PipelineOf[F]) feed(ctx context.Context, free <-chan *batch[F], bottom chan<- *batch[F], key uint64, minibatches int) error {
	for i := range minibatches {
		b, err := receive(ctx, free)
		if err != nil {
			return err
		}
		b.draw(p.problem, rng.Split(key, uint64(i)), p.drop)
		b.holders.Store(int32(len(p.stations)))
		bottom <- b
	}
	return nil
}

// receive waits for a message or for the end of the context, which comes first.
func receive[T any](ctx context.Context, from <-chan T) (message T, err error) {
	if ctx.Err() == nil {
		select {
		case message = <-from:
			return message, nil
		case <-ctx.Done():
		}
	}
	return message, context.Cause(ctx)
}
