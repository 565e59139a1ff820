package main

import (
	"context"
	"math"
	"time"
)

// none is no attempt.
const none = -1

// A member of the outer step under way.
type member struct {
	own     time.Duration // how long it takes on a worker that is not slow
	tries   int           // how many workers it was delivered to
	running int           // how many of these are at it, or their result is on its way
	last    [2]int32      // the latest attempts at it
	queued  bool
	done    bool
}

// An attempt is a worker's at a member.
type attempt struct {
	step, member int
	own, delay   time.Duration
	worker, life int32
	stopped      bool // while it was being computed, which will not come to an end
}

type worker struct {
	life    int32 // how often it has died
	attempt int32 // what it is at; none: nothing
	does    use
	since   time.Duration // when it began to
	phi     int           // the outer step whose phi it has; -1: none
}

// A simulation is a run under way.
type simulation struct {
	s      Settings
	draws  *draws
	agenda agenda
	now    time.Duration
	step   int

	members  []member
	queue    fifo[int] // members that wait for a worker
	begun    fifo[int] // members in the order in which they were delivered
	left     int       // members that are not done
	done     int       // members of all outer steps that are
	spare    int       // no more than so many left: they may have a second worker
	workers  []worker
	waiting  fifo[place]
	attempts []attempt
	free     []int32 // attempts that are no more
	time     [uses + 1]time.Duration

	out, in, server, learner line
	account                  Account
}

// A place is a worker's in the queue of those who ask for a member; a worker's next life has another.
type place struct{ worker, life int32 }

// Simulate runs s to its last outer step. The result follows from s alone. The error is of a setting out of its range, of workers
// that die before they get anything done, of a time too long to count, or the context's.
func Simulate(ctx context.Context, s Settings) (*Account, error) {
	if err := s.check(); err != nil {
		return nil, err
	}
	s = s.withDefaults()
	r := &simulation{s: s, draws: newDraws(s), members: make([]member, s.Members), workers: make([]worker, s.Workers)}
	r.spare = int(s.Backup * float64(s.Members))
	for i := range r.workers {
		r.workers[i] = worker{does: idle, attempt: none, phi: -1}
		r.join(int32(i))
	}
	r.begin()
	limit := time.Duration(math.MaxInt64 / 2 / int64(s.Workers))
	for n := 0; r.step < s.Steps; n++ {
		e := r.agenda.next()
		switch {
		case e.at > limit:
			return nil, errTooLong
		case r.account.Deaths > 1000*(s.Workers+r.done):
			return nil, errHopeless
		}
		r.now = e.at
		r.happen(e)
		if n%4096 == 0 && ctx.Err() != nil {
			return nil, ctx.Err()
		}
	}
	return r.end(), nil
}

func (r *simulation) happen(e event) {
	switch e.kind {
	case arrives:
		r.compute(e)
	case computed:
		r.send(e)
	case told:
		r.stop(e)
	case received:
		n := r.messages(r.s.Traffic.ResultMessages)
		r.agenda.plan(event{at: r.server.serve(r.now, n), kind: handled, attempt: e.attempt})
	case handled:
		r.handle(e.attempt)
	case dies:
		r.die(e.worker)
	case returns:
		r.turn(e.worker, idle)
		r.join(e.worker)
		r.dispatch()
	case expires:
		r.redeliver(e.attempt)
	case learned:
		r.account.Steps = append(r.account.Steps, r.now)
		if r.step++; r.step < r.s.Steps {
			r.begin()
		}
	}
}

// begin puts the members of an outer step into the queue.
func (r *simulation) begin() {
	r.queue.clear()
	r.begun.clear()
	for m := range r.members {
		r.members[m] = member{own: r.draws.member(r.step, m), last: [2]int32{none, none}, queued: true}
		r.queue.push(m)
	}
	r.left = len(r.members)
	r.dispatch()
}

// join has a worker ask for members, from now until it dies.
func (r *simulation) join(i int32) {
	w := &r.workers[i]
	r.waiting.push(place{i, w.life})
	if r.s.Life > 0 {
		r.agenda.plan(event{at: r.now + r.draws.life(int(i), int(w.life)), kind: dies, worker: i})
	}
}

// dispatch delivers members to those who have waited longest, as long as there are both.
func (r *simulation) dispatch() {
	for {
		for !r.waiting.empty() && r.workers[r.waiting.first().worker].life != r.waiting.first().life {
			r.waiting.pop() // it is dead
		}
		if r.waiting.empty() {
			return
		}
		m, ok := r.choose()
		if !ok {
			return
		}
		r.deliver(m, r.waiting.pop().worker)
	}
}

// choose takes the next member off the queue, or one that has a worker already and may have a second.
func (r *simulation) choose() (m int, ok bool) {
	for !r.queue.empty() {
		m = r.queue.pop()
		r.members[m].queued = false
		if !r.members[m].done { // by a second worker, while it was queued again
			r.begun.push(m)
			return m, true
		}
	}
	if r.left > r.spare {
		return 0, false
	}
	for !r.begun.empty() {
		m = r.begun.pop()
		if !r.members[m].done {
			r.account.Backups++
			return m, true
		}
	}
	return 0, false
}

// deliver sends a member to a worker that waits.
func (r *simulation) deliver(m int, i int32) {
	w, member, t := &r.workers[i], &r.members[m], r.s.Traffic
	bytes, messages := t.Task, t.TaskMessages
	if w.phi != r.step {
		bytes, messages, w.phi = bytes+t.Phi, messages+t.PhiMessages, r.step
	}
	id := r.attempt(attempt{
		step: r.step, member: m, own: member.own, delay: r.draws.delay(r.step, m, member.tries, member.own), worker: i, life: w.life,
	})
	member.tries++
	member.running++
	member.last = [2]int32{member.last[1], id}
	w.attempt = id
	r.turn(i, transit)
	r.account.Deliveries++
	r.account.Out += bytes
	at := r.out.serve(r.server.serve(r.now, r.messages(messages)), spent(bytes, r.s.Bandwidth)) + r.s.Latency
	r.agenda.plan(event{at: at, kind: arrives, worker: i, life: w.life, attempt: id})
}

// compute has a worker begin with the member that has arrived, unless that is done already.
func (r *simulation) compute(e event) {
	if r.workers[e.worker].life != e.life {
		return // it died meanwhile
	}
	a := &r.attempts[e.attempt]
	if r.over(a) {
		r.free = append(r.free, e.attempt)
		r.ask(e.worker)
		return
	}
	r.turn(e.worker, computing)
	r.agenda.plan(event{at: r.now + a.own + a.delay, kind: computed, worker: e.worker, life: e.life, attempt: e.attempt})
}

// over tells whether an attempt's member is done.
func (r *simulation) over(a *attempt) bool { return a.step != r.step || r.members[a.member].done }

// ask has a worker that has nothing to do any more wait for a member.
func (r *simulation) ask(i int32) {
	w := &r.workers[i]
	w.attempt = none
	r.turn(i, idle)
	r.waiting.push(place{i, w.life})
	r.dispatch()
}

// tell has whoever else is at a member stop.
func (r *simulation) tell(m *member, id int32) {
	for _, other := range m.last {
		if other == id || other == none {
			continue
		}
		a := r.attempts[other]
		if w := r.workers[a.worker]; w.life == a.life && w.attempt == other && &r.members[a.member] == m {
			r.account.Messages++
			r.agenda.plan(event{at: r.now + r.s.Latency, kind: told, worker: a.worker, life: a.life, attempt: other})
		}
	}
}

// stop has a worker leave off what another has done before it.
func (r *simulation) stop(e event) {
	w := &r.workers[e.worker]
	if a := &r.attempts[e.attempt]; w.life == e.life && w.attempt == e.attempt && w.does == computing && r.over(a) {
		a.stopped = true
		w.does = duplicate
		r.ask(e.worker)
	}
}

// send puts a worker's result on its way. From now on the result is safe whatever becomes of the worker.
func (r *simulation) send(e event) {
	w, a := &r.workers[e.worker], &r.attempts[e.attempt]
	switch {
	case a.stopped && a.worker == e.worker && a.life == e.life:
		r.free = append(r.free, e.attempt)
		return
	case w.life != e.life:
		return // it died meanwhile
	}
	r.turn(e.worker, transit)
	r.account.In += r.s.Traffic.Result
	at := r.in.serve(r.now+r.s.Latency, spent(r.s.Traffic.Result, r.s.Bandwidth))
	r.agenda.plan(event{at: at, kind: received, attempt: e.attempt})
	w.attempt = none
}

// handle tells the learner of a result, and has its worker ask for another member.
func (r *simulation) handle(id int32) {
	a := r.attempts[id]
	r.free = append(r.free, id)
	r.time[computing] -= a.own + a.delay
	if m := &r.members[a.member]; r.over(&a) {
		r.time[duplicate] += a.own + a.delay
	} else {
		m.done = true
		r.time[useful] += a.own
		r.time[slowed] += a.delay
		r.tell(m, id)
		r.count()
	}
	if r.workers[a.worker].life == a.life {
		r.ask(a.worker)
	} else {
		r.dispatch()
	}
}

// count has the learner take in one more result, and end the outer step after the last.
func (r *simulation) count() {
	r.done++
	r.learner.serve(r.now, r.s.Merge)
	if r.left--; r.left == 0 {
		r.agenda.plan(event{at: r.learner.serve(r.now, r.s.Serial), kind: learned})
	}
}

// die ends a worker's life, and what it was at.
func (r *simulation) die(i int32) {
	w := &r.workers[i]
	if w.does == computing {
		w.does = lost
	}
	r.turn(i, away)
	if w.attempt != none {
		r.agenda.plan(event{at: r.now + r.s.AckWait, kind: expires, attempt: w.attempt})
	}
	w.attempt, w.phi = none, -1
	w.life++
	r.account.Deaths++
	r.agenda.plan(event{at: r.now + r.s.Return, kind: returns, worker: i})
}

// redeliver puts a dead worker's member back into the queue, unless somebody else is at it or has done it.
func (r *simulation) redeliver(id int32) {
	a := r.attempts[id]
	r.free = append(r.free, id)
	if a.step != r.step {
		return
	}
	m := &r.members[a.member]
	m.running--
	if m.done || m.queued || m.running > 0 {
		return
	}
	m.queued = true
	r.account.Redeliveries++
	r.queue.push(a.member)
	r.dispatch()
}

// turn has a worker do something else from now on, and accounts for what it did.
func (r *simulation) turn(i int32, does use) {
	w := &r.workers[i]
	r.time[w.does] += r.now - w.since
	w.does, w.since = does, r.now
}

// attempt keeps a and returns its number.
func (r *simulation) attempt(a attempt) int32 {
	if n := len(r.free); n > 0 {
		id := r.free[n-1]
		r.free = r.free[:n-1]
		r.attempts[id] = a
		return id
	}
	r.attempts = append(r.attempts, a)
	return int32(len(r.attempts) - 1)
}

// messages counts n more, and returns how long they take.
func (r *simulation) messages(n int) time.Duration {
	r.account.Messages += int64(n)
	return spent(int64(n), r.s.rate())
}

// end closes the account: what is still being computed, or on its way, is for nothing.
func (r *simulation) end() *Account {
	for i := range r.workers {
		r.turn(int32(i), idle)
	}
	r.time[duplicate] += r.time[computing]
	a := &r.account
	copy(a.Time[:], r.time[:])
	a.Settings, a.Elapsed = r.s, r.now
	a.OutBusy, a.InBusy, a.ServerBusy, a.LearnerBusy = r.out.busy, r.in.busy, r.server.busy, r.learner.busy
	return a
}
