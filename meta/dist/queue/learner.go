package queue

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/seed1498fded/unroll/meta/dist"
)

// LearnerConfig says what a learner has workers do.
type LearnerConfig struct {
	Connection Connection

	// Settings are what workers build evaluators by, as JSON. Program and Kernels are what they must be equal in, so that their bits are:
	// what the program was built from, and the processor's instructions in use. AnyKernels lets others help, with other bits.
	Settings   json.RawMessage
	Program    string
	Kernels    string
	AnyKernels bool

	// New makes an evaluator for what has to be made here: results that are not finite, members that workers report errors of, and all
	// while there are no workers. It also checks results.
	New func() (dist.Evaluator, error)

	Log func(string) // is told what a user should know, one line at a time; nobody if nil

	Lease time.Duration // how long a worker may be silent before others get its task; 2 s if zero
}

// A Learner is a dist.Pool of whoever connects. As long as nobody does, it evaluates members itself, one after the other.
type Learner struct {
	config  LearnerConfig
	link    *link
	session session
	queue   jetstream.Consumer
	own     dist.Evaluator
	ownLock sync.Mutex

	lock   sync.Mutex // of all below
	stats  Stats
	roll   roll
	made   map[uint64]int // results that were taken from each worker, of up to mostWorkers
	number uint64         // of the last round
	round  *round         // nil between rounds

	alone  bool          // members of this round were made here for want of others; of the goroutine of Do
	stored map[*byte]ref // states that the last round's workers have stored, by where their bytes are here
}

var _ dist.Pool = (*Learner)(nil)

// NewLearner connects to a server, takes it over for its run and empties the queue. It is an error if another learner is at work there.
// Close it.
func NewLearner(ctx context.Context, c LearnerConfig) (*Learner, error) {
	if c.Log == nil {
		c.Log = func(string) {}
	}
	if c.Lease == 0 {
		c.Lease = 2 * time.Second
	}
	own, err := c.New()
	if err != nil {
		return nil, err
	}
	l := &Learner{config: c, own: own, roll: make(roll), made: make(map[uint64]int), stored: make(map[*byte]ref)}
	rand.Read(l.session[:]) // never fails
	if l.link, err = c.Connection.dial("unroll learner", c.Log); err != nil {
		return nil, err
	}
	if err := l.begin(ctx); err != nil {
		l.link.Close()
		return nil, err
	}
	return l, nil
}

// begin takes the server over.
func (l *Learner) begin(ctx context.Context) error {
	if err := l.sole(ctx); err != nil {
		return err
	}
	if err := l.prepare(ctx, true); err != nil {
		return err
	}
	if err := l.write(ctx, record{Session: l.session}); err != nil {
		return err
	}
	for subject, handle := range map[string]nats.MsgHandler{
		l.link.names.hello: l.onHello, l.link.names.result: l.onResult, l.link.names.alive: l.onAlive,
	} {
		s, err := l.link.Subscribe(subject, handle)
		if err != nil {
			return err
		}
		if err := s.SetPendingLimits(64<<10, 256<<20); err != nil {
			return err
		}
	}
	return persist(ctx, func(context.Context) error { return l.link.FlushTimeout(patience) })
}

// sole reports another learner of this run. One that is there and does not answer may be the last that the server has seen of one that
// has lost the network: it is waited for.
func (l *Learner) sole(ctx context.Context) error {
	for told := false; ; {
		once, cancel := context.WithTimeout(ctx, time.Second)
		_, err := l.link.RequestWithContext(once, l.link.names.hello, []byte("{}"))
		cancel()
		switch {
		case errors.Is(err, nats.ErrNoResponders):
			return nil
		case err == nil:
			return errors.New("another learner is at work at this server; name the run, as in nats://HOST:PORT/NAME")
		case ctx.Err() != nil:
			return ctx.Err()
		case l.link.shut() != nil:
			return l.link.shut()
		case !told:
			told = true
			l.config.Log("waiting for the server, or for the learner there to go")
		}
		if !pause(ctx, 100*time.Millisecond) {
			return ctx.Err()
		}
	}
}

// prepare makes the streams, and empties them if that is wanted.
func (l *Learner) prepare(ctx context.Context, empty bool) error {
	n := l.link.names
	for _, c := range []jetstream.StreamConfig{
		{
			Name: n.workStream, Subjects: []string{n.work}, Retention: jetstream.WorkQueuePolicy, MaxMsgSize: maxMessage,
			MaxBytes: 1 << 30, Discard: jetstream.DiscardNew, Duplicates: time.Minute,
		},
		{
			Name: n.blobStream, Subjects: []string{n.blobs + ".>", n.record}, MaxMsgsPerSubject: 1, MaxMsgSize: maxMessage,
			MaxBytes: 4 << 30, MaxAge: 24 * time.Hour, AllowDirect: true, Duplicates: time.Second,
		},
	} {
		if err := persist(ctx, func(ctx context.Context) error {
			s, err := l.link.js.CreateOrUpdateStream(ctx, c)
			if err == nil && empty {
				err = s.Purge(ctx)
			}
			if api, ok := errors.AsType[*jetstream.APIError](err); ok {
				return final{fmt.Errorf("queue: stream %s: %w", c.Name, api)}
			}
			return err
		}); err != nil {
			return err
		}
	}
	return persist(ctx, func(ctx context.Context) (err error) {
		l.queue, err = l.link.js.CreateOrUpdateConsumer(ctx, n.workStream, jetstream.ConsumerConfig{
			Durable: consumer, AckPolicy: jetstream.AckExplicitPolicy, AckWait: l.config.Lease, MaxDeliver: -1,
			MaxAckPending: 1 << 20, MaxWaiting: 1 << 20,
		})
		return err
	})
}

// write leaves a word for workers that are away.
func (l *Learner) write(ctx context.Context, r record) error {
	text, err := json.Marshal(r)
	if err != nil {
		return err
	}
	return persist(ctx, func(ctx context.Context) error {
		_, err := l.link.js.Publish(ctx, l.link.names.record, text)
		return err
	})
}

// Stats returns what was counted so far.
func (l *Learner) Stats() Stats {
	l.lock.Lock()
	defer l.lock.Unlock()
	l.roll.count(&l.stats, time.Now())
	s := l.stats
	traffic := l.link.Stats()
	s.Sent, s.Received = traffic.OutBytes, traffic.InBytes
	if l.round != nil {
		s.InFlight = l.round.missing
	}
	return s
}

// Helpers returns the workers that were heard of lately.
func (l *Learner) Helpers() []Helper {
	l.lock.Lock()
	defer l.lock.Unlock()
	return l.roll.list(l.made, time.Now())
}

// onHello answers a worker.
func (l *Learner) onHello(m *nats.Msg) {
	var h hello
	w := welcome{Session: l.session}
	if err := parse(m.Data, &h); err != nil {
		l.count(func(s *Stats) { s.Malformed++ })
		w.Refused = "this is no greeting"
	} else if w.Refused = l.refuse(h); w.Refused == "" {
		w.Settings = l.config.Settings
	} else if len(m.Data) > 2 { // what another learner asks with is empty
		l.count(func(s *Stats) { s.Refused++ })
	}
	if text, err := json.Marshal(w); err == nil && m.Reply != "" {
		_ = m.Respond(text) // the worker asks again
	}
}

// refuse says why a worker cannot help; "" if it can.
func (l *Learner) refuse(h hello) string {
	switch {
	case h.Program != l.config.Program:
		return fmt.Sprintf("the worker is %.150s, the learner %.150s; want the same program", h.Program, l.config.Program)
	case h.Kernels != l.config.Kernels && !l.config.AnyKernels:
		return fmt.Sprintf("the worker's kernels are %.40s, the learner's %.40s: their bits differ; the learner may allow that by --any-kernels",
			h.Kernels, l.config.Kernels)
	case h.Kernels != l.config.Kernels:
		l.config.Log(fmt.Sprintf("a worker has the kernels %.40s, not %.40s: the same up to rounding, not to the bit", h.Kernels, l.config.Kernels))
	}
	return ""
}

// onAlive takes a heartbeat.
func (l *Learner) onAlive(m *nats.Msg) {
	var a alive
	err := parse(m.Data, &a)
	l.lock.Lock()
	defer l.lock.Unlock()
	switch {
	case err != nil || a.Goroutines < 0 || a.Busy < 0 || a.Busy > a.Goroutines || a.Goroutines > 1<<16 || !(a.Idle >= 0 && a.Idle <= 1):
		l.stats.Malformed++
	case a.Session != l.session:
		l.stats.Foreign++
	default:
		l.roll.note(a, time.Now())
	}
}

func (l *Learner) count(f func(*Stats)) {
	l.lock.Lock()
	defer l.lock.Unlock()
	f(&l.stats)
}

// End tells the workers that there is nothing to do any more, and waits until they have gone, for 3 s at most: so long, too, where none
// has done anything, for one that is on its way.
func (l *Learner) End(ctx context.Context) error {
	if err := l.write(ctx, record{l.session, true}); err != nil {
		return err
	}
	alone := l.Stats().Results == 0
	for begun := time.Now(); time.Since(begun) < patience && (alone || l.Stats().Workers > 0); {
		if err := l.link.Publish(l.link.names.end, l.session[:]); err != nil {
			return err
		}
		if !pause(ctx, 50*time.Millisecond) {
			return ctx.Err()
		}
	}
	return nil
}

// Close ends the connection. Workers wait for another learner, unless End told them not to.
func (l *Learner) Close() { l.link.Close() }
