package queue

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"golang.org/x/sync/errgroup"

	"github.com/seed1498fded/unroll/meta/dist"
)

// WorkerConfig says how a process helps a learner.
type WorkerConfig struct {
	Connection Connection
	Program    string // what it was built from, and the instructions in use: see LearnerConfig
	Kernels    string
	Goroutines int // each of which does a task at a time; 1 if zero

	// Build makes of a run's settings what makes evaluators, one for each goroutine. An error ends Work.
	Build func(settings json.RawMessage) (func() (dist.Evaluator, error), error)

	Log func(string) // as in LearnerConfig

	Lease time.Duration // the learner's; it is renewed three times as often. 2 s if zero
}

// errEnded tells that the learner has said that it is over.
var errEnded = errors.New("queue: the learner has ended")

// errAnew tells that a worker has to greet again.
var errAnew = errors.New("queue: another session")

// Work does tasks until the learner has ended, and then returns nil; if ctx ends first, its error. It connects again for ever when the
// learner or the server are away. It ends with an error if the learner refuses this program, or its settings cannot be built by.
func Work(ctx context.Context, c WorkerConfig) error {
	w, err := newWorker(c)
	if err != nil {
		return err
	}
	defer w.link.Close()
	for {
		err := w.serve(ctx)
		switch {
		case errors.Is(err, errEnded):
			return nil
		case errors.Is(err, errAnew):
			continue
		}
		return err
	}
}

// A worker is a process that helps.
type worker struct {
	config WorkerConfig
	link   *link
	id     uint64
	over   chan session // what was said to have ended

	built    json.RawMessage // what evaluators are of
	made     []dist.Evaluator
	junk     atomic.Int64
	busy     atomic.Int64
	idle     atomic.Int64 // nanoseconds, of all goroutines, since the last heartbeat
	cache    cache
	sessions atomic.Pointer[session]
}

func newWorker(c WorkerConfig) (*worker, error) {
	if c.Goroutines == 0 {
		c.Goroutines = 1
	}
	if c.Goroutines < 0 {
		return nil, fmt.Errorf("queue: %d goroutines; want at least 1", c.Goroutines)
	}
	if c.Log == nil {
		c.Log = func(string) {}
	}
	if c.Lease == 0 {
		c.Lease = 2 * time.Second
	}
	w := &worker{config: c, over: make(chan session, 16)}
	var id [8]byte
	rand.Read(id[:]) // never fails
	w.id = binary.LittleEndian.Uint64(id[:])
	var err error
	if w.link, err = c.Connection.dial("unroll worker", c.Log); err != nil {
		return nil, err
	}
	_, err = w.link.Subscribe(w.link.names.end, func(m *nats.Msg) {
		var s session
		if copy(s[:], m.Data) == len(s) && len(m.Data) == len(s) {
			select {
			case w.over <- s:
			default:
			}
		}
	})
	if err != nil {
		w.link.Close()
		return nil, err
	}
	return w, nil
}

// serve does the tasks of a session.
func (w *worker) serve(ctx context.Context) error {
	answer, err := w.greet(ctx)
	if err != nil {
		return err
	}
	if err := w.build(answer.Settings); err != nil {
		return err
	}
	w.sessions.Store(&answer.Session)
	w.config.Log(fmt.Sprintf("at work for session %x", answer.Session[:4]))
	group, inner := errgroup.WithContext(ctx)
	group.Go(func() error { return w.untilEnd(inner, answer.Session) })
	group.Go(func() error { return w.beat(inner, answer.Session) })
	for _, e := range w.made {
		group.Go(func() error { return w.work(inner, e, answer.Session) })
	}
	err = group.Wait()
	w.tell(answer.Session, alive{Bye: true})
	_ = w.link.FlushTimeout(time.Second) // so that the learner knows, if it is there
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}

// greet asks for settings until somebody answers.
func (w *worker) greet(ctx context.Context) (welcome, error) {
	question, err := json.Marshal(hello{Program: w.config.Program, Kernels: w.config.Kernels})
	if err != nil {
		return welcome{}, err
	}
	for wait, told := 50*time.Millisecond, false; ; wait = min(2*wait, longestWait) {
		once, cancel := context.WithTimeout(ctx, patience)
		m, err := w.link.RequestWithContext(once, w.link.names.hello, question)
		cancel()
		var answer welcome
		switch {
		case err != nil:
			if !told && ctx.Err() == nil {
				told = true
				w.config.Log("waiting for a learner: " + err.Error())
			}
		case parse(m.Data, &answer) != nil: // somebody else's joke
		case answer.Refused != "":
			return answer, fmt.Errorf("the learner refuses this worker: %s", printable(answer.Refused[:min(len(answer.Refused), 2*maxText)]))
		default:
			return answer, nil
		}
		if err := w.link.shut(); err != nil {
			return answer, err
		}
		if w.ended(ctx) {
			return answer, errEnded
		}
		if !pause(ctx, wait) {
			return answer, ctx.Err()
		}
	}
}

// ended reports whether the learner that this worker was at work for has ended meanwhile.
func (w *worker) ended(ctx context.Context) bool {
	s := w.sessions.Load()
	if s == nil || !w.link.IsConnected() {
		return false
	}
	once, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	stream, err := w.link.js.Stream(once, w.link.names.blobStream)
	if err != nil {
		return false
	}
	m, err := stream.GetLastMsgForSubject(once, w.link.names.record)
	var r record
	return err == nil && parse(m.Data, &r) == nil && r.Ended && r.Session == *s
}

// build makes evaluators, unless there are those of the same settings.
func (w *worker) build(settings json.RawMessage) error {
	if w.made != nil && string(w.built) == string(settings) {
		return nil
	}
	newEvaluator, err := w.config.Build(settings)
	if err != nil {
		return err
	}
	w.made = nil
	for range w.config.Goroutines {
		e, err := newEvaluator()
		if err != nil {
			return err
		}
		w.made = append(w.made, e)
	}
	w.built = settings
	return nil
}

// untilEnd waits for the word that all is over, and asks for it now and then in case it was missed.
func (w *worker) untilEnd(ctx context.Context, s session) error {
	tick := time.NewTicker(5 * heartbeat)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case ended := <-w.over:
			if ended == s {
				return errEnded
			}
		case <-tick.C:
			if w.ended(ctx) {
				return errEnded
			}
		}
	}
}

// beat tells the learner that the worker is there.
func (w *worker) beat(ctx context.Context, s session) error {
	tick := time.NewTicker(heartbeat)
	defer tick.Stop()
	w.idle.Store(0)
	for last := time.Now(); ; {
		n := len(w.made)
		passed := float64(time.Since(last)) * float64(n)
		idle := 1.0
		if passed > 0 {
			idle = min(1, float64(w.idle.Swap(0))/passed)
		}
		last = time.Now()
		w.tell(s, alive{Kernels: w.config.Kernels, Goroutines: n, Busy: min(n, int(w.busy.Load())), Idle: idle, Junk: int(w.junk.Load())})
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}

func (w *worker) tell(s session, a alive) {
	a.Session, a.Worker = s, w.id
	if text, err := json.Marshal(a); err == nil {
		_ = w.link.Publish(w.link.names.alive, text) // the next one will do
	}
}
