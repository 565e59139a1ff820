// Command ours is our side of the comparison with other frameworks.
//
//	go run ./bench/ours --work window --write DIR   writes what a work starts from, and what comes out, for the peers
//	go run ./bench/ours --work window --time N      does the work N times and prints a line of JSON
//	go run ./bench/ours --work pes --time N         does the work for N seconds; the last line is how many inner steps a second
//
// The works are window, 20 steps of the LSTM on the network of Andrychowicz et al. 2016 with their meta-gradient;
// optimizee, a thousand losses and gradients of that network; training, an epoch of Adam on a larger one; and that under
// feedback alignment, training-fa and training-dfa; pes, persistent evolution strategies on small networks.
package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/seed1498fded/unroll/checkpoints"
	"github.com/seed1498fded/unroll/inner/credit"
	"github.com/seed1498fded/unroll/inner/data"
	"github.com/seed1498fded/unroll/inner/data/mnist"
	"github.com/seed1498fded/unroll/inner/nets"
	"github.com/seed1498fded/unroll/internal/rng"
	"github.com/seed1498fded/unroll/params"
)

const batch = 128

func main() {
	work := flag.String("work", "window", "`name` of the work: "+strings.Join(names(), ", "))
	write := flag.String("write", "", "write the work's file to this `folder`")
	times := flag.Int("time", 0, "do the work `N` times; pes for so many seconds")
	hidden := flag.Int("hidden", 20, "hidden units of the network; the peers have 20")
	rule := flag.String("rule", "celo2", "`name` of the rule that pes is to learn")
	flag.Parse()
	if err := run(*work, *write, *times, *hidden, *rule); err != nil {
		fmt.Fprintln(os.Stderr, "ours:", err)
		os.Exit(1)
	}
}

// A worker does a work once.
type worker interface{ run() error }

// A work is something to be compared.
type work struct {
	file   func(credit.Family) (*checkpoints.File, error)
	worker func(credit.Family) (worker, error)
}

var works = map[string]work{
	"window":    {windowFile, func(f credit.Family) (worker, error) { return newWindow(f) }},
	"optimizee": {optimizeeFile, func(f credit.Family) (worker, error) { return newOptimizee(f) }},

	"training":     {trainingFile, trains(credit.BackpropOf[float32]{})},
	"training-fa":  {trainingFile, trains(credit.FeedbackAlignmentOf[float32]{})},
	"training-dfa": {trainingFile, trains(credit.DirectOf[float32]{})},
}

func trains(r credit.Rule) func(credit.Family) (worker, error) {
	return func(f credit.Family) (worker, error) { return newTraining(f.Data, r) }
}

// networks is the family of fully connected networks that classify images.
func networks(images *data.Set, activation nets.Activation, hidden ...int) (credit.Family, error) {
	var layers []nets.Layer
	for _, units := range hidden {
		layers = append(layers, nets.Dense{Units: units}, activation)
	}
	layers = append(layers, nets.Dense{Units: images.Classes})
	net, err := nets.New[float32](nets.Vector(images.Pixels()), nets.CrossEntropy, layers...)
	return credit.Family{Net: net, Data: images, Batch: batch}, err
}

// pesWork is the work that is measured in inner steps a second.
const pesWork = "pes"

func names() []string { return append(slices.Sorted(maps.Keys(works)), pesWork) }

func run(name, dir string, times, hidden int, rule string) error {
	w, ok := works[name]
	switch {
	case !ok && name != pesWork:
		return fmt.Errorf("no work %q; there are %s", name, strings.Join(names(), ", "))
	case dir == "" && times <= 0:
		return errors.New("nothing to do; see --help")
	}
	images, _, err := mnist.Load()
	if err != nil {
		return err
	}
	if name == pesWork {
		return runPES(os.Stdout, images, rule, dir, time.Duration(times)*time.Second)
	}
	problems, err := networks(images, "sigmoid", hidden)
	if err != nil {
		return err
	}
	problems.Init = nets.Normal
	if dir != "" {
		if err := save(w.file, problems, dir, name); err != nil {
			return err
		}
	}
	if times > 0 {
		return measure(w, problems, times)
	}
	return nil
}

// save writes a work's file to a folder.
func save(file func(credit.Family) (*checkpoints.File, error), problems credit.Family, dir, name string) error {
	f, err := file(problems)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	return f.Save(filepath.Join(dir, name+".safetensors"))
}

// newFile begins the file of a work with its loss.
func newFile(loss float64) *checkpoints.File {
	return &checkpoints.File{Kind: "work", Meta: map[string]string{"loss": strconv.FormatFloat(loss, 'g', -1, 64)}}
}

// putMinibatches draws what the problem draws for the keys. That the peers arrive at the same gradients proves that it does.
func putMinibatches(f *checkpoints.File, problems credit.Family, keys []uint64) {
	var images, labels []float32
	for _, key := range keys {
		draw := rng.New(key)
		for range problems.Batch {
			i := draw.IntN(problems.Data.Len())
			for _, pixel := range problems.Data.Image(i) {
				images = append(images, float32(pixel)/255)
			}
			labels = append(labels, float32(problems.Data.Labels[i]))
		}
	}
	n := len(keys)
	checkpoints.Put(f, "", params.Layout{{Name: "images", Shape: []int{n, problems.Batch, problems.Data.Pixels()}}}, images)
	checkpoints.Put(f, "", params.Layout{{Name: "labels", Shape: []int{n, problems.Batch}}}, labels)
}

// A timing is the line that this program and the peers print.
type timing struct {
	Name    string    `json:"name"`
	Version string    `json:"version"`
	Threads int       `json:"threads"`
	Seconds []float64 `json:"seconds"`
	PeakMB  float64   `json:"peak_mb"` // of the whole process
}

// measure times a work, after one for warming up.
func measure(w work, problems credit.Family, times int) error {
	does, err := w.worker(problems)
	if err != nil {
		return err
	}
	t := timing{Name: "unroll", Version: runtime.Version(), Threads: runtime.GOMAXPROCS(0)}
	for i := range times + 1 {
		began := time.Now()
		if err := does.run(); err != nil {
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
