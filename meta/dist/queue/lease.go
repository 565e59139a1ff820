package queue

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/seed1498fded/unroll/meta/dist"
)

// work does one task after the other.
func (w *worker) work(ctx context.Context, e dist.Evaluator, s session) error {
	var queue jetstream.Consumer
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		if queue == nil {
			if err := persist(ctx, func(ctx context.Context) (err error) {
				queue, err = w.link.js.Consumer(ctx, w.link.names.workStream, consumer)
				return err
			}); err != nil {
				return err
			}
		}
		begun := time.Now()
		m, err := next(ctx, queue)
		w.idle.Add(int64(time.Since(begun)))
		if err != nil {
			if !errors.Is(err, nats.ErrTimeout) && !errors.Is(err, context.DeadlineExceeded) {
				queue = nil // it may be another one by now
				pause(ctx, 100*time.Millisecond)
			}
			continue
		}
		w.busy.Add(1)
		err = w.do(ctx, e, s, m)
		w.busy.Add(-1)
		if err != nil {
			return err
		}
	}
}

// next takes a task from the queue.
func next(ctx context.Context, queue jetstream.Consumer) (jetstream.Msg, error) {
	once, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	return queue.Next(jetstream.FetchContext(once))
}

// do does what a message says.
func (w *worker) do(ctx context.Context, e dist.Evaluator, s session, m jetstream.Msg) error {
	t, err := decodeTask(m.Data())
	if err != nil {
		w.junk.Add(1)
		_ = m.Term() // or it comes again
		return nil
	}
	if t.Session != s {
		_ = m.NakWithDelay(100 * time.Millisecond)
		return w.anew(ctx, s)
	}
	lease, drop := context.WithCancel(ctx)
	held := make(chan struct{})
	go func() {
		defer close(held)
		w.renew(lease, m)
	}()
	answer, err := w.result(ctx, e, t, m)
	drop()
	<-held
	switch {
	case err != nil:
		_ = m.Nak() // for somebody else, at once
		return err
	case answer == answerForeign:
		_ = m.Term()
		return w.anew(ctx, s)
	case answer == answerRefused:
		w.config.Log("the learner has refused a result")
		_ = m.NakWithDelay(time.Second)
	default:
		_ = m.Ack()
	}
	return nil
}

// anew ends a session if there is another one.
func (w *worker) anew(ctx context.Context, s session) error {
	answer, err := w.greet(ctx)
	if err == nil && answer.Session != s {
		err = errAnew
	}
	return err // nil if the message was somebody's joke
}

// renew holds a lease.
func (w *worker) renew(ctx context.Context, m jetstream.Msg) {
	for pause(ctx, w.config.Lease/3) {
		_ = m.InProgress() // if this fails somebody else will have the task
	}
}

// result evaluates a task and gives the result to the learner, whose answer it returns.
func (w *worker) result(ctx context.Context, e dist.Evaluator, t taskMessage, m jetstream.Msg) (answer string, err error) {
	r := resultMessage{place: t.place, worker: w.id, delivered: 1}
	if d, err := m.Metadata(); err == nil {
		r.delivered = uint32(min(d.NumDelivered, 1<<31))
	}
	begun := time.Now()
	if err := w.evaluate(ctx, e, t, &r); err != nil {
		if ctx.Err() != nil {
			return "", ctx.Err()
		}
		r.wrong, r.absent = err.Error(), errors.Is(err, errAbsent)
		r.grad, r.state = blob{}, blob{}
	}
	r.busy = uint64(time.Since(begun))
	return w.send(ctx, r.encode())
}

func (w *worker) evaluate(ctx context.Context, e dist.Evaluator, t taskMessage, r *resultMessage) error {
	phi, err := w.cache.get(ctx, w.link.store, t.phi)
	if err != nil {
		return err
	}
	task := dist.Task{Key: t.key}
	if task.Phi, err = parseFloats(phi); err != nil {
		return err
	}
	if task.State, err = w.link.store.get(ctx, t.state); err != nil {
		return err
	}
	result, err := e.Evaluate(ctx, task)
	if err != nil {
		return err
	}
	r.estimate = result.Estimate
	if r.grad, err = w.link.store.blob(ctx, t.Round, floats(result.Grad), inlineOwn); err != nil {
		return err
	}
	r.state, err = w.link.store.blob(ctx, t.Round, result.State, inlineOwn)
	return err
}

// send gives a result to the learner. Without an answer it tries for as long as a learner may take to come back; then the result is as
// good as late.
func (w *worker) send(ctx context.Context, data []byte) (answer string, err error) {
	limited, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	err = persist(limited, func(ctx context.Context) error {
		m, err := w.link.RequestWithContext(ctx, w.link.names.result, data)
		if err == nil {
			answer = string(m.Data)
		}
		return err
	})
	if err != nil && ctx.Err() == nil {
		return answerLate, nil
	}
	return answer, err
}

// A cache keeps the last phi that was fetched: all goroutines want the same.
type cache struct {
	lock sync.Mutex
	ref  ref
	data []byte
}

// get is store.get.
func (c *cache) get(ctx context.Context, s store, b blob) ([]byte, error) {
	if b.stored == nil {
		return b.data, nil
	}
	c.lock.Lock()
	defer c.lock.Unlock()
	if c.data != nil && c.ref == *b.stored {
		return c.data, nil
	}
	data, err := s.get(ctx, b)
	if err == nil {
		c.ref, c.data = *b.stored, data
	}
	return data, err
}
