package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/seed1498fded/unroll/checkpoints"
	"github.com/seed1498fded/unroll/cmd/internal/cli"
	"github.com/seed1498fded/unroll/inner/catalog"
	"github.com/seed1498fded/unroll/internal/rng"
	"github.com/seed1498fded/unroll/learnedopt"
	"github.com/seed1498fded/unroll/meta"
	"github.com/seed1498fded/unroll/meta/eval"
)

// The files of a run, in its folder.
const (
	optimizerFile = "optimizer.safetensors"
	trainFile     = "train.safetensors"
	logFile       = "log.jsonl"
)

// metaLog is the metadata key under which a training checkpoint holds the length of the log that belongs to it.
const metaLog = "log_bytes"

// The keys of a session's parts are children of its seed.
const (
	keyTraining   = 'L'<<8 + 1
	keyValidation = 'L'<<8 + 2
)

// A session is a run of this command: what it learns, how long, and where it writes.
type session struct {
	settings settings
	dir      string
	budget   time.Duration // 0: no limit
	episodes int           // 0: no limit
	rule     learnedopt.Rule
	trainer  *meta.Trainer
	logBytes int64
}

// newSession sets everything up, or reports the first thing that is wrong. It writes nothing before all is known to be
// in order.
func newSession(o options) (*session, error) {
	var from *checkpoints.File
	s := &session{}
	var err error
	if o.Resume != "" {
		if from, err = checkpoints.Load(filepath.Join(o.Resume, trainFile), meta.KindTraining); err != nil {
			return nil, fmt.Errorf("--resume: %w", err)
		}
		if s.settings, err = resumed(o, from); err != nil {
			return nil, err
		}
	} else {
		s.settings = newSettings(o)
	}
	if err := s.settings.validate(); err != nil {
		return nil, err
	}
	s.budget, s.episodes = o.limits()
	if s.dir, err = o.dirs(s.settings); err != nil {
		return nil, err
	}
	if err := s.build(); err != nil {
		return nil, err
	}
	if from != nil {
		if err := s.trainer.Restore(from); err != nil {
			return nil, fmt.Errorf("--resume %s: %w", o.Resume, err)
		}
	}
	return s, s.open(o, from)
}

// build makes the trainer.
func (s *session) build() error {
	c := s.settings
	var err error
	if s.rule, err = learnedopt.Named(c.Rule, c.RuleConfig); err != nil {
		return err
	}
	family, err := c.family(catalog.Train)
	if err != nil {
		return err
	}
	validation, err := c.family(catalog.Valid)
	if err != nil {
		return err
	}
	estimator, err := meta.NewBPTT(meta.BPTTConfig{
		Rule: s.rule, Family: family, Horizon: c.Horizon, Window: c.Window, Exact: c.Exact, Copies: c.Copies,
	})
	if err != nil {
		return err
	}
	runs := eval.Runs{Family: validation, Steps: c.Horizon, Count: s.validationRuns(), Key: rng.Split(c.Seed, keyValidation)}
	s.trainer, err = meta.NewTrainer(meta.TrainerConfig{
		Rule: s.rule, Estimator: estimator, Outer: &learnedopt.Adam{LR: c.OuterLR}, Clip: c.Clip,
		Key: rng.Split(c.Seed, keyTraining), Every: c.Every,
		Validate: func(ctx context.Context, phi []float32) (float64, error) {
			losses, err := eval.Measure(ctx, &learnedopt.Trained{Rule: s.rule, Phi: phi}, runs)
			if err != nil {
				return 0, err
			}
			return losses.Mean().Mean, nil
		},
	})
	return err
}

// small says whether the problems are so small that many runs cost little.
func (s *session) small() bool {
	return s.settings.Problem == "quadratic" || s.settings.Problem == "quadratic-uniform"
}

func (s *session) validationRuns() int {
	if s.small() {
		return 100
	}
	return 8
}

// open makes the folder ready: an empty log for a new run, or the log up to where the resumed one stood.
func (s *session) open(o options, from *checkpoints.File) error {
	if err := s.refuseToOverwrite(o); err != nil {
		return err
	}
	var log []byte
	if from != nil {
		n, err := strconv.ParseInt(from.Meta[metaLog], 10, 64)
		if err != nil {
			return fmt.Errorf("--resume %s: length of the log: %w", o.Resume, err)
		}
		if log, err = os.ReadFile(filepath.Join(o.Resume, logFile)); err != nil {
			return fmt.Errorf("--resume: %w", err)
		}
		if int64(len(log)) < n {
			return fmt.Errorf("--resume %s: %s has %d bytes, want at least %d", o.Resume, logFile, len(log), n)
		}
		log = log[:n]
	}
	if err := cli.EnsureDir(s.dir); err != nil {
		return fmt.Errorf("--out: %w", err)
	}
	if err := os.WriteFile(filepath.Join(s.dir, logFile), log, 0o644); err != nil {
		return err
	}
	s.logBytes = int64(len(log))
	if from == nil {
		return nil
	}
	if err := s.save(); err != nil {
		return err
	}
	return s.saveBest()
}

// refuseToOverwrite reports a folder that holds another run than the one resumed.
func (s *session) refuseToOverwrite(o options) error {
	if o.Resume != "" && filepath.Clean(o.Resume) == filepath.Clean(s.dir) {
		return nil
	}
	for _, name := range []string{trainFile, optimizerFile, logFile} {
		_, err := os.Stat(filepath.Join(s.dir, name))
		if err == nil {
			return fmt.Errorf("--out %s: it holds a run already; go on with it by --resume %s, or choose another folder", s.dir, s.dir)
		}
		if !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, fs.ErrPermission) {
			return fmt.Errorf("--out: %w", err)
		}
	}
	return nil
}

// record puts the outcome of a validation into the log and saves. The log comes first: a checkpoint that a killed run
// leaves behind finds its part of the log whole, and cuts off what follows.
func (s *session) record(r meta.Record) error {
	line, err := json.Marshal(r)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(filepath.Join(s.dir, logFile), os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return err
	}
	n, err := f.Write(append(line, '\n'))
	s.logBytes += int64(n)
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	if !r.Best {
		return s.save()
	}
	return errors.Join(s.save(), s.saveBest())
}

// save writes the training checkpoint.
func (s *session) save() error {
	config, err := json.Marshal(s.settings)
	if err != nil {
		return err
	}
	f, err := s.trainer.Checkpoint(config)
	if err != nil {
		return err
	}
	f.Meta[metaLog] = strconv.FormatInt(s.logBytes, 10)
	return f.Save(filepath.Join(s.dir, trainFile))
}

// saveBest writes the best rule so far.
func (s *session) saveBest() error { return s.best().Save(filepath.Join(s.dir, optimizerFile)) }

// best returns the best rule so far and where it comes from.
func (s *session) best() *learnedopt.Trained {
	c, st := s.settings, s.trainer.Status()
	return &learnedopt.Trained{Rule: s.rule, Phi: s.trainer.Best(), Provenance: map[string]string{
		"problem":         c.Problem,
		"seed":            strconv.FormatUint(c.Seed, 10),
		"episodes":        strconv.Itoa(st.BestEpisode),
		"horizon":         strconv.Itoa(c.Horizon),
		"window":          strconv.Itoa(c.Window),
		"copies":          strconv.Itoa(c.Copies),
		"outer_lr":        strconv.FormatFloat(c.OuterLR, 'g', -1, 64),
		"exact":           strconv.FormatBool(c.Exact),
		"validation_loss": strconv.FormatFloat(st.Best, 'g', -1, 64),
	}}
}

// compare measures the best rule against the tuned baselines, on the problems set apart for this.
func (s *session) compare(ctx context.Context, p cli.Progress) (*eval.Report, error) {
	test, err := s.settings.family(catalog.Test)
	if err != nil {
		return nil, err
	}
	tuning, err := s.settings.family(catalog.Train)
	if err != nil {
		return nil, err
	}
	c := eval.Comparison{
		Problem: s.settings.Problem, Test: test, Tuning: tuning,
		Steps: s.settings.Horizon, Runs: 20, TuningRuns: 5, Seed: s.settings.Seed,
		Contenders: []eval.Contender{{Name: s.rule.Name(), Learned: s.best()}},
		Progress:   func(f float64, next string) { p.Update(f, "comparing: "+next) },
	}
	if s.small() {
		c.Runs, c.TuningRuns = 200, 100
	}
	for _, b := range eval.Baselines() {
		c.Contenders = append(c.Contenders, eval.Contender{Name: b.Name, Baseline: &b})
	}
	return c.Run(ctx)
}
