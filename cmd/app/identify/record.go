package identify

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"

	"github.com/seed1498fded/unroll/cmd/internal/cli"
	"github.com/seed1498fded/unroll/inner/catalog"
	"github.com/seed1498fded/unroll/meta/identify"
)

// recordingFile is the name of the file in the folder of --record.
const recordingFile = "observables.safetensors"

// recordingPath returns the file of a folder of --record; a file stands for itself.
func recordingPath(path string) string {
	if isFolder(path) {
		return filepath.Join(path, recordingFile)
	}
	return path
}

// recording trains a network and writes down what is seen of it.
func (o options) recording() (cli.Work, error) {
	for _, f := range []string{"of", "rules", "nets", "model", "plot", "json"} {
		if o.Given(f) {
			return nil, fmt.Errorf("--%s: not with --record", f)
		}
	}
	t, recorder, err := o.training()
	if err != nil {
		return nil, err
	}
	if err := checkFolder(*o.Record); err != nil {
		return nil, fmt.Errorf("--record: %w", err)
	}
	return func(ctx context.Context, progress cli.Progress) (cli.Outcome, error) {
		progress.Update(0, "training the network")
		if _, err := t.Run(ctx, watched{recorder, t.Steps, progress}); err != nil {
			return nil, err
		}
		rec, err := recorder.Recording()
		if err != nil {
			return nil, err
		}
		rec.Meta = map[string]string{
			"problem": o.Problem, "rule": t.Rule.Name, "rate": fmt.Sprint(t.Rate), "seed": strconv.FormatUint(uint64(o.Seed), 10),
		}
		if err := os.MkdirAll(*o.Record, 0o777); err != nil {
			return nil, fmt.Errorf("--record: %w", err)
		}
		path := filepath.Join(*o.Record, recordingFile)
		return written{path, t, len(rec.Layers), len(rec.Times)}, rec.Save(path)
	}, nil
}

// training returns what the flags ask to be trained, and what records it.
func (o options) training() (t identify.Training, r *identify.Recorder, err error) {
	images, err := o.images()
	if err != nil {
		return t, nil, err
	}
	images.Batch, images.Init, images.Activation, images.Hidden = o.Batch.Or(32), cmp.Or(o.Init, "lecun"), o.Activation, o.Hidden
	if o.Problem == "mnist8" || o.Problem == "mnist" {
		images.Activation = cmp.Or(o.Activation, "relu")
		if len(o.Hidden) == 0 {
			images.Hidden = []int{48, 48}
		}
	}
	t.Rule, err = identify.FindRule(o.ruleName())
	if err != nil {
		return t, nil, fmt.Errorf("--credit, --optimizer: %w", err)
	}
	b, err := catalog.LookupBenchmark(o.Problem, images)
	if err != nil {
		return t, nil, err
	}
	t.Family, t.Steps, t.Key = b.Family, o.Steps.Or(2500), uint64(o.Seed)
	t.Family.Data = b.Family.Data.Slice(b.Family.Data.Len()/2, b.Family.Data.Len())
	t.Rate = t.Rule.Rate(uint64(o.Seed))
	if o.LR != nil {
		t.Rate = float64(*o.LR)
	}
	const times = 21
	if t.Steps < times-1 {
		return t, nil, fmt.Errorf("--steps: %d, with %d times to look at the network; want %d or more", t.Steps, times, times-1)
	}
	r, err = identify.NewRecorder(b.Family.Net, b.Test.Slice(0, min(probeImages, b.Test.Len())), identify.Times(times, t.Steps))
	return t, r, err
}

// ruleName puts --credit and --optimizer together.
func (o options) ruleName() string {
	return cmp.Or(o.Credit, "backprop") + "+" + cmp.Or(o.Optimizer, "momentum")
}

// checkFolder reports a folder that holds a recording already, or cannot be made or written to.
func checkFolder(dir string) error {
	if dir == "" {
		return errors.New("want the name of a folder, got nothing")
	}
	info, err := os.Stat(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case !info.IsDir():
		return fmt.Errorf("%s: want a folder, but it is none", dir)
	}
	path := filepath.Join(dir, recordingFile)
	if _, err := os.Lstat(path); err == nil {
		return fmt.Errorf("%s: it is there already", path)
	}
	return nil
}

// watched tells how far a recorded training has come.
type watched struct {
	*identify.Recorder
	steps    int
	progress cli.Progress
}

func (w watched) Observe(step int, theta []float32) error {
	if step%64 == 0 {
		w.progress.Update(float64(step)/float64(w.steps), "training the network")
	}
	return w.Recorder.Observe(step, theta)
}

// written is the outcome of a recording.
type written struct {
	path          string
	training      identify.Training
	layers, times int
}

func (x written) WriteTable(w io.Writer) error {
	_, err := fmt.Fprintf(w, "%s: %d layers at %d times of %d steps under %s\n", x.path, x.layers, x.times, x.training.Steps, x.training.Rule.Name)
	return err
}
