package credit

import (
	"context"
	"fmt"
	"sync/atomic"

	"github.com/seed1498fded/unroll/inner/nets"
	"github.com/seed1498fded/unroll/internal/rng"
	"github.com/seed1498fded/unroll/params"
)

// A batch is a minibatch on its way through a pipeline. Station l alone writes what the net makes of it in block l, and
// those that come later read it.
type batch[F params.Float] struct {
	trace  *nets.TraceOf[F]
	images []int
	below  [][]F  // for each block but the last, the cotangent of its output that the station above sends down
	lost   []bool // for each of these, that it does not
	stream *rng.Stream

	holders atomic.Int32 // stations that still need it
	free    chan<- *batch[F]
}

func newBatch[F params.Float](p *ProblemOf[F]) *batch[F] {
	net, size := p.family.Net, p.family.Batch
	b := &batch[F]{trace: net.NewTrace(size), images: make([]int, size), stream: rng.New(0)}
	for l := range net.Blocks() - 1 {
		b.below = append(b.below, make([]F, size*net.Output(l).Size()))
	}
	b.lost = make([]bool, len(b.below))
	return b
}

// draw fills b with the minibatch that the problem's Eval draws for key, and decides which messages about it get lost.
func (b *batch[F]) draw(p *ProblemOf[F], key uint64, drop float64) {
	drawImages(b.stream, b.images, p.family.Data.Len(), key)
	load(b.trace, p.family.Data, b.images)
	b.stream.Reset(rng.Split(key, keyRule))
	for l := range b.lost {
		b.lost[l] = b.stream.Float64() < drop
	}
}

// release lets go of b. The last to do so frees it.
func (b *batch[F]) release() {
	if b.holders.Add(-1) == 0 {
		b.free <- b
	}
}

// A station is the worker of one block.
type station[F params.Float] struct {
	net    *nets.NetOf[F]
	block  int
	delay  int
	model  *model[F] // nil for the last block, which the loss teaches
	delta  []F       // the signal at the block's pre-activation
	dh     []F       // the model's prediction
	grad   []F       // laid out like the net's weights; all stations share it, each its part
	dOwn   []F       // laid out like the model's weights
	weight mover[F]
	own    mover[F] // moves the model

	// Of one run.
	theta   []F // that of the problem
	in, out chan *batch[F]
	up      <-chan []F // what the station above says
	down    chan<- []F
	waiting []*batch[F] // those whose message the model has not learned from, the oldest first
	loss    float64     // the sum, at the last block
}

// A mover moves a part of theta.
type mover[F params.Float] struct {
	MoverOf[F]
	from, to int
}

// newMover finds the tensors from the first on of a layout.
func newMover[F params.Float](u UnlockedOf[F], layout params.Layout, first, tensors int) (mover[F], error) {
	part := layout[first : first+tensors]
	m, err := u.Mover(part)
	from := layout[:first].Len()
	return mover[F]{m, from, from + part.Len()}, err
}

func newStation[F params.Float](u UnlockedOf[F], p *ProblemOf[F], rule *synthetic[F], l int, grad []F) (*station[F], error) {
	net := p.family.Net
	s := &station[F]{
		net: net, block: l, delay: u.Delay, delta: make([]F, p.family.Batch*net.Pre(l).Size()), grad: grad,
	}
	var err error
	if s.weight, err = newMover(u, p.layout, 2*l, 2); err != nil || l == len(rule.models) {
		return s, err
	}
	s.model, s.dh = rule.models[l], rule.dh[l]
	s.dOwn = make([]F, s.model.net.Params().Len())
	tensors := len(s.model.net.Params())
	s.own, err = newMover(u, p.layout, len(net.Params())+l*tensors, tensors)
	return s, err
}

// begin prepares a run.
func (s *station[F]) begin(theta []F, in, out chan *batch[F], up <-chan []F, down chan<- []F) {
	s.theta, s.in, s.out, s.up, s.down = theta, in, out, up, down
	s.waiting, s.loss = s.waiting[:0], 0
}

// run goes through the minibatches as UnlockedOf says.
func (s *station[F]) run(ctx context.Context, minibatches int) error {
	for i := range minibatches {
		if err := s.minibatch(ctx); err != nil {
			return fmt.Errorf("block %d, minibatch %d: %w", s.block, i, err)
		}
	}
	if err := s.hear(ctx, 0); err != nil {
		return fmt.Errorf("block %d, what was late: %w", s.block, err)
	}
	return nil
}

func (s *station[F]) minibatch(ctx context.Context) error {
	if err := s.hear(ctx, s.delay); err != nil {
		return err
	}
	b, err := receive(ctx, s.in)
	if err != nil {
		return err
	}
	return s.step(b)
}

// step computes a minibatch and moves the block's weights.
func (s *station[F]) step(b *batch[F]) error {
	s.net.ForwardBlock(b.trace, s.netWeights(), s.block)
	if s.model != nil {
		s.out <- b
	}
	s.net.Delta(b.trace, s.block, s.delta, s.teach(b))
	s.tell(b)
	s.net.Gradient(s.block, s.grad, b.trace.In(s.block), s.delta, b.trace.N)
	w := s.weight
	if err := w.Step(s.theta[w.from:w.to:w.to], s.grad[w.from:w.to]); err != nil {
		return err
	}
	if s.model == nil {
		b.release()
		return nil
	}
	s.waiting = append(s.waiting, b)
	return nil
}

func (s *station[F]) netWeights() []F { return s.theta[:len(s.grad)] }

// teach returns the cotangent of the block's output: what the model predicts, or what the loss says.
func (s *station[F]) teach(b *batch[F]) []F {
	if s.model == nil {
		s.net.ForwardFrom(b.trace, s.netWeights(), s.net.Blocks()) // the loss alone
		s.loss += b.trace.Loss
		return b.trace.E
	}
	s.model.predict(s.dh, b.trace, s.theta[s.own.from:s.own.to])
	return s.dh
}

// tell sends down what the block's signal makes of its input, unless that gets lost.
func (s *station[F]) tell(b *batch[F]) {
	if s.block == 0 || b.lost[s.block-1] {
		return
	}
	dx := b.below[s.block-1]
	w, _ := s.net.Weights(s.netWeights(), s.block)
	s.net.Below(b.trace, s.block, dx, w, s.delta)
	s.down <- dx
}

// hear lets the model learn until no more than a number of minibatches are waiting.
func (s *station[F]) hear(ctx context.Context, most int) error {
	for len(s.waiting) > most {
		b := s.waiting[0]
		s.waiting = append(s.waiting[:0], s.waiting[1:]...)
		if !b.lost[s.block] {
			if err := s.learn(ctx, b); err != nil {
				return err
			}
		}
		b.release()
	}
	return nil
}

// learn moves the model by what the station above says of a minibatch. The model is asked again, for it may have moved since.
func (s *station[F]) learn(ctx context.Context, b *batch[F]) error {
	target, err := receive(ctx, s.up)
	if err != nil {
		return err
	}
	own := s.theta[s.own.from:s.own.to:s.own.to]
	s.model.predict(s.dh, b.trace, own)
	if err := s.model.learn(s.dOwn, target, own); err != nil {
		return err
	}
	return s.own.Step(own, s.dOwn)
}
