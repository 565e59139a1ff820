package queue

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/seed1498fded/unroll/meta/dist"
)

// A round is a call of Do. Learner.lock is the lock of all but tasks and messages.
type round struct {
	number   uint64
	tasks    []dist.Task
	messages []taskMessage
	results  []dist.Result
	states   []*ref // where a result's state is stored
	at       []stage
	missing  int
	late     time.Time // when the last result came

	due  chan int      // members that something is to be done about: see stage
	done chan struct{} // closed when none is missing
}

// A stage is how far a member is.
type stage int

const (
	waiting stage = iota
	doubted       // to be made here
	absent        // something that its task refers to has got lost
	taken
)

// Do implements dist.Pool.
func (l *Learner) Do(ctx context.Context, tasks []dist.Task) ([]dist.Result, error) {
	if len(tasks) == 0 {
		return nil, nil
	}
	r, err := l.open(ctx, tasks)
	if err == nil {
		err = l.see(ctx, r)
	}
	l.lock.Lock()
	l.round = nil
	l.stats.Rounds++
	l.lock.Unlock()
	if err != nil {
		return nil, l.abandon(ctx, err)
	}
	if l.alone { // the queue holds what was made here
		l.alone = false
		l.clear(ctx)
	}
	clear(l.stored)
	for i, s := range r.states {
		if state := r.results[i].State; s != nil && len(state) > 0 {
			l.stored[&state[0]] = *s
		}
	}
	if r.number > 1 && l.keeps(r) {
		err = l.link.store.forget(ctx, r.number-1)
	}
	return r.results, err
}

// keeps reports whether anything of the round before may be stored.
func (l *Learner) keeps(r *round) bool {
	for _, m := range r.messages {
		if m.phi.stored != nil || m.state.stored != nil {
			return true
		}
	}
	return false
}

// abandon empties the queue of a round that nobody wants any more.
func (l *Learner) abandon(ctx context.Context, err error) error {
	if ctx.Err() == nil {
		return err
	}
	l.clear(context.WithoutCancel(ctx))
	return ctx.Err()
}

// clear empties the queue. If it fails, workers do what nobody needs, and are told so.
func (l *Learner) clear(ctx context.Context) {
	short, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	if s, err := l.link.js.Stream(short, l.link.names.workStream); err == nil {
		_ = s.Purge(short)
	}
}

// open makes messages of tasks.
func (l *Learner) open(ctx context.Context, tasks []dist.Task) (*round, error) {
	n := len(tasks)
	r := &round{
		tasks: tasks, messages: make([]taskMessage, n), results: make([]dist.Result, n), states: make([]*ref, n), at: make([]stage, n),
		missing: n, due: make(chan int, n), done: make(chan struct{}), late: time.Now(),
	}
	l.lock.Lock()
	l.number++
	r.number = l.number
	l.lock.Unlock()
	for i, t := range tasks {
		m := taskMessage{place: place{Session: l.session, Round: r.number, Member: uint32(i)}, key: t.Key}
		var err error
		if i > 0 && len(t.Phi) > 0 && &t.Phi[0] == &tasks[i-1].Phi[0] {
			m.phi = r.messages[i-1].phi
		} else if m.phi, err = l.link.store.blob(ctx, r.number, floats(t.Phi), inlineShared); err != nil {
			return r, err
		}
		if m.state, err = l.state(ctx, r.number, t.State); err != nil {
			return r, err
		}
		r.messages[i] = m
	}
	l.lock.Lock()
	l.round = r
	l.lock.Unlock()
	all := make([]int, n)
	for i := range all {
		all[i] = i
	}
	return r, l.issue(ctx, r, all)
}

// state returns a state as a blob: where a worker has stored it, if one has.
func (l *Learner) state(ctx context.Context, number uint64, state []byte) (blob, error) {
	if len(state) > 0 {
		if s, ok := l.stored[&state[0]]; ok {
			return blob{stored: &s}, nil
		}
	}
	return l.link.store.blob(ctx, number, state, inlineOwn)
}

// issue publishes the tasks of members, until all are in the queue.
func (l *Learner) issue(ctx context.Context, r *round, members []int) error {
	for failures := 0; ; failures++ {
		var lost []int
		futures := make([]jetstream.PubAckFuture, len(members))
		for at, i := range members {
			m := r.messages[i]
			id := fmt.Sprintf("%x.%d.%d.%d", m.Session[:4], m.Round, m.Member, m.Attempt)
			f, err := l.link.js.PublishMsgAsync(&nats.Msg{Subject: l.link.names.work, Data: m.encode()}, jetstream.WithMsgID(id))
			if err != nil {
				lost = append(lost, i)
				continue
			}
			futures[at] = f
		}
		for at, f := range futures {
			if f == nil {
				continue
			}
			if err := confirmed(ctx, f); err != nil {
				lost = append(lost, members[at])
			}
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if len(lost) == 0 {
			return nil
		}
		if members = lost; failures > 2 { // the server may have lost all it had
			if err := l.prepare(ctx, false); err != nil {
				return err
			}
		}
		if !pause(ctx, min(time.Second, 20*time.Millisecond<<min(failures, 6))) {
			return ctx.Err()
		}
	}
}

// confirmed waits until a message is in the queue, for a while.
func confirmed(ctx context.Context, f jetstream.PubAckFuture) error {
	t := time.NewTimer(patience)
	defer t.Stop()
	select {
	case <-f.Ok():
		return nil
	case err := <-f.Err():
		return err
	case <-t.C:
		return context.DeadlineExceeded
	case <-ctx.Done():
		return ctx.Err()
	}
}

// see waits for the results, and does what is to be done meanwhile.
func (l *Learner) see(ctx context.Context, r *round) error {
	tick := time.NewTicker(l.config.Lease / 4)
	defer tick.Stop()
	l.help(r)
	empty := 0
	for {
		var err error
		select {
		case <-r.done:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		case i := <-r.due:
			err = l.settle(ctx, r, i)
		case <-tick.C:
			l.help(r)
			if l.forgot(ctx, r) {
				empty++
			} else {
				empty = 0
			}
			if empty == 2 {
				empty = 0
				err = l.reissue(ctx, r)
			}
		}
		if err != nil {
			return err
		}
	}
}

// help has the last member that is waiting made here, if nobody else is there.
func (l *Learner) help(r *round) {
	l.lock.Lock()
	defer l.lock.Unlock()
	if l.roll.count(&l.stats, time.Now()); l.stats.Workers > 0 {
		return
	}
	for i := len(r.at) - 1; i >= 0; i-- {
		if r.at[i] == waiting {
			l.alone = true
			r.turn(i, doubted)
			return
		}
	}
}

// settle does what is to be done about a member.
func (l *Learner) settle(ctx context.Context, r *round, i int) error {
	l.lock.Lock()
	at := r.at[i]
	l.lock.Unlock()
	switch at {
	case doubted:
		result, err := l.evaluate(ctx, r.tasks[i])
		if err != nil {
			return err
		}
		l.lock.Lock()
		if r.take(i, result, nil) {
			l.stats.Here++
		}
		l.lock.Unlock()
		l.help(r)
	case absent:
		if err := l.restore(ctx, r, i); err != nil {
			return err
		}
		l.lock.Lock()
		r.at[i] = waiting
		r.messages[i].Attempt++
		l.stats.Reissued++
		l.lock.Unlock()
		return l.issue(ctx, r, []int{i})
	}
	return nil
}

// restore stores what a task refers to again.
func (l *Learner) restore(ctx context.Context, r *round, i int) error {
	m := r.messages[i]
	if s := m.phi.stored; s != nil {
		if err := l.link.store.put(ctx, *s, floats(r.tasks[i].Phi)); err != nil {
			return err
		}
	}
	if s := m.state.stored; s != nil {
		return l.link.store.put(ctx, *s, r.tasks[i].State)
	}
	return nil
}

func (l *Learner) evaluate(ctx context.Context, t dist.Task) (dist.Result, error) {
	l.ownLock.Lock()
	defer l.ownLock.Unlock()
	return l.own.Evaluate(ctx, t)
}

// forgot reports whether the queue is empty, though members are missing and nothing has come for a while.
func (l *Learner) forgot(ctx context.Context, r *round) bool {
	l.lock.Lock()
	quiet := time.Since(r.late) > l.config.Lease/2
	l.lock.Unlock()
	if !quiet || !l.link.IsConnected() {
		return false
	}
	once, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	info, err := l.queue.Info(once)
	if errors.Is(err, jetstream.ErrConsumerNotFound) || errors.Is(err, jetstream.ErrStreamNotFound) {
		return true
	}
	return err == nil && info.NumPending == 0 && info.NumAckPending == 0
}

// reissue issues all missing members anew.
func (l *Learner) reissue(ctx context.Context, r *round) error {
	if err := l.prepare(ctx, false); err != nil {
		return err
	}
	var members []int
	l.lock.Lock()
	for i, at := range r.at {
		if at == waiting {
			members = append(members, i)
			r.messages[i].Attempt++
			l.stats.Reissued++
		}
	}
	r.late = time.Now()
	l.lock.Unlock()
	return l.issue(ctx, r, members)
}

// take takes a member's result, unless it has one, and reports whether it did.
func (r *round) take(i int, result dist.Result, stored *ref) bool {
	if r.at[i] == taken {
		return false
	}
	r.at[i], r.results[i], r.states[i] = taken, result, stored
	r.late = time.Now()
	if r.missing--; r.missing == 0 {
		close(r.done)
	}
	return true
}

// turn has something done about a member that is waiting.
func (r *round) turn(i int, to stage) {
	if r.at[i] == waiting {
		r.at[i] = to
		r.due <- i // there is room: a member waits once, or has been seen to in between
	}
}
