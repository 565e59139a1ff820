//go:build unix

// Command chaos learns with goroutines alone, then with worker processes, then with worker processes, servers and learners that are
// killed, stopped and started again, and compares the files that come of it, byte by byte. It exits with 1 if any differ.
//
//	go run ./bench/chaos [--steps N] [--kills N] [--seed N] [--window N] [--scenes "1 2 16 listen nats"]
package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/seed1498fded/unroll/meta/dist/queue"
)

// A lab is where runs are disturbed.
type lab struct {
	metatrain, dir string
	learn          []string // the flags of the run
	want           map[string][]byte
}

// kept are the files that are compared.
var kept = []string{"train.safetensors", "log.jsonl", "optimizer.safetensors"}

func main() {
	if dir := os.Getenv("CHAOS_SERVER"); dir != "" {
		fail(serve(dir, os.Getenv("CHAOS_LISTEN")))
		return
	}
	steps := flag.Int("steps", 200, "outer steps")
	kills := flag.Int("kills", 50, "workers to be killed at least")
	seed := flag.Uint64("seed", 1, "of what happens when")
	window := flag.Int("window", 20, "inner steps of an outer step; 100 for whole episodes")
	scenes := flag.String("scenes", "1 2 16 listen nats", "numbers of workers that nobody disturbs, and servers of the runs that are")
	metatrain := flag.String("metatrain", "", "the program; built if empty")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	fail(run(ctx, *metatrain, *steps, *window, *kills, *seed, strings.Fields(*scenes)))
}

func fail(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "chaos:", err)
		os.Exit(1)
	}
}

// serve is a NATS server, to be killed.
func serve(dir, listen string) error {
	if _, err := queue.NewServer(queue.ServerConfig{Listen: listen, Dir: dir, Token: token}); err != nil {
		return err
	}
	select {}
}

const token = "chaos"

func run(ctx context.Context, metatrain string, steps, window, kills int, seed uint64, scenes []string) error {
	dir, err := os.MkdirTemp("", "chaos")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if metatrain == "" {
		metatrain = filepath.Join(dir, "metatrain")
		if out, err := exec.CommandContext(ctx, "go", "build", "-o", metatrain, "./cmd/metatrain").CombinedOutput(); err != nil {
			return fmt.Errorf("%w: %s", err, out)
		}
	}
	l := &lab{metatrain: metatrain, dir: dir, learn: []string{
		"--problem", "mnist8", "--members", "8", "--window", fmt.Sprint(window), "--every", fmt.Sprint(32 * window / 20), "--generations", fmt.Sprint(steps),
		"--progress", "plain",
	}}
	if l.want, err = l.quiet(ctx, "goroutines", 0); err != nil {
		return err
	}
	for _, scene := range scenes {
		if n, err := strconv.Atoi(scene); err == nil {
			got, err := l.quiet(ctx, scene+" workers", n)
			if err == nil {
				err = l.compare(got)
			}
			if err != nil {
				return err
			}
			continue
		}
		if err := l.disturbed(ctx, scene == "nats", kills, rand.New(rand.NewPCG(seed, 0))); err != nil {
			return err
		}
	}
	return nil
}

// quiet learns with a number of workers that nobody disturbs; 0 for goroutines of the learner.
func (l *lab) quiet(ctx context.Context, name string, workers int) (map[string][]byte, error) {
	out := filepath.Join(l.dir, name)
	args := append([]string{"--out", out}, l.learn...)
	if workers > 0 {
		args = append(args, "--listen", "127.0.0.1:0", "--token", token)
	}
	begun := time.Now()
	learner, err := l.start(ctx, args)
	if err != nil {
		return nil, err
	}
	var all []*process
	if workers > 0 {
		address, err := awaited(ctx, filepath.Join(out, "address"))
		if err != nil {
			return nil, fmt.Errorf("%w: %s", err, learner.log.String())
		}
		for range workers {
			w, err := l.start(ctx, worker(address))
			if err != nil {
				return nil, err
			}
			all = append(all, w)
		}
	}
	if err := learner.untilLearned(ctx); err != nil {
		return nil, err
	}
	fmt.Printf("%s: %.1f s\n", name, time.Since(begun).Seconds())
	learner.kill()
	for _, w := range all {
		if err := w.wait(); err != nil {
			return nil, fmt.Errorf("a worker: %w: %s", err, w.log.String())
		}
	}
	got, err := files(out)
	return got, err
}

func worker(address string) []string {
	return []string{"--connect", address, "--token", token, "--workers", "1", "--progress", "plain"}
}

// awaited returns what is in a file as soon as there is something.
func awaited(ctx context.Context, file string) (string, error) {
	for range 600 {
		if text, err := os.ReadFile(file); err == nil && len(text) > 0 {
			return string(bytes.TrimSpace(text)), nil
		}
		select {
		case <-ctx.Done():
			return "", ctx.Err()
		case <-time.After(50 * time.Millisecond):
		}
	}
	return "", errors.New("no server came up")
}

func files(dir string) (map[string][]byte, error) {
	all := make(map[string][]byte)
	for _, name := range kept {
		text, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			return nil, err
		}
		all[name] = text
	}
	return all, nil
}

func (l *lab) compare(got map[string][]byte) error {
	for _, name := range kept {
		if !bytes.Equal(got[name], l.want[name]) {
			return fmt.Errorf("%s differs", name)
		}
	}
	return nil
}
