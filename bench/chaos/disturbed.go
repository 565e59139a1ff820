//go:build unix

package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// A scene is a run that is disturbed.
type scene struct {
	*lab
	out, address string
	apart        bool // the server is a process of its own
	learner      *process
	server       *process
	workers      []*process
	stopped      []time.Time // when they go on; zero for those that run

	killed, halted, servers, learners int
}

const (
	atWork = 3 // workers
	deaths = 5 // of the learner and of the server, at least
)

// enough reports whether all has happened that was to happen.
func (s *scene) enough(kills int) bool {
	return s.killed >= kills && s.learners >= deaths && (!s.apart || s.servers >= deaths)
}

// disturbed learns while workers, learner and server are killed.
func (l *lab) disturbed(ctx context.Context, apart bool, kills int, r *rand.Rand) error {
	name := "disturbed"
	if apart {
		name = "disturbed, a server of its own"
	}
	port, err := free()
	if err != nil {
		return err
	}
	s := &scene{lab: l, out: filepath.Join(l.dir, name), address: "nats://" + port, apart: apart, stopped: make([]time.Time, atWork)}
	begun := time.Now()
	defer s.end()
	if err := s.begin(ctx); err != nil {
		return err
	}
	for {
		over, err := s.learner.learned(ctx, time.Duration(200+r.IntN(800))*time.Millisecond)
		if err != nil {
			return err
		}
		if over {
			break
		}
		s.wake()
		if s.enough(kills) {
			continue
		}
		if err := s.event(ctx, r); err != nil {
			return err
		}
	}
	fmt.Printf("%s: %.1f s; killed: %d workers, %d servers, %d learners; stopped and woken: %d workers\n",
		name, time.Since(begun).Seconds(), s.killed, s.servers+s.learners*b2i(!apart), s.learners, s.halted)
	if !s.enough(kills) {
		return fmt.Errorf("too little has happened; want %d kills of workers and %d of learner and server: more --steps", kills, deaths)
	}
	for i, w := range s.workers {
		w.signal(syscall.SIGCONT)
		if err := w.wait(); err != nil {
			return fmt.Errorf("worker %d does not end as it should: %w: %s", i, err, w.log.String())
		}
	}
	got, err := files(s.out)
	if err != nil {
		return err
	}
	return l.compare(got)
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

// free returns an address that nobody listens at.
func free() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

func (s *scene) begin(ctx context.Context) (err error) {
	if err := s.startServer(ctx); err != nil {
		return err
	}
	if err := s.startLearner(ctx, append([]string{"--out", s.out}, s.learn...)); err != nil {
		return err
	}
	for range atWork {
		w, err := s.start(ctx, worker(s.address))
		if err != nil {
			return err
		}
		s.workers = append(s.workers, w)
	}
	return nil
}

func (s *scene) startServer(ctx context.Context) (err error) {
	if !s.apart {
		return nil
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	s.server, err = start(ctx, exec.CommandContext(ctx, self), "CHAOS_SERVER="+filepath.Join(s.dir, "server"), "CHAOS_LISTEN="+s.address[len("nats://"):])
	return err
}

func (s *scene) startLearner(ctx context.Context, args []string) (err error) {
	where := []string{"--listen", s.address[len("nats://"):]}
	if s.apart {
		where = []string{"--nats", s.address}
	}
	s.learner, err = s.start(ctx, append(append(args, where...), "--token", token))
	return err
}

// wake lets workers that are stopped go on when it is time.
func (s *scene) wake() {
	for i, at := range s.stopped {
		if !at.IsZero() && time.Now().After(at) {
			s.workers[i].signal(syscall.SIGCONT)
			s.stopped[i] = time.Time{}
		}
	}
}

// event is something bad.
func (s *scene) event(ctx context.Context, r *rand.Rand) (err error) {
	i := r.IntN(atWork)
	if !s.workers[i].log.contains("at work") {
		return nil // there is no harm in killing who does nothing yet
	}
	switch n := r.IntN(16); {
	case n == 0 && s.apart:
		s.servers++
		s.server.kill()
		return s.startServer(ctx)
	case n == 1:
		if _, err := os.Stat(filepath.Join(s.out, "train.safetensors")); err != nil {
			return nil // there is nothing to go on from yet
		}
		s.learners++
		s.learner.kill()
		return s.startLearner(ctx, []string{"--resume", s.out, "--generations", s.learn[len(s.learn)-3], "--progress", "plain"})
	case n < 4:
		if s.stopped[i].IsZero() {
			s.halted++
			s.workers[i].signal(syscall.SIGSTOP)
			s.stopped[i] = time.Now().Add(time.Duration(1+r.IntN(5)) * time.Second)
		}
	default:
		s.killed++
		s.workers[i].kill()
		s.stopped[i] = time.Time{}
		s.workers[i], err = s.start(ctx, worker(s.address))
	}
	return err
}

// end ends whatever is still there.
func (s *scene) end() {
	for _, p := range append(s.workers, s.learner, s.server) {
		if p != nil {
			p.signal(syscall.SIGCONT)
			p.signal(syscall.SIGKILL)
		}
	}
}
