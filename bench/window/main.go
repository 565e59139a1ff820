// Command window is our side of the comparison with other frameworks: one window of meta-training, 20 steps of the LSTM
// on the network of Andrychowicz et al. 2016.
//
//	go run ./bench/window --write DIR   writes what the window starts from, and its meta-gradient, for the peers
//	go run ./bench/window --time N      times the window N times and prints a line of JSON
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/seed1498fded/unroll/checkpoints"
	"github.com/seed1498fded/unroll/inner"
	"github.com/seed1498fded/unroll/inner/data/mnist"
	"github.com/seed1498fded/unroll/internal/rng"
	"github.com/seed1498fded/unroll/learnedopt"
	"github.com/seed1498fded/unroll/meta"
	"github.com/seed1498fded/unroll/params"
)

const (
	steps   = 20
	batch   = 128
	phiKey  = 1
	episode = 2 // the key of the episode whose first window this is
)

func main() {
	write := flag.String("write", "", "write window.safetensors to this `folder`")
	times := flag.Int("time", 0, "time `N` windows")
	flag.Parse()
	if err := run(*write, *times); err != nil {
		fmt.Fprintln(os.Stderr, "window:", err)
		os.Exit(1)
	}
}

func run(dir string, times int) error {
	if dir == "" && times <= 0 {
		return errors.New("nothing to do; see --help")
	}
	images, _, err := mnist.Load()
	if err != nil {
		return err
	}
	mlp := inner.MLP{Data: images, Hidden: []int{20}, Batch: batch}
	if dir != "" {
		if err := save(dir, mlp); err != nil {
			return err
		}
	}
	if times > 0 {
		return measure(mlp, times)
	}
	return nil
}

// A window is the work that is compared: each call of differentiate starts the same episode afresh.
type window struct {
	estimator *meta.BPTT
	phi, grad []float32
}

func newWindow(f inner.Family) (*window, error) {
	rule := &learnedopt.LSTM{}
	e, err := meta.NewBPTT(meta.BPTTConfig{Rule: rule, Family: f, Horizon: steps, Window: steps})
	if err != nil {
		return nil, err
	}
	return &window{e, learnedopt.Phi(rule, phiKey), make([]float32, rule.Phi().Len())}, nil
}

func (w *window) differentiate() (loss float64, err error) {
	e, err := w.estimator.Estimate(context.Background(), w.grad, w.phi, episode)
	return e.Loss, err
}

// A recorder notes the keys of the start and of the minibatches that a problem is asked for. It is the family of this
// one problem, too.
type recorder struct {
	inner.Problem
	start   uint64
	batches []uint64
}

func (r *recorder) Sample(uint64) (inner.Problem, error) { return r, nil }

func (r *recorder) Init(theta []float32, key uint64) {
	r.start = key
	r.Problem.Init(theta, key)
}

func (r *recorder) Eval(grad, theta []float32, key uint64) (float64, error) {
	r.batches = append(r.batches, key)
	return r.Problem.Eval(grad, theta, key)
}

// save computes the window and writes a file with all that goes into it and what comes out.
func save(dir string, mlp inner.MLP) error {
	p, err := mlp.Sample(0)
	if err != nil {
		return err
	}
	r := &recorder{Problem: p}
	w, err := newWindow(r)
	if err != nil {
		return err
	}
	loss, err := w.differentiate()
	if err != nil {
		return err
	}

	f := &checkpoints.File{Kind: "window", Meta: map[string]string{"loss": strconv.FormatFloat(loss, 'g', -1, 64)}}
	phi := w.estimator.Phi()
	checkpoints.Put(f, "phi.", phi, w.phi)
	checkpoints.Put(f, "grad.", phi, w.grad)
	theta := make([]float32, p.Params().Len())
	p.Init(theta, r.start)
	checkpoints.Put(f, "theta.", p.Params(), theta)
	images, labels := minibatches(mlp, r.batches)
	n := len(r.batches)
	checkpoints.Put(f, "", params.Layout{{Name: "images", Shape: []int{n, batch, mlp.Data.Pixels()}}}, images)
	checkpoints.Put(f, "", params.Layout{{Name: "labels", Shape: []int{n, batch}}}, labels)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	return f.Save(filepath.Join(dir, "window.safetensors"))
}

// minibatches draws what an MLP draws for the keys. That the peers arrive at the same meta-gradient proves that it does.
func minibatches(mlp inner.MLP, keys []uint64) (images, labels []float32) {
	for _, key := range keys {
		draw := rng.New(key)
		for range batch {
			i := draw.IntN(mlp.Data.Len())
			for _, pixel := range mlp.Data.Image(i) {
				images = append(images, float32(pixel)/255)
			}
			labels = append(labels, float32(mlp.Data.Labels[i]))
		}
	}
	return images, labels
}

// A timing is the line that this program and the peers print.
type timing struct {
	Name    string    `json:"name"`
	Version string    `json:"version"`
	Threads int       `json:"threads"`
	Seconds []float64 `json:"seconds"`
	PeakMB  float64   `json:"peak_mb"` // of the whole process
}

// measure times the window, after one for warming up.
func measure(mlp inner.MLP, times int) error {
	w, err := newWindow(mlp)
	if err != nil {
		return err
	}
	t := timing{Name: "unroll", Version: runtime.Version(), Threads: runtime.GOMAXPROCS(0)}
	for i := range times + 1 {
		began := time.Now()
		if _, err := w.differentiate(); err != nil {
			return err
		}
		if i > 0 {
			t.Seconds = append(t.Seconds, time.Since(began).Seconds())
		}
	}
	if t.PeakMB, err = peakMB(); err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(t)
}

// peakMB returns the most memory that the process ever had resident, as Linux counts it.
func peakMB() (float64, error) {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(status)) {
		if kB, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			n, err := strconv.ParseFloat(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(kB), "kB")), 64)
			return n / 1024, err
		}
	}
	return 0, errors.New("no VmHWM in /proc/self/status")
}
