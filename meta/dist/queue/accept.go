package queue

import (
	"context"
	"errors"

	"github.com/nats-io/nats.go"

	"github.com/seed1498fded/unroll/meta/dist"
)

// onResult judges a result, and answers its worker.
func (l *Learner) onResult(m *nats.Msg) {
	answer := l.judge(m.Data)
	if m.Reply != "" {
		_ = m.Respond([]byte(answer)) // the worker asks again
	}
}

// judge takes a result if it is one.
func (l *Learner) judge(data []byte) (answer string) {
	m, err := decodeResult(data)
	if err != nil {
		l.count(func(s *Stats) {
			if errors.Is(err, errVersion) {
				s.Versions++
			} else {
				s.Malformed++
			}
		})
		return answerRefused
	}
	r, answer := l.wanted(m)
	if r == nil {
		return answer
	}
	i := int(m.Member)
	if m.absent || m.wrong != "" {
		return l.report(r, m)
	}
	result, err := l.read(m)
	if err == nil {
		err = l.check(r.tasks[i], result)
	}
	if err != nil {
		l.count(func(s *Stats) { s.Wrong++ })
		return answerRefused
	}
	l.lock.Lock()
	defer l.lock.Unlock()
	if m.delivered > 1 {
		l.stats.Redelivered++
	}
	if len(result.Grad) > 0 && !result.Finite() {
		l.stats.NotFinite++
		r.turn(i, doubted)
		return answerTaken
	}
	if !r.take(i, result, m.state.stored) { // meanwhile
		l.stats.Twice++
		return answerLate
	}
	l.stats.Results++
	if _, known := l.made[m.worker]; known || len(l.made) < mostWorkers {
		l.made[m.worker]++
	}
	return answerTaken
}

// wanted returns the round that waits for a result, or nil and the answer.
func (l *Learner) wanted(m resultMessage) (*round, string) {
	l.lock.Lock()
	defer l.lock.Unlock()
	r := l.round
	switch {
	case m.Session != l.session:
		l.stats.Foreign++
		return nil, answerForeign
	case m.Round > l.number || r != nil && m.Round == r.number && int(m.Member) >= len(r.tasks):
		l.stats.Wrong++
		return nil, answerRefused
	case r == nil || m.Round < r.number:
		l.stats.Late++
		return nil, answerLate
	case r.at[m.Member] == taken:
		l.stats.Twice++
		return nil, answerLate
	}
	return r, ""
}

// report takes note of an error, or of something that has got lost.
func (l *Learner) report(r *round, m resultMessage) string {
	l.lock.Lock()
	defer l.lock.Unlock()
	if m.absent {
		r.turn(int(m.Member), absent)
		return answerTaken
	}
	l.stats.Failed++
	l.config.Log("a worker reports: " + printable(m.wrong))
	r.turn(int(m.Member), doubted)
	return answerTaken
}

// printable keeps what is letters, so that nobody writes to somebody's terminal.
func printable(s string) string {
	b := []byte(s)
	for i, c := range b {
		if c < ' ' || c > '~' {
			b[i] = '?'
		}
	}
	return string(b)
}

// read fetches what a result refers to.
func (l *Learner) read(m resultMessage) (r dist.Result, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	grad, err := l.link.store.get(ctx, m.grad)
	if err != nil {
		return r, err
	}
	if r.Grad, err = parseFloats(grad); err != nil {
		return r, err
	}
	r.Estimate = m.estimate
	state, err := l.link.store.get(ctx, m.state)
	if len(state) > 0 {
		r.State = state
	}
	return r, err
}

func (l *Learner) check(t dist.Task, r dist.Result) error {
	l.ownLock.Lock()
	defer l.ownLock.Unlock()
	return l.own.Check(t, r)
}
