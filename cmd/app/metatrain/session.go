package metatrain

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"strconv"
	"time"

	"github.com/seed1498fded/unroll/cmd/internal/cli"
	"github.com/seed1498fded/unroll/cmd/internal/rundir"
	"github.com/seed1498fded/unroll/cmd/internal/tensorboard"
	"github.com/seed1498fded/unroll/inner/catalog"
	"github.com/seed1498fded/unroll/learnedopt"
	"github.com/seed1498fded/unroll/meta"
	"github.com/seed1498fded/unroll/meta/eval"
)

// The keys of a session's parts are children of its seed.
const (
	keyTraining   = 'L'<<8 + 1
	keyValidation = 'L'<<8 + 2
	keyTrial      = 'L'<<8 + 256 // of the training key: outer steps that only time is taken of
)

// A session is a run of this command: what it learns, how long, and where it writes.
type session struct {
	settings settings
	dir      string
	disk     rundir.Disk
	folder   *rundir.Folder
	budget   time.Duration // 0: no limit
	episodes int           // 0: no limit
	outer    int           // outer steps; 0: no limit
	workers  int           // goroutines to learn with; 0: the default
	rule     learnedopt.Rule
	start    *learnedopt.Trained // nil: drawn, or resumed
	trainer  *meta.Trainer
	origin   origin
	events   *tensorboard.Writer // nil: none are written
	csv      string              // file to copy the log to as CSV; empty: none
	note     string              // about the resumed run, for its user; may be empty
	remote   *remote             // who else learns; nil for nobody
	page     *page               // nil for none
}

// newSession sets everything up, or reports the first thing that is wrong. It writes nothing before all is known to be
// in order, but for the lock of a folder resumed in place. Close the session.
func newSession(ctx context.Context, o options, disk rundir.Disk) (*session, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	if err := o.goOn(); err != nil {
		return nil, err
	}
	s := &session{disk: disk, origin: here(), workers: int(o.Workers)}
	var err error
	if s.remote, err = o.network.remote(o); err != nil {
		return nil, err
	}
	setUp := func(o options) error { return s.begin(ctx, o) }
	if o.Resume != "" {
		setUp = s.resume
	}
	if err := setUp(o); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	s.limit(o)
	s.csv = o.CSV
	if err := s.openEvents(o); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// Close gives the folder free, and lets the workers wait for somebody else.
func (s *session) Close() error {
	s.remote.close()
	err := s.closeEvents()
	if s.folder == nil {
		return err
	}
	return errors.Join(err, s.folder.Close())
}

// begin sets up a new run.
func (s *session) begin(ctx context.Context, o options) error {
	var err error
	if s.settings, err = newSettings(o); err != nil {
		return err
	}
	if s.start, err = s.settings.begin(o); err != nil {
		return err
	}
	if err := s.build(); err != nil {
		return err
	}
	if err := s.settles(ctx, o); err != nil {
		return err
	}
	s.dir = o.out(s.settings)
	if err := s.create(); err != nil {
		return err
	}
	return s.save()
}

// resume goes on with an earlier run, in its folder or in one of its own.
func (s *session) resume(o options) error {
	old := o.Resume
	inPlace := !o.Given("out") || sameDir(old, o.Out)
	if inPlace {
		s.dir = old
		var err error
		if s.folder, err = rundir.Open(s.disk, old); err != nil {
			return fmt.Errorf("--resume: %w", err)
		}
	} else {
		s.dir = o.Out
	}
	saved, err := rundir.Load(old)
	if err != nil {
		return fmt.Errorf("--resume: %w", err)
	}
	defer saved.Close()
	if s.settings, err = resumed(o, saved.Train); err != nil {
		return err
	}
	if err := s.build(); err != nil {
		return err
	}
	if err := s.trainer.Restore(saved.Train); err != nil {
		return fmt.Errorf("--resume %s: %w", old, err)
	}
	s.note = s.origin.follow(saved.Train)
	if inPlace {
		s.folder.Continue(saved)
		return nil
	}
	if err := s.create(); err != nil {
		return err
	}
	if err := s.folder.Copy(saved); err != nil {
		return err
	}
	return s.save()
}

// sameDir reports whether two paths lead to the same folder.
func sameDir(a, b string) bool {
	x, err := os.Stat(a)
	if err != nil {
		return false
	}
	y, err := os.Stat(b)
	return err == nil && os.SameFile(x, y)
}

// create makes the folder of a run that has none yet.
func (s *session) create() error {
	var err error
	if s.folder, err = rundir.Create(s.disk, s.dir); err != nil {
		return fmt.Errorf("--out: %w", err)
	}
	return nil
}

// understand makes the rule, if the settings make sense.
func (s *session) understand() error {
	if err := s.settings.validate(); err != nil {
		return err
	}
	if err := s.settings.know(); err != nil {
		return err
	}
	var err error
	s.rule, err = learnedopt.Named(s.settings.Rule, json.RawMessage(s.settings.RuleConfig))
	return err
}

// build makes the trainer, if the settings make sense.
func (s *session) build() error {
	if err := s.understand(); err != nil {
		return err
	}
	if err := s.remote.suits(s.settings); err != nil {
		return err
	}
	c := s.settings
	learner, err := s.learner()
	if err != nil {
		return err
	}
	validate, err := s.validation()
	if err != nil {
		return err
	}
	s.trainer, err = meta.NewTrainer(meta.TrainerConfig{Learner: learner, Key: s.settings.trainingKey(), Every: int(c.Every), Validate: validate})
	return err
}

func (s *session) validationRuns() int {
	if catalog.Cheap(s.settings.Problem) {
		return 200
	}
	return 8
}

// record puts the outcome of a validation into the log and saves.
func (s *session) record(r meta.Record) error {
	line, err := logLine(r)
	if err != nil {
		return err
	}
	s.folder.Append(line)
	return s.save()
}

func logLine(r meta.Record) ([]byte, error) {
	line, err := json.Marshal(r)
	return append(line, '\n'), err
}

// save brings the files up to date. There is no rule to be kept before the first validation.
func (s *session) save() error {
	config, err := json.Marshal(s.settings)
	if err != nil {
		return err
	}
	f, err := s.trainer.Checkpoint(config)
	if err != nil {
		return err
	}
	s.origin.put(f.Meta)
	if s.trainer.Status().Due == 0 {
		return s.folder.Save(f, nil)
	}
	kept, err := s.kept()
	if err != nil {
		return err
	}
	return s.folder.Save(f, kept)
}

// kept returns the rule to be kept, the best so far or the last, and where it comes from.
func (s *session) kept() (*learnedopt.Trained, error) {
	c, st := s.settings, s.trainer.Status()
	phi, episodes := s.trainer.Best(), st.BestEpisode
	if c.Keep == "last" {
		phi, episodes = s.trainer.Last(), st.Episodes
	}
	t, err := s.trained(phi)
	if err != nil {
		return nil, err
	}
	t.Provenance = c.provenance()
	s.origin.put(t.Provenance)
	t.Provenance["episodes"] = strconv.Itoa(episodes)
	if c.Keep != "last" && st.Best < math.MaxFloat64 { // else no validation came out finite, and phi is where it began
		t.Provenance["validation_loss"] = strconv.FormatFloat(st.Best, 'g', -1, 64)
	}
	return t, nil
}

// compare measures the rule that is kept against the tuned baselines, on the problems set apart for this.
func (s *session) compare(ctx context.Context, p cli.Progress) (*eval.Report, error) {
	c, err := s.comparison()
	if err != nil {
		return nil, err
	}
	c.Progress = func(f float64, next string) { p.Update(f, next) }
	report, err := c.Run(ctx)
	if err == nil {
		p.Update(1, "")
	}
	return report, err
}

// comparison says what is measured.
func (s *session) comparison() (c eval.Comparison, err error) {
	tasks, err := s.tasks()
	if err != nil {
		return c, err
	}
	kept, err := s.kept()
	if err != nil {
		return c, err
	}
	c = eval.Comparison{
		Problem: s.settings.Problem, Tasks: tasks, Steps: int(s.settings.Horizon), Runs: 20, TuningRuns: 10,
		Seed: uint64(s.settings.Seed), Contenders: []eval.Contender{{Name: kept.Rule.Name(), Learned: kept}},
	}
	if catalog.Cheap(s.settings.Problem) {
		c.Runs, c.TuningRuns = 200, 100
	}
	baselines := eval.Baselines()
	if len(s.rule.Spec().Reads.Senses()) > 0 {
		p, err := tasks[0].Test.Sample(0)
		if err != nil {
			return c, err
		}
		baselines = eval.PlasticBaselines(p)
	}
	for _, b := range baselines {
		c.Contenders = append(c.Contenders, eval.Contender{Name: b.Name, Baseline: &b})
	}
	return c, nil
}

// tasks returns what the rule is measured on.
func (s *session) tasks() (_ []eval.Task, err error) {
	if catalog.Mixed(s.settings.Problem) {
		return s.mixTasks()
	}
	task := eval.Task{Credit: s.settings.Credit}
	if task.Test, err = s.settings.family(catalog.Test); err != nil {
		return nil, err
	}
	if task.Tuning, err = s.settings.family(catalog.Train); err != nil {
		return nil, err
	}
	if name := catalog.Transfer(s.settings.Problem); name != "" {
		if task.Transfer, err = catalog.Lookup(name, catalog.Options{Split: catalog.Test}); err != nil {
			return nil, err
		}
	}
	return []eval.Task{task}, nil
}
