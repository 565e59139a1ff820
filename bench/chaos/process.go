//go:build unix

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"time"
)

// A process is one that can be killed.
type process struct {
	cmd  *exec.Cmd
	log  logged
	done chan error // its end
}

// logged is what a process wrote to standard error.
type logged struct {
	lock sync.Mutex
	text bytes.Buffer
}

func (l *logged) Write(p []byte) (int, error) {
	l.lock.Lock()
	defer l.lock.Unlock()
	return l.text.Write(p)
}

func (l *logged) String() string {
	l.lock.Lock()
	defer l.lock.Unlock()
	return l.text.String()
}

func (l *logged) contains(s string) bool { return bytes.Contains([]byte(l.String()), []byte(s)) }

func (l *lab) start(ctx context.Context, args []string, env ...string) (*process, error) {
	return start(ctx, exec.CommandContext(ctx, l.metatrain, args...), env...)
}

func start(_ context.Context, cmd *exec.Cmd, env ...string) (*process, error) {
	p := &process{cmd: cmd, done: make(chan error, 1)}
	cmd.Stderr = &p.log
	cmd.Env = append(os.Environ(), env...)
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	go func() { p.done <- cmd.Wait() }()
	return p, nil
}

func (p *process) signal(s syscall.Signal) { _ = p.cmd.Process.Signal(s) }

func (p *process) kill() {
	p.signal(syscall.SIGKILL)
	<-p.done
}

// wait waits for the process to end by itself, for a while.
func (p *process) wait() error {
	select {
	case err := <-p.done:
		return err
	case <-time.After(20 * time.Second):
		p.kill()
		return errors.New("it does not end")
	}
}

// untilLearned waits until all is learned, and only the table is to be made.
func (p *process) untilLearned(ctx context.Context) error {
	for {
		over, err := p.learned(ctx, 20*time.Millisecond)
		if over || err != nil {
			return err
		}
	}
}

// learned waits for a time, and reports whether all is learned.
func (p *process) learned(ctx context.Context, d time.Duration) (bool, error) {
	select {
	case <-ctx.Done():
		return false, ctx.Err()
	case err := <-p.done:
		return false, fmt.Errorf("the learner has ended: %w: %s", err, p.log.String())
	case <-time.After(d):
	}
	return p.log.contains("comparing: "), nil
}
