package metatrain

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/seed1498fded/unroll/cmd/internal/live"
	"github.com/seed1498fded/unroll/cmd/internal/rundir"
	"github.com/seed1498fded/unroll/learnedopt"
	"github.com/seed1498fded/unroll/meta"
)

// lookEvery is how often the files of a run that is viewed are looked at.
const lookEvery = time.Second

// view shows the run in a folder as a page until the context ends, which is no error. It writes nothing.
func view(ctx context.Context, o options, stderr io.Writer) error {
	if err := o.viewOnly(); err != nil {
		return err
	}
	board := live.NewBoard(live.Run{})
	v := &viewer{dir: o.View, board: board}
	if err := v.look(); err != nil {
		return fmt.Errorf("--view: %w", err)
	}
	port, err := live.Listen(cmp.Or(o.Serve, "0"))
	if err != nil {
		return fmt.Errorf("--serve: %w", err)
	}
	server := live.Serve(port, board)
	_, err = fmt.Fprintf(stderr, "the run's page is %s; an interrupt ends it\n", server.URL())
	if err == nil {
		v.follow(ctx)
	}
	return errors.Join(err, server.Close())
}

// viewOnly reports flags that say something about a run that is to learn.
func (o options) viewOnly() error {
	if err := o.check(); err != nil {
		return err
	}
	names := []string{"recipe", "out", "resume", "resume-if-there", "budget", "episodes", "generations", "workers", "listen", "nats", "tensorboard", "csv"}
	for _, f := range o.settings.fields() {
		names = append(names, f.name)
	}
	for _, name := range names {
		if o.Given(name) {
			return fmt.Errorf("--%s: --view shows a run as it is; of the other flags it takes --serve only", name)
		}
	}
	return nil
}

// A viewer puts a run's files on a board.
type viewer struct {
	dir   string
	board *live.Board
	seen  [5]stamp
}

// stamp is what changes when a file does.
type stamp struct {
	size int64
	at   time.Time
}

// stamps are those of the files that are shown.
func (v *viewer) stamps() (list [5]stamp) {
	for i, name := range []string{rundir.Log, rundir.Optimizer, rundir.Baselines, rundir.Training, rundir.Lock} {
		if info, err := os.Stat(filepath.Join(v.dir, name)); err == nil {
			list[i] = stamp{info.Size(), info.ModTime()}
		}
	}
	return list
}

// follow looks again whenever a file has changed. What can't be read now is left for the next time: files come one by one.
func (v *viewer) follow(ctx context.Context) {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			if v.stamps() != v.seen {
				v.look()
			}
		case <-ctx.Done():
			return
		}
	}
}

// look reads the files.
func (v *viewer) look() error {
	seen := v.stamps()
	saved, err := rundir.Load(v.dir)
	if err != nil {
		return err
	}
	defer saved.Close()
	var s settings
	if err := json.Unmarshal(meta.CheckpointConfig(saved.Train), &s); err != nil {
		return fmt.Errorf("%s: settings: %w", v.dir, err)
	}
	run, err := about(s, v.dir)
	if err != nil {
		return err
	}
	log, err := rundir.Read(v.dir, rundir.Log)
	if err != nil {
		return err
	}
	kept, err := v.kept()
	if err != nil {
		return err
	}
	state := live.NotRunning
	if rundir.Holds(v.dir, rundir.Lock) {
		state = live.Unfinished
	}
	if err := v.board.Replace(run, state, log, kept, shown(v.dir)); err != nil {
		return fmt.Errorf("%s: %w", v.dir, err)
	}
	v.seen = seen
	return nil
}

// kept counts the weights of the rule that is kept, if there is one yet.
func (v *viewer) kept() (*live.Weights, error) {
	if !rundir.Holds(v.dir, rundir.Optimizer) {
		return nil, nil
	}
	t, err := learnedopt.Load(filepath.Join(v.dir, rundir.Optimizer))
	if err != nil {
		return nil, err
	}
	episodes := 0
	fmt.Sscan(t.Provenance["episodes"], &episodes)
	w := live.WeightsOf(episodes, t.Phi)
	return &w, nil
}
