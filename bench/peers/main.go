// Command peers measures the same works in unroll, PyTorch and JAX, and prints a table of each. It first checks that all
// arrive at the same gradient, and measures nothing if they do not. Run it at the root of the repository, with make
// peers; bench/README.md says more.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
)

func main() {
	var s session
	flag.StringVar(&s.torch, "torch", "/usr/bin/python3", "a `python` that has PyTorch; Debian's is the system's")
	flag.StringVar(&s.jax, "jax", "bench/.venv/bin/python", "a `python` that has JAX")
	flag.IntVar(&s.rounds, "rounds", 5, "how often everyone takes a turn")
	flag.IntVar(&s.times, "times", 3, "how often the work is timed in a turn, after once for warming up")
	flag.StringVar(&s.work, "work", "", "only this `work`: window, optimizee, training or pes")
	flag.IntVar(&s.seconds, "seconds", 10, "how long pes is measured in a turn")
	flag.StringVar(&s.peer, "peer", os.Getenv("PEER"),
		"one more peer in pes: a `command` line for the shell, of which the last number that it prints is inner steps a second")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := s.run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "peers:", err)
		os.Exit(1)
	}
}

type session struct {
	torch, jax    string
	work          string // empty: all
	peer          string // empty: none
	rounds, times int
	seconds       int
}

// A timing is the line that a contender prints, or several of them taken together.
type timing struct {
	Name    string    `json:"name"`
	Version string    `json:"version"`
	Threads int       `json:"threads"`
	Seconds []float64 `json:"seconds"`
	PeakMB  float64   `json:"peak_mb"`
}

// A contender is a program that times its work when told to with --time.
type contender struct {
	command []string
	timing
}

func (s session) run(ctx context.Context) error {
	if s.rounds < 1 || s.times < 1 || s.seconds < 1 {
		return fmt.Errorf("%d rounds of %d times, or of %d seconds; want at least 1 of each", s.rounds, s.times, s.seconds)
	}
	works := []string{"window", "optimizee", "training", ratesWork}
	if s.work != "" {
		if !slices.Contains(works, s.work) {
			return fmt.Errorf("no work %q; there are %v", s.work, works)
		}
		works = []string{s.work}
	}
	dir, err := os.MkdirTemp("", "peers")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	ours := filepath.Join(dir, "ours")
	if _, err := output(ctx, "go", "build", "-o", ours, "./bench/ours"); err != nil {
		return err
	}
	for _, work := range works {
		measure := func() error { return s.compare(ctx, work, ours, dir) }
		if work == ratesWork {
			measure = func() error { return s.rates(ctx, ours, dir) }
		}
		if err := measure(); err != nil {
			return err
		}
	}
	return nil
}

// compare checks and measures one work.
func (s session) compare(ctx context.Context, work, ours, dir string) error {
	if _, err := output(ctx, ours, "--work", work, "--write", dir); err != nil {
		return err
	}
	var peers [][]string
	for _, p := range []struct{ python, name string }{{s.torch, "torch"}, {s.jax, "jax"}} {
		script := fmt.Sprintf("bench/%s_%s.py", work, p.name)
		if _, err := os.Stat(script); err == nil { // not every peer does every work
			peers = append(peers, []string{p.python, script, "--inputs", dir})
		}
	}
	contenders := []*contender{{command: []string{ours, "--work", work}}}
	for _, peer := range peers {
		said, err := output(ctx, append(peer, "--check")...)
		if err != nil {
			return err
		}
		fmt.Fprintf(os.Stderr, "%s: %s", peer[1], said)
		for _, threads := range threadCounts() {
			contenders = append(contenders, &contender{command: append(slices.Clone(peer), "--threads", strconv.Itoa(threads))})
		}
	}
	for round := range s.rounds {
		fmt.Fprintf(os.Stderr, "%s: round %d of %d\n", work, round+1, s.rounds)
		for _, c := range contenders {
			if err := c.turn(ctx, s.times); err != nil {
				return err
			}
		}
	}
	fmt.Printf("%s\n\n", work)
	return table(os.Stdout, contenders)
}

// threadCounts returns the numbers of threads that peers are measured with: more are not always faster.
func threadCounts() []int {
	return slices.Compact([]int{1, runtime.NumCPU()})
}

// turn times the work in a process of its own.
func (c *contender) turn(ctx context.Context, times int) error {
	out, err := output(ctx, append(slices.Clone(c.command), "--time", strconv.Itoa(times))...)
	if err != nil {
		return err
	}
	var t timing
	if err := json.Unmarshal(out, &t); err != nil {
		return fmt.Errorf("%s: %w", c.command[0], err)
	}
	if len(t.Seconds) != times {
		return fmt.Errorf("%s: %d times, want %d", c.command[0], len(t.Seconds), times)
	}
	t.Seconds, t.PeakMB = append(c.Seconds, t.Seconds...), max(c.PeakMB, t.PeakMB)
	c.timing = t
	return nil
}

// output returns what a program prints; its complaints are ours.
func output(ctx context.Context, command ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	var complaints bytes.Buffer
	cmd.Stderr = &complaints
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("%v: %w\n%s%s", command, err, out, complaints.Bytes())
	}
	return out, nil
}

// table prints the contenders in Markdown, the first being ours; of those of one name, the fastest.
func table(w io.Writer, contenders []*contender) error {
	var rows []*contender
	for _, c := range contenders {
		i := slices.IndexFunc(rows, func(r *contender) bool { return r.Name == c.Name })
		switch {
		case i < 0:
			rows = append(rows, c)
		case median(c.Seconds) < median(rows[i].Seconds):
			rows[i] = c
		}
	}
	text := "| | version | threads | median s | min s | median / ours | peak MB |\n|---|---|---:|---:|---:|---:|---:|\n"
	for _, r := range rows {
		m := median(r.Seconds)
		text += fmt.Sprintf("| %s | %s | %d | %.3f | %.3f | %.2f | %.0f |\n",
			r.Name, r.Version, r.Threads, m, slices.Min(r.Seconds), m/median(rows[0].Seconds), r.PeakMB)
	}
	_, err := io.WriteString(w, text+"\n")
	return err
}

func median(v []float64) float64 {
	v = slices.Sorted(slices.Values(v))
	return (v[(len(v)-1)/2] + v[len(v)/2]) / 2
}
